//! Rewrites JSON Schemas of tools and answers into the part that a provider takes.
//!
//! Schemas come from clients and may be anything: recursive, huge, of any draft. What a provider takes is
//! a [`Subset`]; what constrains values and cannot be said in it is named in [`Cleaned::lost`]. Members
//! keep their order, since models answer in it. Work and result are bounded.
//!
//! Not here: which provider takes what (each dialect's `tools`).

mod keywords;
mod reference;
mod rewrite;
mod types;
mod write;

use thiserror::Error;
use tollgate_chat::json::Json;

use self::rewrite::Rewriter;

/// Most schemas, members and values that one cleaned schema may have, inlined ones counted each time.
pub const NODES_LIMIT: usize = 50_000;
/// Most bytes of a cleaned schema.
pub const SIZE_LIMIT: usize = 1 << 20;
/// Deepest nesting of a cleaned schema; what lies deeper becomes a bare type.
pub const DEPTH_LIMIT: usize = 48;

/// What a provider takes of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subset {
    /// The keywords that are taken.
    pub keywords: &'static [&'static str],
    pub references: References,
    /// Whether `type` may be a list; else `null` in it becomes `nullable`, and several types `anyOf`.
    pub type_lists: bool,
    /// Whether enums of anything but strings are taken.
    pub enums_of_numbers: bool,
    /// Values of `format` that are taken; `None`: any.
    pub formats: Option<&'static [&'static str]>,
    /// Whether nothing may stand beside `anyOf`.
    pub any_of_alone: bool,
    /// Whether each object has to say `additionalProperties: false`.
    pub closed_objects: bool,
}

/// What becomes of `$ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum References {
    /// Those to the root and to its definitions stay, the latter under `$defs`.
    Kept {
        /// Whether nothing may stand beside a reference.
        alone: bool,
    },
    /// Each is replaced by what it stands for; a recursive one, once inside itself, by a bare type.
    Inlined,
}

/// A schema within a subset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// As JSON.
    pub schema: String,
    /// Keywords whose constraints it no longer has, each once, sorted.
    pub lost: Vec<String>,
}

/// Why a schema cannot be cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unclean {
    #[error("the schema is not a JSON object")]
    NotASchema,
    #[error("the schema is too large for this provider, once its references are followed")]
    TooLarge,
}

/// Rewrites a schema. Fails for what is none, and beyond [`NODES_LIMIT`] and [`SIZE_LIMIT`].
pub fn clean(schema: &str, subset: &Subset) -> Result<Cleaned, Unclean> {
    let root = Json::parse(schema).map_err(|_| Unclean::NotASchema)?;
    if !matches!(root, Json::Object(_)) {
        return Err(Unclean::NotASchema);
    }
    let mut rewriter = Rewriter::new(&root, subset);
    let cleaned = rewriter.root()?;
    Ok(Cleaned {
        schema: write::to_text(&cleaned, SIZE_LIMIT).ok_or(Unclean::TooLarge)?,
        lost: rewriter.into_lost(),
    })
}

#[cfg(test)]
mod tests;
