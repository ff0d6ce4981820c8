//! Answers and chunks as OpenAI sends them, fields in its order: a gate may have a fast path for
//! what it knows, and a provider that orders them otherwise would never take it.

use serde::Serialize;
use serde_json::Value;

/// The ID that the fake provider gives its own answers.
pub const PROVIDER_ID: &str = "chatcmpl-provider";

/// The model that the fake provider says it is, unlike any that a test asks for: a gate that lets it
/// through has forgotten to echo the requested ID.
pub const PROVIDER_MODEL: &str = "model-as-the-provider-calls-it";

const CREATED: u64 = 1_760_000_000;
const FINGERPRINT: &str = "fp_provider";

/// The tokens of every prompt, as the fake provider counts them.
pub(super) const PROMPT_TOKENS: u64 = 9;

#[derive(Serialize)]
struct Completion<C> {
    id: &'static str,
    object: &'static str,
    created: u64,
    model: &'static str,
    system_fingerprint: &'static str,
    choices: Vec<C>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    refusal: (),
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: &'a Value,
    logprobs: (),
    finish_reason: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Usage {
    /// In every chunk before the last, where usage was asked for.
    Later,
    Counts {
        prompt_tokens: u64,
        completion_tokens: u64,
        total_tokens: u64,
    },
}

impl Usage {
    fn counts(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self::Counts {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
        }
    }
}

/// A whole answer with this text.
pub fn answer(text: &str) -> Value {
    value(&answer_text(text))
}

/// As [`answer`], written out.
pub fn answer_text(text: &str) -> String {
    let choice = Choice {
        index: 0,
        message: Message {
            role: "assistant",
            content: text,
            refusal: (),
        },
        logprobs: (),
        finish_reason: "stop",
    };
    let usage = Usage::counts(PROMPT_TOKENS, 1);
    written("chat.completion", vec![choice], Some(usage))
}

/// A chunk with one choice, as it is where no usage was asked for.
pub fn chunk(delta: Value, finish_reason: Option<&str>) -> Value {
    value(&chunk_text(&delta, finish_reason, false))
}

/// As [`chunk`], written out; where usage was asked for, it says that there is none yet.
pub fn chunk_text(delta: &Value, finish_reason: Option<&str>, usage_asked: bool) -> String {
    let choice = ChunkChoice {
        index: 0,
        delta,
        logprobs: (),
        finish_reason,
    };
    let usage = usage_asked.then_some(Usage::Later);
    written("chat.completion.chunk", vec![choice], usage)
}

/// The chunk with no choices that carries the usage.
pub fn usage_chunk(prompt_tokens: u64, completion_tokens: u64) -> Value {
    value(&usage_chunk_text(prompt_tokens, completion_tokens))
}

/// As [`usage_chunk`], written out.
pub fn usage_chunk_text(prompt_tokens: u64, completion_tokens: u64) -> String {
    let none: Vec<ChunkChoice<'_>> = vec![];
    let usage = Usage::counts(prompt_tokens, completion_tokens);
    written("chat.completion.chunk", none, Some(usage))
}

fn written<C: Serialize>(object: &'static str, choices: Vec<C>, usage: Option<Usage>) -> String {
    serde_json::to_string(&Completion {
        id: PROVIDER_ID,
        object,
        created: CREATED,
        model: PROVIDER_MODEL,
        system_fingerprint: FINGERPRINT,
        choices,
        usage,
    })
    .expect("names and numbers are always JSON")
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("it was just written")
}
