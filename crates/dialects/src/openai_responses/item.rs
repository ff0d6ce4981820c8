//! Items of an answer, as they stand in `output` and in the events that tell of one.

use std::borrow::Cow;

use tollgate_chat::object::{Object, items};

use crate::conversation::text;

/// What an item is to a chat client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    Message,
    /// A call of one of the client's functions.
    Call,
    Reasoning,
    /// A call of a tool that takes free text. Chat clients cannot offer one, but some hosts call their
    /// own search so.
    CustomCall,
    /// A tool that runs at the provider, its result, or anything else that is no output.
    Hosted,
}

impl ItemKind {
    /// Reads an item's `type`.
    pub fn of(item: &Object<'_>) -> Self {
        match text(item, "type").as_deref() {
            Some("message") => Self::Message,
            Some("function_call") => Self::Call,
            Some("reasoning") => Self::Reasoning,
            Some("custom_tool_call") => Self::CustomCall,
            _ => Self::Hosted,
        }
    }
}

/// A strand of an item's text: each comes in pieces of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strand {
    Text,
    Refusal,
    /// A summary of thoughts.
    Summary,
    /// Thoughts themselves.
    Thought,
    Arguments,
}

/// A part of an item, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemPart<'a> {
    pub strand: Strand,
    /// As the host counts it in events; in an item, which one of the strand it is, empty ones left out.
    pub index: u64,
    pub text: Cow<'a, str>,
    /// Log probabilities, as the provider's JSON.
    pub logprobs: Option<&'a str>,
    /// What the text goes back to, as the provider's JSON, where the part is told whole.
    pub annotations: Option<&'a str>,
}

/// Everything that an item says, in its order.
pub fn parts<'a>(item: &Object<'a>) -> Vec<ItemPart<'a>> {
    match ItemKind::of(item) {
        ItemKind::Message => list(item, "content"),
        ItemKind::Reasoning => [list(item, "summary"), list(item, "content")].concat(),
        ItemKind::Call => arguments(item).into_iter().collect(),
        ItemKind::CustomCall | ItemKind::Hosted => Vec::new(),
    }
}

/// The arguments of a call, or of the event that tells them.
pub fn arguments<'a>(object: &Object<'a>) -> Option<ItemPart<'a>> {
    Some(ItemPart {
        strand: Strand::Arguments,
        index: 0,
        text: arguments_text(object, "arguments")?,
        logprobs: None,
        annotations: None,
    })
}

/// Arguments, or a piece of them. Some hosts send the object itself, not its text.
pub fn arguments_text<'a>(object: &Object<'a>, name: &str) -> Option<Cow<'a, str>> {
    match object.present(name)? {
        json if json.starts_with('{') => Some(Cow::Borrowed(json)),
        _ => text(object, name),
    }
}

/// A part of a message or a thought. `None` where it says nothing that a client can be told.
pub fn part<'a>(part: &Object<'a>, index: u64) -> Option<ItemPart<'a>> {
    let (strand, name) = match &*text(part, "type")? {
        "output_text" | "text" => (Strand::Text, "text"),
        "refusal" => (Strand::Refusal, "refusal"),
        "summary_text" => (Strand::Summary, "text"),
        "reasoning_text" => (Strand::Thought, "text"),
        _ => return None,
    };
    Some(ItemPart {
        strand,
        index,
        text: text(part, name)?,
        logprobs: part.present("logprobs"),
        annotations: part.present("annotations"),
    })
}

fn list<'a>(item: &Object<'a>, name: &str) -> Vec<ItemPart<'a>> {
    let mut list: Vec<ItemPart<'a>> = Vec::new();
    for json in items(item.present(name).unwrap_or_default()).unwrap_or_default() {
        let part = Object::parse(json).ok().and_then(|object| part(&object, 0));
        let Some(mut part) = part.filter(|part| !part.text.is_empty()) else {
            continue;
        };
        part.index = list
            .iter()
            .filter(|earlier| earlier.strand == part.strand)
            .count() as u64;
        list.push(part);
    }
    list
}
