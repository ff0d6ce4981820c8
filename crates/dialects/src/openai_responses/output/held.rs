//! An item of an answer while it is read.

use std::collections::BTreeMap;

use tollgate_chat::event::Citation;

use super::super::{
    item::{ItemKind, Strand},
    said::Said,
    turn::TurnItem,
};

#[derive(Debug)]
pub struct Item {
    pub kind: ItemKind,
    pub id: String,
    /// Of a call; empty for others.
    pub call_id: String,
    /// Of a call, while it waits for its ID.
    pub name: String,
    /// Arguments that came before the call could be announced.
    pub waiting: String,
    /// Place among the client's calls; `None` until name and ID of the call are known.
    pub call: Option<u32>,
    pub said: BTreeMap<(Strand, u64), Said>,
    /// Whether it is a message that is told among the thoughts.
    pub is_thought: bool,
    /// What was put before its text.
    pub gap: &'static str,
    /// Characters of the answer's text before each of this item's, by the text's index.
    pub text_begins: BTreeMap<u64, u64>,
    /// Citations that were passed on.
    pub citations: usize,
    /// Those that were told by themselves, for a host whose items do not tell them again.
    pub added: Vec<Citation>,
    pub ended: bool,
    /// The JSON of a thought or of a message that is told as one, or what a message says beside its text.
    pub state: Option<Box<str>>,
}

impl Item {
    pub fn new(kind: ItemKind, id: String) -> Self {
        Self {
            kind,
            id,
            call_id: String::new(),
            name: String::new(),
            added: Vec::new(),
            waiting: String::new(),
            call: None,
            said: BTreeMap::new(),
            is_thought: false,
            gap: "",
            text_begins: BTreeMap::new(),
            citations: 0,
            ended: false,
            state: None,
        }
    }

    /// What it is to the state of its turn.
    pub fn take_for_turn(&mut self) -> TurnItem {
        match (self.kind, self.call, self.state.take()) {
            (ItemKind::Reasoning, _, Some(json)) => TurnItem::Thought(json),
            (ItemKind::Message, _, Some(json)) if self.is_thought => TurnItem::Thought(json),
            (ItemKind::Message, _, None) if self.is_thought => TurnItem::Other,
            (ItemKind::Message, _, frame) => TurnItem::Message {
                bytes: self.text_bytes(),
                frame,
            },
            (ItemKind::Call, Some(index), _) => TurnItem::Call(index),
            _ => TurnItem::Other,
        }
    }

    /// Bytes of its text that were passed on, with what was put before it.
    fn text_bytes(&self) -> usize {
        let texts = self
            .said
            .iter()
            .filter(|((strand, _), _)| *strand == Strand::Text);
        self.gap.len() + texts.map(|(_, said)| said.len()).sum::<usize>()
    }
}
