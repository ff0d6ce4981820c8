//! Probabilities of tokens in OpenAI's form.

use serde_json::{Value, json};
use tollgate_engine::{ScoredToken, TokenLogprob};

/// The items of `logprobs.content`, as a JSON array.
pub fn json(tokens: &[TokenLogprob]) -> String {
    let items = tokens.iter().map(|token| {
        let mut item = scored(&token.token);
        item["top_logprobs"] = token.top.iter().map(scored).collect();
        item
    });
    Value::from_iter(items).to_string()
}

fn scored(scored: &ScoredToken) -> Value {
    json!({
        // A part of a character has no text; its bytes say what it is.
        "token": String::from_utf8_lossy(&scored.bytes),
        "logprob": scored.logprob,
        "bytes": scored.bytes,
    })
}
