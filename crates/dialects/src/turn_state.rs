//! State that belongs to an assistant's turn, that its provider wants back, and that chat clients drop:
//! signatures, encrypted thoughts, the text of thoughts (wire notes, section 15, trap 10).
//!
//! The answer's side gathers it by turn; the gateway keeps it and hands it to the request's side of a
//! later request. It is used where the client sends none, and never in place of what the client sent.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use sha2::{Digest, Sha256};
use tollgate_chat::{
    event::{EventKind, Place, State},
    json::quote,
};

use crate::conversation::{Assistant, Message, PartKind, Source};

/// Most bytes that are kept of one turn. Providers' own are thousands.
const TURN_LIMIT: usize = 8 * 1024 * 1024;

/// By what a turn is known again: one of its calls, or what it said where it called nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TurnKey {
    Call(String),
    /// SHA-256 of text and images.
    Content([u8; 32]),
}

/// What was said right before a turn, as a hash: the user's last message, and the results of tools since.
/// Earlier messages do not count, since clients leave old ones out.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Before([u8; 32]);

impl fmt::Debug for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Before(…)")
    }
}

impl Before {
    /// After these messages.
    pub fn of(messages: &[Message<'_>]) -> Self {
        messages.iter().fold(Self::default(), Self::then)
    }

    /// After one more message.
    pub fn then(self, message: &Message<'_>) -> Self {
        let mut hash = Sha256::new();
        match message {
            Message::System { .. } | Message::Assistant(_) => return self,
            Message::User { .. } => {}
            Message::Tool { .. } => hash.update(self.0),
        }
        for part in message.parts() {
            let (kind, bytes) = match &part.kind {
                PartKind::Text(text) | PartKind::Refusal(text) => (0, text.as_bytes()),
                // Megabytes of media would cost more than they tell.
                PartKind::Image { .. } => (1, &[][..]),
                PartKind::Video { .. } => (2, &[][..]),
                PartKind::Audio { .. } => (3, &[][..]),
                PartKind::File(_) => (4, &[][..]),
            };
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Self(hash.finalize().into())
    }

    /// What a turn of these calls, each a name and arguments, is bound to.
    fn binding<'c>(self, calls: impl Iterator<Item = (&'c str, &'c str)>) -> Binding {
        let mut hash = Sha256::new();
        hash.update(self.0);
        for (name, arguments) in calls {
            // Spaces and order may change on the way through a client.
            let arguments = serde_json::from_str::<serde_json::Value>(arguments)
                .map_or_else(|_| arguments.trim().to_owned(), |value| value.to_string());
            let arguments = if arguments.is_empty() { "{}" } else { &*arguments };
            for said in [name, arguments] {
                hash.update((said.len() as u64).to_le_bytes());
                hash.update(said);
            }
        }
        Binding(hash.finalize().into())
    }
}

/// What a turn's state is bound to beside its key: what was said right before it, and what it called. A
/// call's ID alone would not do: some hosts number calls anew in each conversation, and one API key may
/// serve many people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Binding(pub [u8; 32]);

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
    pub binding: Binding,
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

/// What the state of that turn is bound to.
pub fn binding_of(turn: &Assistant<'_>) -> Binding {
    let calls = turn.calls.iter();
    turn.before
        .binding(calls.map(|call| (&*call.name, &*call.arguments)))
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
    before: Before,
    /// Whether the text of thoughts is state, for providers that want it back as text.
    thoughts: bool,
}

#[derive(Debug, Default)]
struct Turn {
    calls: BTreeMap<u32, SaidCall>,
    content: Content,
    thoughts: String,
    state: TurnState,
    /// Bytes of calls, thoughts and state.
    held: usize,
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
                    turn.state.pieces.push(state.clone());
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

#[derive(Debug, Default)]
struct SaidCall {
    id: String,
    name: String,
    arguments: String,
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
            self.state.pieces.push(State {
                place: Place::Start,
                json: json.into(),
            });
        }
        if self.state.pieces.is_empty() {
            return None;
        }
        let calls = self.calls.values();
        let binding = before.binding(calls.map(|call| (&*call.name, &*call.arguments)));
        let keys = match self.calls.is_empty() {
            true => self.content.key().into_iter().collect(),
            false => self
                .calls
                .into_values()
                .map(|call| TurnKey::Call(call.id))
                .collect(),
        };
        Some(KeptTurn {
            keys,
            binding,
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
