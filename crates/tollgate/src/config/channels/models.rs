//! Which models a channel serves, and what the provider calls them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tollgate_catalog::{Catalog, channel::ChannelName, model::ModelId, provider::Provider, serving::Serving};
use toml::Spanned;

use super::Judges;
use crate::config::{
    mistake::{Mistake, Mistakes},
    nearest::nearest,
    warning::Warning,
};

/// A channel's models, and what is to be said of them.
#[derive(Debug)]
pub struct Served {
    pub models: BTreeMap<ModelId, Arc<Serving>>,
    /// Named models that the catalogue does not list, each with the nearest that it does.
    unlisted: Vec<(ModelId, Option<String>)>,
    /// Named models that the catalogue lists, but not at this provider.
    elsewhere: Vec<ModelId>,
}

impl Served {
    pub fn warnings(&self, channel: &ChannelName, provider: &Provider) -> Vec<Warning> {
        let elsewhere = self.elsewhere.iter().map(|model| Warning::NotAtProvider {
            channel: channel.clone(),
            model: model.clone(),
            provider: provider.name.to_string(),
        });
        let unlisted = self
            .unlisted
            .iter()
            .map(|(model, nearest)| Warning::NotInCatalog {
                channel: channel.clone(),
                model: model.clone(),
                nearest: nearest.clone(),
            });
        unlisted.chain(elsewhere).collect()
    }
}

/// The named models, or else all that the catalogue says this provider serves. `None`: something
/// is wrong, and was added to `mistakes`.
pub fn resolve(
    named: Option<Spanned<Vec<Spanned<String>>>>,
    model_ids: BTreeMap<Spanned<String>, Spanned<String>>,
    start: usize,
    provider: &Provider,
    judges: Judges<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Served> {
    let catalog = judges.catalog;
    if let Some(named) = named.as_ref().filter(|named| named.get_ref().is_empty()) {
        mistakes.add(named.span().start, Mistake::ModelsEmpty);
        return None;
    }
    let mut servings = match named {
        Some(named) => these(named.into_inner(), provider, judges, mistakes)?,
        None => all(provider, catalog),
    };
    if servings.is_empty() {
        let provider = provider.name.to_string();
        mistakes.add(start, Mistake::ModelsMissing { provider });
        return None;
    }
    let renamed: BTreeSet<String> = model_ids.keys().map(|id| id.get_ref().clone()).collect();
    if !rename(&mut servings, model_ids, mistakes) {
        return None;
    }
    // Whoever says what the provider calls it knows that it is there.
    let is_elsewhere = |model: &&ModelId| {
        let listed = catalog.model(model.as_str());
        listed.is_some_and(|listed| {
            listed
                .servings
                .iter()
                .all(|known| known.provider != provider.name)
        }) && !provider.serves_any_model
            && !renamed.contains(model.as_str())
    };
    let elsewhere = servings.keys().filter(is_elsewhere).cloned().collect();
    let unlisted = servings
        .keys()
        .filter(|model| catalog.model(model.as_str()).is_none())
        .map(|model| {
            let nearest = catalog
                .nearest_ids(model.as_str())
                .first()
                .map(|id| (*id).to_owned());
            (model.clone(), nearest)
        })
        .collect();
    Some(Served {
        models: servings,
        unlisted,
        elsewhere,
    })
}

fn all(provider: &Provider, catalog: &Catalog) -> BTreeMap<ModelId, Arc<Serving>> {
    catalog
        .served_by(&provider.name)
        .map(|(model, serving)| (model.id.clone(), Arc::clone(serving)))
        .collect()
}

/// Models that the operator names: any ID is taken, for the provider may have what the catalogue
/// does not list. Not one that gets its contract and price with the next start: until then it would be called
/// without them.
fn these(
    named: Vec<Spanned<String>>,
    provider: &Provider,
    Judges { catalog, coming, .. }: Judges<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<BTreeMap<ModelId, Arc<Serving>>> {
    let mut servings = BTreeMap::new();
    let mut all_fit = true;
    for id in named {
        if id.get_ref().is_empty() {
            mistakes.add(id.span().start, Mistake::ModelEmpty);
            all_fit = false;
            continue;
        }
        let is_in = |catalog: &Catalog| catalog.model(id.get_ref()).is_some();
        if !is_in(catalog) && coming.is_some_and(is_in) {
            let what = format!("the model `{}`", id.get_ref());
            mistakes.add(id.span().start, Mistake::AfterRestart { what });
            all_fit = false;
            continue;
        }
        let serving = catalog.serving(id.get_ref(), provider);
        servings.insert(ModelId::new(id.into_inner()), serving);
    }
    all_fit.then_some(servings)
}

/// Puts the operator's names for the provider's side over those of the catalogue.
fn rename(
    servings: &mut BTreeMap<ModelId, Arc<Serving>>,
    model_ids: BTreeMap<Spanned<String>, Spanned<String>>,
    mistakes: &mut Mistakes<'_>,
) -> bool {
    let mut all_fit = true;
    for (model, upstream_id) in model_ids {
        if upstream_id.get_ref().is_empty() {
            mistakes.add(upstream_id.span().start, Mistake::ModelEmpty);
            all_fit = false;
        } else if let Some(serving) = servings.get_mut(model.get_ref().as_str()) {
            Arc::make_mut(serving).upstream_id = upstream_id.into_inner().into();
        } else {
            let known = servings.keys().map(ModelId::as_str);
            let nearest = nearest(model.get_ref(), known).map(str::to_owned);
            let start = model.span().start;
            mistakes.add(
                start,
                Mistake::ModelNotServed {
                    model: model.into_inner(),
                    nearest,
                },
            );
            all_fit = false;
        }
    }
    all_fit
}
