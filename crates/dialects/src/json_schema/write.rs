//! A value as JSON, up to a size.

use tollgate_chat::json::{Json, Number, quote};

/// `None` where the text would be longer than `limit` bytes.
pub(super) fn to_text(value: &Json<'_>, limit: usize) -> Option<String> {
    let mut out = String::new();
    write(value, limit, &mut out).then_some(out)
}

/// Whether all of it was written.
fn write(value: &Json<'_>, limit: usize, out: &mut String) -> bool {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => out.push_str(&number_text(*number)),
        Json::String(text) if out.len() + text.len() > limit => return false,
        Json::String(text) => out.push_str(&quote(text)),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                if !write(item, limit, out) {
                    return false;
                }
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                if out.len() + name.len() > limit {
                    return false;
                }
                out.push_str(&quote(name));
                out.push(':');
                if !write(value, limit, out) {
                    return false;
                }
            }
            out.push('}');
        }
    }
    out.len() <= limit
}

fn number_text(number: Number) -> String {
    match number {
        Number::Unsigned(value) => value.to_string(),
        Number::Negative(value) => value.to_string(),
        Number::Float(value) => {
            serde_json::Number::from_f64(value).map_or_else(|| "null".to_owned(), |n| n.to_string())
        }
    }
}
