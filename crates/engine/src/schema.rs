//! A client's JSON Schema as rules of a grammar that a small model comes to the end of.
//!
//! Every answer that the rules allow fits the schema; not every answer that fits is allowed. Where the
//! schema leaves a length, a number of members or a depth open, there is a bound, since a small model goes
//! on without end. Schemas that hold together (`allOf`, `$ref` with neighbours, a branch of `anyOf` with what
//! stands around it) are kept as a list of fragments, all of which a value has to fit; what the list says
//! of a member or an item is a list again. So nothing is ever merged, and each keyword keeps its place for
//! whoever has to be told that it cannot be followed.
//! Not here: how rules are written for the library (`form`).

use serde_json::{Value, json};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

pub(crate) use rules::{Part, Rule};

use fragment::{Fragment, Trouble};
use write::{Room, Writer};

use crate::effort::Effort;

mod alternatives;
mod array;
mod disjoint;
mod extent;
mod fits;
mod fragment;
mod kinds;
mod literal;
mod number;
mod object;
mod open_keys;
mod reference;
mod rules;
mod text;
mod write;

/// A JSON Schema that can be followed, ready for a grammar. A clone is cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonForm {
    pub(crate) rules: Arc<[Rule]>,
    /// The rule of the whole value.
    pub(crate) start: usize,
}

/// The keyword for which a schema cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{keyword}` at `{place}` {reason}")]
pub struct Unfollowable {
    pub keyword: String,
    /// JSON Pointer of the schema that it stands in; `/` is the whole.
    pub place: String,
    /// Completes the sentence "the keyword ...".
    pub reason: String,
}

/// How often a value may stand within one of its own kind, tried in this order until something fits.
const LEVELS: [u8; 3] = [2, 5, 12];

const TOO_MUCH_WORK: &str = "is more work to follow than a request may ask for; fewer branches, references, \
                             patterns or values that hold together would be less";

static OBJECT: LazyLock<Value> = LazyLock::new(|| json!({"type": "object"}));

impl JsonForm {
    /// Reads the schema of any value (draft 2020-12, and what older drafts wrote differently).
    ///
    /// Fails for what cannot be kept to, for a schema that nothing fits, and for one that is more work than is left.
    pub fn of(schema: &Value, effort: &Effort<'_>) -> Result<Self, Unfollowable> {
        Self::of_all(schema, &[], effort)
    }

    /// As [`JsonForm::of`], for a function's arguments: they are an object, whether or not the schema says so.
    pub fn of_arguments(schema: &Value, effort: &Effort<'_>) -> Result<Self, Unfollowable> {
        Self::of_all(schema, &[&OBJECT], effort)
    }

    fn of_all(schema: &Value, also: &[&Value], effort: &Effort<'_>) -> Result<Self, Unfollowable> {
        extent::check(schema)?;
        let recursive = reference::recursive(schema, effort)?;
        let mut found = None;
        for left in LEVELS {
            let mut writer = Writer::new(schema, &recursive, effort);
            let whole = [schema].into_iter().chain(also.iter().copied());
            let fragments = whole.map(|schema| Fragment {
                schema,
                place: Rc::from(""),
            });
            match writer.value(fragments.collect(), Room::new(left), 0) {
                Ok(start) => {
                    let rules = writer.rules.finish();
                    return Ok(Self { rules, start });
                }
                // Whatever was found out then is not to be relied upon.
                Err(Trouble::Refused(problem) | Trouble::Empty(problem)) if effort.is_spent() => {
                    let reason = TOO_MUCH_WORK.to_owned();
                    return Err(Unfollowable { reason, ..problem });
                }
                Err(Trouble::Refused(problem)) => return Err(problem),
                Err(Trouble::Empty(problem)) => {
                    found = Some(problem);
                    if recursive.is_empty() {
                        break;
                    }
                }
            }
        }
        Err(found.unwrap_or_else(|| Unfollowable {
            keyword: "$ref".to_owned(),
            place: "/".to_owned(),
            reason: "comes to no end".to_owned(),
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests;
