//! What the provider says, rendered once.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tollgate_testkit::provider::{answer_text, chunk_text, usage_chunk_text};

/// Repeated until the answer is long enough.
const SENTENCE: &str = "The sky over Mars is the colour of butter, and its evenings are blue. ";

/// Every byte that is ever sent, and how a stream runs unless a request says otherwise.
pub(crate) struct Answers {
    pub(crate) whole: Bytes,
    pub(crate) plain: StreamBytes,
    pub(crate) with_usage: StreamBytes,
    pub(crate) not_found: Bytes,
    pub(crate) pace: Pace,
}

/// The pieces of a stream.
pub(crate) struct StreamBytes {
    pub(crate) opening: Bytes,
    pub(crate) content: Bytes,
    /// Finish, usage where it is asked for, and `[DONE]`.
    pub(crate) terminal: Bytes,
}

/// How a stream runs.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) chunks: u32,
    /// Zero: everything at once.
    pub(crate) interval: Duration,
}

impl Answers {
    pub(crate) fn new(answer_bytes: usize, chunks: u32, interval: Duration) -> Self {
        let text: String = SENTENCE.chars().cycle().take(answer_bytes).collect();
        Self {
            whole: Bytes::from(answer_text(&text)),
            plain: StreamBytes::new(false, chunks),
            with_usage: StreamBytes::new(true, chunks),
            not_found: Bytes::from_static(
                b"{\"error\":{\"message\":\"only POST .../chat/completions is answered\",\
                  \"type\":\"invalid_request_error\",\"param\":null,\"code\":\"not_found\"}}",
            ),
            pace: Pace { chunks, interval },
        }
    }
}

impl StreamBytes {
    fn new(usage: bool, chunks: u32) -> Self {
        let role = json!({"role": "assistant", "content": ""});
        let mut terminal = event(&chunk_text(&json!({}), Some("stop"), usage));
        if usage {
            terminal += &event(&usage_chunk_text(9, chunks.into()));
        }
        terminal += "data: [DONE]\n\n";
        let content = json!({"content": " token"});
        Self {
            opening: Bytes::from(event(&chunk_text(&role, None, usage))),
            content: Bytes::from(event(&chunk_text(&content, None, usage))),
            terminal: Bytes::from(terminal),
        }
    }
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}
