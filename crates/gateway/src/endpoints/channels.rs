//! `/admin/v1/channels` without a credential: the channels in use and how they are at this moment.

use http::StatusCode;

use super::json;
use crate::{body::Response, gate::Gate};

/// All channels, by name.
pub fn list(gate: &Gate) -> Response {
    let body = serde_json::to_string(&gate.channel_states()).expect("rows always serialise");
    json(StatusCode::OK, body)
}
