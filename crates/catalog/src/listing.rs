//! The answer of `GET /v1/models`, item by item as AnyFast gives it.

use serde::Serialize;

use crate::model::Model;

/// The same for every model: what new-api, and so AnyFast, puts there.
const CREATED: u64 = 1_626_777_600;

/// An item of the list, and the answer of `GET /v1/models/{id}`.
#[derive(Debug, Serialize)]
pub struct ModelItem<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
    supported_endpoint_types: [&'static str; 1],
}

/// The whole list.
#[derive(Debug, Serialize)]
pub struct ModelList<'a> {
    object: &'static str,
    data: Vec<ModelItem<'a>>,
}

pub fn item(model: &Model) -> ModelItem<'_> {
    ModelItem {
        id: model.id.as_str(),
        object: "model",
        created: CREATED,
        owned_by: &model.owner,
        supported_endpoint_types: ["openai"],
    }
}

/// The list of these models, in their order.
pub fn list<'a>(models: impl IntoIterator<Item = &'a Model>) -> ModelList<'a> {
    ModelList {
        object: "list",
        data: models.into_iter().map(item).collect(),
    }
}

#[cfg(test)]
mod tests;
