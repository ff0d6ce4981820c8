//! `/openapi.json`: the contract of every model, from the catalogue.

use http::StatusCode;

use super::json;
use crate::{body::Response, gate::Gate};

pub fn openapi(gate: &Gate) -> Response {
    json(StatusCode::OK, gate.openapi.clone())
}
