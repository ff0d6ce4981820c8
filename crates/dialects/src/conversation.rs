//! The client's messages and tools as values, for dialects whose requests look otherwise.
//!
//! Reads what validation has let pass (`tollgate_catalog::contract`), borrows all it can, and decides
//! nothing: what becomes of a part is the business of the dialect. Members that nobody knows are left
//! out here.

mod assistant;
mod file_type;
mod parts;
mod tools;

use std::borrow::Cow;

use tollgate_chat::{
    json::Json,
    object::{Object, items},
    surrogates,
};

use crate::{request::Note, turn_state::Before};

pub use assistant::{Assistant, Call, without_signature};
pub use file_type::OF_NO_TYPE;
pub use parts::{File, Part, PartKind, Source, Spot};
pub use tools::{Tool, tools};

/// A message, and its index in the client's list, for errors.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// Role `system` or `developer`.
    System {
        at: usize,
        developer: bool,
        parts: Vec<Part<'a>>,
    },
    User {
        at: usize,
        parts: Vec<Part<'a>>,
    },
    Assistant(Assistant<'a>),
    /// The result of the call with that ID.
    Tool {
        at: usize,
        call_id: Cow<'a, str>,
        parts: Vec<Part<'a>>,
    },
}

impl<'a> Message<'a> {
    pub fn parts(&self) -> &[Part<'a>] {
        match self {
            Self::System { parts, .. } | Self::User { parts, .. } | Self::Tool { parts, .. } => parts,
            Self::Assistant(assistant) => &assistant.parts,
        }
    }
}

/// Reads the member `messages`. Messages of the kind before tools are left out: [`crate::encode`] refuses
/// them before ([`legacy_function`]).
pub fn messages(json: &str) -> Vec<Message<'_>> {
    let mut before = Before::default();
    let mut messages = Vec::new();
    for (at, message) in items(json).unwrap_or_default().into_iter().enumerate() {
        let message = Object::parse(message).ok();
        if let Some(message) = message.and_then(|message| read(at, before, &message)) {
            before = before.then(&message);
            messages.push(message);
        }
    }
    messages
}

fn read<'a>(at: usize, before: Before, message: &Object<'a>) -> Option<Message<'a>> {
    let parts = || parts::read(message);
    Some(match &*text(message, "role")? {
        role @ ("system" | "developer") => Message::System {
            at,
            developer: role == "developer",
            parts: parts(),
        },
        "user" => Message::User { at, parts: parts() },
        "assistant" => Message::Assistant(assistant::read(at, before, message)),
        "tool" => Message::Tool {
            at,
            call_id: assistant::without_signature(text(message, "tool_call_id")?).0,
            parts: parts(),
        },
        _ => return None,
    })
}

/// The path of the first thing in `messages` that is of the kind before tools: role `function`, or
/// `function_call`.
pub fn legacy_function(messages: &str) -> Option<String> {
    let messages = items(messages).unwrap_or_default().into_iter().enumerate();
    messages
        .filter_map(|(at, message)| Some((at, Object::parse(message).ok()?)))
        .find_map(|(at, message)| {
            let member = match message.present("function_call") {
                Some(_) => "function_call",
                None if text(&message, "role").as_deref() == Some("function") => "role",
                None => return None,
            };
            Some(format!("messages[{at}].{member}"))
        })
}

/// What becomes of answers that were spoken where the provider takes no sound of the model's: their words are
/// text, where all of them have some.
pub fn note_of_speech(messages: &str) -> Option<Note> {
    let list = items(messages).unwrap_or_default();
    let spoken = list.iter().filter_map(|message| Object::parse(message).ok());
    let mut spoken = spoken
        .filter(|message| message.present("audio").is_some())
        .peekable();
    spoken.peek()?;
    let name = "messages.audio".to_owned();
    Some(
        match spoken.all(|message| assistant::spoken(&message).is_some()) {
            true => Note::Moved(name),
            false => Note::Omitted(name),
        },
    )
}

/// The string `name` of an object; `None` where it is absent, null or of another kind. Borrows unless
/// the string has escapes; those of half a character become U+FFFD.
pub fn text<'a>(object: &Object<'a>, name: &str) -> Option<Cow<'a, str>> {
    let json = object.present(name)?;
    match Json::parse(json) {
        Ok(Json::String(text)) => Some(text),
        Ok(_) => None,
        Err(_) => serde_json::from_str(&surrogates::mended(json))
            .ok()
            .map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests;
