//! `/v1/models`: what can be called with this key.

use std::net::IpAddr;

use http::{HeaderMap, StatusCode};
use tollgate_catalog::{listing, model::Model};

use super::json;
use crate::{
    authenticate::authenticate,
    body::Response,
    error::GateError,
    gate::Gate,
    validate::{find_model, permit},
};

/// All models that some channel serves, and with the sandbox on the whole catalogue; of these, what the
/// key may call.
pub async fn list(gate: &Gate, headers: &HeaderMap, client: IpAddr) -> Result<Response, GateError> {
    let key = authenticate(gate, headers, client).await?;
    let allowed = &key.key.settings.models;
    let channels = gate.channels.load();
    let models = gate
        .catalog
        .models()
        .iter()
        .filter(|model| is_served(gate, model))
        .chain(channels.unlisted_models())
        .filter(|model| allowed.permits(&model.id))
        .map(AsRef::as_ref);
    let body = serde_json::to_string(&listing::list(models)).expect("a listing always serialises");
    Ok(json(StatusCode::OK, body))
}

/// One model, if it can be called.
pub async fn one(gate: &Gate, headers: &HeaderMap, client: IpAddr, id: &str) -> Result<Response, GateError> {
    let key = authenticate(gate, headers, client).await?;
    let model = find_model(gate, id)?;
    permit(&key.key, &model)?;
    if !is_served(gate, &model) {
        return Err(GateError::UnknownModel {
            model: id.to_owned(),
            nearest: Vec::new(),
        });
    }
    let body = serde_json::to_string(&listing::item(&model)).expect("a listing always serialises");
    Ok(json(StatusCode::OK, body))
}

fn is_served(gate: &Gate, model: &Model) -> bool {
    gate.sandbox_is_on() || !gate.channels.load().servers(&model.id).is_empty()
}
