//! `/openapi.json`: the contract of every model, of the catalogue and of channels.
//!
//! The catalogue's are for anybody. What models an operator has beside them is for those alone who may call them.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tollgate_catalog::openapi::openapi as described;

use super::{json, models::is_reached};
use crate::{authenticate::authenticate, body::Response, gate::Gate, story::Story};

/// Whoever brings no key that may be used reads what anybody may.
pub async fn openapi(gate: &Gate, headers: &HeaderMap, story: &Story) -> Response {
    let own = of_the_key(gate, headers, story).await;
    let body = own.unwrap_or_else(|| gate.channels.load().openapi.clone());
    json(StatusCode::OK, body)
}

/// With the models of channels alone that the key may call; `None`: there is none.
async fn of_the_key(gate: &Gate, headers: &HeaderMap, story: &Story) -> Option<Bytes> {
    gate.channels.load().unlisted_models().next()?;
    let key = authenticate(gate, headers, story.client).await.ok()?;
    story.asked_by(&key);
    let settings = &key.key.settings;
    let channels = gate.channels.load();
    let mut unlisted: Vec<&str> = channels
        .unlisted_models()
        .filter(|model| settings.models.permits(&model.id))
        .filter(|model| is_reached(&channels, &settings.channels, model))
        .map(|model| model.id.as_str())
        .collect();
    if unlisted.is_empty() {
        return None;
    }
    unlisted.sort_unstable();
    Some(described(&gate.catalog, &unlisted).to_string().into())
}
