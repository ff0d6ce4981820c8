//! What files say, before it is complete: every value may be missing, and knows its place.

use std::collections::{BTreeMap, btree_map::Entry};

use jiff::civil::Date;

use super::problem::{Place, Placed};
use crate::{dialect_name::DialectName, model::Modalities, price::Price};

/// Quirk columns as written, each checked by itself.
pub(super) type Columns = BTreeMap<String, Placed<toml::Value>>;

/// Quirk columns, and those that count before them in one dialect.
#[derive(Debug, Default)]
pub(super) struct QuirkColumns {
    pub always: Columns,
    pub by_dialect: BTreeMap<DialectName, Columns>,
}

impl QuirkColumns {
    fn lay(&mut self, over: Self) {
        self.always.extend(over.always);
        for (dialect, columns) in over.by_dialect {
            self.by_dialect.entry(dialect).or_default().extend(columns);
        }
    }

    /// The layers that count in `dialect`, the last on top.
    pub fn layers(&self, dialect: DialectName) -> impl Iterator<Item = &Columns> {
        [Some(&self.always), self.by_dialect.get(&dialect)]
            .into_iter()
            .flatten()
    }
}

/// The content of one or more files.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub providers: BTreeMap<String, ProviderDraft>,
    pub quirk_sets: BTreeMap<String, QuirkSetDraft>,
    pub models: BTreeMap<String, ModelDraft>,
    pub owners: BTreeMap<String, OwnerDraft>,
}

/// What the models of one maker have in common.
#[derive(Debug)]
pub(super) struct OwnerDraft {
    pub place: Place,
    pub token_factor: Option<f64>,
    pub tool_tokens: ToolTokensDraft,
    pub source: Option<String>,
}

/// What tools cost beyond their text, of a maker's models or of one model.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ToolTokensDraft {
    pub offered: Option<u64>,
    pub forced: Option<u64>,
}

#[derive(Debug)]
pub(super) struct ProviderDraft {
    pub place: Place,
    pub title: Option<String>,
    pub base_url: Option<String>,
    pub dialect: Option<DialectName>,
    pub abort_stops_billing: Option<bool>,
    pub surcharged: Option<Vec<String>>,
    pub serves_any_model: Option<bool>,
    pub serves_catalogue: Option<bool>,
    pub quirks: QuirkColumns,
}

/// Columns under a name, for models that have them in common.
#[derive(Debug)]
pub(super) struct QuirkSetDraft {
    pub place: Place,
    pub columns: Columns,
}

#[derive(Debug)]
pub(super) struct ModelDraft {
    pub place: Place,
    pub owner: Option<String>,
    pub contract: Option<Placed<String>>,
    pub tool_tokens: ToolTokensDraft,
    pub context: Option<u64>,
    pub max_output: Option<Placed<u64>>,
    pub modalities: Option<Modalities>,
    /// In order of preference.
    pub servings: Vec<ServingDraft>,
}

#[derive(Debug)]
pub(super) struct ServingDraft {
    pub place: Place,
    pub provider: String,
    pub upstream_id: Option<String>,
    pub dialect: Option<DialectName>,
    pub quirk_set: Option<Placed<String>>,
    pub quirks: QuirkColumns,
    pub context: Option<u64>,
    /// What it reads, where that is less than the model does.
    pub reads: Option<Modalities>,
    pub price: Option<Price>,
    pub retires: Option<Date>,
    pub source: Option<String>,
}

impl Layer {
    /// Lays `over` on top: what it says counts, what it leaves out stays.
    pub fn lay(&mut self, over: Self) {
        lay_all(&mut self.providers, over.providers, ProviderDraft::lay);
        lay_all(&mut self.quirk_sets, over.quirk_sets, |under, over| {
            under.columns.extend(over.columns);
        });
        lay_all(&mut self.models, over.models, ModelDraft::lay);
        lay_all(&mut self.owners, over.owners, |under, over| {
            lay_value(&mut under.token_factor, over.token_factor);
            under.tool_tokens.lay(over.tool_tokens);
            lay_value(&mut under.source, over.source);
        });
    }
}

fn lay_all<T>(under: &mut BTreeMap<String, T>, over: BTreeMap<String, T>, lay: impl Fn(&mut T, T)) {
    for (name, draft) in over {
        match under.entry(name) {
            Entry::Vacant(vacant) => {
                vacant.insert(draft);
            }
            Entry::Occupied(mut occupied) => lay(occupied.get_mut(), draft),
        }
    }
}

fn lay_value<T>(under: &mut Option<T>, over: Option<T>) {
    if over.is_some() {
        *under = over;
    }
}

impl ToolTokensDraft {
    fn lay(&mut self, over: Self) {
        lay_value(&mut self.offered, over.offered);
        lay_value(&mut self.forced, over.forced);
    }
}

impl ProviderDraft {
    fn lay(&mut self, over: Self) {
        lay_value(&mut self.title, over.title);
        lay_value(&mut self.base_url, over.base_url);
        lay_value(&mut self.dialect, over.dialect);
        lay_value(&mut self.abort_stops_billing, over.abort_stops_billing);
        lay_value(&mut self.surcharged, over.surcharged);
        lay_value(&mut self.serves_any_model, over.serves_any_model);
        lay_value(&mut self.serves_catalogue, over.serves_catalogue);
        self.quirks.lay(over.quirks);
    }
}

impl ModelDraft {
    fn lay(&mut self, over: Self) {
        lay_value(&mut self.owner, over.owner);
        lay_value(&mut self.contract, over.contract);
        self.tool_tokens.lay(over.tool_tokens);
        lay_value(&mut self.context, over.context);
        lay_value(&mut self.max_output, over.max_output);
        lay_value(&mut self.modalities, over.modalities);
        for serving in over.servings {
            match self
                .servings
                .iter_mut()
                .find(|known| known.provider == serving.provider)
            {
                Some(known) => known.lay(serving),
                None => self.servings.push(serving),
            }
        }
    }
}

impl ServingDraft {
    fn lay(&mut self, over: Self) {
        lay_value(&mut self.upstream_id, over.upstream_id);
        lay_value(&mut self.dialect, over.dialect);
        lay_value(&mut self.quirk_set, over.quirk_set);
        self.quirks.lay(over.quirks);
        lay_value(&mut self.context, over.context);
        lay_value(&mut self.reads, over.reads);
        lay_value(&mut self.price, over.price);
        lay_value(&mut self.retires, over.retires);
        lay_value(&mut self.source, over.source);
    }
}
