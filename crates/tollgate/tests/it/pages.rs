//! The requests that the five seed pages document.

use serde_json::{Value, json};

use crate::stage::{question_to, with};

/// A documented request, and what it is an example of.
pub struct Example {
    pub name: &'static str,
    pub request: Value,
}

/// A model of each page, the most specific page first.
pub const QWEN: &str = "qwen3.6-flash";
pub const DEEPSEEK: &str = "deepseek-v4-flash";
pub const DOUBAO: &str = "doubao-seed-1-6-vision-250815";
pub const GEMINI: &str = "gemini-2.5-pro";
pub const GENERAL: &str = "claude-sonnet-4-6";
pub const MODELS: [&str; 5] = [QWEN, DEEPSEEK, DOUBAO, GEMINI, GENERAL];

/// What the samples of all pages have in common.
fn sample(model: &str, members: Value) -> Value {
    let common = json!({
        "temperature": 1,
        "top_p": 0.5,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "stream": false
    });
    with(with(question_to(model), common), members)
}

fn qwen_sample() -> Value {
    let own = json!({"max_completion_tokens": 65536, "enable_thinking": false, "stop": ["<string>"]});
    sample(QWEN, own)
}

fn deepseek_sample() -> Value {
    let own = json!({
        "thinking": {},
        "max_tokens": 2,
        "response_format": {"type": "text"},
        "stop": "<string>",
        "top_p": 1
    });
    sample(DEEPSEEK, own)
}

fn doubao_sample() -> Value {
    sample(DOUBAO, json!({"max_tokens": 8192, "stop": "<string>"}))
}

fn chat_sample(model: &str) -> Value {
    let own = json!({"max_tokens": 2, "stop": "<string>", "n": 1, "response_format": {"type": "text"}});
    sample(model, own)
}

fn general_sample() -> Value {
    with(chat_sample(GENERAL), json!({"user": "<string>"}))
}

/// Every documented request, the samples without the placeholders that stand for nothing.
pub fn examples() -> Vec<Example> {
    let asked = |text: &str, part: Value| {
        let content = json!([{"type": "text", "text": text}, part]);
        with(
            question_to(QWEN),
            json!({"messages": [{"role": "user", "content": content}]}),
        )
    };
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.com/photo.jpg"}});
    let video = json!({"type": "video_url", "video_url": {"url": "https://example.com/sample.mp4"}});
    [
        ("Qwen, sample", qwen_sample()),
        ("Qwen, text-only", question_to(QWEN)),
        ("Qwen, image-input", asked("Describe this image.", image)),
        ("Qwen, video-input", asked("Summarize this video.", video)),
        ("Qwen, stop", with(question_to(QWEN), json!({"stop": [".", "?"]}))),
        ("DeepSeek, sample", deepseek_sample()),
        ("Doubao vision, sample", doubao_sample()),
        ("Gemini, sample", chat_sample(GEMINI)),
        ("general, sample", general_sample()),
    ]
    .map(|(name, request)| Example { name, request })
    .into()
}

/// Placeholders of the pages' generator that no server can mean, with the parameter that is wrong.
pub fn placeholders() -> Vec<(Example, &'static str)> {
    let no_role = json!({"messages": [{"content": "<string>"}]});
    [
        (
            "Qwen, a message without a role",
            with(qwen_sample(), no_role),
            "messages[0].role",
        ),
        (
            "general, an empty tool",
            with(general_sample(), json!({"tools": [{}]})),
            "tools[0].type",
        ),
        (
            "general, a tool choice that is none",
            with(general_sample(), json!({"tool_choice": "<string>"})),
            "tool_choice",
        ),
        (
            "DeepSeek, a user ID with other letters",
            with(deepseek_sample(), json!({"user_id": "<string>"})),
            "user_id",
        ),
        (
            "DeepSeek, a tool without a function",
            with(deepseek_sample(), json!({"tools": [{"type": "function"}]})),
            "tools[0].function",
        ),
        (
            "DeepSeek, stream options without a stream",
            with(
                deepseek_sample(),
                json!({"stream_options": {"include_usage": true}}),
            ),
            "stream_options",
        ),
    ]
    .map(|(name, request, param)| (Example { name, request }, param))
    .into()
}
