//! What can be wrong with a page's file, and where.

use serde::de::DeserializeOwned;
use thiserror::Error;

/// Why a page cannot be used.
#[derive(Debug, Error)]
pub enum ContractError {
    #[error("{file}:{line}: {message}")]
    Syntax {
        file: String,
        line: usize,
        message: String,
    },
    #[error("{file}:{line}: {field}: {problem}")]
    Rule {
        file: String,
        line: usize,
        /// The path in the file, such as `fields.stop.items`.
        field: String,
        problem: RuleProblem,
    },
}

/// Why a rule makes no sense.
#[derive(Debug, Error)]
pub enum RuleProblem {
    /// It becomes part of names in the OpenAPI document.
    #[error("must be of letters, digits, `.`, `_` and `-`")]
    Name,
    #[error("`{lower}` is above `{upper}`")]
    EmptyRange {
        lower: &'static str,
        upper: &'static str,
    },
    #[error("`{key}` needs type {needs}")]
    WrongType { key: &'static str, needs: &'static str },
    #[error("`pattern` is not a regular expression: {0}")]
    Pattern(regex_lite::Error),
    #[error("names `{0}`, which is not known here")]
    UnknownName(String),
    #[error("only a parameter of the body can have `{0}`")]
    OnlyAtTop(&'static str),
    #[error("`send_default` needs a `default`")]
    NoDefault,
    #[error("`{key}` does not keep the rule: {violation}")]
    Value { key: &'static str, violation: String },
    #[error("`request` is not JSON: {0}")]
    Example(serde_json::Error),
}

/// A file, for the places of errors.
pub(super) struct File<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

impl File<'_> {
    pub(super) fn error(&self, offset: usize, field: String, problem: RuleProblem) -> ContractError {
        ContractError::Rule {
            file: self.name.to_owned(),
            line: line(self.text, offset),
            field,
            problem,
        }
    }
}

fn line(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

pub(super) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ContractError> {
    toml::from_str(text).map_err(|error| ContractError::Syntax {
        file: file.to_owned(),
        line: line(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })
}
