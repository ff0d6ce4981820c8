//! Makes complete values out of what the files say, and checks what only the whole can tell.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{
    layer::{
        Columns, Layer, ModelDraft, OwnerDraft, ProviderDraft, QuirkColumns, QuirkSetDraft, ServingDraft,
        ToolTokensDraft,
    },
    problem::{CatalogErrors, Place, Problems, suggestion},
};
use crate::{
    catalog::Catalog,
    contract::Contract,
    dialect_name::DialectName,
    model::{Model, ModelId, ToolTokens},
    provider::Provider,
    quirks::Quirks,
    serving::{OtherDialect, Serving},
};

/// The catalogue that `layer` and `contracts` describe.
pub(super) fn catalog(layer: Layer, contracts: Vec<Contract>) -> Result<Catalog, CatalogErrors> {
    let problems = Problems::default();
    let contracts: BTreeMap<String, Arc<Contract>> = contracts
        .into_iter()
        .map(|contract| (contract.name.to_string(), Arc::new(contract)))
        .collect();
    let resolver = Resolver {
        providers: layer
            .providers
            .iter()
            .map(|(name, draft)| (name.clone(), provider(name, draft, &problems)))
            .collect(),
        columns: layer
            .providers
            .into_iter()
            .map(|(name, draft)| (name, draft.quirks))
            .collect(),
        quirk_sets: layer.quirk_sets,
        owners: layer.owners,
        contracts,
        problems,
    };
    let models = layer
        .models
        .into_iter()
        .filter_map(|(id, draft)| resolver.model(&id, draft))
        .map(Arc::new)
        .collect();
    resolver.problems.into_result()?;
    let providers = resolver.providers.into_values().map(Arc::new).collect();
    let general = resolver.contracts[Catalog::GENERAL].clone();
    Ok(Catalog::new(
        models,
        providers,
        resolver.contracts.into_values().collect(),
        general,
    ))
}

/// Names what is referred to and not there. For files in which something else is wrong, too:
/// [`catalog`] tells it of all others.
pub(super) fn references(layer: &Layer, contracts: &[Contract], problems: &Problems) {
    let contracts: Vec<&str> = contracts.iter().map(|contract| &*contract.name).collect();
    for (id, draft) in &layer.models {
        if let Some(name) = &draft.contract
            && !contracts.contains(&&*name.value)
        {
            let problem = unknown("contract", &name.value, contracts.iter().copied());
            problems.add(&name.place, format!("model.{id}.contract"), problem);
        }
        for serving in &draft.servings {
            let path = format!("model.{id}.serving.{}", serving.provider);
            if !layer.providers.contains_key(&serving.provider) {
                let known = layer.providers.keys().map(String::as_str);
                let problem = unknown("provider", &serving.provider, known);
                problems.add(&serving.place, format!("{path}.provider"), problem);
            }
            if let Some(name) = &serving.quirk_set
                && !layer.quirk_sets.contains_key(&name.value)
            {
                let known = layer.quirk_sets.keys().map(String::as_str);
                let problem = unknown("quirk set", &name.value, known);
                problems.add(&name.place, format!("{path}.quirk_set"), problem);
            }
        }
    }
}

fn unknown<'a>(kind: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    format!("there is no {kind} `{name}`{}", suggestion(name, known))
}

fn provider(name: &str, draft: &ProviderDraft, problems: &Problems) -> Provider {
    let field = |key: &str| format!("provider.{name}.{key}");
    if draft.dialect.is_none() {
        problems.add(&draft.place, field("dialect"), "is missing");
    }
    let dialect = draft.dialect.unwrap_or(DialectName::OpenaiChat);
    let layers: Vec<&Columns> = draft.quirks.layers(dialect).collect();
    Provider {
        name: name.into(),
        title: draft.title.as_deref().unwrap_or(name).into(),
        base_url: draft.base_url.as_deref().map(Into::into),
        dialect,
        abort_stops_billing: draft.abort_stops_billing.unwrap_or(false),
        surcharged: draft
            .surcharged
            .iter()
            .flatten()
            .map(|name| name.as_str().into())
            .collect(),
        serves_any_model: draft.serves_any_model.unwrap_or(false),
        serves_catalogue: draft.serves_catalogue.unwrap_or(false),
        quirks: quirks(&layers, &draft.place, &format!("provider.{name}"), problems).spoken_in(dialect),
    }
}

/// What models are resolved against.
struct Resolver {
    providers: BTreeMap<String, Provider>,
    /// Each provider's own columns.
    columns: BTreeMap<String, QuirkColumns>,
    owners: BTreeMap<String, OwnerDraft>,
    quirk_sets: BTreeMap<String, QuirkSetDraft>,
    contracts: BTreeMap<String, Arc<Contract>>,
    problems: Problems,
}

impl Resolver {
    fn model(&self, id: &str, draft: ModelDraft) -> Option<Model> {
        let field = |key: &str| format!("model.{id}.{key}");
        if draft.owner.is_none() {
            self.problems.add(&draft.place, field("owner"), "is missing");
        }
        if let (Some(context), Some(max_output)) = (draft.context, &draft.max_output)
            && max_output.value > context
        {
            let problem = format!("is {}, more than the context of {context}", max_output.value);
            self.problems.add(&max_output.place, field("max_output"), problem);
        }
        let contract = self.contract(id, &draft);
        let mut servings: Vec<Arc<Serving>> = draft
            .servings
            .iter()
            .filter_map(|serving| self.serving(id, serving))
            .map(Arc::new)
            .collect();
        for provider in self
            .providers
            .values()
            .filter(|provider| provider.serves_catalogue)
        {
            if !draft
                .servings
                .iter()
                .any(|serving| *serving.provider == *provider.name)
            {
                servings.push(Arc::new(Serving::unlisted(id, provider)));
            }
        }
        let owner = draft.owner.as_ref().and_then(|owner| self.owners.get(owner));
        Some(Model {
            id: ModelId::new(id),
            token_factor: owner
                .and_then(|owner| owner.token_factor)
                .unwrap_or(Catalog::TOKEN_FACTOR),
            tool_tokens: tool_tokens(draft.tool_tokens, owner.map(|owner| owner.tool_tokens)),
            owner: draft.owner?.into(),
            contract: contract?,
            context: draft.context,
            max_output: draft.max_output.map(|limit| limit.value),
            modalities: draft.modalities.unwrap_or_default(),
            servings,
        })
    }

    fn contract(&self, id: &str, draft: &ModelDraft) -> Option<Arc<Contract>> {
        let field = format!("model.{id}.contract");
        let Some(name) = &draft.contract else {
            self.problems.add(&draft.place, field, "is missing");
            return None;
        };
        let found = self.contracts.get(&name.value);
        if found.is_none() {
            let known = self.contracts.keys().map(String::as_str);
            let problem = unknown("contract", &name.value, known);
            self.problems.add(&name.place, field, problem);
        }
        found.cloned()
    }

    fn serving(&self, id: &str, draft: &ServingDraft) -> Option<Serving> {
        let path = format!("model.{id}.serving.{}", draft.provider);
        let Some(provider) = self.providers.get(&draft.provider) else {
            let known = self.providers.keys().map(String::as_str);
            let problem = unknown("provider", &draft.provider, known);
            self.problems
                .add(&draft.place, format!("{path}.provider"), problem);
            return None;
        };
        let set = self.quirk_set(draft, &path);
        let dialect = draft.dialect.unwrap_or(provider.dialect);
        let quirks_in = |dialect| {
            let provider = self.columns[&draft.provider].layers(dialect);
            let layers: Vec<&Columns> = provider.chain(set).chain(draft.quirks.layers(dialect)).collect();
            quirks(&layers, &draft.place, &path, &self.problems).spoken_in(dialect)
        };
        let usual = quirks_in(dialect);
        let other = usual.dialect_for_tools_while_thinking;
        let other = other.filter(|other| *other != dialect).map(|dialect| {
            Box::new(OtherDialect {
                dialect,
                quirks: quirks_in(dialect),
            })
        });
        let mut serving = Serving {
            provider: provider.name.clone(),
            upstream_id: draft.upstream_id.as_deref().unwrap_or(id).into(),
            dialect,
            quirks: usual,
            context: draft.context,
            other,
            price: draft.price.clone(),
            retires: draft.retires,
            source: draft.source.as_deref().unwrap_or_default().into(),
        };
        if let Some(kinds) = &draft.reads {
            serving.reads_only(kinds);
        }
        Some(serving)
    }

    /// The columns of the quirk set that a serving names.
    fn quirk_set(&self, draft: &ServingDraft, path: &str) -> Option<&Columns> {
        let name = draft.quirk_set.as_ref()?;
        let set = self.quirk_sets.get(&name.value);
        if set.is_none() {
            let known = self.quirk_sets.keys().map(String::as_str);
            let problem = unknown("quirk set", &name.value, known);
            self.problems
                .add(&name.place, format!("{path}.quirk_set"), problem);
        }
        set.map(|set| &set.columns)
    }
}

/// The columns laid over each other, the last on top, and over [`Quirks::default`].
fn quirks(layers: &[&Columns], place: &Place, path: &str, problems: &Problems) -> Quirks {
    let merged: Columns = layers.iter().copied().flat_map(Columns::clone).collect();
    let table: toml::Table = merged
        .iter()
        .map(|(name, written)| (name.clone(), written.value.clone()))
        .collect();
    let quirks = Quirks::deserialize(table).expect("each column was read by itself before");
    for (column, problem) in quirks.contradictions() {
        let place = merged.get(column).map_or(place, |written| &written.place);
        problems.add(place, format!("{path}.quirks.{column}"), problem);
    }
    quirks
}

/// A model's own figures before those of its owner; a forced call costs what an offered one costs, where nobody says more.
fn tool_tokens(of_model: ToolTokensDraft, of_owner: Option<ToolTokensDraft>) -> ToolTokens {
    let of_owner = of_owner.unwrap_or_default();
    let offered = of_model.offered.or(of_owner.offered).unwrap_or_default();
    let forced = match of_model.offered {
        Some(_) => of_model.forced,
        None => of_model.forced.or(of_owner.forced),
    };
    ToolTokens {
        offered,
        forced: forced.unwrap_or(offered),
    }
}
