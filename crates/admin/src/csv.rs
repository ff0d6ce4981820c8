//! Rows as CSV (RFC 4180).

use serde::Serialize;
use serde_json::{Map, Value};

/// A line for each row, without its end, and one of names before them where `with_names`. Rows are flat objects with the
/// same members.
///
/// Text that a spreadsheet would take for a formula gets an apostrophe before it: names come from whoever makes keys.
pub fn lines<T: Serialize>(rows: &[T], with_names: bool) -> impl Iterator<Item = String> {
    let rows = rows.iter().filter_map(|row| match serde_json::to_value(row) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    });
    let mut is_first = with_names;
    rows.flat_map(move |row| {
        let names = std::mem::take(&mut is_first).then(|| joined(row.keys().map(|name| quoted(name))));
        names.into_iter().chain([values(&row)])
    })
}

fn values(row: &Map<String, Value>) -> String {
    joined(row.values().map(|value| match value {
        Value::Null => String::new(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }))
}

fn joined(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",")
}

fn quoted(text: &str) -> String {
    let is_amount = text.parse::<f64>().is_ok();
    let apostrophe = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_amount {
        true => "'",
        false => "",
    };
    format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
