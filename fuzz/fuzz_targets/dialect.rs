//! What every dialect has to keep, whatever a provider or a client sends. One target each: a corpus
//! belongs to a protocol.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tollgate_catalog::{
    Catalog,
    contract::{
        check::{CheckLimits, check},
        estimated_tokens,
    },
    load,
    model::Model,
    quirks::Quirks,
    serving::Serving,
};
use tollgate_chat::{
    assemble::Assembler,
    chunk::{AnswerShape, ChunkWriter, Head},
    event::{Event, EventKind, Start, Wire},
    json::Json,
    request::ChatRequest,
    usage::Usage,
};
use tollgate_dialects::{
    Context, Dialect, Presentation, Undo, encode, request::Fetched, turn_state::TurnStates,
};

/// Most bytes of one event.
const EVENT_LIMIT: usize = 65_536;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| load::builtin().expect("the built-in catalogue loads"));

/// What the bytes are, the model that they go through, the size of a piece, and the bytes. Seeds have this
/// form too (`seeds.py`).
pub type Input<'a> = (u8, u8, u8, &'a [u8]);

/// A client's request, a whole answer with its errors, or a stream, through one of these models.
pub fn run(dialect: Dialect, models: &[(&str, &str)], (kind, model, size, bytes): Input<'_>) {
    let (model, provider) = models[usize::from(model) % models.len()];
    let model = Arc::clone(CATALOG.model(model).expect("a model of the catalogue"));
    let serving = model
        .servings
        .iter()
        .find(|serving| &*serving.provider == provider);
    let serving = Arc::clone(serving.expect("the catalogue says who serves it"));
    match kind % 3 {
        0 => request(model, &serving, bytes),
        1 => answer(dialect, &serving.quirks, bytes),
        // Longer ones may be too long for one event, which is noticed at different moments.
        _ if bytes.len() > EVENT_LIMIT => {}
        _ => stream(dialect, &serving.quirks, bytes, usize::from(size).max(1)),
    }
}

/// What the contract takes, the dialect writes as JSON or refuses by name.
fn request(model: Arc<Model>, serving: &Serving, body: &[u8]) {
    let Ok(request) = ChatRequest::parse(Bytes::copy_from_slice(body)) else {
        return;
    };
    let Ok(request) = check(request, model, &CheckLimits { n_max: 128 }) else {
        return;
    };
    let context = Context {
        provider_files: false,
        states: &TurnStates::default(),
        fetched: &Fetched::default(),
        choices: 1,
    };
    match encode(&request, serving, &context) {
        Ok(sent) => {
            let body: Vec<u8> = sent.body.concat();
            let text = std::str::from_utf8(&body).expect("a request is text");
            assert_json(text);
            assert!(sent.path.starts_with('/'), "{}", sent.path);
        }
        Err(unsupported) => {
            assert!(!unsupported.param.is_empty() && !unsupported.problem.is_empty());
        }
    }
}

/// Whole answers and errors are read or are a fault; what is read can be written as chat's JSON.
fn answer(dialect: Dialect, quirks: &Quirks, body: &[u8]) {
    let _ = dialect.fault(400, body);
    let body = Bytes::copy_from_slice(body);
    let presentation = presentation();
    let undo = Undo::default();
    if let Ok(decoded) = dialect.decode_answer(&body, quirks, &presentation, &undo) {
        assert_json(std::str::from_utf8(&decoded.answer.json).expect("an answer is text"));
    }
    if let Ok((events, _)) = dialect.decode_as_stream(&body, quirks, &presentation, &undo) {
        assert_in_order(&events);
    }
}

/// Where the bytes are cut changes nothing, neither what is said nor whether it is a fault.
fn stream(dialect: Dialect, quirks: &Quirks, bytes: &[u8], size: usize) {
    let whole = read(dialect, quirks, std::iter::once(bytes));
    let pieces = read(dialect, quirks, bytes.chunks(size));
    assert_eq!(whole, pieces);
    // So does whether it was asked for.
    if let Some(answer) = whole.filter(|_| is_stream(bytes)) {
        let body = Bytes::copy_from_slice(bytes);
        let folded = dialect.decode_answer(&body, quirks, &presentation(), &Undo::default());
        assert_eq!(folded.map(|decoded| decoded.answer.json), Ok(answer));
    }
}

/// Whether the bytes begin as server-sent events do.
fn is_stream(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    [&b"data:"[..], b"event:"].iter().any(|line| bytes.starts_with(line))
}

/// What a stream says, pieces of one kind joined; `None` where it ends in a fault.
fn read<'a>(dialect: Dialect, quirks: &Quirks, pieces: impl Iterator<Item = &'a [u8]>) -> Option<Bytes> {
    let presentation = presentation();
    let mut decoder = dialect.stream_decoder(quirks, presentation.clone(), Undo::default(), EVENT_LIMIT);
    let mut events = Vec::new();
    let mut whole = true;
    for piece in pieces {
        whole &= decoder.read(Bytes::copy_from_slice(piece), &mut events).is_ok();
        if !whole || decoder.is_complete() {
            break;
        }
    }
    whole = whole && decoder.end(&mut events).is_ok();
    let _ = decoder.take_turns();
    assert_in_order(&events);
    if !whole {
        return None;
    }
    let mut assembler = Assembler::default();
    let mut head = presentation.head;
    for event in events {
        if let EventKind::Start(start) = &event.kind {
            head.adopt(start);
        }
        assembler.take(event.kind);
    }
    let estimated = Usage {
        prompt: presentation.estimated_prompt_tokens,
        completion: estimated_tokens(assembler.held() as u64),
        ..Usage::default()
    };
    Some(
        assembler
            .finish(&head, &AnswerShape::default(), estimated)
            .json,
    )
}

/// A start once and before anything is said, those aside that only carry the chunk which opens a choice; calls
/// in a row from 0, each with its ID and name at first; nothing after a choice's finish; every chunk is JSON.
fn assert_in_order(events: &[Event]) {
    let mut writer = ChunkWriter::new(presentation().head, false);
    let mut calls = 0;
    let mut finished = Vec::new();
    let mut has_begun = false;
    for event in events {
        match &event.kind {
            EventKind::Start(start) => {
                assert!(
                    !has_begun || *start == Start::default(),
                    "a start comes first"
                );
                has_begun = true;
            }
            // Counts say nothing yet, and may stand in the very first event.
            EventKind::Usage(_) | EventKind::UsageEstimated | EventKind::ServiceTier(_) => {}
            _ => has_begun = true,
        }
        match &event.wire {
            Wire::Chunk(chunk) => assert_json(std::str::from_utf8(chunk).expect("a chunk is text")),
            Wire::Covered => {}
            Wire::Unwritten => {
                if let Some(chunk) = writer.write(&event.kind) {
                    assert_json(&chunk);
                }
            }
        }
        let choice = match &event.kind {
            EventKind::ToolCall {
                choice: 0,
                index,
                id,
                name,
                ..
            } => {
                assert!(*index <= calls, "call {index} when {calls} is next");
                if *index == calls {
                    assert!(
                        id.is_some() && name.is_some(),
                        "a call begins with its ID and name"
                    );
                    calls += 1;
                }
                0
            }
            EventKind::Text { choice, .. } | EventKind::Reasoning { choice, .. } => *choice,
            EventKind::Finish(finish) => {
                assert!(!finished.contains(&finish.choice), "a choice ends once");
                finished.push(finish.choice);
                continue;
            }
            _ => continue,
        };
        assert!(!finished.contains(&choice), "nothing comes after the end");
    }
}

fn assert_json(text: &str) {
    if let Err(error) = Json::parse(text) {
        // The tree stops at a depth that slices do not have.
        assert!(error.to_string().contains("recursion limit"), "{error}: {text}");
    }
}

fn presentation() -> Presentation {
    Presentation {
        head: Head {
            id: "chatcmpl-1".to_owned(),
            created: 1,
            model: "a".to_owned(),
            system_fingerprint: None,
        },
        shape: AnswerShape::default(),
        include_usage: true,
        estimated_prompt_tokens: 1,
    }
}
