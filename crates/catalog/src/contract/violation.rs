//! What is wrong with a request: where, what, and the way out.
//!
//! Texts show numbers, words of enumerations and short identifiers, never a prompt. However much is
//! wrong, only [`SHOWN`] violations are kept; the rest is counted.

mod path;

pub(crate) use path::Path;

use std::fmt::{self, Write};

use thiserror::Error;
use tollgate_chat::json::{Json, Number};

/// Violations that a message lists.
const SHOWN: usize = 5;

/// One place where a request breaks its contract. As text it is one sentence, the path included.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct Violation {
    path: String,
    code: Code,
    text: String,
}

impl Violation {
    pub(crate) fn new(at: Path<'_>, code: Code, problem: fmt::Arguments<'_>) -> Self {
        Self {
            path: at.to_string(),
            code,
            text: format!("`{at}` {problem}"),
        }
    }

    /// Where: `messages[2].content[0].image_url.url`.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn code(&self) -> Code {
        self.code
    }
}

/// Kinds of violation, in the words that OpenAI's API uses as `code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidType,
    MissingRequiredParameter,
    IntegerBelowMin,
    IntegerAboveMax,
    DecimalBelowMin,
    DecimalAboveMax,
    StringBelowMinLength,
    StringAboveMaxLength,
    EmptyArray,
    ArrayAboveMaxLength,
    /// Of the right type, but not one of the values that make sense.
    InvalidValue,
    /// Makes sense elsewhere, but not for this model or on this page.
    UnsupportedValue,
    InvalidImageUrl,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidType => "invalid_type",
            Self::MissingRequiredParameter => "missing_required_parameter",
            Self::IntegerBelowMin => "integer_below_min_value",
            Self::IntegerAboveMax => "integer_above_max_value",
            Self::DecimalBelowMin => "decimal_below_min_value",
            Self::DecimalAboveMax => "decimal_above_max_value",
            Self::StringBelowMinLength => "string_below_min_length",
            Self::StringAboveMaxLength => "string_above_max_length",
            Self::EmptyArray => "empty_array",
            Self::ArrayAboveMaxLength => "array_above_max_length",
            Self::InvalidValue => "invalid_value",
            Self::UnsupportedValue => "unsupported_value",
            Self::InvalidImageUrl => "invalid_image_url",
        }
    }
}

/// All that is wrong with one request; at least one violation, in the order of the body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.message())]
pub struct Violations {
    first: Vec<Violation>,
    total: usize,
}

impl Violations {
    /// Where the first one is.
    pub fn param(&self) -> &str {
        self.head().path()
    }

    /// What kind the first one is.
    pub fn code(&self) -> Code {
        self.head().code()
    }

    /// The first violations, at most five.
    pub fn shown(&self) -> &[Violation] {
        &self.first
    }

    /// How many there are, those that are not shown included.
    pub fn total(&self) -> usize {
        self.total
    }

    /// For the client: one sentence, or a numbered list of up to five.
    pub fn message(&self) -> String {
        if self.total == 1 {
            return format!("{}.", self.head());
        }
        let mut message = format!("The request has {} problems:", self.total);
        for (index, violation) in self.first.iter().enumerate() {
            let end = if index + 1 == self.total { "." } else { ";" };
            let _ = write!(message, " ({}) {violation}{end}", index + 1);
        }
        if self.total > self.first.len() {
            let _ = write!(message, " and {} more.", self.total - self.first.len());
        }
        message
    }

    fn head(&self) -> &Violation {
        self.first.first().expect("made only from at least one violation")
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self {
            first: vec![violation],
            total: 1,
        }
    }
}

/// Gathers violations while a request is read.
///
/// They are ordered by the member of the body that they belong to, so that rules across several
/// members may be applied after all of them were read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    first: Vec<(usize, Violation)>,
    total: usize,
    position: usize,
}

impl Found {
    /// What follows belongs to the body's member at `position`.
    pub(crate) fn at(&mut self, position: usize) {
        self.position = position;
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// `problem` goes on where the path ends: "must be a number, not a string".
    pub(crate) fn add(&mut self, at: Path<'_>, code: Code, problem: fmt::Arguments<'_>) {
        self.total += 1;
        let place = self
            .first
            .partition_point(|(position, _)| *position <= self.position);
        if place < SHOWN {
            self.first
                .insert(place, (self.position, Violation::new(at, code, problem)));
            self.first.truncate(SHOWN);
        }
    }

    /// The violations; `None` where there are none.
    pub(crate) fn into_violations(self) -> Option<Violations> {
        (self.total > 0).then(|| Violations {
            first: self.first.into_iter().map(|(_, violation)| violation).collect(),
            total: self.total,
        })
    }
}

/// A value as a message may show it: numbers and short words as they are, of the rest the kind.
pub(crate) struct Shown<'a>(pub(crate) &'a Json<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(Number::Unsigned(value)) => write!(f, "{value}"),
            Json::Number(Number::Negative(value)) => write!(f, "{value}"),
            // `{:?}` writes very large and very small floats with an exponent.
            Json::Number(Number::Float(value)) => write!(f, "{value:?}"),
            Json::String(text) => write!(f, "{}", Word(text)),
            other => f.write_str(other.kind()),
        }
    }
}

/// A string as a message may show it: quoted if it looks like an identifier, else only its length.
pub(crate) struct Word<'a>(pub(crate) &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' && byte != b'`';
        match self.0.len() {
            0 => f.write_str("an empty string"),
            1..=64 if self.0.bytes().all(plain) => write!(f, "\"{}\"", self.0),
            _ => write!(f, "a string of {} characters", self.0.chars().count()),
        }
    }
}

#[cfg(test)]
mod tests;
