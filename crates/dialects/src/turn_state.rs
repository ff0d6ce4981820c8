//! State that belongs to an assistant's turn, that its provider wants back, and that chat clients drop:
//! signatures, encrypted thoughts, the text of thoughts (wire notes, section 15, trap 10).
//!
//! The answer's side gathers it by turn; the gateway keeps it and hands it to the request's side of a
//! later request. It is used where the client sends none, and never in place of what the client sent.

mod binding;
mod collector;
mod content;
pub mod order;
mod written;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use tollgate_chat::event::State;

use self::content::{Content, TextMark};
use crate::conversation::{Assistant, Message};

pub use binding::{Before, Binding};
pub use collector::TurnCollector;

/// By what a turn is known again: one of its calls, or what it said where it called nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TurnKey {
    Call(String),
    /// SHA-256 of text and images.
    Content([u8; 32]),
}

/// The state of one turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnState {
    /// In the order in which they came.
    pub pieces: Vec<State>,
    said: Said,
}

/// What the client was told in that turn, so far as it places the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Said {
    text: TextMark,
    /// The client's IDs of calls, by index.
    calls: Vec<(u32, Box<str>)>,
}

impl TurnState {
    /// State of a turn of which nothing else is known.
    pub fn of(pieces: Vec<State>) -> Self {
        Self {
            pieces,
            ..Self::default()
        }
    }

    /// Where the client has the calls of that turn in its list, by the index under which they were made. One
    /// that it left out is missing, as is one of its own.
    pub fn places_of_calls(&self, turn: &Assistant<'_>) -> BTreeMap<u32, usize> {
        if self.said.calls.is_empty() {
            // Nothing is known but the indexes.
            return (0..).zip(0..turn.calls.len()).collect();
        }
        let mut taken = vec![false; turn.calls.len()];
        let mut places = BTreeMap::new();
        for (index, id) in &self.said.calls {
            let mut calls = turn.calls.iter().zip(&taken);
            if let Some(place) = calls.position(|(call, taken)| !taken && *call.id == **id) {
                taken[place] = true;
                places.insert(*index, place);
            }
        }
        places
    }

    /// Bytes held, for the bound of a store.
    pub fn held(&self) -> usize {
        let piece = |piece: &State| piece.json.len() + size_of::<State>();
        let call = |(_, id): &(u32, Box<str>)| id.len() + size_of::<(u32, Box<str>)>();
        self.pieces.iter().map(piece).sum::<usize>() + self.said.calls.iter().map(call).sum::<usize>()
    }
}

/// A turn's state, under every key by which it may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTurn {
    pub keys: Vec<(TurnKey, Binding)>,
    pub state: Arc<TurnState>,
}

/// States of a conversation's earlier turns that may go to the provider of this attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnStates {
    /// By the message's index in the client's list.
    turns: HashMap<usize, Arc<TurnState>>,
    refused: bool,
}

impl TurnStates {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The provider has refused the state of this conversation: none goes back, not even what the client
    /// sent, and the dialect does what its provider allows without.
    pub fn refused() -> Self {
        Self {
            refused: true,
            ..Self::default()
        }
    }

    /// Whether the provider has refused the state of this conversation.
    pub fn are_refused(&self) -> bool {
        self.refused
    }

    /// What `find` knows of the turns in `messages`. Where two turns have the same key with the same
    /// binding nobody can tell them apart, and what is kept is the later one's.
    pub fn found(
        messages: &[Message<'_>],
        mut find: impl FnMut(&TurnKey, Binding) -> Option<Arc<TurnState>>,
    ) -> Self {
        let mut states = Self::default();
        let mut seen = HashSet::new();
        for message in messages.iter().rev() {
            let Message::Assistant(turn) = message else {
                continue;
            };
            for (key, binding) in keys_of(turn) {
                let known = find(&key, binding);
                let is_new = seen.insert((key, binding));
                if let Some(state) = known.filter(|_| is_new) {
                    states.turns.entry(turn.at).or_insert(state);
                }
            }
        }
        states
    }

    /// The state of that turn, where it is known.
    pub fn of(&self, turn: &Assistant<'_>) -> Option<&TurnState> {
        self.turns.get(&turn.at).map(|state| &**state)
    }

    /// How many turns' states are known.
    pub fn len(&self) -> usize {
        self.turns.len()
    }

    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

impl FromIterator<(usize, Arc<TurnState>)> for TurnStates {
    /// Each by its message's index in the client's list.
    fn from_iter<T: IntoIterator<Item = (usize, Arc<TurnState>)>>(turns: T) -> Self {
        Self {
            turns: turns.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// The keys by which to look for the state of an earlier turn: its calls, else its content.
fn keys_of(turn: &Assistant<'_>) -> Vec<(TurnKey, Binding)> {
    if turn.calls.is_empty() {
        let key = Content::of(turn).key().into_iter();
        return key.map(|key| (key, turn.before.binding())).collect();
    }
    let calls = turn.calls.iter().map(|call| {
        let binding = turn.before.binding_of_call(&call.id, &call.name, &call.arguments);
        (TurnKey::Call(call.id.to_string()), binding)
    });
    calls.collect()
}

#[cfg(test)]
mod tests;
