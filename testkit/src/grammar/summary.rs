//! What an answer said, put together from its chunks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Usage;

/// A whole answer or stream as a client understands it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub id: Option<String>,
    pub model: Option<String>,
    /// By index.
    pub choices: BTreeMap<u64, Choice>,
    pub usage: Option<Usage>,
    pub error: Option<ErrorObject>,
    /// Whether `[DONE]` came.
    pub done: bool,
    /// Comment frames, which keep a slow stream alive.
    pub comments: usize,
    /// Every event that was a chunk, as it came.
    pub chunks: Vec<Value>,
}

/// One choice, its deltas joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub text: String,
    pub reasoning: String,
    pub refusal: String,
    pub tool_calls: Vec<ToolCall>,
    /// The addresses of its images.
    pub images: Vec<String>,
    pub finish_reason: Option<String>,
}

impl Choice {
    /// The addresses in a member `images`, of a message or a delta.
    pub(super) fn images_in(value: &Value) -> impl Iterator<Item = String> {
        let parts = value["images"].as_array().into_iter().flatten();
        parts.map(|part| part["image_url"]["url"].as_str().unwrap_or_default().to_owned())
    }
}

/// A tool call, its fragments joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    pub id: String,
    /// Its `type`: `function` or `custom`.
    pub kind: String,
    pub name: String,
    /// JSON for a function, any text for a custom tool.
    pub arguments: String,
}

impl ToolCall {
    /// Reads a whole call, or the first fragment of one; what is not there is left empty.
    pub(super) fn read(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            id: text(&value["id"]),
            kind: text(&value["type"]),
            name: text(Self::name_in(value)),
            arguments: text(Self::arguments_in(value)),
        }
    }

    pub(super) fn name_in(value: &Value) -> &Value {
        Self::either(&value["function"]["name"], &value["custom"]["name"])
    }

    pub(super) fn arguments_in(value: &Value) -> &Value {
        Self::either(&value["function"]["arguments"], &value["custom"]["input"])
    }

    fn either<'a>(function: &'a Value, custom: &'a Value) -> &'a Value {
        if function.is_null() { custom } else { function }
    }
}

/// The object under `error`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorObject {
    pub message: String,
    /// Its `type`.
    pub kind: String,
    pub param: Option<String>,
    pub code: Option<String>,
}

impl ErrorObject {
    /// Reads the object under `error`; what is not there, or no string, is left empty.
    pub fn read(value: &Value) -> Self {
        let text = |field: &str| value[field].as_str().map(str::to_owned);
        Self {
            message: text("message").unwrap_or_default(),
            kind: text("type").unwrap_or_default(),
            param: text("param"),
            code: text("code"),
        }
    }
}

impl Summary {
    /// The text of the first choice.
    pub fn text(&self) -> &str {
        self.first().map_or("", |choice| &choice.text)
    }

    /// The reasoning of the first choice.
    pub fn reasoning(&self) -> &str {
        self.first().map_or("", |choice| &choice.reasoning)
    }

    /// The tool calls of the first choice.
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.first().map_or(&[], |choice| &choice.tool_calls)
    }

    /// The images of the first choice.
    pub fn images(&self) -> &[String] {
        self.first().map_or(&[], |choice| &choice.images)
    }

    /// Why the first choice ended.
    pub fn finish_reason(&self) -> Option<&str> {
        self.first()?.finish_reason.as_deref()
    }

    /// The code of the error object.
    pub fn error_code(&self) -> Option<&str> {
        self.error.as_ref()?.code.as_deref()
    }

    fn first(&self) -> Option<&Choice> {
        self.choices.get(&0)
    }
}
