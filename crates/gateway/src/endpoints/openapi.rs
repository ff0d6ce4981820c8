//! `/openapi.json`: the contract of every model, of the catalogue and of channels.

use http::StatusCode;

use super::json;
use crate::{body::Response, gate::Gate};

pub fn openapi(gate: &Gate) -> Response {
    json(StatusCode::OK, gate.channels.load().openapi.clone())
}
