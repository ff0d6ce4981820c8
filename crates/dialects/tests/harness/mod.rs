//! What the tests of every dialect start from: a checked request, and answers read as the gate reads them.
//!
//! A new dialect has a test crate beside the others (`mod harness;`), and a `fixtures` module that says
//! which dialect and whose serving it is about. Not here: what one dialect alone needs, such as the framing
//! of its streams.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::{
    Catalog,
    contract::{ValidRequest, check::CheckLimits},
    load::builtin,
    quirks::Quirks,
    serving::Serving,
};
use tollgate_chat::{
    answer::Answer,
    assemble::Assembler,
    chunk::{AnswerShape, Head},
    event::{Event, EventKind},
    request::ChatRequest,
    usage::Usage,
};
use tollgate_dialects::{
    Context, Decoded, Dialect, Fault, Presentation, ProviderRequest, StreamDecoder, Undo, Unsupported,
    request::Fetched,
    turn_state::{KeptTurn, TurnStates},
};

/// Most bytes of one event.
pub const EVENT_LIMIT: usize = 1 << 22;

pub static CATALOG: LazyLock<Catalog> = LazyLock::new(|| builtin().unwrap());

/// A checked request of `members`, one user's message unless they hold others.
pub fn valid(catalog: &Catalog, model: &str, members: &Value) -> ValidRequest {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    checked(catalog, model, &body.to_string())
}

/// A checked request with exactly this body.
pub fn checked(catalog: &Catalog, model: &str, body: &str) -> ValidRequest {
    let request = ChatRequest::parse(Bytes::from(body.to_owned())).unwrap();
    let model = catalog.model(model).unwrap().clone();
    tollgate_catalog::contract::check(request, model, &CheckLimits::default())
        .unwrap_or_else(|violations| panic!("{body}: {violations:?}"))
}

/// The context of a request for one choice: nothing known of earlier turns, nothing fetched.
pub fn alone() -> Context<'static> {
    static STATES: LazyLock<TurnStates> = LazyLock::new(TurnStates::new);
    static FETCHED: LazyLock<Fetched> = LazyLock::new(Fetched::new);
    Context {
        provider_files: false,
        states: &STATES,
        fetched: &FETCHED,
        choices: 1,
    }
}

/// Encodes for as many of the choices as the provider gives at once.
pub fn encode_knowing(
    request: &ValidRequest,
    serving: &Serving,
    states: &TurnStates,
    fetched: &Fetched,
) -> Result<ProviderRequest, Unsupported> {
    let context = Context {
        states,
        fetched,
        choices: request.n.min(serving.quirks.n_max),
        ..alone()
    };
    tollgate_dialects::encode(request, serving, &context)
}

/// The body that goes out.
pub fn body(request: &ProviderRequest) -> Value {
    serde_json::from_slice(&request.body.concat()).unwrap()
}

/// The notes that the client is told, as it reads them.
pub fn notes(request: &ProviderRequest) -> Vec<String> {
    request.notes.iter().map(ToString::to_string).collect()
}

/// What a client of the model `asked` is to see.
pub fn presentation() -> Presentation {
    Presentation {
        head: Head {
            id: "chatcmpl-ours".to_owned(),
            created: 7,
            model: "asked".to_owned(),
            system_fingerprint: None,
        },
        shape: AnswerShape::default(),
        include_usage: false,
        estimated_prompt_tokens: 3,
    }
}

pub fn decode_answer(dialect: Dialect, quirks: &Quirks, undo: &Undo, body: &Bytes) -> Result<Decoded, Fault> {
    dialect.decode_answer(body, quirks, &presentation(), undo)
}

pub fn stream_decoder(dialect: Dialect, quirks: &Quirks, undo: Undo) -> StreamDecoder {
    dialect.stream_decoder(quirks, presentation(), undo, EVENT_LIMIT)
}

/// What a stream said before it ended, the state of its turns, and how it ended.
#[derive(Debug, PartialEq)]
pub struct Streamed {
    pub events: Vec<Event>,
    pub turns: Vec<KeptTurn>,
    pub end: Result<(), Fault>,
}

impl Streamed {
    /// What was said, whoever writes its chunks.
    pub fn kinds(&self) -> Vec<EventKind> {
        self.events.iter().map(|event| event.kind.clone()).collect()
    }
}

/// Reads a stream as the gateway does: until it is complete, or the bytes are at their end.
pub fn decode_stream(mut decoder: StreamDecoder, pieces: impl IntoIterator<Item = Bytes>) -> Streamed {
    let mut events = Vec::new();
    let read = || {
        for piece in pieces {
            decoder.read(piece, &mut events)?;
            if decoder.is_complete() {
                break;
            }
        }
        decoder.end(&mut events)
    };
    let end = read();
    Streamed {
        turns: decoder.take_turns(),
        events,
        end,
    }
}

/// The whole answer that these events make up.
pub fn assembled(kinds: impl IntoIterator<Item = EventKind>) -> Value {
    let mut assembler = Assembler::default();
    kinds.into_iter().for_each(|kind| assembler.take(kind));
    let Presentation { head, shape, .. } = presentation();
    shown(&assembler.finish(&head, &shape, Usage::default()))
}

/// A whole answer as the client gets it.
pub fn shown(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.json).unwrap()
}
