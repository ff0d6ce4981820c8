//! Judges what the gate sends as a chat stream or a whole answer.
//!
//! Written from OpenAI's API reference and from what its SDKs rely on, not from the gate: given the
//! very bytes of a response it says every rule they break, and what they said. Shapes of single
//! objects are the matter of [`crate::schema`]; here is what holds between them.

mod answer;
mod events;
mod stream;
mod summary;
#[cfg(test)]
mod tests;
mod usage;
mod violation;

use serde_json::Value;

pub use answer::check_answer;
pub use stream::{Checked, check_stream};
pub use summary::{Choice, ErrorObject, Summary, ToolCall};
pub use usage::Usage;
pub use violation::Violation;

/// What the client asked for, as far as the answer depends on it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The model that has to be echoed; `None` where any will do.
    pub model: Option<String>,
    /// Whether the stream has to end with a usage chunk.
    pub usage: bool,
}

impl Asked {
    /// Reads it from the request's body.
    pub fn by(request: &Value) -> Self {
        Self {
            model: request["model"].as_str().map(str::to_owned),
            usage: request["stream_options"]["include_usage"] == true,
        }
    }
}
