//! What the tests of this dialect start from.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use serde_json::Value;
use tollgate_catalog::{contract::ValidRequest, quirks::Quirks, serving::Serving};
use tollgate_chat::event::EventKind;
use tollgate_dialects::{
    Decoded, Dialect, Fault, ProviderRequest, StreamDecoder, Undo, Unsupported,
    request::Fetched,
    turn_state::{KeptTurn, TurnStates},
};
use tollgate_testkit::schema::check_responses_request;

use crate::harness;
pub use crate::harness::{CATALOG, assembled, body, checked, notes, presentation, shown};
pub use crate::turns::{known, order};

pub const DIALECT: Dialect = Dialect::OpenaiResponses;

/// A checked request of `members`, one user's message unless they hold others.
pub fn valid(model: &str, members: Value) -> ValidRequest {
    harness::valid(&CATALOG, model, &members)
}

/// How OpenAI serves a model.
pub fn serving(model: &str) -> Arc<Serving> {
    CATALOG.serving(model, CATALOG.provider("openai").unwrap())
}

/// Encodes with nothing known of earlier turns and nothing fetched. What goes out fits the schema.
pub fn encode(model: &str, members: Value) -> Result<ProviderRequest, Unsupported> {
    encode_knowing(&serving(model), &valid(model, members), &[], &HashMap::new())
}

pub fn encode_knowing(
    serving: &Serving,
    request: &ValidRequest,
    turns: &[KeptTurn],
    fetched: &Fetched,
) -> Result<ProviderRequest, Unsupported> {
    encode_with_states(serving, request, &known(turns, request), fetched)
}

pub fn encode_with_states(
    serving: &Serving,
    request: &ValidRequest,
    states: &TurnStates,
    fetched: &Fetched,
) -> Result<ProviderRequest, Unsupported> {
    let encoded = harness::encode_knowing(request, serving, states, fetched)?;
    if encoded.dialect == DIALECT {
        let misfits = check_responses_request(&body(&encoded));
        assert!(misfits.is_empty(), "{:#}: {misfits:#?}", body(&encoded));
    }
    Ok(encoded)
}

/// What the provider receives for a request to `gpt-5-codex`, which has no other dialect.
pub fn sent(members: Value) -> Value {
    body(&encode("gpt-5-codex", members).unwrap())
}

pub fn decode_answer(body: &Bytes) -> Result<Decoded, Fault> {
    harness::decode_answer(DIALECT, &Quirks::default(), &Undo::default(), body)
}

/// A whole answer's events, and the state of its turn.
pub fn decode_whole(body: &Bytes) -> Result<(Vec<EventKind>, Vec<KeptTurn>), Fault> {
    let decoded = DIALECT.decode_as_stream(body, &Quirks::default(), &presentation(), &Undo::default())?;
    let kinds = decoded.0.into_iter().map(|event| event.kind).collect();
    Ok((kinds, decoded.1))
}

pub fn decoder() -> StreamDecoder {
    harness::stream_decoder(DIALECT, &Quirks::default(), Undo::default())
}

/// A stream's events, and the state of its turn.
pub fn decode_stream(
    pieces: impl IntoIterator<Item = Bytes>,
) -> (Vec<EventKind>, Vec<KeptTurn>, Result<(), Fault>) {
    let streamed = harness::decode_stream(decoder(), pieces);
    (streamed.kinds(), streamed.turns, streamed.end)
}

/// A stream of these events, framed as OpenAI frames them.
pub fn stream_of(events: &[Value]) -> Bytes {
    let events = events.iter().map(|event| {
        let kind = event["type"].as_str().unwrap();
        format!("event: {kind}\ndata: {event}\n\n")
    });
    Bytes::from(events.collect::<String>())
}
