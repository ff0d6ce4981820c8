//! Messages as a client reads them.

use serde_json::{Value, json};

use super::gate::{check_text, model, text_model, with};

#[test]
fn violations_read_well() {
    let long = "a secret prompt ".repeat(40);
    let requests: Vec<(&str, Value)> = vec![
        ("general", json!({ "temperature": 2.5 })),
        ("general", json!({ "temperature": "hot" })),
        ("general", json!({ "max_tokens": 0 })),
        ("general", json!({ "stop": ["a", "b", "c", "d", "e"] })),
        ("qwen3.6-flash", json!({ "stop": "." })),
        ("qwen3.6-flash", json!({ "max_completion_tokens": 65537 })),
        ("general", json!({ "reasoning_effort": "extreme" })),
        ("general", json!({ "reasoning_effort": long })),
        ("deepseek-v4-flash", json!({ "user_id": "someone@example.com" })),
        ("deepseek-v4-flash", json!({ "stream_options": {} })),
        (
            "deepseek-v4-flash",
            json!({ "thinking": { "type": "disabled" }, "reasoning_effort": "high" }),
        ),
        ("general", json!({ "n": 1000 })),
        ("general", json!({ "tools": [{}] })),
        ("general", json!({ "tool_choice": "<string>" })),
        ("general", json!({ "response_format": { "type": "json_schema" } })),
        ("general", json!({ "messages": [] })),
        ("general", json!({ "messages": [{ "content": "x" }] })),
        (
            "general",
            json!({ "messages": [{ "role": "robot", "content": "x" }] }),
        ),
        ("general", json!({ "messages": [{ "role": "user" }] })),
        ("general", json!({ "messages": [{ "role": "assistant" }] })),
        (
            "general",
            json!({ "messages": [{ "role": "user", "content": [{ "type": "picture" }] }] }),
        ),
        (
            "general",
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "photo.jpg" } }] }] }),
        ),
        (
            "general",
            json!({ "messages": [
                { "role": "user", "content": "x" },
                { "role": "assistant", "tool_calls": [{ "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
                { "role": "user", "content": "y" }
            ] }),
        ),
        (
            "general",
            json!({ "messages": [{ "role": "tool", "tool_call_id": "call_9", "content": "x" }] }),
        ),
        ("general", json!({ "temperature": 3, "top_p": 2 })),
        (
            "general",
            json!({ "temperature": 3, "top_p": 2, "n": 0, "stop": 1, "stream": 1, "user": 1, "tools": 1 }),
        ),
    ];
    let mut shown: Vec<String> = requests
        .into_iter()
        .map(|(page, members)| with(page, members).unwrap_err().message())
        .collect();
    let image = r#"{"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]}"#;
    shown.push(check_text(text_model(), image).unwrap_err().message());
    shown.push(
        check_text(
            model("general"),
            r#"{"messages": [{"role": "user", "content": "\ud800"}]}"#,
        )
        .unwrap_err()
        .message(),
    );
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_violation_never_shows_a_prompt() {
    let secret = "the launch code is 0000";
    let requests = [
        json!({ "messages": secret }),
        json!({ "messages": [{ "role": secret, "content": secret }] }),
        json!({ "messages": [{ "role": "user", "content": [{ "type": secret, "text": secret }] }] }),
        json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": secret } }] }] }),
        json!({ "messages": [{ "role": "tool", "tool_call_id": secret, "content": secret }] }),
        json!({ "tools": [{ "type": "function", "function": { "name": secret } }] }),
        json!({ "logit_bias": { secret: secret } }),
        json!({ "user": [secret], "reasoning_effort": secret, "thinking": { "type": secret } }),
    ];
    for members in requests {
        let message = with("general", members).unwrap_err().message();
        assert!(!message.contains("launch"), "{message}");
    }
}
