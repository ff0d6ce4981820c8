//! The events of one answer's blocks, whole or in pieces: what calls are numbered, and where in the
//! turn a piece of state stands.

use tollgate_chat::event::{EventKind, Place, State};

/// The only choice: Messages has no `n`.
const CHOICE: u32 = 0;

/// What has been said so far, as far as later events depend on it.
#[derive(Debug, Default)]
pub struct Turn {
    calls: u32,
    text: bool,
}

impl Turn {
    /// Whether some tool was called.
    pub fn called(&self) -> bool {
        self.calls > 0
    }

    pub fn text(&mut self, text: String, events: &mut Vec<EventKind>) {
        if !text.is_empty() {
            self.text = true;
            events.push(EventKind::Text { choice: CHOICE, text });
        }
    }

    pub fn refusal(&mut self, text: String, events: &mut Vec<EventKind>) {
        if !text.is_empty() {
            events.push(EventKind::Refusal { choice: CHOICE, text });
        }
    }

    pub fn reasoning(&mut self, text: String, events: &mut Vec<EventKind>) {
        if !text.is_empty() {
            events.push(EventKind::Reasoning { choice: CHOICE, text });
        }
    }

    /// Opens a call and returns its index.
    pub fn call(&mut self, id: String, name: String, arguments: String, events: &mut Vec<EventKind>) -> u32 {
        let index = self.calls;
        self.calls += 1;
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

    /// A thinking block, to be sent back as it is. It stands before the call that comes next; where
    /// none comes, the request's side puts it before the text.
    pub fn state(&mut self, json: String, events: &mut Vec<EventKind>) {
        let place = match (self.calls, self.text) {
            (0, false) => Place::Start,
            (calls, _) => Place::BeforeCall(calls),
        };
        events.push(EventKind::State {
            choice: CHOICE,
            state: State {
                place,
                json: json.into(),
            },
        });
    }

    pub fn block_end(&self, events: &mut Vec<EventKind>) {
        events.push(EventKind::BlockEnd { choice: CHOICE });
    }
}
