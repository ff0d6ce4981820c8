//! Kinds of values.

use serde_json::Value;

use super::fragment::{Keywords, Trouble};

/// A set of kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Kinds(u8);

/// How many types there are.
const NAMES: usize = 7;

/// Keywords that say something of one kind alone.
const TELLING: [(Kinds, &[&str]); 4] = [
    (
        Kinds::NUMBER,
        &[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ],
    ),
    (Kinds::TEXT, &["minLength", "maxLength", "pattern", "format"]),
    (
        Kinds::LIST,
        &["items", "prefixItems", "minItems", "maxItems", "additionalItems"],
    ),
    (
        Kinds::OBJECT,
        &[
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "minProperties",
            "maxProperties",
        ],
    ),
];

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    pub(super) const WHOLE: Self = Self(4);
    pub(super) const FRACTION: Self = Self(8);
    pub(super) const TEXT: Self = Self(16);
    pub(super) const LIST: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    pub(super) const NUMBER: Self = Self(4 | 8);
    pub(super) const SCALAR: Self = Self(31);
    pub(super) const ALL: Self = Self(127);

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::WHOLE,
            "number" => Self::NUMBER,
            "string" => Self::TEXT,
            "array" => Self::LIST,
            "object" => Self::OBJECT,
            _ => return None,
        })
    }

    /// The kinds that `type` leaves; at least one.
    pub(super) fn allowed(parts: &[Keywords<'_>]) -> Result<Self, Trouble> {
        let mut allowed = Self::ALL;
        let mut first = None;
        for part in parts {
            let Some(value) = part.get("type") else {
                continue;
            };
            let listed = match value {
                Value::Array(names) if names.len() > NAMES => {
                    return Err(part.refused("type", "names more types than there are"));
                }
                Value::Array(names) => names.iter().map(Value::as_str).collect(),
                other => vec![other.as_str()],
            };
            let kinds = listed.into_iter().map(|name| Self::named(name?));
            let kinds = kinds.collect::<Option<Vec<_>>>();
            let kinds = kinds.ok_or_else(|| part.refused("type", "is no type, nor a list of some"))?;
            allowed = allowed.and(kinds.into_iter().fold(Self::NONE, Self::or));
            let first = first.get_or_insert(part);
            if allowed == Self::NONE {
                return Err(first.empty("type", "contradicts what else is said of the same value"));
            }
        }
        Ok(allowed)
    }

    /// As [`Kinds::allowed`]; where there is no `type`, the kinds that the keywords are about. `None`:
    /// nothing at all is said.
    pub(super) fn meant(parts: &[Keywords<'_>]) -> Result<Option<Self>, Trouble> {
        if parts.iter().any(|part| part.get("type").is_some()) {
            return Self::allowed(parts).map(Some);
        }
        let is_said = |keywords: &[&str]| {
            let mut keywords = keywords.iter();
            keywords.any(|name| parts.iter().any(|part| part.get(name).is_some()))
        };
        let meant = TELLING.into_iter().filter(|(_, keywords)| is_said(keywords));
        let meant = meant.fold(Self::NONE, |all, (kind, _)| all.or(kind));
        Ok((meant != Self::NONE).then_some(meant))
    }
}
