//! The way of a request.

use std::{sync::Arc, time::Instant};

use http::Request;
use hyper::body::Incoming;
use jiff::Timestamp;
use tollgate_chat::chunk::Head;

use crate::{
    admit::admit,
    authenticate::authenticate,
    body::{self, Response},
    error::GateError,
    gate::Gate,
    relay::relay,
    request_id::RequestId,
    route::route,
    settle::Settlement,
    validate::validate,
};

/// Answers `POST /v1/chat/completions`.
///
/// Cancel safety: dropping it at any point gives back what was taken; the settlement acts on its
/// drop.
pub async fn chat_completions(gate: Arc<Gate>, http: Request<Incoming>, id: RequestId) -> Result<Response, GateError> {
    let started = Instant::now();
    let key = authenticate(&gate, http.headers()).await?;
    body::check_headers(http.headers())?;
    let body = body::read(http, gate.settings.request_body_limit, &gate.buffered).await?;
    let request = validate(&gate, &body)?;
    let route = route(&gate, &request)?;
    let admission = admit(&gate, &key)?;
    let settlement = Settlement::arm(&gate, &key, &request, &id, admission, body.held, started);
    let head = Head {
        id: format!("chatcmpl-{}", id.as_str().trim_start_matches("req_")),
        created: Timestamp::now().as_second().max(0) as u64,
        model: request.model.id.to_string(),
        system_fingerprint: None,
    };
    relay(gate, request, route, head, id, settlement).await
}
