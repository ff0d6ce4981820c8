//! A chat request in, a Messages request out: to be read.

use serde_json::{Value, json};
use tollgate_dialects::ProviderRequest;

use super::fixtures::{body, checked, encode, serving};

/// JSON with all that fits on a line on one.
fn readable(value: &Value, depth: usize) -> String {
    const LINE: usize = 96;
    let short = value.to_string();
    if short.len() + 2 * depth <= LINE {
        return short;
    }
    let (inner, outer) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    let lines = |items: Vec<String>| items.join(&format!(",\n{inner}"));
    match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| readable(item, depth + 1)).collect();
            format!("[\n{inner}{}\n{outer}]", lines(items))
        }
        Value::Object(members) => {
            let members = members.iter();
            let items = members
                .map(|(name, value)| format!("\"{name}\": {}", readable(value, depth + 1)))
                .collect();
            format!("{{\n{inner}{}\n{outer}}}", lines(items))
        }
        _ => short,
    }
}

fn shown(model: &str, members: Value) -> String {
    let mut chat = members;
    chat["model"] = json!(model);
    let valid = checked(model, &chat.to_string());
    let request: ProviderRequest = encode(&valid, &serving(model)).unwrap();
    let notes: Vec<String> = request.notes.iter().map(ToString::to_string).collect();
    let undo = match request.undo.is_nothing() {
        true => "nothing".to_owned(),
        false => format!("{:#?}", request.undo),
    };
    format!(
        "chat:\n{}\n\nmessages, POST {}{}:\n{}\n\nnotes: {}\nundo: {undo}",
        readable(&chat, 0),
        request.path,
        if request.streamed { ", streamed" } else { "" },
        readable(&body(&request), 0),
        if notes.is_empty() {
            "none".to_owned()
        } else {
            notes.join(", ")
        },
    )
}

#[test]
fn a_question() {
    insta::assert_snapshot!(shown(
        "claude-sonnet-4-6",
        json!({
            "messages": [
                {"role": "system", "content": "Answer in one sentence."},
                {"role": "user", "content": "Why is the sky blue?"}
            ],
            "max_tokens": 200,
            "temperature": 1.4,
            "stop": ["\n\n", "END"],
            "seed": 7,
            "user": "jane@example.org",
            "service_tier": "default"
        })
    ));
}

#[test]
fn a_tool_exchange() {
    insta::assert_snapshot!(shown(
        "claude-sonnet-4-6",
        json!({
            "messages": [
                {"role": "user", "content": "What is the weather in Lisbon and in Porto?"},
                {"role": "assistant", "content": "I shall look.", "tool_calls": [
                    {"id": "functions.weather:0", "type": "function",
                     "function": {"name": "weather", "arguments": "{\"city\": \"Lisbon\"}"}},
                    {"id": "functions.weather:1", "type": "function",
                     "function": {"name": "weather", "arguments": "{\"city\":\"Porto\"}"}}
                ]},
                {"role": "tool", "tool_call_id": "functions.weather:1", "content": "rain"},
                {"role": "tool", "tool_call_id": "functions.weather:0", "content": "sun"},
                {"role": "user", "content": "Be brief."}
            ],
            "max_tokens": 500,
            "tools": [{"type": "function", "function": {
                "name": "weather",
                "description": "Current weather of a city",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
            }}],
            "parallel_tool_calls": false
        })
    ));
}

#[test]
fn thinking_by_effort() {
    insta::assert_snapshot!(shown(
        "claude-opus-4-6",
        json!({
            "messages": [{"role": "user", "content": "Prove it."}],
            "max_completion_tokens": 16000,
            "reasoning_effort": "xhigh",
            "temperature": 0.3,
            "stream": true,
            "stream_options": {"include_usage": true}
        })
    ));
}

#[test]
fn thinking_by_budget() {
    insta::assert_snapshot!(shown(
        "claude-sonnet-4-5-20250929",
        json!({
            "messages": [{"role": "user", "content": "Prove it."}],
            "max_completion_tokens": 16000,
            "reasoning_effort": "high",
            "top_k": 40
        })
    ));
}

#[test]
fn an_answer_by_schema_whose_limits_go_into_words() {
    insta::assert_snapshot!(shown(
        "claude-sonnet-4-6",
        json!({
            "messages": [{"role": "user", "content": "Rate it."}],
            "max_tokens": 300,
            "response_format": {"type": "json_schema", "json_schema": {"name": "rating", "schema": {
                "type": "object",
                "properties": {
                    "stars": {"type": "integer", "description": "How good it is.", "minimum": 1, "maximum": 5},
                    "tags": {"type": "array", "items": {"type": "string", "maxLength": 12}, "minItems": 2}
                },
                "required": ["stars"]
            }}}
        })
    ));
}

#[test]
fn media_and_marks() {
    insta::assert_snapshot!(shown(
        "claude-haiku-4-5-20251001",
        json!({
            "messages": [
                {"role": "system", "content": [
                    {"type": "text", "text": "You read files.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
                ]},
                {"role": "user", "content": [
                    {"type": "text", "text": "What do these say?"},
                    {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
                    {"type": "file", "file": {"filename": "a.csv", "file_data": "data:text/csv;base64,YSxiCjEsMg=="}}
                ], "cache_control": {"type": "ephemeral"}}
            ],
            "max_tokens": 300
        })
    ));
}

#[test]
fn a_conversation_that_the_provider_would_refuse_as_it_is() {
    insta::assert_snapshot!(shown(
        "claude-sonnet-4-6",
        json!({
            "messages": [
                {"role": "assistant", "content": "Good morning."},
                {"role": "user", "content": "Draw me a cat."},
                {"role": "user", "content": " "},
                {"role": "assistant", "content": "Here it is.", "images": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
                ]},
                {"role": "system", "content": "The user has moved to another room."},
                {"role": "user", "content": "And a dog."},
                {"role": "assistant", "content": null, "refusal": "I draw no dogs."},
                {"role": "assistant", "content": "That is"}
            ],
            "max_tokens": 300
        })
    ));
}
