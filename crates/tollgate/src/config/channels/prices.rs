//! What a channel's models cost, where the operator knows better than the catalogue.

use std::{collections::BTreeMap, sync::Arc};

use tollgate_catalog::{
    model::ModelId,
    price::{Price, Rates},
    serving::Serving,
};
use toml::Spanned;

use crate::config::{
    mistake::{Mistake, Mistakes},
    nearest::nearest,
};

/// Puts the operator's prices in the place of the catalogue's. `false`: a model that the channel does not serve,
/// which was added to `mistakes`.
pub fn put(
    written: BTreeMap<Spanned<String>, Rates>,
    served: &mut BTreeMap<ModelId, Arc<Serving>>,
    mistakes: &mut Mistakes<'_>,
) -> bool {
    let mut all_fit = true;
    for (model, rates) in written {
        if let Some(serving) = served.get_mut(model.get_ref().as_str()) {
            Arc::make_mut(serving).price = Some(Price::flat(rates));
            continue;
        }
        let known = served.keys().map(ModelId::as_str);
        let nearest = nearest(model.get_ref(), known).map(str::to_owned);
        let start = model.span().start;
        let model = model.into_inner();
        mistakes.add(start, Mistake::ModelNotServed { model, nearest });
        all_fit = false;
    }
    all_fit
}
