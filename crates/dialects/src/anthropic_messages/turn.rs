//! The events of one answer's blocks, whole or in pieces: how calls are numbered, and in which order
//! everything came.

use tollgate_chat::event::{EventKind, Unshown};

use super::citations::Cited;
use crate::turn_state::order::OrderWriter;

/// The only choice: Messages has no `n`.
const CHOICE: u32 = 0;
/// Between two thoughts, for the reader.
const GAP: &str = "\n\n";

/// What has been said so far, as far as later events depend on it.
#[derive(Debug, Default)]
pub struct Turn {
    calls: u32,
    /// Characters of text.
    chars: u64,
    order: OrderWriter,
    /// Whether a thought has been told, and whether another has begun since.
    has_thought: bool,
    another_thought: bool,
    /// A call that has ended without arguments.
    without_arguments: Option<u32>,
}

impl Turn {
    /// Whether some tool was called.
    pub fn called(&self) -> bool {
        self.calls > 0
    }

    pub fn text(&mut self, text: String, events: &mut Vec<EventKind>) {
        if !text.is_empty() {
            self.order.text(text.len());
            self.chars += text.chars().count() as u64;
            events.push(EventKind::Text { choice: CHOICE, text });
        }
    }

    /// Characters of text so far.
    pub fn chars(&self) -> u64 {
        self.chars
    }

    /// What a block of text cites that began after so many characters.
    pub fn cited(&self, cited: Cited, begins: u64, events: &mut Vec<EventKind>) {
        events.extend(cited.others.then_some(EventKind::Unshown {
            choice: CHOICE,
            kind: Unshown::Annotations,
        }));
        let citations = cited.between(begins, self.chars);
        events.extend(citations.map(|citation| EventKind::Citation {
            choice: CHOICE,
            citation,
        }));
    }

    pub fn refusal(&mut self, text: String, events: &mut Vec<EventKind>) {
        if !text.is_empty() {
            events.push(EventKind::Refusal { choice: CHOICE, text });
        }
    }

    /// A block of thoughts begins. What it says stands apart from what the one before it said.
    pub fn begin_thought(&mut self) {
        self.another_thought = self.has_thought;
    }

    pub fn reasoning(&mut self, text: String, events: &mut Vec<EventKind>) {
        if text.is_empty() {
            return;
        }
        self.has_thought = true;
        let text = match std::mem::take(&mut self.another_thought) {
            true => [GAP, &text].concat(),
            false => text,
        };
        events.push(EventKind::Reasoning { choice: CHOICE, text });
    }

    /// Opens a call and returns its index.
    pub fn call(&mut self, id: String, name: String, arguments: String, events: &mut Vec<EventKind>) -> u32 {
        let index = self.calls;
        self.calls += 1;
        self.order.call(index);
        events.push(EventKind::ToolCall {
            choice: CHOICE,
            index,
            id: Some(id),
            name: Some(name),
            arguments,
        });
        index
    }

    pub fn arguments(&mut self, index: u32, arguments: String, events: &mut Vec<EventKind>) {
        if !arguments.is_empty() {
            events.push(EventKind::ToolCall {
                choice: CHOICE,
                index,
                id: None,
                name: None,
                arguments,
            });
        }
    }

    /// A call has ended without arguments. Where it is the last of an answer that was cut off, they may have
    /// been to come; else they are an empty object, which whoever ends the answer sees to.
    pub fn no_arguments(&mut self, index: u32) {
        self.without_arguments = Some(index);
    }

    /// Another block begins: the call before it was whole.
    pub fn fill_arguments(&mut self, events: &mut Vec<EventKind>) {
        if let Some(index) = self.without_arguments.take() {
            self.arguments(index, "{}".to_owned(), events);
        }
    }

    /// A thinking block, to be sent back as it is.
    pub fn thought(&mut self, json: String) {
        self.order.thought(json);
    }

    /// The end of the answer: says what of it has to come back.
    pub fn end(&mut self, events: &mut Vec<EventKind>) {
        events.extend(std::mem::take(&mut self.order).finish(CHOICE));
    }

    pub fn block_end(&self, events: &mut Vec<EventKind>) {
        events.push(EventKind::BlockEnd { choice: CHOICE });
    }
}
