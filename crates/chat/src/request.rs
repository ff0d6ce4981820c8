//! The client's request: its bytes, and where each member of the body stands.
//!
//! The body is read once and never decoded as a whole; `messages`, `tools` and unknown members stay
//! slices of it. What the members may be is the contract's business (`tollgate-catalog`).

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use bytestring::ByteString;
use thiserror::Error;

use crate::object::{Member, Object, members};

/// Most members of a body; every API's parameters together are fewer.
const MEMBERS_LIMIT: usize = 256;
/// Bytes of a member's name that an error shows.
const SHOWN_NAME: usize = 64;

/// A body that is one JSON object without repeated members.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    body: ByteString,
    members: Vec<(Name, Range<usize>)>,
}

/// A member's name.
#[derive(Debug, Clone)]
enum Name {
    /// As it stands in the body.
    Plain(Range<usize>),
    /// Decoded: it was written with escapes.
    Escaped(Box<str>),
}

/// Why a body is not a request at all.
#[derive(Debug, Error)]
pub enum BodyError {
    #[error("the body is empty; send a JSON object")]
    Empty,
    #[error("the body is not valid UTF-8 (first bad byte at offset {offset})")]
    NotUtf8 { offset: usize },
    #[error("the body is not valid JSON: {0}")]
    Syntax(serde_json::Error),
    #[error("the body must be a JSON object")]
    NotAnObject,
    #[error("the body has more than {MEMBERS_LIMIT} parameters")]
    TooManyMembers,
    #[error("the body names `{0}` twice; send each parameter once")]
    Repeated(String),
}

impl ChatRequest {
    /// Finds the members of `body`.
    pub fn parse(body: Bytes) -> Result<Self, BodyError> {
        let body = ByteString::try_from(body).map_err(|error| BodyError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        let text = body.trim_matches([' ', '\t', '\r', '\n']);
        if text.is_empty() {
            return Err(BodyError::Empty);
        }
        let members = match members(text) {
            Ok(members) => members,
            Err(error) if error.is_data() && text.starts_with('{') => return Err(BodyError::TooManyMembers),
            Err(error) if error.is_data() => return Err(BodyError::NotAnObject),
            Err(error) => return Err(BodyError::Syntax(error)),
        };
        if members.len() > MEMBERS_LIMIT {
            return Err(BodyError::TooManyMembers);
        }
        for (index, member) in members.iter().enumerate() {
            if members[..index].iter().any(|earlier| earlier.name == member.name) {
                let name = &member.name[..member.name.floor_char_boundary(SHOWN_NAME)];
                return Err(BodyError::Repeated(name.to_owned()));
            }
        }
        let start = body.as_ptr() as usize;
        let range_of = |part: &str| {
            let from = part.as_ptr() as usize - start;
            from..from + part.len()
        };
        let members = members
            .into_iter()
            .map(|member| {
                let name = match member.name {
                    Cow::Borrowed(name) => Name::Plain(range_of(name)),
                    Cow::Owned(name) => Name::Escaped(name.into()),
                };
                (name, range_of(member.value))
            })
            .collect();
        Ok(Self { body, members })
    }

    /// The bytes as they came.
    pub fn body(&self) -> &Bytes {
        self.body.as_bytes()
    }

    /// The bytes as text.
    pub fn text(&self) -> &str {
        &self.body
    }

    /// The JSON of the member `name`; `None` where it is absent or null.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.members()
            .find_map(|(key, value)| (key == name && value != "null").then_some(value))
    }

    /// All members in the client's order, nulls included.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|(name, range)| {
            let name = match name {
                Name::Plain(range) => &self.body[range.clone()],
                Name::Escaped(name) => name,
            };
            (name, &self.body[range.clone()])
        })
    }

    /// The body as an object that can be edited.
    pub fn object(&self) -> Object<'_> {
        let text = self.body.trim_matches([' ', '\t', '\r', '\n']);
        let members = self
            .members()
            .map(|(name, value)| Member {
                name: Cow::Borrowed(name),
                value,
            })
            .collect();
        Object::from_members(text, members)
    }
}

#[cfg(test)]
mod tests;
