//! Gathers the state of an answer's turns from its events.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tollgate_chat::{
    event::{EventKind, Place, State},
    json::quote,
};

use super::{Before, KeptTurn, Said, TurnKey, TurnState, content::Content};

/// Most bytes that are kept of one turn. Providers' own are thousands.
const TURN_LIMIT: usize = 8 * 1024 * 1024;

/// Gathers the state of an answer's choices, each of which is a turn of its own.
#[derive(Debug, Default)]
pub struct TurnCollector {
    turns: HashMap<u32, Turn>,
    before: Before,
    /// Whether the text of thoughts is state, for providers that want it back as text.
    thoughts: bool,
}

#[derive(Debug, Default)]
struct Turn {
    calls: BTreeMap<u32, SaidCall>,
    content: Content,
    thoughts: String,
    pieces: Vec<State>,
    /// Bytes of calls, thoughts and state.
    held: usize,
}

#[derive(Debug, Default)]
struct SaidCall {
    id: String,
    name: String,
    arguments: String,
}

impl TurnCollector {
    /// For an answer to what was said `before`.
    pub fn new(before: Before) -> Self {
        Self {
            before,
            ..Self::default()
        }
    }

    /// One that keeps the text of thoughts: a piece `{"reasoning_content": "…"}` at the turn's start.
    pub fn of_thoughts(before: Before) -> Self {
        Self {
            thoughts: true,
            ..Self::new(before)
        }
    }

    pub fn take(&mut self, event: &EventKind) {
        match event {
            EventKind::Text { choice, text } => self.turn(*choice).content.text(text),
            EventKind::Image { choice, url } => self.turn(*choice).content.image(url),
            EventKind::ToolCall {
                choice,
                index,
                id,
                name,
                arguments,
            } => {
                let bytes = [id, name].into_iter().flatten().map(String::len).sum::<usize>();
                if let Some(turn) = self.turn(*choice).with_room(bytes + arguments.len()) {
                    let call = turn.calls.entry(*index).or_default();
                    id.iter().for_each(|id| call.id.clone_from(id));
                    name.iter().for_each(|name| call.name.clone_from(name));
                    call.arguments.push_str(arguments);
                }
            }
            EventKind::Reasoning { choice, text } if self.thoughts => {
                if let Some(turn) = self.turn(*choice).with_room(text.len()) {
                    turn.thoughts.push_str(text);
                }
            }
            EventKind::State { choice, state } => {
                if let Some(turn) = self.turn(*choice).with_room(state.json.len()) {
                    turn.pieces.push(state.clone());
                }
            }
            _ => {}
        }
    }

    /// The turns that have state. Nothing is left behind.
    pub fn finish(&mut self) -> Vec<KeptTurn> {
        let turns = std::mem::take(&mut self.turns).into_values();
        turns.filter_map(|turn| turn.keep(self.before)).collect()
    }

    fn turn(&mut self, choice: u32) -> &mut Turn {
        self.turns.entry(choice).or_default()
    }
}

impl Turn {
    /// The turn, unless more bytes are more than is kept of one: then nothing of it is.
    fn with_room(&mut self, bytes: usize) -> Option<&mut Self> {
        self.held = self.held.saturating_add(bytes);
        (self.held <= TURN_LIMIT).then_some(self)
    }

    fn keep(mut self, before: Before) -> Option<KeptTurn> {
        if self.held > TURN_LIMIT {
            return None;
        }
        if !self.thoughts.is_empty() {
            let json = format!("{{\"reasoning_content\":{}}}", quote(&self.thoughts));
            self.pieces.push(State {
                place: Place::Start,
                json: json.into(),
            });
        }
        if self.pieces.is_empty() {
            return None;
        }
        let said = Said {
            text: self.content.text_mark(),
            calls: (self.calls.iter())
                .map(|(index, call)| (*index, call.id.as_str().into()))
                .collect(),
        };
        let keys = match self.calls.is_empty() {
            true => {
                let key = self.content.key().into_iter();
                key.map(|key| (key, before.binding())).collect()
            }
            false => {
                let calls = self.calls.into_values();
                calls
                    .map(|call| {
                        let binding = before.binding_of_call(&call.id, &call.name, &call.arguments);
                        (TurnKey::Call(call.id), binding)
                    })
                    .collect()
            }
        };
        Some(KeptTurn {
            keys,
            state: Arc::new(TurnState {
                pieces: self.pieces,
                said,
            }),
        })
    }
}
