//! What the provider takes of JSON Schema where it holds answers and strict arguments to one (wire notes,
//! section 3).

use tollgate_chat::json::Json;

use crate::json_schema::{Losses, References, Subset, Values, clean, walk};

/// Formats and patterns as in the provider's documentation of structured outputs.
const TAKEN: Subset = Subset {
    keywords: &[
        "type",
        "title",
        "description",
        "default",
        "enum",
        "properties",
        "required",
        "items",
        "minItems",
        "anyOf",
        "format",
        "pattern",
    ],
    references: References::Kept { alone: false },
    type_lists: true,
    values: Values::Plain,
    formats: Some(&[
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
    ]),
    // Looking around, references back, borders of words, properties of characters.
    pattern_lacks: &[
        "(?", "\\b", "\\B", "\\k", "\\p", "\\P", "\\1", "\\2", "\\3", "\\4", "\\5", "\\6", "\\7", "\\8",
        "\\9",
    ],
    min_items: Some(1),
    any_of_alone: false,
    closed_objects: true,
    losses: Losses::Described,
};

/// Most optional parameters, and most that may be one of several types, in all such schemas together.
const OPTIONAL_LIMIT: usize = 24;
const UNIONS_LIMIT: usize = 16;

/// A schema as the provider takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub json: String,
    /// Whether a limit was taken out, so that an answer may break the schema as the client wrote it.
    pub weaker: bool,
    /// Whether objects were closed that the client wrote open.
    pub closed: bool,
    pub complexity: Complexity,
}

/// What the provider counts of schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Complexity {
    optional: usize,
    unions: usize,
}

impl Complexity {
    pub fn add(&mut self, other: Self) {
        self.optional += other.optional;
        self.unions += other.unions;
    }

    pub fn is_too_much(self) -> bool {
        self.optional > OPTIONAL_LIMIT || self.unions > UNIONS_LIMIT
    }

    fn of(schema: &str) -> Self {
        let mut complexity = Self::default();
        let Ok(mut tree) = Json::parse(schema) else {
            return complexity;
        };
        walk(&mut tree, &mut |members| {
            let list = |name: &str| {
                let value = members.iter().find(|(known, _)| known == name);
                value
                    .and_then(|(_, value)| value.as_array())
                    .map_or(0, <[_]>::len)
            };
            let properties = members.iter().find(|(name, _)| name == "properties");
            if let Some((_, Json::Object(properties))) = properties {
                complexity.optional += properties.len().saturating_sub(list("required"));
            }
            complexity.unions += usize::from(list("anyOf") > 0) + usize::from(list("type") > 1);
        });
        complexity
    }
}

/// The schema as the provider can be held to it; `None` where it cannot say it, or counts too much in it.
pub fn held(schema: &str) -> Option<Held> {
    let cleaned = clean(schema, &TAKEN).ok()?;
    let complexity = Complexity::of(&cleaned.schema);
    (!complexity.is_too_much()).then_some(Held {
        json: cleaned.schema,
        weaker: !cleaned.lost.is_empty(),
        closed: cleaned
            .lost
            .iter()
            .any(|keyword| keyword == "additionalProperties"),
        complexity,
    })
}
