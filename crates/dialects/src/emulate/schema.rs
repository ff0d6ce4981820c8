//! A JSON Schema that the gate itself checks an answer against, since the provider does not.
//!
//! Nothing is fetched, and what a check may cost is known before the request is sent: a client's schema
//! could otherwise keep a core busy for hours, or run out of stack.

mod extent;
mod nullable;

use std::{fmt, sync::Arc};

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use thiserror::Error;

use self::extent::Extent;

/// Longest schema, in bytes of JSON.
const LENGTH_LIMIT: usize = 256 << 10;
/// Most steps back that one pattern may take in one string.
const BACKTRACK_LIMIT: usize = 100_000;
/// Largest compiled pattern, in bytes.
const PATTERN_LIMIT: usize = 1 << 20;
/// Most levels of schema and value together; a level takes about 300 bytes of stack.
const LEVELS_LIMIT: usize = 1_500;

/// A schema that was understood. Two are the same where their texts are.
#[derive(Clone)]
pub struct Schema {
    text: Arc<str>,
    validator: Arc<Validator>,
    extent: Extent,
    root: Root,
    /// Names that the root's `properties` describes; `None` where it has none.
    properties: Option<Arc<[String]>>,
}

/// Kinds of values that a schema's root can take, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    Object,
    Array,
    /// A string or a number too, or the schema does not tell.
    Any,
}

/// Why a schema cannot be checked here, as words after "the schema".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Uncheckable {
    #[error("is longer than {LENGTH_LIMIT} bytes")]
    Long,
    #[error("is no valid JSON Schema: {0}")]
    Invalid(String),
    #[error("refers to something outside of itself or by a name; use references such as `#/$defs/name`")]
    Reference,
    #[error("is nested too deeply, or refers to its own parts too many times")]
    Large,
}

impl Schema {
    /// Reads and compiles a schema. Drafts are told apart by `$schema`; without it 2020-12 is meant.
    /// `format` is a remark here and not checked, as that draft has it. `nullable`, which no draft has, is read as
    /// OpenAPI means it: so do the providers that were asked.
    pub fn compile(text: &str) -> Result<Self, Uncheckable> {
        if text.len() > LENGTH_LIMIT {
            return Err(Uncheckable::Long);
        }
        let schema: Value =
            serde_json::from_str(text).map_err(|error| Uncheckable::Invalid(error.to_string()))?;
        let root = extent::without_references(&schema, &schema);
        let (root, properties) = (root_of(root), names_of_properties(root));
        let schema = nullable::read(schema);
        let extent = extent::of(&schema)?;
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACK_LIMIT)
            .size_limit(PATTERN_LIMIT)
            .dfa_size_limit(PATTERN_LIMIT);
        let validator = jsonschema::options()
            .offline()
            .should_validate_formats(false)
            .with_pattern_options(patterns)
            .build(&schema)
            .map_err(|error| Uncheckable::Invalid(clip(&error.to_string())))?;
        Ok(Self {
            text: text.into(),
            validator: Arc::new(validator),
            extent,
            root,
            properties,
        })
    }

    /// The schema as it was sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn root(&self) -> Root {
        self.root
    }

    /// Whether the root describes its members and has none of that name.
    pub fn knows_no_member(&self, name: &str) -> bool {
        self.properties
            .as_ref()
            .is_some_and(|properties| properties.iter().all(|property| property != name))
    }

    /// Whether `text` is one JSON value that the schema takes. One that is nested too deeply to be
    /// checked counts as not taken.
    pub fn takes(&self, text: &str) -> bool {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return false;
        };
        let levels = if self.extent.recursive { depth(&value) } else { 1 };
        self.extent.depth.saturating_mul(levels) <= LEVELS_LIMIT && self.validator.is_valid(&value)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.text).finish()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schema {}

fn root_of(root: &Value) -> Root {
    match root.get("type").and_then(Value::as_str) {
        Some("object") => Root::Object,
        Some("array") => Root::Array,
        None if root.get("type").is_none() && root.get("properties").is_some() => Root::Object,
        _ => Root::Any,
    }
}

fn names_of_properties(root: &Value) -> Option<Arc<[String]>> {
    let properties = root.get("properties")?.as_object()?;
    Some(properties.keys().cloned().collect())
}

/// Levels of nesting; the JSON reader bounds them.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 1,
    }
}

/// The beginning of a message, which repeats parts of the schema.
fn clip(message: &str) -> String {
    const MESSAGE_LIMIT: usize = 300;
    message[..message.floor_char_boundary(MESSAGE_LIMIT)].to_owned()
}

#[cfg(test)]
mod tests;
