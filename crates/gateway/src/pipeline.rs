//! The way of a request.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use jiff::Timestamp;
use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::chunk::Head;
use tollgate_store::WarmKey;

use crate::{
    admit::{admit, has_room},
    arrival::Arrival,
    attempt::{Asked, caller::Caller},
    authenticate::authenticate,
    body::{self, Response},
    buffered::Held,
    error::GateError,
    gate::Gate,
    idempotency::{self, Fate, Name},
    relay::relay,
    request_id,
    route::{Pin, route},
    settle::Settlement,
    validate::validate,
};

/// Answers `POST /v1/chat/completions`. Fails only before the settlement is armed; from then on an error
/// is an answer, settled like any other. `limited` becomes the key, where its answers are to tell of limits.
///
/// Cancel safety: dropping it at any point gives back what was taken; the settlement acts on its
/// drop.
pub async fn chat_completions(
    gate: Arc<Gate>,
    http: &mut Request<Incoming>,
    arrival: Arrival,
    limited: &mut Option<Arc<WarmKey>>,
) -> Result<Response, GateError> {
    let key = authenticate(&gate, http.headers(), arrival.client).await?;
    if key.is_limited() {
        *limited = Some(Arc::clone(&key));
    }
    has_room(&gate)?;
    body::check_headers(http.headers())?;
    let name = Name::of(http.headers(), key.key.id)?;
    let body = body::read(http.body_mut(), gate.settings.request_body_limit, &gate.buffered).await?;
    let request = validate(&gate, &key.key, &body)?;
    let checked = Checked {
        pin: Pin::of(http.headers(), gate.settings.routing.allow_pin),
        request,
        key,
        arrival,
        held: body.held,
    };
    match name {
        None => carry(gate, checked, None).await,
        Some(name) => {
            let id = checked.arrival.id.clone();
            let carried = |fate| carry(Arc::clone(&gate), checked, Some(fate));
            idempotency::once(&gate, name, &body.bytes, &id, carried).await
        }
    }
}

/// A request that may be carried on.
struct Checked {
    key: Arc<WarmKey>,
    request: ValidRequest,
    pin: Pin,
    arrival: Arrival,
    /// The body's share of the memory.
    held: Held,
}

/// The rest of the way. `fate`: who wants to know whether the answer is worth keeping.
async fn carry(gate: Arc<Gate>, checked: Checked, fate: Option<Arc<Fate>>) -> Result<Response, GateError> {
    let Checked {
        key,
        request,
        pin,
        arrival,
        held,
    } = checked;
    let route = route(&gate, &request, key.key.id, &pin)?;
    let admission = admit(&gate, &key, &request, &route)?;
    let settlement = Settlement::arm(&gate, &key, &request, &arrival, admission, fate);
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
        caller: Caller::of(&key.key),
        departure: settlement.departure(),
        _body: held,
    };
    Ok(relay(gate, asked, settlement).await)
}
