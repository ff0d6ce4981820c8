//! What an answer has to look like, and how that is written for llguidance.

use std::fmt::Write;

use serde_json::{Value, json};

/// What an answer has to look like.
#[derive(Debug, Clone, PartialEq)]
pub enum Grammar {
    /// Exactly this.
    Literal(String),
    /// JSON that fits a JSON Schema (draft 2020-12 unless it names another).
    Json(Value),
    /// Anything.
    Text,
    /// Anything up to and with the first place where this stands.
    TextThrough(String),
    /// One after the other.
    Sequence(Vec<Grammar>),
    /// One of them.
    Either(Vec<Grammar>),
    /// Between none and so many of them, at least one.
    AtMost(u32, Box<Grammar>),
}

impl Grammar {
    /// The grammar in llguidance's form of Lark.
    pub(super) fn to_lark(&self) -> String {
        let mut rules = Rules::default();
        let start = rules.add(self);
        let mut lark = format!("start: {start}\nTEXT: /(?s:.*)/\n");
        for (number, rule) in rules.0.iter().enumerate() {
            let _ = writeln!(lark, "rule{number}{rule}");
        }
        lark
    }
}

/// What stands after the rules' names. Each stands once, however often it is used.
#[derive(Default)]
struct Rules(Vec<String>);

impl Rules {
    /// Adds a grammar and says by which name it goes.
    fn add(&mut self, grammar: &Grammar) -> String {
        let rule = match grammar {
            Grammar::Literal(text) => format!(": {}", quoted(text)),
            Grammar::Json(schema) => format!(": %json {}", in_one_line(schema)),
            Grammar::Text => ": TEXT".to_owned(),
            Grammar::TextThrough(end) => format!("[lazy]: TEXT {}", quoted(end)),
            Grammar::Sequence(parts) => format!(": {}", self.all(parts).join(" ")),
            Grammar::Either(parts) => format!(": {}", self.all(parts).join(" | ")),
            Grammar::AtMost(count, part) => format!(": {}{{0,{}}}", self.add(part), count.max(&1)),
        };
        let known = self.0.iter().position(|other| *other == rule);
        let number = known.unwrap_or_else(|| {
            self.0.push(rule);
            self.0.len() - 1
        });
        format!("rule{number}")
    }

    fn all(&mut self, parts: &[Grammar]) -> Vec<String> {
        parts.iter().map(|part| self.add(part)).collect()
    }
}

/// A Lark string, which is written like one of JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The schema with the library's own member that settles white space. A schema that brings such a member
/// is not heard: it could ask for parts of itself to be ignored.
fn in_one_line(schema: &Value) -> Value {
    let settled = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
    match schema {
        Value::Object(members) => {
            let mut members = members.clone();
            members.insert("x-guidance".to_owned(), settled);
            Value::Object(members)
        }
        // `true` and `false` are schemas, too.
        other => json!({"allOf": [other], "x-guidance": settled}),
    }
}
