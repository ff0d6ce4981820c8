//! Values that a schema names one by one: `const` and `enum`.

use std::collections::HashSet;

use serde_json::Value;

use super::fits::fits_all;
use super::fragment::{Keywords, Trouble};
use super::number::is_exact;
use super::rules::Part;
use super::write::Writer;
use crate::form::quoted;

/// Letters of a value that are one step.
const LETTERS: usize = 64;

/// Named values, and who names them.
pub(super) struct Candidates<'k, 'a> {
    pub(super) values: &'a [Value],
    keyword: &'static str,
    part: &'k Keywords<'a>,
}

/// The values that one of these keywords names; `None` where none does.
pub(super) fn candidates<'k, 'a>(parts: &'k [Keywords<'a>]) -> Result<Option<Candidates<'k, 'a>>, Trouble> {
    for part in parts {
        if let Some(value) = part.get("const") {
            return Ok(Some(Candidates {
                values: std::slice::from_ref(value),
                keyword: "const",
                part,
            }));
        }
    }
    for part in parts {
        if let Some(values) = part.get("enum") {
            let values = values
                .as_array()
                .ok_or_else(|| part.refused("enum", "is no list"))?;
            return Ok(Some(Candidates {
                values,
                keyword: "enum",
                part,
            }));
        }
    }
    Ok(None)
}

/// A part for the named values that fit everything else, too.
pub(super) fn part(
    writer: &Writer<'_>,
    named: &Candidates<'_, '_>,
    parts: &[Keywords<'_>],
) -> Result<Part, Trouble> {
    let fitting = named.values.iter().filter(|value| fits_all(writer, value, parts));
    let mut texts: Vec<String> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for value in fitting {
        if let Some(number) = inexact(value) {
            let reason = format!("names {number}, which cannot be written exactly");
            return Err(named.part.refused(named.keyword, reason));
        }
        let text = in_one_line(value);
        writer.pay(1 + text.len() / LETTERS, &named.part.place)?;
        if seen.insert(text.clone()) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [] => Err(named
            .part
            .empty(named.keyword, "names no value that fits the rest of the schema")),
        [only] => Ok(Part::literal(only)),
        _ => Ok(one_of(&texts)),
    }
}

/// One of several texts.
pub(super) fn one_of(texts: &[String]) -> Part {
    let quoted = texts.iter().map(|text| quoted(text));
    Part::Terminal(quoted.collect::<Vec<_>>().join(" | "))
}

/// A number in a value that was rounded when it was read.
fn inexact(value: &Value) -> Option<&serde_json::Number> {
    match value {
        Value::Number(number) => (!is_exact(number)).then_some(number),
        Value::Array(values) => values.iter().find_map(inexact),
        Value::Object(members) => members.values().find_map(inexact),
        _ => None,
    }
}

/// JSON as answers have it: in one line, with a space after commas and colons.
pub(super) fn in_one_line(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(in_one_line).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), in_one_line(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}
