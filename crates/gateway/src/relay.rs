//! Drives the attempts and brings the answer to the client.
//!
//! A whole answer waits for its attempt. A stream waits too, but only until the keep-alive is due:
//! then the status line goes out, and comments keep the connection alive while channels are still
//! being tried.

mod stream;

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use tokio::time::timeout;
use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::chunk::Head;
use tollgate_dialects::Note;

use crate::{
    attempt::{Attempted, Outcome, attempt},
    body::{self, Response},
    buffered::Held,
    error::GateError,
    gate::Gate,
    request_id::RequestId,
    route::Route,
    settle::Settlement,
};

const X_TOLLGATE_CHANNEL: HeaderName = HeaderName::from_static("x-tollgate-channel");
const X_TOLLGATE_NOTES: HeaderName = HeaderName::from_static("x-tollgate-notes");

/// What is asked of the channels, as long as it is needed: until an answer has begun.
pub struct Asked {
    pub request: ValidRequest,
    pub route: Route,
    pub head: Head,
    pub id: RequestId,
    /// The body's share of the memory.
    pub _body: Held,
}

/// Answers the client, with an error's own status unless the stream had to begin before it was known.
pub async fn relay(gate: Arc<Gate>, asked: Asked, settlement: Settlement) -> Response {
    if asked.request.stream {
        return relay_stream(gate, asked, settlement).await;
    }
    relay_whole(&gate, &asked, settlement).await
}

async fn relay_whole(gate: &Gate, asked: &Asked, mut settlement: Settlement) -> Response {
    let attempted = match attempt(gate, &asked.request, &asked.route, &asked.head, &asked.id).await {
        Ok(attempted) => attempted,
        Err(error) => return refuse(error, settlement),
    };
    settlement.answered_by(&attempted.channel);
    let Outcome::Whole { answer, held } = attempted.outcome else {
        return refuse(GateError::ProviderMalformed, settlement);
    };
    settlement.count(answer.usage);
    settlement.complete();
    let mut notes = attempted.notes;
    if answer.usage_is_estimated {
        notes.push(Note::Estimated("usage".to_owned()));
    }
    let mut response = Response::new(body::held(answer.json, held));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    write_origin(headers, &attempted.channel, &notes);
    response
}

async fn relay_stream(gate: Arc<Gate>, asked: Asked, settlement: Settlement) -> Response {
    let keep_alive = gate.settings.keep_alive;
    let writer = stream::Writer::new(&asked.request, asked.head.clone(), asked.id.clone());
    // The future owns what is asked: its memory goes as soon as an answer has begun.
    let mut attempting: stream::Attempting =
        Box::pin(async move { attempt(&gate, &asked.request, &asked.route, &asked.head, &asked.id).await });
    let mut response = match timeout(keep_alive, &mut attempting).await {
        Ok(Ok(attempted)) => {
            let Attempted {
                channel,
                notes,
                outcome,
            } = attempted;
            let mut response = Response::new(stream::body(writer, settlement, keep_alive, &channel, outcome));
            write_origin(response.headers_mut(), &channel, &notes);
            response
        }
        Ok(Err(error)) => return refuse(error, settlement),
        Err(_) => Response::new(stream::body_while_attempting(
            writer, settlement, keep_alive, attempting,
        )),
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The end of a request that has no answer.
fn refuse(error: GateError, settlement: Settlement) -> Response {
    settlement.fail(&error);
    error.into_response()
}

/// Says where the answer comes from and what was changed on the way there.
fn write_origin(headers: &mut http::HeaderMap, channel: &str, notes: &[Note]) {
    if let Ok(channel) = HeaderValue::from_str(channel) {
        headers.insert(X_TOLLGATE_CHANNEL, channel);
    }
    if !notes.is_empty() {
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        if let Ok(notes) = HeaderValue::from_str(&notes.join(", ")) {
            headers.insert(X_TOLLGATE_NOTES, notes);
        }
    }
}
