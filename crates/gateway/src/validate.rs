//! From a body to a request that keeps its model's contract.

use std::sync::Arc;

use tollgate_catalog::{
    contract::{self, ValidRequest, check::CheckLimits, check::model_of},
    model::Model,
};
use tollgate_chat::request::ChatRequest;
use tollgate_ledger::ApiKey;

use crate::{body::ReadBody, error::GateError, gate::Gate, story::Story};

/// Bytes of an unknown model ID that an error shows.
const SHOWN_ID: usize = 64;

/// Checks the body against the contract of the model that it names, which `story` hears of and the key has to be
/// allowed.
pub fn validate(
    gate: &Gate,
    key: &ApiKey,
    body: &ReadBody,
    story: &Story,
) -> Result<ValidRequest, GateError> {
    let request = ChatRequest::parse(body.bytes.clone())?;
    let model = {
        let id = model_of(&request).map_err(|violation| GateError::Invalid(violation.into()))?;
        find_model(gate, &id)?
    };
    story.asks_for(&model);
    permit(key, &model)?;
    contract::check(request, model, &check_limits(gate)).map_err(GateError::Invalid)
}

/// Fails where the key may not call this model.
pub fn permit(key: &ApiKey, model: &Model) -> Result<(), GateError> {
    match key.settings.models.permits(&model.id) {
        true => Ok(()),
        false => Err(GateError::ModelNotAllowed {
            model: model.id.to_string(),
        }),
    }
}

/// Bounds that the operator set.
pub fn check_limits(gate: &Gate) -> CheckLimits {
    CheckLimits {
        n_max: gate.settings.n_max,
    }
}

/// The model of that ID: from the catalogue, or one that only the configuration names, at a channel or as one that
/// others are asked for.
pub fn find_model(gate: &Gate, id: &str) -> Result<Arc<Model>, GateError> {
    if let Some(model) = gate.catalog.model(id) {
        return Ok(Arc::clone(model));
    }
    gate.channels
        .load()
        .unlisted_model(id)
        .cloned()
        .or_else(|| unserved_model(gate, id))
        .ok_or_else(|| GateError::UnknownModel {
            model: id[..id.floor_char_boundary(SHOWN_ID)].to_owned(),
            nearest: gate
                .catalog
                .nearest_ids(id)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        })
}

/// A model whose channels are switched off or gone, while the operator names others to fall back on.
fn unserved_model(gate: &Gate, id: &str) -> Option<Arc<Model>> {
    let mut fallbacks = gate.settings.routing.fallbacks.iter();
    let others = fallbacks.find(|(model, _)| model.as_str() == id)?.1;
    (!others.is_empty()).then(|| Arc::new(gate.catalog.unserved_model(id)))
}
