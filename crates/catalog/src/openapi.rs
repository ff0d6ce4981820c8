//! The OpenAPI document of the data plane, made from the catalogue.
//!
//! Request schemas come from the rules that requests are checked by, one for each contract with the
//! models that have it, so that the document cannot say anything else than the gate does. What no
//! schema can say (the order of tool calls and results, what one model reads) is said in words.
//! Not here: the admin API, which has a document of its own.

mod answer;
mod messages;
mod paths;
mod request;

use serde_json::{Map, Value, json};

use crate::{Catalog, contract::Contract};

/// The document, OpenAPI 3.1. `unlisted`: IDs of models outside the catalogue that can be called as well; they have the
/// general contract.
pub fn openapi(catalog: &Catalog, unlisted: &[&str]) -> Value {
    let pages = pages(catalog, unlisted);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate",
            "summary": "One gate to every chat model",
            "description": "Each model follows one contract; which one is told by the `model` of a request. \
                A null counts as absent at every depth, a value that changes nothing is always taken, and \
                parameters that are not named here are forwarded as they are.",
            "license": { "name": "Apache License 2.0", "identifier": "Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": "/" }],
        "security": [{ "apiKey": [] }],
        "tags": [
            { "name": "chat", "description": "Answers from models" },
            { "name": "models", "description": "What can be called" },
            { "name": "operation", "description": "For whoever runs the gate" },
        ],
        "paths": paths::paths(&pages),
        "components": {
            "securitySchemes": {
                "apiKey": { "type": "http", "scheme": "bearer", "description": "An API key of this gate." },
            },
            "schemas": schemas(&pages),
            "responses": paths::error_responses(),
            "headers": paths::headers(),
        },
    })
}

/// A contract, and the IDs of the models that have it.
struct Page<'a> {
    contract: &'a Contract,
    models: Vec<&'a str>,
}

impl Page<'_> {
    fn request_name(&self) -> String {
        format!("Request.{}", self.contract.name)
    }

    fn answer_name(&self) -> String {
        format!("Answer.{}", self.contract.name)
    }
}

/// The contracts that some model has, by name.
fn pages<'a>(catalog: &'a Catalog, unlisted: &[&'a str]) -> Vec<Page<'a>> {
    let models_of = |contract: &Contract| -> Vec<&'a str> {
        let models = catalog.models().iter();
        let models = models.filter(|model| model.contract.name == contract.name);
        let is_general = contract.name == catalog.general_contract().name;
        let unlisted = unlisted.iter().copied().filter(|_| is_general);
        models.map(|model| model.id.as_str()).chain(unlisted).collect()
    };
    let pages = catalog.contracts().iter().map(|contract| Page {
        contract,
        models: models_of(contract),
    });
    pages.filter(|page| !page.models.is_empty()).collect()
}

fn schemas(pages: &[Page<'_>]) -> Map<String, Value> {
    let mut schemas = Map::new();
    for page in pages {
        schemas.insert(page.request_name(), request::schema(page.contract, &page.models));
        schemas.insert(page.answer_name(), answer::schema(page.contract));
    }
    schemas.extend(messages::schemas());
    schemas.extend(answer::shared_schemas());
    schemas
}

/// A reference to the schema `name`.
fn schema_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[cfg(test)]
mod tests;
