//! Rewrites JSON Schemas of tools and answers into the part that a provider takes.
//!
//! Schemas come from clients and may be anything: recursive, huge, of any draft. What a provider takes is
//! data, a [`Subset`]; what limits values and cannot be said in it is named in [`Cleaned::lost`]. Members
//! keep their order, since models answer in it. Work and result are bounded.
//!
//! [`clean`] is for what a provider holds answers and arguments to, [`arguments`] for a provider that reads
//! the schema of arguments without being held to it. Not here: which provider takes what (each dialect's
//! `schemas` or `tools`).

mod arguments;
mod keywords;
mod reference;
mod rewrite;
mod tree;
mod types;
mod write;

use thiserror::Error;
use tollgate_chat::json::Json;

use self::rewrite::Rewriter;
pub use self::{
    arguments::{Arguments, arguments},
    tree::walk,
};

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
    /// Values that an enum may have.
    pub values: Values,
    /// Values of `format` that are taken; `None`: any.
    pub formats: Option<&'static [&'static str]>,
    /// Parts of a `pattern` that are not taken.
    pub pattern_lacks: &'static [&'static str],
    /// The largest `minItems` that is taken; `None`: any.
    pub min_items: Option<u64>,
    /// Whether nothing may stand beside `anyOf`.
    pub any_of_alone: bool,
    /// Whether objects have the members that they name and no others.
    pub closed_objects: bool,
    pub losses: Losses,
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

/// Values of an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Strings, but no empty one.
    Strings,
    /// Strings and numbers.
    Numbers,
    /// Whatever is neither a list nor an object.
    Plain,
}

/// What becomes of what cannot be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// It goes. The schema takes more than it did.
    Dropped,
    /// Limits go into descriptions, so that the model still reads them. What is no limit but the form of
    /// what fits (recursion, several schemas at once, objects of any members) makes the schema
    /// [`Unclean::Unsayable`].
    Described,
}

/// A schema within a subset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// As JSON.
    pub schema: String,
    /// Keywords whose limits it no longer has, each once, sorted.
    pub lost: Vec<String>,
}

/// Why a schema cannot be cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unclean {
    #[error("the schema is not a JSON object")]
    NotASchema,
    #[error("the schema is too large for this provider, once its references are followed")]
    TooLarge,
    #[error("the provider has no way to say this schema")]
    Unsayable,
    /// What it stands for is not known here, and without it the schema would be another.
    #[error(
        "the schema refers to `{0}`, which is outside of itself or a name; use references such as `#/$defs/name`"
    )]
    Outside(String),
}

/// Rewrites a schema. Fails for what is none, beyond [`NODES_LIMIT`] and [`SIZE_LIMIT`], for what the
/// subset cannot say without being another schema, and for references to what is not in it.
pub fn clean(schema: &str, subset: &Subset) -> Result<Cleaned, Unclean> {
    let root = Json::parse(schema).map_err(|_| Unclean::NotASchema)?;
    if !matches!(root, Json::Object(_)) {
        return Err(Unclean::NotASchema);
    }
    if subset.losses == Losses::Described && !reference::all_end(&root) {
        return Err(Unclean::Unsayable);
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
