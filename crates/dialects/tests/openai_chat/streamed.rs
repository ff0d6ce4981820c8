//! A stream of chunks, read as the gate reads it.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{
    event::{Event, EventKind, FinishReason},
    usage::Usage,
};
use tollgate_dialects::{Fault, FaultKind, Presentation, Undo};

use super::fixtures::{self, DIALECT, presentation, stream_decoder};
use crate::harness::EVENT_LIMIT;

/// What was read of a stream that ended well.
pub struct Read {
    pub events: Vec<Event>,
    pub chunks: Vec<Value>,
}

impl Read {
    pub fn text(&self) -> String {
        self.pieces(|kind| match kind {
            EventKind::Text { text, .. } => Some(text.clone()),
            _ => None,
        })
    }

    pub fn reasoning(&self) -> String {
        self.pieces(|kind| match kind {
            EventKind::Reasoning { text, .. } => Some(text.clone()),
            _ => None,
        })
    }

    pub fn arguments(&self, call: u32) -> String {
        self.pieces(|kind| match kind {
            EventKind::ToolCall { index, arguments, .. } if *index == call => Some(arguments.clone()),
            _ => None,
        })
    }

    pub fn finish(&self) -> Option<FinishReason> {
        self.events.iter().find_map(|event| match &event.kind {
            EventKind::Finish(finish) => Some(finish.reason),
            _ => None,
        })
    }

    pub fn usage(&self) -> Option<Usage> {
        self.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Usage(usage) => Some(usage),
            _ => None,
        })
    }

    fn pieces(&self, of: impl Fn(&EventKind) -> Option<String>) -> String {
        self.events.iter().filter_map(|event| of(&event.kind)).collect()
    }
}

pub fn read_with(quirks: Quirks, include_usage: bool, chunks: &[Value]) -> Result<Read, Fault> {
    let presentation = Presentation {
        include_usage,
        ..presentation()
    };
    let mut decoder = DIALECT.stream_decoder(&quirks, presentation, Undo::default(), EVENT_LIMIT);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.read(Bytes::from(format!("data: {chunk}\n\n")), &mut events)?;
    }
    decoder.end(&mut events)?;
    let chunks = fixtures::chunks(&events);
    Ok(Read { events, chunks })
}

pub fn read(chunks: &[Value]) -> Read {
    read_with(Quirks::default(), false, chunks).unwrap()
}

/// A chunk as OpenAI sends it.
pub fn chunk(delta: Value, finish: Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "upstream",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    })
}

pub fn stop() -> Value {
    chunk(json!({}), json!("stop"))
}

/// What a decoder makes of one event as it stands, with the stream's end.
pub fn fault_of(event: &str) -> Option<FaultKind> {
    let mut decoder = stream_decoder();
    let mut events = Vec::new();
    let read = decoder.read(Bytes::from(format!("data: {event}\n\n")), &mut events);
    read.err().map(|fault| fault.kind)
}
