//! The state of a turn: thoughts that the provider gave encrypted and wants back, each before the item
//! that it led to.
//!
//! A thought without that item is a 400 ("provided without its required following item"), and leaving
//! it out never is. So a thought is kept only where its follower comes back too: a function call, or the
//! turn's text. A thought before a hosted tool's call goes, and one at the end of an answer.

use std::collections::BTreeSet;

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    event::{Place, State},
    json::quote,
    object::Object,
};

/// An item of an answer, as far as the state of its turn goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnItem {
    /// The item's JSON.
    Thought(Box<str>),
    /// What the message says of itself beside its text, as [`message_frame`] writes it.
    Message(Option<Box<str>>),
    /// The call of that index.
    Call(u32),
    Other,
}

/// The state of a turn of these items.
pub fn states(items: &[TurnItem]) -> Vec<State> {
    let messages = items.iter().filter(|item| matches!(item, TurnItem::Message(_)));
    // Several messages are one text to a chat client, and nobody can tell them apart again.
    let has_one_message = messages.count() == 1;
    let mut states = Vec::new();
    let mut waiting: Vec<Box<str>> = Vec::new();
    for item in items {
        match item {
            TurnItem::Thought(json) => waiting.push(json.clone()),
            TurnItem::Call(index) => place(&mut waiting, Place::BeforeCall(*index), &mut states),
            TurnItem::Message(frame) if has_one_message => {
                place(&mut waiting, Place::Start, &mut states);
                states.extend(frame.clone().map(|json| State {
                    place: Place::OnText,
                    json,
                }));
            }
            TurnItem::Message(_) | TurnItem::Other => waiting.clear(),
        }
    }
    // A frame alone is worth keeping only for its phase.
    let has_thoughts = states.iter().any(|state| state.place != Place::OnText);
    states.retain(|state| has_thoughts || state.json.contains("\"phase\""));
    states
}

fn place(waiting: &mut Vec<Box<str>>, place: Place, states: &mut Vec<State>) {
    states.extend(waiting.drain(..).map(|json| State { place, json }));
}

/// A thought's JSON as it goes back: what the provider sent, without members that are null, which it
/// refuses (`status`). `None` where it could not be read again: nothing is stored at the provider, so
/// its ID alone says nothing.
pub fn thought(item: &Object<'_>) -> Option<Box<str>> {
    let says_something = |name: &str| {
        item.present(name)
            .is_some_and(|value| !matches!(value, "\"\"" | "[]"))
    };
    if !says_something("encrypted_content") && !says_something("content") {
        return None;
    }
    let mut edits = Edits::of(item.text());
    let mut edit = ObjectEdit::of(item);
    for (index, member) in item.members().iter().enumerate() {
        if member.value == "null" {
            edit.remove(index);
        }
    }
    edit.finish(&mut edits);
    Some(edits.finish().into())
}

/// What of a message is kept beside its text: its ID, by which a thought knows its follower, and its
/// phase, which newer models want back.
pub fn message_frame(item: &Object<'_>) -> Option<Box<str>> {
    let members = ["id", "phase"].into_iter().filter_map(|name| {
        let value = item.read::<String>(name)?;
        Some(format!("\"{name}\":{}", quote(&value)))
    });
    let members: Vec<String> = members.collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")).into())
}

/// The state of an earlier turn, sorted by where it goes.
#[derive(Debug, Default)]
pub struct EarlierTurn<'a> {
    /// Thoughts before the text.
    pub before_text: Vec<&'a str>,
    pub message_id: Option<String>,
    pub phase: Option<String>,
    /// Thoughts before a call, by its index.
    pub before_calls: Vec<(u32, &'a str)>,
}

impl<'a> EarlierTurn<'a> {
    /// Sorts the pieces. What belongs to no text and no call of the turn is left out.
    pub fn sort(pieces: &'a [State], has_text: bool, calls: usize) -> Self {
        let mut turn = Self::default();
        for piece in pieces {
            match piece.place {
                Place::Start if has_text => turn.before_text.push(&piece.json),
                Place::OnText if has_text => {
                    let frame = Object::parse(&piece.json).ok();
                    let read = |name| frame.as_ref().and_then(|frame| frame.read(name));
                    (turn.message_id, turn.phase) = (read("id"), read("phase"));
                }
                Place::BeforeCall(index) if (index as usize) < calls => {
                    turn.before_calls.push((index, &piece.json));
                }
                _ => {}
            }
        }
        // A message that is named wants its thought, and a thought its message.
        if turn.before_text.is_empty() || turn.message_id.is_none() {
            turn.before_text.clear();
            turn.message_id = None;
        }
        turn
    }

    pub fn before_call(&self, call: usize) -> impl Iterator<Item = &'a str> {
        let thoughts = self.before_calls.iter();
        thoughts
            .filter(move |(index, _)| *index as usize == call)
            .map(|(_, json)| *json)
    }
}

/// The format that clients' `reasoning_details` name for thoughts of this protocol.
const FORMAT: &str = "openai-responses-v1";

/// Thoughts that a client sent back as `reasoning_details`, as items: a summary and an encrypted part of
/// one ID are one. Those of other formats are another provider's, and left out.
pub fn thoughts_of_details(details: &[&str]) -> Vec<String> {
    let mut thoughts: Vec<Detail> = Vec::new();
    for detail in details.iter().filter_map(|json| Object::parse(json).ok()) {
        let read = |name| detail.read::<String>(name);
        let id = read("id").unwrap_or_default();
        let is_ours = match read("format") {
            Some(format) => format == FORMAT,
            None => id.starts_with("rs_"),
        };
        if !is_ours || id.is_empty() {
            continue;
        }
        let at = thoughts.iter().position(|thought| thought.id == id);
        let at = at.unwrap_or_else(|| {
            thoughts.push(Detail {
                id,
                ..Detail::default()
            });
            thoughts.len() - 1
        });
        match read("type").as_deref() {
            Some("reasoning.encrypted") => thoughts[at].encrypted = read("data"),
            Some("reasoning.summary") => thoughts[at].summary.extend(read("summary")),
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    let encrypted = thoughts
        .into_iter()
        .filter(|thought| seen.insert(thought.encrypted.clone()));
    encrypted.filter_map(|thought| thought.to_item()).collect()
}

#[derive(Debug, Default)]
struct Detail {
    id: String,
    encrypted: Option<String>,
    summary: Vec<String>,
}

impl Detail {
    fn to_item(&self) -> Option<String> {
        let encrypted = self
            .encrypted
            .as_deref()
            .filter(|encrypted| !encrypted.is_empty())?;
        let summary = self.summary.iter();
        let summary: Vec<String> = summary
            .map(|text| format!("{{\"type\":\"summary_text\",\"text\":{}}}", quote(text)))
            .collect();
        Some(format!(
            "{{\"type\":\"reasoning\",\"id\":{},\"summary\":[{}],\"encrypted_content\":{}}}",
            quote(&self.id),
            summary.join(","),
            quote(encrypted),
        ))
    }
}
