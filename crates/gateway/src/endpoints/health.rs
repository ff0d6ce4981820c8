//! `/healthz`: the process is alive. `/readyz`: it can serve, or what it lacks.

use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::json;

use super::json as answer;
use crate::{body::Response, gate::Gate};

/// What it means that Redis is away.
const ALONE: &str = "Redis does not answer: this gate goes on with its part of each limit, and shares neither reasoning nor replays";

pub fn healthz() -> Response {
    answer(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// 200 when the database answers and can be written, requests can be booked and something can answer requests: a channel, or the embedded model
/// where the sandbox is on. Else 503 with the list of what is missing. What requests go on without is only noted.
pub async fn readyz(gate: &Gate) -> Response {
    let mut missing: Vec<String> = Vec::new();
    if gate.is_leaving.load(Ordering::Relaxed) {
        missing.push("the gate is shutting down".to_owned());
    }
    match gate.store.is_writable().await {
        Ok(true) => {}
        Ok(false) => missing.push("the database cannot be written: it is read-only".to_owned()),
        Err(_) => missing.push("the database does not answer".to_owned()),
    }
    if gate
        .spool
        .as_ref()
        .is_some_and(|spool| !spool.standing().has_room)
    {
        missing.push("the spool has no room or cannot be written, so nothing could be booked".to_owned());
    }
    let channels = gate.channels.load();
    if channels.is_empty() {
        if !gate.sandbox_is_on() {
            let lack = match channels.is_none_configured() {
                true => "no channel is configured",
                false => "no channel that is configured can be used",
            };
            missing.push(format!("{lack} and the sandbox is off"));
        } else if let Some(lack) = crate::sandbox::lacks(gate) {
            missing.push(format!("no channel is configured and {lack}"));
        }
    }
    let is_alone = gate.redis.as_ref().is_some_and(|redis| !redis.standing().is_up);
    let (status, mut body) = match missing.is_empty() {
        true => (StatusCode::OK, json!({"status": "ready"})),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"status": "not ready", "missing": missing}),
        ),
    };
    if is_alone {
        body["notes"] = json!([ALONE]);
    }
    answer(status, body.to_string())
}
