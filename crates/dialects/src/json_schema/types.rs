//! Types, enums and what they imply.

use std::borrow::Cow;

use tollgate_chat::json::{Json, Number};

/// What the member `type` says: types but null, and whether null is among them.
pub(super) fn named(schema: &[(Cow<'_, str>, Json<'_>)]) -> (Vec<String>, bool) {
    let found = schema
        .iter()
        .find(|(name, _)| name == "type")
        .map(|(_, value)| value);
    let words: Vec<&str> = match found {
        Some(Json::String(word)) => vec![word],
        Some(Json::Array(words)) => words.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let mut types: Vec<String> = Vec::new();
    for word in words.iter().filter(|word| !word.eq_ignore_ascii_case("null")) {
        if !types.iter().any(|known| known == word) {
            types.push((*word).to_owned());
        }
    }
    let nullable = words.iter().any(|word| word.eq_ignore_ascii_case("null"));
    (types, nullable)
}

/// The one type of all values of an enum but null, where they have one.
pub(super) fn of_values(values: &[Json<'_>]) -> Option<&'static str> {
    let values = values.iter().filter(|value| **value != Json::Null);
    let mut types = values.map(|value| match value {
        Json::String(_) => Some("string"),
        Json::Number(Number::Float(_)) => Some("number"),
        Json::Number(_) => Some("integer"),
        Json::Bool(_) => Some("boolean"),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    });
    let first = types.next()??;
    types.all(|other| other == Some(first)).then_some(first)
}

/// Whether a value may be of that type.
pub(super) fn fits(value: &Json<'_>, kind: &str) -> bool {
    match (value, kind.to_ascii_lowercase().as_str()) {
        (Json::Number(Number::Float(value)), "integer") => value.fract() == 0.0,
        (Json::Number(_), "integer" | "number") => true,
        (Json::String(_), "string") | (Json::Bool(_), "boolean") => true,
        (Json::Array(_), "array") | (Json::Object(_), "object") => true,
        _ => false,
    }
}
