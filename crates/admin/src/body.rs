//! Bodies of requests, as JSON; what is wrong with one names the field.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    error::AdminError,
    field::{OBJECT, Object},
    query::HAS_NUL,
    server::Shared,
};

/// A body that is this.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Body<T> {
    type Rejection = AdminError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, AdminError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_json = content_type.is_none_or(|value| {
            let essence = value.as_bytes().split(|byte| *byte == b';').next();
            essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"application/json"))
        });
        if !is_json {
            return Err(AdminError::ContentType);
        }
        let bytes = Bytes::from_request(request, shared)
            .await
            .map_err(|_| AdminError::BodyUnreadable)?;
        read(&bytes).map(Self)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AdminError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let param = match error.path().to_string().as_str() {
            "." => String::new(),
            path => path.to_owned(),
        };
        wrong(param, error.inner())
    })?;
    deserializer
        .end()
        .map_err(|error| AdminError::NotJson(error.to_string()))?;
    match field_with_nul(bytes) {
        Some(param) => Err(AdminError::value(param, HAS_NUL)),
        None => Ok(value),
    }
}

/// The first text with a NUL in it, by its place.
fn field_with_nul(json: &[u8]) -> Option<String> {
    // JSON has it in no other spelling; few bodies are read twice.
    if !json.windows(6).any(|spelt| spelt == br"\u0000") {
        return None;
    }
    place_of_nul(&serde_json::from_slice(json).ok()?)
}

fn place_of_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            let within = |(place, item)| Some(format!("[{place}]{}", behind(place_of_nul(item)?)));
            items.iter().enumerate().find_map(within)
        }
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let within = match name.contains('\0') {
                true => String::new(),
                false => place_of_nul(value)?,
            };
            Some(format!("{}{}", name.replace('\0', "\u{fffd}"), behind(within)))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A place as it stands behind what it is in.
fn behind(place: String) -> String {
    match place.is_empty() || place.starts_with('[') {
        true => place,
        false => format!(".{place}"),
    }
}

fn wrong(param: String, error: &serde_json::Error) -> AdminError {
    if !error.is_data() {
        return AdminError::NotJson(error.to_string());
    }
    let text = error.to_string();
    // The place is of use where the JSON is broken; a field is found by its name.
    let problem = text.split(" at line ").next().unwrap_or_default();
    from_serde(param, problem)
}

/// What serde says of a value: the name of a field that is not known or not there stands in its text alone.
pub(crate) fn from_serde(param: String, problem: &str) -> AdminError {
    if let Some(rest) = problem.strip_prefix("unknown field `") {
        let expected = rest.split_once(", ").map_or("", |(_, expected)| expected);
        return AdminError::UnknownField {
            param,
            problem: expected.to_owned(),
        };
    }
    if let Some(field) = problem
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return AdminError::value(within(&param, field), "is required");
    }
    if let Some(field) = problem
        .strip_prefix("duplicate field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return AdminError::value(within(&param, field), "is there twice");
    }
    match param.is_empty() && problem.ends_with(OBJECT) {
        true => AdminError::NotObject,
        false => AdminError::value(param, in_words(problem)),
    }
}

/// The field `name` of what `param` names.
fn within(param: &str, name: &str) -> String {
    match param.is_empty() {
        true => name.to_owned(),
        false => format!("{param}.{name}"),
    }
}

/// What serde expects, and what whoever writes JSON calls it.
const IN_WORDS: [(&str, &str); 8] = [
    ("a map", "an object"),
    ("a sequence", "a list"),
    ("a boolean", "true or false"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number from 0 on"),
    ("i64", "a whole number"),
    ("a nonzero u32", "a whole number from 1 to 4294967295"),
    ("a nonzero u64", "a whole number from 1 on"),
];

/// The same without names of types of Rust.
fn in_words(problem: &str) -> String {
    let Some((found, expected)) = problem.rsplit_once("expected ") else {
        return problem.to_owned();
    };
    let known = IN_WORDS.iter().find(|(rust, _)| *rust == expected);
    let plain = match expected.split_once(' ') {
        Some(("struct", _)) => "an object",
        Some(("enum", _)) => "a string",
        _ => known.map_or(expected, |(_, plain)| plain),
    };
    format!("{found}expected {plain}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU32;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        count: u32,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        most: Option<NonZeroU32>,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        names: Vec<String>,
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        for (body, told) in [
            (
                r#"{"name": 5}"#,
                "`name`: invalid type: integer `5`, expected a string",
            ),
            (r#"{}"#, "`name`: is required"),
            (r#"{"name": "a", "name": "b"}"#, "`name`: is there twice"),
            (
                r#"{"name": "a", "nmae": 1}"#,
                "`nmae` is not known here: expected `name` or `inner`",
            ),
            (r#"{"name": "a", "inner": {}}"#, "`inner.count`: is required"),
            (
                r#"{"name": "a", "inner": {"count": -1}}"#,
                "`inner.count`: invalid value: integer `-1`, expected a whole number from 0 to 4294967295",
            ),
            (
                r#"{"name": "a", "inner": 5}"#,
                "`inner`: invalid type: integer `5`, expected an object",
            ),
            (
                r#"{"name": "a", "inner": {"count": 1, "most": 0}}"#,
                "`inner.most`: invalid value: integer `0`, expected a whole number from 1 to 4294967295",
            ),
            (
                r#"{"name": "a", "inner": {"count": 1, "names": "b"}}"#,
                "`inner.names`: invalid type: string \"b\", expected a list",
            ),
            (
                r#"{"name": "a", "inner": {"cuont": 1}}"#,
                "`inner.cuont` is not known here: expected one of `count`, `most`, `names`",
            ),
        ] {
            assert_eq!(read::<Outer>(body.as_bytes()).unwrap_err().to_string(), told);
        }
        for body in ["[]", r#"["a"]"#, "null", "5", r#""a""#] {
            let error = read::<Outer>(body.as_bytes()).unwrap_err().to_string();
            assert_eq!(
                error, "the body is not an object: its fields stand in `{}`",
                "{body}"
            );
        }
        for body in ["", "{", r#"{"name": "a"} more"#] {
            let error = read::<Outer>(body.as_bytes()).unwrap_err();
            assert!(matches!(error, AdminError::NotJson(_)), "{error}");
        }
    }
}
