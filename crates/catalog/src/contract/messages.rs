//! Rules of messages: roles, content, tool calls and their results.
//!
//! No schema can say these, since they hold between messages and depend on what the model reads. One
//! pass over the tree checks them and gathers what later stations need to know ([`MessageTraits`]).
//! An assistant's message is accepted exactly as an answer gave it, and members that nobody knows pass.

mod assistant;
mod parts;
mod turns;

use std::borrow::Cow;

use tollgate_chat::json::Json;

use self::turns::Turns;
use crate::{
    contract::{
        MessageTraits,
        check::value::quoted,
        violation::{Code, Found, Path, Word},
    },
    model::Model,
};

/// Members of an object of the tree.
type Members<'m, 'a> = &'m [(Cow<'a, str>, Json<'a>)];

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    /// The older form of `tool`.
    Function,
}

impl Role {
    /// Roles in the order in which messages name them; the older form is not offered.
    const OFFERED: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "system" => Self::System,
            "developer" => Self::Developer,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            "function" => Self::Function,
            _ => return None,
        })
    }
}

/// Checks the messages one by one and in their order, for a model that reads what its catalogue
/// entry says.
pub(super) fn check(messages: &[Json<'_>], model: &Model, found: &mut Found) -> MessageTraits {
    let mut traits = MessageTraits {
        count: u32::try_from(messages.len()).unwrap_or(u32::MAX),
        ..MessageTraits::default()
    };
    let mut turns = Turns::default();
    let list = Path::Member("messages");
    for (index, message) in messages.iter().enumerate() {
        let at = list.item(index);
        let mut reader = MessageReader {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            model,
            traits: &mut traits,
        };
        reader.read(message, at, &mut turns, found);
    }
    turns.end(found);
    traits
}

struct MessageReader<'a> {
    index: u32,
    model: &'a Model,
    traits: &'a mut MessageTraits,
}

impl MessageReader<'_> {
    fn read<'m>(&mut self, message: &'m Json<'_>, at: Path<'_>, turns: &mut Turns<'m>, found: &mut Found) {
        let Json::Object(members) = message else { return };
        let role = self.role(message, at, found);
        if role != Some(Role::Tool) {
            turns.close(found);
        }
        let Some(role) = role else {
            return;
        };

        self.note_nulls(members, role);
        self.cache_marker(message, at, found);
        if let Some(name) = message.present("name") {
            self.traits.name = true;
            expect_string(name, at.member("name"), found);
        }
        if role != Role::Assistant {
            only_of_an_assistant(message, at, found);
        }
        match role {
            Role::System | Role::Developer => {
                self.traits.developer |= role == Role::Developer;
                self.traits.leading_system |= self.index == 0;
                self.content(message, at, parts::TEXT, found);
            }
            Role::User => {
                self.traits.user = true;
                self.content(message, at, parts::USER, found);
            }
            Role::Assistant => self.assistant(message, members, at, turns, found),
            Role::Tool => {
                self.content(message, at, parts::RESULT, found);
                self.traits.foreign_state |= turns::has_signature(message, "tool_call_id");
                turns.result(message, at, found);
            }
            Role::Function => {
                self.traits.legacy_functions = true;
                require_string(message, "name", at, found);
                if message.present("content").is_some() {
                    self.content(message, at, parts::TEXT, found);
                }
            }
        }
    }

    fn role(&self, message: &Json<'_>, at: Path<'_>, found: &mut Found) -> Option<Role> {
        let offered = || quoted(Role::OFFERED.into_iter());
        match message.present("role") {
            None => found.add(
                at.member("role"),
                Code::MissingRequiredParameter,
                format_args!("is missing; send {}", offered()),
            ),
            Some(Json::String(word)) => match Role::parse(word) {
                Some(role) => return Some(role),
                None => found.add(
                    at.member("role"),
                    Code::InvalidValue,
                    format_args!("must be {}, not {}", offered(), Word(word)),
                ),
            },
            Some(other) => found.add(
                at.member("role"),
                Code::InvalidType,
                format_args!("must be a string, not {}", other.kind()),
            ),
        }
        None
    }

    /// A null where it means something to a provider that does not take nulls. An assistant's content
    /// has a trait of its own.
    fn note_nulls(&mut self, members: Members<'_, '_>, role: Role) {
        self.traits.null_members |= members.iter().any(|(name, value)| match value {
            Json::Null => !(role == Role::Assistant && name == "content"),
            value => has_null_member(value),
        });
    }

    /// Content that must be there: a string, or an array of at least one part.
    fn content(&mut self, message: &Json<'_>, at: Path<'_>, kinds: parts::Kinds, found: &mut Found) {
        match message.present("content") {
            None => found.add(
                at.member("content"),
                Code::MissingRequiredParameter,
                format_args!("is missing; send a string or an array of parts"),
            ),
            Some(Json::Array(parts)) if parts.is_empty() => found.add(
                at.member("content"),
                Code::EmptyArray,
                format_args!("must have at least 1 part"),
            ),
            Some(content) => self.string_or_parts(content, at.member("content"), kinds, found),
        }
    }

    /// `cache_control`: up to here the provider may keep the prompt.
    fn cache_marker(&mut self, holder: &Json<'_>, at: Path<'_>, found: &mut Found) {
        if let Some(marker) = holder.present("cache_control") {
            self.traits.cache_control = true;
            expect_object(marker, at.member("cache_control"), found);
        }
    }

    fn note_provider_file(&mut self) {
        self.traits.provider_file.get_or_insert(self.index);
    }
}

/// Refuses calls in a message of another role: who reads them there would take them for the model's.
fn only_of_an_assistant(message: &Json<'_>, at: Path<'_>, found: &mut Found) {
    if let Some(calls) = message.present("tool_calls")
        && *calls != Json::Array(Vec::new())
    {
        found.add(
            at.member("tool_calls"),
            Code::InvalidValue,
            format_args!("has a place in an assistant's message only"),
        );
    }
}

/// Whether some object at any depth has a member that is null.
fn has_null_member(value: &Json<'_>) -> bool {
    match value {
        Json::Object(members) => members
            .iter()
            .any(|(_, value)| *value == Json::Null || has_null_member(value)),
        Json::Array(items) => items.iter().any(has_null_member),
        _ => false,
    }
}

fn expect_string(value: &Json<'_>, at: Path<'_>, found: &mut Found) {
    if value.as_str().is_none() {
        found.add(
            at,
            Code::InvalidType,
            format_args!("must be a string, not {}", value.kind()),
        );
    }
}

fn expect_object(value: &Json<'_>, at: Path<'_>, found: &mut Found) {
    if !matches!(value, Json::Object(_)) {
        found.add(
            at,
            Code::InvalidType,
            format_args!("must be an object, not {}", value.kind()),
        );
    }
}

/// The member `name` of `object`, which must be a string that is not empty.
fn require_string<'m>(object: &'m Json<'_>, name: &str, at: Path<'_>, found: &mut Found) -> Option<&'m str> {
    match object.present(name) {
        Some(Json::String(text)) if text.is_empty() => {
            found.add(
                at.member(name),
                Code::StringBelowMinLength,
                format_args!("must not be an empty string"),
            );
            None
        }
        Some(Json::String(text)) => Some(text),
        Some(other) => {
            expect_string(other, at.member(name), found);
            None
        }
        None => {
            found.add(
                at.member(name),
                Code::MissingRequiredParameter,
                format_args!("is missing"),
            );
            None
        }
    }
}

/// The member `name` of `object`, which must be an object.
fn require_object<'m, 'a>(
    object: &'m Json<'a>,
    name: &str,
    at: Path<'_>,
    found: &mut Found,
) -> Option<&'m Json<'a>> {
    match object.present(name) {
        Some(inner @ Json::Object(_)) => Some(inner),
        Some(other) => {
            found.add(
                at.member(name),
                Code::InvalidType,
                format_args!("must be an object, not {}", other.kind()),
            );
            None
        }
        None => {
            found.add(
                at.member(name),
                Code::MissingRequiredParameter,
                format_args!("is missing"),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
