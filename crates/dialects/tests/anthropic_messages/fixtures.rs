//! What the tests of this dialect start from.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use serde_json::Value;
use tollgate_catalog::{
    Catalog,
    contract::ValidRequest,
    load::{Source, with_files},
    quirks::Quirks,
    serving::Serving,
};
use tollgate_chat::event::EventKind;
use tollgate_dialects::{
    Dialect, Fault, ProviderRequest, Undo, Unsupported,
    turn_state::{KeptTurn, TurnStates},
};

use crate::harness;
pub use crate::harness::{CATALOG, assembled, body, decode_answer, encode_knowing, presentation, shown};
pub use crate::turns::{known, order};

pub const DIALECT: Dialect = Dialect::AnthropicMessages;

/// Later models, as an operator would add them with the sets that the catalogue has for them.
pub static LATER: LazyLock<Catalog> = LazyLock::new(|| {
    let model = |id: &str, set: &str| {
        format!(
            "[[model]]\nid = \"{id}\"\nowner = \"anthropic\"\ncontract = \"general\"\ncontext = 1_000_000\n\
             max_output = 128_000\nreads = [\"text\", \"image\", \"file\"]\n\
             [[model.serving]]\nprovider = \"anthropic\"\nquirk_set = \"{set}\"\n"
        )
    };
    let text = model("claude-opus-4-7", "claude-4-7") + &model("claude-opus-4-8", "claude-4-8");
    let source = Source {
        file: "later.toml",
        text: &text,
    };
    with_files(&[source]).unwrap()
});

pub fn catalog_of(model: &str) -> &'static Catalog {
    match CATALOG.model(model) {
        Some(_) => &CATALOG,
        None => &LATER,
    }
}

/// A checked request of `members`, one user's message unless they hold others.
pub fn valid(model: &str, members: Value) -> ValidRequest {
    harness::valid(catalog_of(model), model, &members)
}

/// A checked request with exactly this body.
pub fn checked(model: &str, body: &str) -> ValidRequest {
    harness::checked(catalog_of(model), model, body)
}

/// How the catalogue says that Anthropic serves a model.
pub fn serving(model: &str) -> Arc<Serving> {
    let catalog = catalog_of(model);
    catalog.serving(model, catalog.provider("anthropic").unwrap())
}

/// The same with some of its peculiarities changed.
pub fn serving_but(model: &str, change: impl FnOnce(&mut Quirks)) -> Serving {
    let mut serving = Arc::unwrap_or_clone(serving(model));
    change(&mut serving.quirks);
    serving
}

/// Encodes with nothing known of earlier turns and nothing fetched.
pub fn encode(request: &ValidRequest, serving: &Serving) -> Result<ProviderRequest, Unsupported> {
    encode_knowing(request, serving, &TurnStates::new(), &HashMap::new())
}

/// What leaves for Anthropic when a client sends `members` to `model`.
pub fn sent(model: &str, members: Value) -> Value {
    body(&encode(&valid(model, members), &serving(model)).unwrap())
}

/// The notes of the same.
pub fn notes(model: &str, members: Value) -> Vec<String> {
    let request = encode(&valid(model, members), &serving(model)).unwrap();
    harness::notes(&request)
}

/// Why it is refused.
pub fn refused(model: &str, members: Value) -> Unsupported {
    encode(&valid(model, members), &serving(model)).unwrap_err()
}

/// What the gate keeps of an answer with these blocks.
pub fn kept(blocks: &[Value]) -> Vec<KeptTurn> {
    let message = serde_json::json!({"type": "message", "content": blocks, "stop_reason": "tool_use"});
    answer(&message).unwrap().1
}

/// The events of a stream that arrives in these pieces, up to its end or its fault.
pub fn read(pieces: impl IntoIterator<Item = Bytes>) -> (Vec<EventKind>, Vec<KeptTurn>, Result<(), Fault>) {
    let decoder = harness::stream_decoder(DIALECT, &Quirks::default(), Undo::default());
    let streamed = harness::decode_stream(decoder, pieces);
    (streamed.kinds(), streamed.turns, streamed.end)
}

/// The events of a stream that has to be whole.
pub fn events(body: &Bytes) -> Vec<EventKind> {
    let (events, _, outcome) = read([body.clone()]);
    outcome.unwrap();
    events
}

/// Events in the provider's frame.
pub fn sse(events: &[Value]) -> Bytes {
    let mut text = String::new();
    for event in events {
        let _ = write!(
            text,
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        );
    }
    Bytes::from(text)
}

/// A whole answer as the client sees it, and what is kept of its turns.
pub fn answer(message: &Value) -> Result<(Value, Vec<KeptTurn>), Fault> {
    let bytes = Bytes::from(message.to_string());
    let decoded = decode_answer(DIALECT, &Quirks::default(), &Undo::default(), &bytes)?;
    Ok((shown(&decoded.answer), decoded.turns))
}
