//! `/admin/v1/requests/{id}`: the story of one request.

use http::StatusCode;

use super::json;
use crate::{body::Response, error::GateError, gate::Gate};

/// The story by the request's ID of ours, in JSON. 404 where it is not kept, not kept any more, or still under way.
pub fn one(gate: &Gate, id: &str) -> Response {
    let Some(story) = gate.stories.find(id) else {
        return GateError::UnknownRequest.into_response();
    };
    let body = serde_json::to_string(&story.told()).expect("a story always serialises");
    json(StatusCode::OK, body)
}
