//! What an answer has to look like, and how that is written for llguidance.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::schema::{JsonForm, Part};

/// What an answer has to look like.
#[derive(Debug, Clone, PartialEq)]
pub enum Grammar {
    /// Exactly this.
    Literal(String),
    /// JSON that fits a JSON Schema.
    Json(JsonForm),
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
        let mut lark = String::from("start:");
        // The library compiles a rule where it is first named, on the stack. Naming each one after those that
        // it is made of keeps that flat; none of these comes into the answer.
        for number in 0..rules.rules.len() {
            let _ = write!(lark, " rule{number}~0");
        }
        let _ = writeln!(lark, " {start}\nTEXT: /(?s:.*)/");
        for (number, rule) in rules.rules.iter().enumerate() {
            let _ = writeln!(lark, "rule{number}{rule}");
        }
        for (number, terminal) in rules.terminals.iter().enumerate() {
            let _ = writeln!(lark, "T{number}: {terminal}");
        }
        lark
    }
}

#[derive(Default)]
struct Rules {
    /// What stands after the rules' names. Each stands once, however often it is used.
    rules: Vec<String>,
    known: HashMap<String, usize>,
    terminals: Vec<String>,
    known_terminals: HashMap<String, usize>,
}

impl Rules {
    /// Adds a grammar and says by which name it goes.
    fn add(&mut self, grammar: &Grammar) -> String {
        let rule = match grammar {
            Grammar::Literal(text) => format!(": {}", quoted(text)),
            Grammar::Json(form) => return self.add_json(form),
            Grammar::Text => ": TEXT".to_owned(),
            Grammar::TextThrough(end) => format!("[lazy]: TEXT {}", quoted(end)),
            Grammar::Sequence(parts) => format!(": {}", self.all(parts).join(" ")),
            Grammar::Either(parts) => format!(": {}", self.all(parts).join(" | ")),
            Grammar::AtMost(count, part) => format!(": {}{{0,{}}}", self.add(part), count.max(&1)),
        };
        self.rule(rule)
    }

    fn all(&mut self, parts: &[Grammar]) -> Vec<String> {
        parts.iter().map(|part| self.add(part)).collect()
    }

    fn rule(&mut self, rule: String) -> String {
        format!("rule{}", number_of(&mut self.rules, &mut self.known, rule))
    }

    /// A form's rules only name those before them.
    fn add_json(&mut self, form: &JsonForm) -> String {
        let mut names: Vec<String> = Vec::with_capacity(form.rules.len());
        for rule in form.rules.iter() {
            let options = rule.iter().map(|option| {
                let parts = option.iter().map(|part| self.part(part, &names));
                parts.collect::<Vec<_>>().join(" ")
            });
            let rule = format!(": {}", options.collect::<Vec<_>>().join(" | "));
            names.push(self.rule(rule));
        }
        names[form.start].clone()
    }

    fn part(&mut self, part: &Part, names: &[String]) -> String {
        match part {
            Part::Literal(text) => quoted(text),
            Part::Terminal(expression) => {
                let expression = expression.clone();
                format!(
                    "T{}",
                    number_of(&mut self.terminals, &mut self.known_terminals, expression)
                )
            }
            Part::Json(schema) => format!("%json {}", in_one_line(schema)),
            Part::Rule(number) => names[*number].clone(),
            Part::Repeat(number, least, most) => format!("{}{{{least},{most}}}", names[*number]),
        }
    }
}

/// The number of a text in a list, to which it is added where it is new.
fn number_of(list: &mut Vec<String>, known: &mut HashMap<String, usize>, text: String) -> usize {
    if let Some(number) = known.get(&text) {
        return *number;
    }
    list.push(text.clone());
    known.insert(text, list.len() - 1);
    list.len() - 1
}

/// A Lark string, which is written like one of JSON, but for a letter that the library does not read there.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// The schema of a text or number with the library's own member that settles white space.
fn in_one_line(schema: &str) -> String {
    let settled = json!({"whitespace_flexible": false});
    match schema.strip_suffix('}') {
        Some(members) => format!("{members},\"x-guidance\":{settled}}}"),
        None => schema.to_owned(),
    }
}
