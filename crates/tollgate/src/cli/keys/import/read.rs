//! The lines of a file to import, as fields: CSV (RFC 4180) with a first line of names, or a JSON object a line.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::line::{FIELDS, Fields, unknown_field};

/// What is wrong with a line.
type Problems = Vec<String>;

/// A file, line by line.
pub struct Lines {
    /// What is wrong with the first line of CSV.
    pub heading: Option<(usize, Problems)>,
    /// With the number of the line on which each begins.
    pub lines: Vec<(usize, Result<Fields, Problems>)>,
}

/// Reads all lines; empty ones are none.
pub fn lines(text: &str) -> Lines {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.trim_start().bytes().next() {
        Some(b'{') => Lines {
            heading: None,
            lines: of_json(text),
        },
        Some(b'[') => Lines {
            heading: Some((
                1,
                vec!["a JSON array; an object a line is read: jq -c '.[]' FILE".to_owned()],
            )),
            lines: Vec::new(),
        },
        _ => of_csv(text),
    }
}

fn of_json(text: &str) -> Vec<(usize, Result<Fields, Problems>)> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(place, line)| (place + 1, json_fields(line)))
        .collect()
}

fn json_fields(line: &str) -> Result<Fields, Problems> {
    // What the library says of a value could repeat it.
    let members: Members = serde_json::from_str(line)
        .map_err(|error| vec![format!("not a JSON object (at its column {})", error.column())])?;
    let mut problems = Vec::new();
    let mut fields = Vec::new();
    for (name, value) in members.0 {
        match in_text(&value) {
            Ok(Some(text)) => fields.push((name, text)),
            Ok(None) if FIELDS.contains(&&*name) => {}
            Ok(None) => problems.push(unknown_field(&name)),
            Err(()) if FIELDS.contains(&&*name) => {
                problems.push(format!(
                    "`{name}` is not a text, a number, a truth value or a list of texts"
                ));
            }
            Err(()) => problems.push(unknown_field(&name)),
        }
    }
    match problems.is_empty() {
        true => Ok(fields),
        false => Err(problems),
    }
}

/// A value as it would stand in CSV. `Ok(None)`: there is none.
fn in_text(value: &Value) -> Result<Option<String>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(truth) => Ok(Some(truth.to_string())),
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            Ok(Some(texts.ok_or(())?.join(",")).filter(|text| !text.is_empty()))
        }
        Value::Object(_) => Err(()),
    }
}

/// An object's members in their order, also those that are there twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn of_csv(text: &str) -> Lines {
    let mut records = records(text).into_iter();
    let Some((number, heading)) = records.next() else {
        return Lines {
            heading: None,
            lines: Vec::new(),
        };
    };
    let names = match heading {
        Ok(names) => names,
        Err(problem) => {
            return Lines {
                heading: Some((number, vec![problem.to_owned()])),
                lines: Vec::new(),
            };
        }
    };
    let names: Vec<String> = names.into_iter().map(|name| name.trim().to_owned()).collect();
    let mut problems: Problems = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if !FIELDS.contains(&&**name) {
            problems.push(unknown_field(name));
        } else if names[..place].contains(name) {
            problems.push(format!("`{name}` is there twice"));
        }
    }
    let lines = records.map(|(number, cells)| {
        let fields = cells
            .map_err(|problem| vec![problem.to_owned()])
            .and_then(|cells| {
                if cells.len() != names.len() {
                    return Err(vec![format!("{} values for {} fields", cells.len(), names.len())]);
                }
                // What is wrong with the names is told once, at the first line.
                let fields = names.iter().cloned().zip(cells);
                Ok(fields
                    .filter(|(name, text)| !text.is_empty() && FIELDS.contains(&&**name))
                    .collect())
            });
        (number, fields)
    });
    let lines = lines.collect();
    Lines {
        heading: Some((number, problems)),
        lines,
    }
}

type Record = Result<Vec<String>, &'static str>;

/// The records of a CSV file, each with the number of its first line; empty lines are none.
fn records(text: &str) -> Vec<(usize, Record)> {
    let mut records = Vec::new();
    let (mut rest, mut number) = (text, 1);
    while !rest.is_empty() {
        let (record, length) = record(rest);
        let is_empty = matches!(record.as_deref(), Ok([only]) if only.trim().is_empty());
        if !is_empty {
            records.push((number, record));
        }
        number += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    records
}

/// The first record, and how many bytes it takes with its line's end.
fn record(text: &str) -> (Record, usize) {
    let (mut cells, mut at) = (Vec::new(), 0);
    loop {
        let (cell, length) = match text[at..].starts_with('"') {
            true => quoted(&text[at..]),
            false => plain(&text[at..]),
        };
        at += length;
        match cell {
            Some(cell) => cells.push(cell),
            None => {
                return (
                    Err("a quoted value that does not end as CSV has it"),
                    line_end(text, at),
                );
            }
        }
        match text.as_bytes().get(at) {
            Some(b',') => at += 1,
            _ => return (Ok(cells), line_end(text, at)),
        }
    }
}

/// Up to a comma or the line's end.
fn plain(text: &str) -> (Option<String>, usize) {
    let end = text.find([',', '\n']).unwrap_or(text.len());
    (Some(text[..end].trim_end_matches('\r').to_owned()), end)
}

/// In quotes, where two of them are one. `None`: it does not end, or something follows it.
fn quoted(text: &str) -> (Option<String>, usize) {
    let mut value = String::new();
    let mut at = 1;
    while let Some(length) = text[at..].find('"') {
        value.push_str(&text[at..at + length]);
        at += length + 1;
        match text.as_bytes().get(at) {
            Some(b'"') => {
                value.push('"');
                at += 1;
            }
            None | Some(b',' | b'\n') => return (Some(value), at),
            Some(b'\r') if matches!(text.as_bytes().get(at + 1), None | Some(b'\n')) => {
                return (Some(value), at);
            }
            Some(_) => return (None, at),
        }
    }
    (None, text.len())
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length + 1)
}

#[cfg(test)]
mod tests;
