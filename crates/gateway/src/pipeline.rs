//! The way of a request.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::chunk::Head;
use tollgate_store::WarmKey;

use crate::{
    admit::{admit, has_room},
    attempt::{Asked, caller::Caller},
    authenticate::{authenticate, authenticate_again},
    body::{self, Response},
    buffered::Held,
    error::GateError,
    gate::Gate,
    idempotency::{self, Fate, Fingerprint, Name},
    relay::relay,
    request_id,
    route::{Pin, route},
    settle::Settlement,
    story::Story,
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
    story: &Arc<Story>,
) -> Result<Response, GateError> {
    let mut key = authenticate(&gate, http.headers(), story.client).await?;
    story.asked_by(&key);
    let name = Name::of(http.headers(), key.holder())?;
    // Who is given the answer of an earlier request needs no place.
    if !name.as_ref().is_some_and(|name| gate.replays.knows(name)) {
        has_room(&gate)?;
    }
    body::check_headers(http.headers())?;
    let body = body::read(http.body_mut(), gate.settings.request_body_limit, &gate.buffered).await?;
    if body.was_waited_for {
        key = authenticate_again(&gate, http.headers(), story.client, key).await?;
        story.asked_by(&key);
    }
    let request = validate(&gate, &key.key, &body, story)?;
    story.wants_stream(request.stream);
    let checked = Checked {
        pin: Pin::of(
            &key.key.settings.channels,
            http.headers(),
            gate.settings.routing.allow_pin,
        ),
        request,
        key,
        story: Arc::clone(story),
        held: body.held,
    };
    match name {
        None => carry(gate, checked, None).await,
        Some(name) => {
            let asked = Fingerprint::of(&body.bytes, &checked.pin);
            let stream = checked.request.stream;
            let of_gate = Arc::clone(&gate);
            let carried = move |fate| carry(of_gate, checked, Some(fate));
            idempotency::once(&gate, name, (asked, stream), story, carried).await
        }
    }
}

/// A request that may be carried on.
struct Checked {
    key: Arc<WarmKey>,
    request: ValidRequest,
    pin: Pin,
    story: Arc<Story>,
    /// The body's share of the memory.
    held: Held,
}

/// The rest of the way. `fate`: who wants to know whether the answer is worth keeping.
async fn carry(gate: Arc<Gate>, checked: Checked, fate: Option<Arc<Fate>>) -> Result<Response, GateError> {
    let Checked {
        key,
        request,
        pin,
        story,
        held,
    } = checked;
    let mut route = route(&gate, &request, key.key.id, &pin, &story)?;
    let mut admission = admit(&gate, &key, &request, &mut route, &pin, &story).await?;
    let (let_in, states) = (admission.let_in.at, admission.take_states());
    let settlement = Settlement::arm(&gate, &key, &request, &story, admission, fate);
    let head = Head {
        id: [
            "chatcmpl-",
            story
                .id
                .as_str()
                .strip_prefix(request_id::PREFIX)
                .unwrap_or_default(),
        ]
        .concat(),
        created: let_in.as_second().max(0) as u64,
        model: request.model.id.to_string(),
        system_fingerprint: None,
    };
    let asked = Asked {
        request,
        route,
        head,
        story,
        caller: Caller::of(&key),
        pin,
        let_in,
        departure: settlement.departure(),
        states,
        _body: held,
    };
    Ok(relay(gate, asked, settlement).await)
}
