//! The way of a request.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use jiff::Timestamp;
use tollgate_chat::chunk::Head;

use crate::{
    admit::admit,
    arrival::Arrival,
    attempt::Asked,
    authenticate::authenticate,
    body::{self, Response},
    error::GateError,
    gate::Gate,
    relay::relay,
    request_id,
    route::{Pin, route},
    settle::Settlement,
    validate::validate,
};

/// Answers `POST /v1/chat/completions`. Fails only before the settlement is armed; from then on an error
/// is an answer, settled like any other.
///
/// Cancel safety: dropping it at any point gives back what was taken; the settlement acts on its
/// drop.
pub async fn chat_completions(
    gate: Arc<Gate>,
    http: &mut Request<Incoming>,
    arrival: Arrival,
) -> Result<Response, GateError> {
    let key = authenticate(&gate, http.headers()).await?;
    body::check_headers(http.headers())?;
    let body = body::read(http.body_mut(), gate.settings.request_body_limit, &gate.buffered).await?;
    let request = validate(&gate, &body)?;
    let pin = Pin::of(http.headers(), gate.settings.routing.allow_pin);
    let route = route(&gate, &request, key.key.id, &pin)?;
    let admission = admit(&gate, &key)?;
    let settlement = Settlement::arm(&gate, &key, &request, &arrival, admission);
    let head = Head {
        id: [
            "chatcmpl-",
            arrival.id.as_str().trim_start_matches(request_id::PREFIX),
        ]
        .concat(),
        created: Timestamp::now().as_second().max(0) as u64,
        model: request.model.id.to_string(),
        system_fingerprint: None,
    };
    let asked = Asked {
        request,
        route,
        head,
        id: arrival.id,
        key: key.key.id,
        _body: body.held,
    };
    Ok(relay(gate, asked, settlement).await)
}
