//! `/healthz`: the process is alive. `/readyz`: it can serve, or what it lacks.

use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::json;

use super::json as answer;
use crate::{body::Response, gate::Gate};

pub fn healthz() -> Response {
    answer(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// 200 when the database answers and something can answer requests: a channel, or the embedded model
/// where the sandbox is on. Else 503 with the list of what is missing.
pub async fn readyz(gate: &Gate) -> Response {
    let mut missing = Vec::new();
    if gate.is_leaving.load(Ordering::Relaxed) {
        missing.push("the gate is shutting down");
    }
    if gate.store.ping().await.is_err() {
        missing.push("the database does not answer");
    }
    if gate.channels.load().is_empty() {
        if !gate.sandbox_is_on() {
            missing.push("no channel is configured and the sandbox is off");
        } else if !crate::sandbox::is_present(gate) {
            missing.push("no channel is configured and the embedded model is not installed: run `tollgate models pull`");
        }
    }
    if missing.is_empty() {
        return answer(StatusCode::OK, r#"{"status":"ready"}"#);
    }
    let body = json!({"status": "not ready", "missing": missing});
    answer(StatusCode::SERVICE_UNAVAILABLE, body.to_string())
}
