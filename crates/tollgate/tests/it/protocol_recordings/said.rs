//! What recordings say, read straight from their JSON.

pub mod anthropic;
pub mod gemini;
pub mod responses;

use serde_json::Value;
use tollgate_testkit::{grammar::Summary, recordings::Recording};

/// What has to come of a recording.
#[derive(Debug)]
pub enum Told {
    Answer(Said),
    /// The provider's own fault, after this text.
    Fault(String),
    /// The prompt was blocked.
    Blocked,
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub text: String,
    /// White space left out: what stands between the parts of a summary is the gate's own choice.
    pub thoughts: String,
    /// Names and arguments.
    pub calls: Vec<(String, Value)>,
    pub finish: String,
    /// Prompt and completion, where the provider counts.
    pub tokens: Option<(u64, u64)>,
}

impl Said {
    pub fn think(&mut self, text: &str) {
        self.thoughts.extend(text.split_whitespace());
    }

    fn seen(summary: &Summary, counted: bool, whole: bool) -> Self {
        let mut said = Self {
            text: summary.text().to_owned(),
            finish: summary.finish_reason().unwrap_or_default().to_owned(),
            ..Self::default()
        };
        said.think(summary.reasoning());
        let calls = summary.tool_calls().iter();
        said.calls = calls
            .map(|call| (call.name.clone(), arguments(&call.arguments, whole)))
            .collect();
        if let Some(usage) = summary.usage.as_ref().filter(|_| counted) {
            said.tokens = Some((usage.prompt_tokens, usage.completion_tokens));
        }
        said
    }
}

/// Arguments as JSON; those of a call that was cut short as the text that they are.
pub fn arguments(text: &str, whole: bool) -> Value {
    match serde_json::from_str(text) {
        Ok(arguments) => arguments,
        Err(_) if text.is_empty() && whole => serde_json::json!({}),
        Err(_) => text.into(),
    }
}

/// The JSON of every event of a stream.
pub fn events(body: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(body)
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
        .collect()
}

/// A member that is a string; else "".
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

impl Told {
    /// How what the client read differs from what the recording told.
    pub fn difference(&self, recording: &Recording, status: u16, seen: &Summary) -> Option<String> {
        let id = &recording.id;
        match self {
            Self::Answer(said) => {
                if status != 200 || seen.error.is_some() {
                    return Some(format!("{id}: {status} {:?}", seen.error));
                }
                // What said something has tokens: the gate counts those of providers that tell of none.
                let told = said.tokens.is_some_and(|tokens| tokens != (0, 0));
                let counted = told && seen.usage.is_some();
                let mut expected = said.clone();
                expected.tokens = expected.tokens.filter(|_| counted);
                let seen = Said::seen(seen, counted, said.finish != "length");
                (seen != expected).then(|| format!("{id}:\n  told {expected:?}\n  seen {seen:?}"))
            }
            Self::Fault(text) => {
                // Before the first output the next channel is tried, and at last the status tells.
                let passed = seen.done || seen.error.is_none() || (status < 400 && seen.text() != text);
                passed.then(|| {
                    format!(
                        "{id}: {text:?} and a fault are {:?}, {:?}",
                        seen.text(),
                        seen.error
                    )
                })
            }
            Self::Blocked => {
                let told = status == 400 && seen.error_code() == Some("content_filter");
                (!told).then(|| format!("{id}: blocked, and {status} {:?}", seen.error))
            }
        }
    }
}
