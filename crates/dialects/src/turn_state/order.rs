//! How the blocks of a turn followed each other, for providers that want it back so.
//!
//! A chat message holds one text and a list of calls and does not tell which came first. The dialect
//! writes down the order of what it read (as one piece of state), and a later request takes it up again:
//! each thought goes before what it led to, texts go between the calls as they came. What the client left
//! out or changed in the meantime is told, and what then is legal is the dialect's business.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_chat::event::{EventKind, Place, State};

use super::{TurnState, content::TextMark};
use crate::conversation::Assistant;

/// Most bytes that are written down of one turn.
const ORDER_LIMIT: usize = 8 * 1024 * 1024;
/// What a block weighs beside its JSON.
const BLOCK_BYTES: usize = 32;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Block {
    /// A thought in the provider's own JSON.
    Thought(Box<RawValue>),
    Text {
        bytes: usize,
        /// What the provider says of the text, in its own JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frame: Option<Box<RawValue>>,
    },
    /// The call of that index.
    Call(u32),
    /// The image of that index.
    Image(u32),
}

/// The order of a turn while it is read.
#[derive(Debug, Default)]
pub struct OrderWriter {
    blocks: Vec<Block>,
    held: usize,
    has_state: bool,
}

impl OrderWriter {
    /// A thought, as JSON. What is no JSON is left out.
    pub fn thought(&mut self, json: String) {
        let bytes = json.len();
        if let Ok(json) = RawValue::from_string(json) {
            self.has_state = true;
            self.push(Block::Thought(json), bytes);
        }
    }

    /// So many bytes of text. Neighbours without a frame are one.
    pub fn text(&mut self, more: usize) {
        match self.blocks.last_mut() {
            Some(Block::Text { bytes, frame: None }) => *bytes += more,
            _ => self.push(
                Block::Text {
                    bytes: more,
                    frame: None,
                },
                0,
            ),
        }
    }

    /// A text of which the provider says something, as JSON. `counts`: whether that alone is worth keeping.
    pub fn framed_text(&mut self, bytes: usize, frame: String, counts: bool) {
        let length = frame.len();
        let frame = RawValue::from_string(frame).ok();
        self.has_state |= counts;
        self.push(Block::Text { bytes, frame }, length);
    }

    pub fn call(&mut self, index: u32) {
        self.push(Block::Call(index), 0);
    }

    pub fn image(&mut self, index: u32) {
        self.push(Block::Image(index), 0);
    }

    fn push(&mut self, block: Block, bytes: usize) {
        self.held = self.held.saturating_add(bytes + BLOCK_BYTES);
        if self.held <= ORDER_LIMIT {
            self.blocks.push(block);
        }
    }

    /// The order as state of the choice's turn. `None` where a chat message says as much, or where it is longer than
    /// any provider's.
    pub fn finish(self, choice: u32) -> Option<EventKind> {
        let place = |wanted: fn(&Block) -> bool| self.blocks.iter().position(wanted);
        let first_other = place(|block| matches!(block, Block::Call(_) | Block::Image(_)));
        let last_text = self
            .blocks
            .iter()
            .rposition(|block| matches!(block, Block::Text { .. }));
        let has_text_between = first_other.is_some_and(|other| last_text > Some(other));
        if self.held > ORDER_LIMIT || !(self.has_state || has_text_between) {
            return None;
        }
        let json = serde_json::to_string(&self.blocks).ok()?;
        Some(EventKind::State {
            choice,
            state: State {
                place: Place::Order,
                json: json.into(),
            },
        })
    }
}

/// What of an earlier turn comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A thought in the provider's own JSON.
    Thought(String),
    Text {
        /// Bytes of the client's text that belong here.
        bytes: usize,
        /// What the provider says of the text, in its own JSON.
        frame: Option<String>,
        /// Whether this is not what the provider said.
        changed: bool,
    },
    /// The client's call of that place in its list.
    Call(usize),
    /// The client's image of that place among its images.
    Image(usize),
    /// A text or a call that the client left out.
    Gone,
}

/// The order of an earlier turn, as far as the client sent that turn back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    pub steps: Vec<Step>,
    /// Whether the text was changed, so that its parts are no longer where they were.
    pub text_moved: bool,
}

impl Order {
    /// The order that is kept of `turn`; `None` where none is.
    pub fn of(turn: &Assistant<'_>, state: &TurnState) -> Option<Self> {
        let is_order = |piece: &&State| piece.place == Place::Order;
        let piece = state.pieces.iter().find(is_order)?;
        let blocks: Vec<Block> = serde_json::from_str(&piece.json).ok()?;
        let said = turn.text();
        let texts = || {
            blocks.iter().filter_map(|block| match block {
                Block::Text { bytes, .. } => Some(*bytes),
                _ => None,
            })
        };
        let is_same = TextMark::of(&said) == state.said.text && texts().sum::<usize>() == said.len();
        let mut changed_text = Some(said.len()).filter(|bytes| !is_same && *bytes > 0);
        let mut calls = state.places_of_calls(turn);
        let steps = blocks.iter().map(|block| match block {
            Block::Thought(json) => Step::Thought(json.get().to_owned()),
            Block::Text { bytes, frame } if is_same => Step::Text {
                bytes: *bytes,
                frame: frame.as_ref().map(|frame| frame.get().to_owned()),
                changed: false,
            },
            // All of it goes where the first part was.
            Block::Text { frame, .. } => match changed_text.take() {
                None => Step::Gone,
                Some(bytes) => Step::Text {
                    bytes,
                    frame: frame.as_ref().map(|frame| frame.get().to_owned()),
                    changed: true,
                },
            },
            Block::Call(index) => calls.remove(index).map_or(Step::Gone, Step::Call),
            Block::Image(index) => Step::Image(*index as usize),
        });
        Some(Self {
            steps: steps.collect(),
            text_moved: !is_same && !said.is_empty() && texts().count() > 1,
        })
    }

    /// Whether the turn said something when it was made, and the client's says something too.
    pub fn has_text(&self) -> bool {
        self.texts() > 0
    }

    /// How many parts the text has.
    pub fn texts(&self) -> usize {
        let texts = self.steps.iter().filter(|step| matches!(step, Step::Text { .. }));
        texts.count()
    }

    /// The thoughts in their order.
    pub fn thoughts(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Thought(json) => Some(&**json),
            _ => None,
        })
    }
}
