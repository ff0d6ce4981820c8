//! What the tests of this dialect start from.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tollgate_catalog::{contract::ValidRequest, quirks::Quirks, serving::Serving};
use tollgate_chat::{
    answer::Answer,
    event::{Event, Wire},
};
use tollgate_dialects::{
    Dialect, Fault, ProviderRequest, StreamDecoder, Undo, Unsupported, request::Fetched,
    turn_state::TurnStates,
};

use crate::harness;
pub use crate::harness::{
    CATALOG, assembled, body, decode_stream, encode_knowing, notes, presentation, shown,
};

pub const DIALECT: Dialect = Dialect::OpenaiChat;

/// A checked request of `members`, one user's message unless they hold others.
pub fn valid(model: &str, members: Value) -> ValidRequest {
    harness::valid(&CATALOG, model, &members)
}

/// How the catalogue says that a provider serves a model.
pub fn serving(model: &str, provider: &str) -> Arc<Serving> {
    CATALOG.serving(model, CATALOG.provider(provider).unwrap())
}

/// A server that speaks chat completions, with these peculiarities.
pub fn serving_with(quirks: Quirks) -> Serving {
    let mut serving = Arc::unwrap_or_clone(serving("not listed", "openai-compatible"));
    serving.quirks = quirks;
    serving
}

/// Encodes with nothing known of earlier turns and nothing fetched.
pub fn encode(request: &ValidRequest, serving: &Serving) -> Result<ProviderRequest, Unsupported> {
    encode_knowing(request, serving, &TurnStates::new(), &Fetched::new())
}

pub fn encode_with(quirks: Quirks, model: &str, members: Value) -> Result<ProviderRequest, Unsupported> {
    encode(&valid(model, members), &serving_with(quirks))
}

/// The body that such a provider receives.
pub fn sent(quirks: Quirks, members: Value) -> Value {
    body(&encode_with(quirks, "gpt-4o", members).unwrap())
}

pub fn decode_answer(body: &str, quirks: &Quirks) -> Result<Answer, Fault> {
    let body = Bytes::from(body.to_owned());
    harness::decode_answer(DIALECT, quirks, &Undo::default(), &body).map(|decoded| decoded.answer)
}

pub fn stream_decoder() -> StreamDecoder {
    harness::stream_decoder(DIALECT, &Quirks::default(), Undo::default())
}

/// The chunks that were ready-made, as JSON.
pub fn chunks(events: &[Event]) -> Vec<Value> {
    let written = events.iter().filter_map(|event| match &event.wire {
        Wire::Chunk(json) => Some(serde_json::from_slice(json).unwrap()),
        Wire::Unwritten | Wire::Covered => None,
    });
    written.collect()
}
