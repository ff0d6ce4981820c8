//! State that belongs to an assistant's turn, that its provider wants back, and that chat clients drop:
//! signatures, encrypted thoughts, the text of thoughts (wire notes, section 15, trap 10).
//!
//! The answer's side gathers it by turn; the gateway keeps it and hands it to the request's side of a
//! later request. It is used where the client sends none, and never in place of what the client sent.

use std::{collections::HashMap, sync::Arc};

use sha2::{Digest, Sha256};
use tollgate_chat::{
    event::{EventKind, Place, State},
    json::quote,
};

use crate::conversation::{Assistant, Source};

/// Most bytes that are kept of one turn. Providers' own are thousands.
const TURN_LIMIT: usize = 8 * 1024 * 1024;

/// By what a turn is known again: one of its calls, or what it said where it called nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TurnKey {
    Call(String),
    /// SHA-256 of text and images.
    Content([u8; 32]),
}

/// The state of one turn, in the order in which it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnState {
    pub pieces: Vec<State>,
}

impl TurnState {
    /// Bytes held, for the bound of a store.
    pub fn held(&self) -> usize {
        let piece = |piece: &State| piece.json.len() + size_of::<State>();
        self.pieces.iter().map(piece).sum()
    }
}

/// States of earlier turns that may go to the provider of this attempt.
pub type TurnStates = HashMap<TurnKey, Arc<TurnState>>;

/// A turn's state, under every key by which it may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTurn {
    pub keys: Vec<TurnKey>,
    pub state: Arc<TurnState>,
}

/// The keys by which to look for the state of an earlier turn: its calls, else its content.
pub fn keys_of(turn: &Assistant<'_>) -> Vec<TurnKey> {
    if !turn.calls.is_empty() {
        let calls = turn.calls.iter();
        return calls.map(|call| TurnKey::Call(call.id.to_string())).collect();
    }
    let mut content = Content::default();
    content.text(&turn.text());
    for image in turn.images() {
        match image {
            Source::Data { media_type, base64 } => {
                content.image(&crate::data_uri::join(media_type, base64));
            }
            Source::Url(url) | Source::Stored(url) => content.image(url),
        }
    }
    content.key().into_iter().collect()
}

/// The state of that turn, where some of its keys is known.
pub fn state_of(turn: &Assistant<'_>, states: &TurnStates) -> Option<Arc<TurnState>> {
    if states.is_empty() {
        return None;
    }
    keys_of(turn).iter().find_map(|key| states.get(key)).cloned()
}

/// Gathers the state of an answer's choices.
#[derive(Debug, Default)]
pub struct TurnCollector {
    turns: HashMap<u32, Turn>,
    /// Whether the text of thoughts is state, for providers that want it back as text.
    thoughts: bool,
}

#[derive(Debug, Default)]
struct Turn {
    calls: Vec<String>,
    content: Content,
    thoughts: String,
    state: TurnState,
    /// Bytes of calls, thoughts and state.
    held: usize,
}

impl TurnCollector {
    /// One that keeps the text of thoughts: a piece `{"reasoning_content": "…"}` at the turn's start.
    pub fn of_thoughts() -> Self {
        Self {
            thoughts: true,
            ..Self::default()
        }
    }

    pub fn take(&mut self, event: &EventKind) {
        match event {
            EventKind::Text { choice, text } => self.turn(*choice).content.text(text),
            EventKind::Image { choice, url } => self.turn(*choice).content.image(url),
            EventKind::ToolCall {
                choice, id: Some(id), ..
            } => {
                if let Some(turn) = self.turn(*choice).with_room(id.len()) {
                    turn.calls.push(id.clone());
                }
            }
            EventKind::Reasoning { choice, text } if self.thoughts => {
                if let Some(turn) = self.turn(*choice).with_room(text.len()) {
                    turn.thoughts.push_str(text);
                }
            }
            EventKind::State { choice, state } => {
                if let Some(turn) = self.turn(*choice).with_room(state.json.len()) {
                    turn.state.pieces.push(state.clone());
                }
            }
            _ => {}
        }
    }

    /// The turns that have state. Nothing is left behind.
    pub fn finish(&mut self) -> Vec<KeptTurn> {
        let turns = std::mem::take(&mut self.turns).into_values();
        turns.filter_map(Turn::keep).collect()
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

    fn keep(mut self) -> Option<KeptTurn> {
        if self.held > TURN_LIMIT {
            return None;
        }
        if !self.thoughts.is_empty() {
            let json = format!("{{\"reasoning_content\":{}}}", quote(&self.thoughts));
            self.state.pieces.push(State {
                place: Place::Start,
                json: json.into(),
            });
        }
        if self.state.pieces.is_empty() {
            return None;
        }
        let keys = match self.calls.is_empty() {
            true => self.content.key().into_iter().collect(),
            false => self.calls.into_iter().map(TurnKey::Call).collect(),
        };
        Some(KeptTurn {
            keys,
            state: Arc::new(self.state),
        })
    }
}

/// A running hash of what a turn says. Pieces of text hash like the whole text.
#[derive(Debug, Default, Clone)]
struct Content {
    text: Sha256,
    images: Sha256,
    says_something: bool,
}

impl Content {
    fn text(&mut self, text: &str) {
        self.text.update(text);
        self.says_something |= !text.is_empty();
    }

    fn image(&mut self, url: &str) {
        self.images.update(Sha256::digest(url));
        self.says_something = true;
    }

    fn key(self) -> Option<TurnKey> {
        if !self.says_something {
            return None;
        }
        let mut both = Sha256::new();
        both.update(self.text.finalize());
        both.update(self.images.finalize());
        Some(TurnKey::Content(both.finalize().into()))
    }
}

#[cfg(test)]
mod tests;
