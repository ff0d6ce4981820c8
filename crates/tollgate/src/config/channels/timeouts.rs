//! Timeouts of single models: some think in silence for minutes.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc, time::Duration};

use serde::Deserialize;
use tollgate_catalog::{channel::Timeouts, model::ModelId, serving::Serving};
use toml::Spanned;

use crate::config::{
    mistake::{Mistake, Mistakes},
    nearest::nearest,
};

/// What is left out is as for the channel's other models.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeoutsTable {
    connect_timeout_ms: Option<NonZeroU64>,
    first_byte_timeout_ms: Option<NonZeroU64>,
    idle_timeout_ms: Option<NonZeroU64>,
    total_timeout_ms: Option<NonZeroU64>,
}

/// `None`: a model that the channel does not serve, which was added to `mistakes`.
pub fn resolve(
    written: BTreeMap<Spanned<String>, TimeoutsTable>,
    otherwise: Timeouts,
    served: &BTreeMap<ModelId, Arc<Serving>>,
    mistakes: &mut Mistakes<'_>,
) -> Option<BTreeMap<ModelId, Timeouts>> {
    let mut resolved = BTreeMap::new();
    let mut all_fit = true;
    for (model, table) in written {
        let id = ModelId::new(model.get_ref().as_str());
        if !served.contains_key(&id) {
            let known = served.keys().map(ModelId::as_str);
            let nearest = nearest(model.get_ref(), known).map(str::to_owned);
            let start = model.span().start;
            let model = model.into_inner();
            mistakes.add(start, Mistake::ModelNotServed { model, nearest });
            all_fit = false;
            continue;
        }
        let millis = |value: Option<NonZeroU64>, otherwise| {
            value.map_or(otherwise, |value| Duration::from_millis(value.get()))
        };
        let timeouts = Timeouts {
            connect: millis(table.connect_timeout_ms, otherwise.connect),
            first_byte: millis(table.first_byte_timeout_ms, otherwise.first_byte),
            idle: millis(table.idle_timeout_ms, otherwise.idle),
            total: millis(table.total_timeout_ms, otherwise.total),
        };
        resolved.insert(id, timeouts);
    }
    all_fit.then_some(resolved)
}
