//! A JSON object taken apart into its members, each a slice of the text.
//!
//! This is how the raw path looks at JSON: what nobody edits is never decoded, and every slice
//! still knows where it stood (`edit`).

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{json::Name, scan};

/// Most members of an object; more is no API's answer or request, but somebody's attack.
pub const MEMBERS_LIMIT: usize = 1_024;

/// An object and its members, in their order.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

/// A member: its name decoded, its value as it stands, without surrounding white space.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    pub name: Cow<'a, str>,
    pub value: &'a str,
}

impl<'a> Object<'a> {
    /// Takes `text` apart. Fails where it is not one whole JSON object.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let members = members(text)?;
        Ok(Self { text, members })
    }

    /// Like [`Object::parse`], for a value out of an object or array that was taken apart before: what
    /// was checked then is not checked again.
    pub fn parse_member(text: &'a str) -> Result<Self, serde_json::Error> {
        match scan::members(text, true) {
            Some(members) => Ok(Self { text, members }),
            None => Self::parse(text),
        }
    }

    /// Puts an object together from members that were found before. Each value must be a slice
    /// of `text`.
    pub(crate) fn from_members(text: &'a str, members: Vec<Member<'a>>) -> Self {
        Self { text, members }
    }

    /// The object's own text, from brace to brace.
    pub fn text(&self) -> &'a str {
        self.text
    }

    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// Index of the member `name`; the last of a repeated one.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.members.iter().rposition(|member| member.name == name)
    }

    /// Value of the member `name`, null included.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.position(name).map(|index| self.members[index].value)
    }

    /// Value of the member `name` unless it is null.
    pub fn present(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|value| *value != "null")
    }

    /// Reads the member `name` as `T`; `None` where it is absent, null or of another kind.
    pub fn read<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        self.present(name)
            .and_then(|value| serde_json::from_str(value).ok())
    }
}

/// Takes an array apart into the texts of its items. Fails where `text` is not one whole array.
pub fn items(text: &str) -> Result<Vec<&str>, serde_json::Error> {
    if let Some(items) = scan::items(text, false) {
        return Ok(items);
    }
    let raw: Vec<&RawValue> = serde_json::from_str(text)?;
    Ok(raw.into_iter().map(RawValue::get).collect())
}

/// Like [`items`], for a value out of an object or array that was taken apart before.
pub fn member_items(text: &str) -> Result<Vec<&str>, serde_json::Error> {
    scan::items(text, true).map_or_else(|| items(text), Ok)
}

/// Takes an object apart into its members. Fails where `text` is not one whole object of at most
/// [`MEMBERS_LIMIT`] members.
pub(crate) fn members(text: &str) -> Result<Vec<Member<'_>>, serde_json::Error> {
    scan::members(text, false).map_or_else(|| serde_json::from_str(text).map(|Members(members)| members), Ok)
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(12);
                while let Some((Name(name), value)) = access.next_entry::<Name<'de>, &'de RawValue>()? {
                    if members.len() == MEMBERS_LIMIT {
                        return Err(serde::de::Error::custom("an object has too many members"));
                    }
                    members.push(Member {
                        name,
                        value: value.get(),
                    });
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}
