//! The state of a turn: thoughts that the provider gave encrypted and wants back, each before the item
//! that it led to.
//!
//! A thought without that item is a 400 ("provided without its required following item"), and leaving
//! it out never is. So a thought is kept only where its follower comes back too: a function call, or the
//! turn's text. A thought before a hosted tool's call goes, and one at the end of an answer.

use std::collections::BTreeSet;

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    event::EventKind,
    json::quote,
    object::Object,
};

use crate::turn_state::order::OrderWriter;

/// An item of an answer, as far as the state of its turn goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnItem {
    /// The item's JSON: a thought, or a commentary that was told as one.
    Thought(Box<str>),
    Message {
        /// Bytes of its text.
        bytes: usize,
        /// What the message says of itself beside its text, as [`message_frame`] writes it.
        frame: Option<Box<str>>,
    },
    /// The call of that index.
    Call(u32),
    Other,
}

/// The state of a turn of these items. `in_order`: whether their texts came one after the other, so that
/// the client's one text can be taken apart again.
pub fn state(items: Vec<TurnItem>, in_order: bool) -> Option<EventKind> {
    let mut order = OrderWriter::default();
    let mut waiting: Vec<Box<str>> = Vec::new();
    let put = |waiting: &mut Vec<Box<str>>, order: &mut OrderWriter| {
        waiting.drain(..).for_each(|json| order.thought(json.into()));
    };
    // What cannot be taken apart stays one text.
    let mut unordered = texts_of(&items).filter(|_| !in_order);
    for item in items {
        match item {
            TurnItem::Thought(json) => waiting.push(json),
            TurnItem::Call(index) => {
                put(&mut waiting, &mut order);
                order.call(index);
            }
            TurnItem::Message { bytes, frame } if in_order => {
                put(&mut waiting, &mut order);
                match frame {
                    // A name alone is not worth keeping, a phase is.
                    Some(frame) => {
                        let counts = frame.contains("\"phase\"");
                        order.framed_text(bytes, frame.into(), counts);
                    }
                    None => order.text(bytes),
                }
            }
            TurnItem::Message { .. } => {
                waiting.clear();
                unordered.take().into_iter().for_each(|bytes| order.text(bytes));
            }
            TurnItem::Other => waiting.clear(),
        }
    }
    order.finish(0)
}

/// Bytes of all texts; `None` where there are none.
fn texts_of(items: &[TurnItem]) -> Option<usize> {
    let texts = items.iter().filter_map(|item| match item {
        TurnItem::Message { bytes, .. } => Some(*bytes),
        _ => None,
    });
    Some(texts.sum()).filter(|bytes| *bytes > 0)
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
    Some(as_it_is(item))
}

/// An item's JSON without members that are null.
pub fn as_it_is(item: &Object<'_>) -> Box<str> {
    let mut edits = Edits::of(item.text());
    let mut edit = ObjectEdit::of(item);
    for (index, member) in item.members().iter().enumerate() {
        if member.value == "null" {
            edit.remove(index);
        }
    }
    edit.finish(&mut edits);
    edits.finish().into()
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

/// What a message said of itself: its ID and its phase.
pub fn read_frame(frame: &str) -> (Option<String>, Option<String>) {
    let frame = Object::parse(frame).ok();
    let read = |name| frame.as_ref().and_then(|frame| frame.read(name));
    (read("id"), read("phase"))
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
