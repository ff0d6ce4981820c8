//! The whole catalogue, loaded and checked: looking things up.
//!
//! Immutable once made; a reload makes a new one. Lookups by ID neither allocate nor search.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    contract::Contract,
    model::{Modalities, Model, ModelId, ToolTokens},
    provider::Provider,
    serving::Serving,
};

mod retirement;

pub use retirement::Retirement;

/// Most IDs that [`Catalog::nearest_ids`] names.
const MOST_NEAREST: usize = 3;
/// Bytes of an unknown ID beyond which nothing is near.
const LONGEST_COMPARED: usize = 128;
/// Likeness (Damerau-Levenshtein, 0 to 1) from which an ID is worth naming.
const LIKENESS: f64 = 0.6;

/// Every model, provider and contract.
#[derive(Debug, Clone)]
pub struct Catalog {
    models: Vec<Arc<Model>>,
    by_id: HashMap<ModelId, usize>,
    providers: BTreeMap<Arc<str>, Arc<Provider>>,
    contracts: Vec<Arc<Contract>>,
    general: Arc<Contract>,
}

impl Catalog {
    /// Name of the contract of the reference page that most models share.
    pub(crate) const GENERAL: &str = "general";
    /// Of owners of whose tokenizers nothing is known.
    pub(crate) const TOKEN_FACTOR: f64 = 1.0;

    /// `contracts` holds the general one.
    pub(crate) fn new(
        models: Vec<Arc<Model>>,
        providers: Vec<Arc<Provider>>,
        contracts: Vec<Arc<Contract>>,
        general: Arc<Contract>,
    ) -> Self {
        let by_id = models
            .iter()
            .enumerate()
            .map(|(index, model)| (model.id.clone(), index))
            .collect();
        let providers = providers
            .into_iter()
            .map(|provider| (provider.name.clone(), provider))
            .collect();
        Self {
            models,
            by_id,
            providers,
            contracts,
            general,
        }
    }

    pub fn model(&self, id: &str) -> Option<&Arc<Model>> {
        self.by_id.get(id).map(|index| &self.models[*index])
    }

    /// Every model, by ID.
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.get(name)
    }

    /// Every provider, by name.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    /// Every contract, by name.
    pub fn contracts(&self) -> &[Arc<Contract>] {
        &self.contracts
    }

    /// The contract of the page that most models share, and of every model that no page names.
    pub fn general_contract(&self) -> &Arc<Contract> {
        &self.general
    }

    /// The models that `provider` serves, by ID, each with the provider's side of it.
    pub fn served_by<'a>(
        &'a self,
        provider: &'a str,
    ) -> impl Iterator<Item = (&'a Arc<Model>, &'a Arc<Serving>)> {
        self.models.iter().filter_map(move |model| {
            let serving = model
                .servings
                .iter()
                .find(|serving| *serving.provider == *provider)?;
            Some((model, serving))
        })
    }

    /// How `provider` serves the model `id`; a model that the catalogue does not list there is
    /// served under its own ID, with the provider's quirks and no known price.
    pub fn serving(&self, id: &str, provider: &Provider) -> Arc<Serving> {
        self.model(id)
            .and_then(|model| {
                model
                    .servings
                    .iter()
                    .find(|serving| serving.provider == provider.name)
            })
            .cloned()
            .unwrap_or_else(|| Arc::new(Serving::unlisted(id, provider)))
    }

    /// A model that only a channel names: the general contract, every modality, no known limits.
    pub fn unlisted_model(&self, id: &str, provider: &Provider) -> Model {
        Model {
            owner: provider.name.clone(),
            servings: vec![Arc::new(Serving::unlisted(id, provider))],
            ..self.unserved_model(id)
        }
    }

    /// The same while no channel serves it.
    pub fn unserved_model(&self, id: &str) -> Model {
        Model {
            id: ModelId::new(id),
            owner: "".into(),
            token_factor: Self::TOKEN_FACTOR,
            tool_tokens: ToolTokens::default(),
            contract: self.general.clone(),
            context: None,
            max_output: None,
            modalities: Modalities::ALL,
            servings: Vec::new(),
        }
    }

    /// The IDs most like an unknown one, the nearest first; for the message of a 404.
    pub fn nearest_ids(&self, unknown: &str) -> Vec<&str> {
        // Comparing costs the product of both lengths, and nobody mistypes an ID into something so long.
        if unknown.len() > LONGEST_COMPARED {
            return Vec::new();
        }
        // IDs are in small letters.
        let unknown = unknown.to_ascii_lowercase();
        let mut near: Vec<(f64, &str)> = self
            .models
            .iter()
            .map(|model| {
                (
                    strsim::normalized_damerau_levenshtein(&unknown, model.id.as_str()),
                    model.id.as_str(),
                )
            })
            .filter(|(likeness, _)| *likeness >= LIKENESS)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.into_iter().take(MOST_NEAREST).map(|(_, id)| id).collect()
    }
}

#[cfg(test)]
mod tests;
