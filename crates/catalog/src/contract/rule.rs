//! Kinds of rules, and a contract as a set of them.
//!
//! A contract is a reference page as data: one TOML file a page, on top of the shapes that all pages
//! share. Validation ([`super::check`]), `/openapi.json` and the docs read the same values. The kinds
//! of rules are those of JSON Schema, as far as the pages need them, so that the schema that is served
//! says what is checked.
//! Not here: how messages are built (`messages`), since their order is a rule that no schema can say.

mod problem;
mod resolve;
mod written;

pub use problem::{ContractError, RuleProblem};

use std::collections::BTreeMap;

use regex_lite::Regex;
use tollgate_chat::{chunk::AnswerShape, json::Json};

/// What one family of models takes and answers.
#[derive(Debug, Clone)]
pub struct Contract {
    /// What models call it by in the catalogue.
    pub name: Box<str>,
    /// For people.
    pub title: Box<str>,
    /// The page that it was read from.
    pub source: Box<str>,
    /// What answers always hold beyond the core of a chat completion, zero or null where the provider
    /// says nothing.
    pub answer: AnswerShape,
    /// Whether the page shows `message.reasoning_content`; it is passed on in any case.
    pub shows_reasoning: bool,
    /// Requests to show in the OpenAPI document.
    pub examples: Vec<Example>,
    /// The page's own parameters in the page's order, then those that are only forwarded.
    fields: Vec<Field>,
    /// Name to place in `fields`.
    by_name: BTreeMap<Box<str>, usize>,
    required: Vec<Box<str>>,
    /// Whether some default is sent to every provider.
    sends_defaults: bool,
}

impl Contract {
    /// Reads a page on top of the shared shapes. `file_name` is for error messages only.
    pub fn from_toml(file_name: &str, text: &str) -> Result<Self, ContractError> {
        resolve::contract(file_name, text)
    }

    /// The parameter `name`; `None` for one that no page knows, which passes as it is.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).map(|index| &self.fields[*index])
    }

    /// All parameters: the page's own first.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Names of the parameters that must be there.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.required.iter().map(AsRef::as_ref)
    }

    /// Whether some default is sent to the provider even if the provider's own is not known.
    pub fn sends_defaults(&self) -> bool {
        self.sends_defaults
    }

    /// The documented default of the parameter `name`.
    pub fn default_of(&self, name: &str) -> Option<&serde_json::Value> {
        self.field(name)?.default.as_ref()
    }
}

/// A parameter of the request's body.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: Box<str>,
    pub rule: Rule,
    /// Whether the page itself names it; else it is checked by type and shape, and forwarded.
    pub documented: bool,
    /// The value in force when the client sends none, where the page tells.
    pub default: Option<serde_json::Value>,
    /// Whether the default is sent to the provider even if the provider's own is not known.
    pub send_default: bool,
    /// Other parameters that must be there with a certain value.
    pub requires: Vec<(Box<str>, serde_json::Value)>,
    /// The value that changes nothing, for which `requires` does not count.
    pub no_effect: Option<serde_json::Value>,
    /// Whether the page says that no value changes anything: then nothing is lost where it is left out.
    pub without_effect: bool,
}

/// What a value may be. A bound applies to values of its kind only: `max_items` to arrays, and so on.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// Types that are taken; empty: any.
    pub types: Vec<Type>,
    pub description: Option<Box<str>>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Strings that are taken; empty: any.
    pub values: Vec<Box<str>>,
    /// Bounds of strings, in characters.
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub pattern: Option<Pattern>,
    pub items: Option<Box<Rule>>,
    pub min_items: Option<usize>,
    pub max_items: Option<usize>,
    /// Known members of an object; others pass.
    pub members: BTreeMap<Box<str>, Rule>,
    /// Members of an object that must be there.
    pub required: Vec<Box<str>>,
    /// What every member of an object must be.
    pub each_member: Option<Box<Rule>>,
    pub required_when: Option<RequiredWhen>,
}

/// A member that must be there when another one has a certain value.
#[derive(Debug, Clone)]
pub struct RequiredWhen {
    pub member: Box<str>,
    pub is: Box<str>,
    pub then: Box<str>,
    /// The member that must be there when it has another value.
    pub otherwise: Option<Box<str>>,
}

/// A pattern that was compiled when the contract was loaded.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub text: Box<str>,
    pub(crate) regex: Regex,
}

/// A type of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// The type's name in a sentence.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }

    /// Whether `value` is of this type; `1.0` is an integer, and an integer of any size is one.
    pub(crate) fn holds(self, value: &Json<'_>) -> bool {
        match (self, value) {
            (Self::Boolean, Json::Bool(_))
            | (Self::Number, Json::Number(_))
            | (Self::String, Json::String(_))
            | (Self::Array, Json::Array(_))
            | (Self::Object, Json::Object(_)) => true,
            (Self::Integer, Json::Number(number)) => number.as_f64().fract() == 0.0,
            _ => false,
        }
    }
}

/// A request that shows how a page is used.
#[derive(Debug, Clone)]
pub struct Example {
    pub name: Box<str>,
    pub summary: Box<str>,
    pub request: serde_json::Value,
}

#[cfg(test)]
mod tests;
