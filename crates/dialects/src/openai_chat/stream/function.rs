//! Follows the forerunner of tool calls in one streamed choice. Its pieces pass as they came; at the end it has
//! to be a call.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    event::{Event, EventKind, Wire},
};

use crate::{
    Presentation, arguments,
    fault::{Fault, malformed},
    openai_chat::message::FunctionPiece,
};

/// The call of one choice so far.
#[derive(Debug, Default)]
pub struct FunctionCall {
    came: bool,
    name: Option<String>,
    arguments: String,
}

impl FunctionCall {
    pub fn came(&self) -> bool {
        self.came
    }

    /// Takes a piece, out of which a repeated name goes: clients glue names together.
    pub fn piece(&mut self, piece: FunctionPiece<'_>, edits: &mut Edits<'_>) -> Result<(), Fault> {
        self.came = true;
        match (&self.name, piece.name) {
            (Some(known), Some(told)) if *known != told => return Err(malformed("a call has two names")),
            (Some(_), Some(_)) => {
                let mut edit = ObjectEdit::of(&piece.object);
                edit.remove_named("name");
                edit.finish(edits);
            }
            (None, told) => self.name = told,
            (Some(_), None) => {}
        }
        self.arguments.push_str(&piece.arguments.unwrap_or_default());
        arguments::check_bytes(self.arguments.len())
    }

    /// The end of the choice. Unless it was cut off, a call without arguments gets `{}`. Fails where the
    /// arguments are no object, and where there is no name.
    pub fn end(
        &self,
        choice: u32,
        is_cut: bool,
        presentation: &Presentation,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        if !self.came {
            return Ok(());
        }
        if self.name.is_none() {
            return Err(arguments::nameless());
        }
        if is_cut {
            return Ok(());
        }
        if !self.arguments.trim().is_empty() {
            return arguments::check_object(&self.arguments);
        }
        events.push(Event {
            kind: EventKind::Other { choice },
            wire: Wire::Chunk(no_arguments(choice, presentation)),
        });
        Ok(())
    }
}

/// A chunk that says `{}`. There is no event for it.
fn no_arguments(choice: u32, presentation: &Presentation) -> Bytes {
    let head = &presentation.head;
    let mut chunk = json!({
        "id": head.id, "object": "chat.completion.chunk", "created": head.created, "model": head.model,
        "choices": [{"index": choice, "delta": {"function_call": {"arguments": "{}"}}, "finish_reason": null}],
    });
    if let Some(fingerprint) = &head.system_fingerprint {
        chunk["system_fingerprint"] = json!(fingerprint);
    }
    if presentation.include_usage {
        chunk["usage"] = Value::Null;
    }
    Bytes::from(chunk.to_string())
}
