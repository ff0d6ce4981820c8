//! What the tests of this dialect start from.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tollgate_catalog::{contract::ValidRequest, quirks::Quirks, serving::Serving};
use tollgate_chat::{chunk::ChunkWriter, event::EventKind};
use tollgate_dialects::{
    Decoded, Dialect, Fault, Presentation, ProviderRequest, Undo, Unsupported, request::Fetched,
    turn_state::TurnStates,
};

pub use tollgate_dialects::encode as encode_knowing;

use crate::harness;
pub use crate::harness::{CATALOG, Streamed, alone, assembled, body, notes, presentation, shown};

pub const DIALECT: Dialect = Dialect::Gemini;

/// A checked request of `members`, one user's message unless they hold others.
pub fn valid(model: &str, members: Value) -> ValidRequest {
    harness::valid(&CATALOG, model, &members)
}

/// How the catalogue says that Google serves a model.
pub fn serving(model: &str) -> Arc<Serving> {
    CATALOG.serving(model, CATALOG.provider("gemini").unwrap())
}

/// Encodes for a model of the catalogue, with nothing known beside.
pub fn encode(model: &str, members: Value) -> Result<ProviderRequest, Unsupported> {
    let request = valid(model, members);
    harness::encode_knowing(&request, &serving(model), &TurnStates::new(), &Fetched::new())
}

/// The body that Google receives for a model of the catalogue.
pub fn sent(model: &str, members: Value) -> Value {
    body(&encode(model, members).unwrap_or_else(|refusal| panic!("{}: {refusal}", refusal.param)))
}

pub fn decode_answer(body: &Bytes) -> Result<Decoded, Fault> {
    harness::decode_answer(DIALECT, &Quirks::default(), &Undo::default(), body)
}

/// A whole answer as the client gets it.
pub fn answer(body: &Value) -> Value {
    let decoded =
        decode_answer(&Bytes::from(body.to_string())).unwrap_or_else(|fault| panic!("{body}: {fault}"));
    shown(&decoded.answer)
}

pub fn decode_stream(pieces: impl IntoIterator<Item = Bytes>) -> Streamed {
    let decoder = harness::stream_decoder(DIALECT, &Quirks::default(), Undo::default());
    harness::decode_stream(decoder, pieces)
}

/// Events as one stream of server-sent events.
pub fn sse(responses: &[Value]) -> Bytes {
    let events = responses
        .iter()
        .map(|response| format!("data: {response}\r\n\r\n"));
    Bytes::from(events.collect::<String>())
}

/// Reads a stream of these responses to its end.
pub fn stream(responses: &[Value]) -> Streamed {
    decode_stream([sse(responses)])
}

/// The stream that a client gets for these events: chunks as the relay has them written.
pub fn client_stream(kinds: &[EventKind]) -> Bytes {
    let Presentation { mut head, shape, .. } = presentation();
    let mut usage = None;
    for kind in kinds {
        match kind {
            EventKind::Start(start) => head.adopt(start),
            EventKind::Usage(counts) => usage = Some(*counts),
            _ => {}
        }
    }
    let mut writer = ChunkWriter::new(head, true);
    let mut chunks: Vec<String> = kinds.iter().filter_map(|kind| writer.write(kind)).collect();
    chunks.push(writer.usage(&usage.unwrap_or_default(), &shape.usage));
    chunks.push("[DONE]".to_owned());
    Bytes::from(
        chunks
            .iter()
            .map(|chunk| format!("data: {chunk}\n\n"))
            .collect::<String>(),
    )
}
