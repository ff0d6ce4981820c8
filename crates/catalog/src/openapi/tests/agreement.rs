//! Bodies that the document and the gate must judge alike.

use serde_json::{Value, json};

use super::{catalog, validator};
use crate::{
    contract::check::tests::gate::{PAGES, body, check_text, model},
    openapi::openapi,
};

/// Bodies that a schema can judge: each is refused or taken by both.
#[test]
fn the_document_and_the_gate_agree() {
    let document = openapi(&catalog(), &[]);
    let mut judged = (0, 0);
    for page in PAGES {
        let schema = document["components"]["schemas"][format!("Request.{page}")].clone();
        let first_model = schema["properties"]["model"]["enum"][0].clone();
        let request = validator(&document, &format!("Request.{page}"));
        for members in probes() {
            let mut body = body(members.clone());
            body["model"] = first_model.clone();
            let taken = check_text(model(page), &body.to_string());
            assert_eq!(
                taken.is_ok(),
                request.is_valid(&body),
                "{page}, {members}: the gate says {:?}, the document {:?}",
                taken.err().map(|violations| violations.message()),
                request
                    .iter_errors(&body)
                    .map(|error| error.to_string())
                    .collect::<Vec<_>>(),
            );
            match request.is_valid(&body) {
                true => judged.0 += 1,
                false => judged.1 += 1,
            }
        }
    }
    assert!(judged.0 > 100 && judged.1 > 200, "one-sided probes: {judged:?}");
}

fn probes() -> Vec<Value> {
    let mut probes = Vec::new();
    let values: [(&str, Vec<Value>); 26] = [
        ("max_tokens", numbers()),
        ("max_completion_tokens", numbers()),
        ("temperature", numbers()),
        ("top_p", numbers()),
        ("frequency_penalty", numbers()),
        ("presence_penalty", numbers()),
        (
            "n",
            vec![
                json!(0),
                json!(1),
                json!(2.0),
                json!(1.5),
                json!(-3),
                json!("1"),
                Value::Null,
            ],
        ),
        (
            "seed",
            vec![json!(-1), json!(7), json!(0.5), json!("7"), Value::Null],
        ),
        ("stream", vec![json!(true), json!(false), json!(1), Value::Null]),
        ("stop", stops()),
        ("response_format", formats()),
        ("tools", tools()),
        (
            "tool_choice",
            vec![
                json!("none"),
                json!("auto"),
                json!("any"),
                json!({}),
                json!({ "type": "function" }),
                json!({ "type": "allowed_tools" }),
                json!({ "type": "allowed_tools", "allowed_tools": { "mode": "auto", "tools": [] } }),
                json!({ "type": "allowed_tools", "function": { "name": "weather" } }),
                json!(1),
                Value::Null,
            ],
        ),
        (
            "parallel_tool_calls",
            vec![json!(true), json!("true"), Value::Null],
        ),
        ("logprobs", vec![json!(true), json!(1), Value::Null]),
        (
            "logit_bias",
            vec![
                json!({}),
                json!({ "1": 100 }),
                json!({ "1": 100.5 }),
                json!({ "1": null }),
                json!({ "1": "x" }),
                json!([]),
            ],
        ),
        ("user", vec![json!("<string>"), json!(""), json!(1), Value::Null]),
        (
            "user_id",
            vec![
                json!("a-b_C9"),
                json!(""),
                json!("a b"),
                json!("ä"),
                json!("a\n"),
                json!("a".repeat(512)),
                json!("a".repeat(513)),
                json!(1),
                Value::Null,
            ],
        ),
        ("enable_thinking", vec![json!(true), json!("true"), Value::Null]),
        (
            "thinking",
            vec![
                json!({}),
                json!({ "type": "enabled" }),
                json!({ "type": "on" }),
                json!({ "type": null }),
                json!("enabled"),
                json!({ "budget_tokens": -1 }),
                json!({ "budget_tokens": 10 }),
                json!({ "reasoning_effort": "huge" }),
                Value::Null,
            ],
        ),
        (
            "reasoning_effort",
            vec![json!("none"), json!("max"), json!("huge"), json!(1), Value::Null],
        ),
        ("metadata", vec![json!({ "a": [1] }), json!([]), Value::Null]),
        (
            "functions",
            vec![
                json!([]),
                json!([{ "name": "f" }]),
                json!([{}]),
                json!([{ "name": "a b" }]),
                json!({}),
            ],
        ),
        (
            "function_call",
            vec![
                json!("auto"),
                json!("required"),
                json!({ "name": "f" }),
                json!({}),
                Value::Null,
            ],
        ),
        (
            "something_new",
            vec![json!({ "a": null }), json!([]), Value::Null],
        ),
        ("messages", messages()),
    ];
    for (name, values) in values {
        probes.extend(values.into_iter().map(|value| json!({ name: value })));
    }
    probes.extend([
        json!({ "stream": true, "stream_options": { "include_usage": true } }),
        json!({ "stream": false, "stream_options": { "include_usage": true } }),
        json!({ "stream_options": {} }),
        json!({ "stream_options": null }),
        json!({ "stream": true, "stream_options": { "include_usage": 1 } }),
        json!({ "top_logprobs": 3, "logprobs": true }),
        json!({ "top_logprobs": 3, "logprobs": false }),
        json!({ "top_logprobs": 0 }),
        json!({ "top_logprobs": 21, "logprobs": true }),
    ]);
    probes
}

fn numbers() -> Vec<Value> {
    let numbers = [
        -2.001, -2.0, -0.001, 0.0, 1.0, 1.001, 2.0, 2.001, 8192.0, 8193.0, 65536.0, 65537.0,
    ];
    let mut values: Vec<Value> = numbers.into_iter().map(Value::from).collect();
    values.extend([
        json!(1),
        json!(0),
        json!(-1),
        json!("1"),
        json!(true),
        json!([1]),
        Value::Null,
    ]);
    values
}

fn stops() -> Vec<Value> {
    let mut stops: Vec<Value> = [0, 1, 4, 5, 16, 17]
        .iter()
        .map(|count| json!(vec!["x"; *count]))
        .collect();
    stops.extend([
        json!("x"),
        json!(""),
        json!(["x", ""]),
        json!(["x", 1]),
        json!([null]),
        json!({}),
        Value::Null,
    ]);
    stops
}

fn formats() -> Vec<Value> {
    vec![
        json!({ "type": "text" }),
        json!({ "type": "json_object" }),
        json!({ "type": "xml" }),
        json!({}),
        json!({ "type": "json_schema" }),
        json!({ "type": "json_schema", "json_schema": null }),
        json!({ "type": "json_schema", "json_schema": { "name": "a" } }),
        json!({ "type": "json_schema", "json_schema": { "name": "a b" } }),
        json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": {}, "strict": null } }),
        json!({ "type": "json_schema", "json_schema": { "name": "a", "strict": 1 } }),
        json!("text"),
        Value::Null,
    ]
}

fn tools() -> Vec<Value> {
    let function = |function: Value| json!([{ "type": "function", "function": function }]);
    vec![
        json!([]),
        json!([{}]),
        json!([null]),
        json!([{ "type": "function" }]),
        json!([{ "type": "custom", "function": { "name": "f" } }]),
        function(json!({ "name": "f" })),
        function(json!({ "name": "f.g" })),
        function(json!({ "name": "" })),
        function(json!({ "name": "f".repeat(64) })),
        function(json!({ "name": "f".repeat(65) })),
        function(json!({ "name": "f", "parameters": {}, "description": null, "strict": true })),
        function(json!({ "name": "f", "parameters": [] })),
        function(json!({ "name": "f", "strict": "yes" })),
        json!({}),
        Value::Null,
    ]
}

fn messages() -> Vec<Value> {
    let one = |message: Value| json!([message]);
    let user = |content: Value| json!([{ "role": "user", "content": content }]);
    let part = |part: Value| user(json!([part]));
    let call = |call: Value| {
        json!([
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "a", "content": "x" },
        ])
    };
    vec![
        json!([]),
        json!({}),
        Value::Null,
        json!(["x"]),
        one(json!({})),
        one(json!({ "role": "user" })),
        one(json!({ "content": "x" })),
        one(json!({ "role": "robot", "content": "x" })),
        one(json!({ "role": "developer", "content": "x", "name": null, "extra": 1 })),
        one(json!({ "role": "system", "content": "x", "name": 1 })),
        one(
            json!({ "role": "system", "content": [{ "type": "image_url", "image_url": { "url": "https://a/b" } }] }),
        ),
        user(json!("")),
        user(json!(1)),
        user(json!([])),
        user(json!(["x"])),
        user(Value::Null),
        part(json!({})),
        part(json!({ "type": "text" })),
        part(json!({ "type": "text", "text": "" })),
        part(json!({ "type": "text", "text": 1 })),
        part(json!({ "type": "picture", "text": "x" })),
        part(json!({ "type": "refusal", "refusal": "x" })),
        part(
            json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png", "detail": null } }),
        ),
        part(
            json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png", "detail": 1 } }),
        ),
        part(json!({ "type": "image_url", "image_url": { "url": "" } })),
        part(json!({ "type": "image_url", "image_url": {} })),
        part(json!({ "type": "image_url", "image_url": "https://example.com/a.png" })),
        part(json!({ "type": "video_url", "video_url": { "url": "https://example.com/a.mp4", "fps": 2 } })),
        part(json!({ "type": "video_url", "video_url": { "url": "https://example.com/a.mp4", "fps": "2" } })),
        part(json!({ "type": "video_url", "video_url": { "url": "https://example.com/a.mp4" }, "fps": "2" })),
        part(json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } })),
        part(json!({ "type": "input_audio", "input_audio": { "data": "AAAA" } })),
        part(json!({ "type": "file", "file": { "file_data": "data:application/pdf;base64,AAAA" } })),
        part(json!({ "type": "file", "file": { "file_id": "file-1" } })),
        part(json!({ "type": "file", "file": { "file_id": 1, "file_data": "x" } })),
        part(json!({ "type": "file", "file": {} })),
        one(
            json!({ "role": "assistant", "content": "x", "refusal": null, "annotations": [], "audio": null, "function_call": null, "tool_calls": null }),
        ),
        one(json!({ "role": "assistant" })),
        one(json!({ "role": "assistant", "content": null, "refusal": null })),
        one(json!({ "role": "assistant", "content": [] })),
        one(json!({ "role": "assistant", "content": null, "refusal": "x" })),
        one(json!({ "role": "assistant", "content": null, "reasoning_content": "x" })),
        one(json!({ "role": "assistant", "content": "x", "reasoning_content": 1 })),
        one(json!({ "role": "assistant", "content": "x", "annotations": {} })),
        one(json!({ "role": "assistant", "tool_calls": [] })),
        one(json!({ "role": "assistant", "content": [{ "type": "refusal", "refusal": "x" }] })),
        one(
            json!({ "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "" } }),
        ),
        one(json!({ "role": "assistant", "content": null, "function_call": { "name": "f" } })),
        one(json!({ "role": "assistant", "content": null, "reasoning": "x" })),
        one(json!({ "role": "assistant", "content": null, "images": [] })),
        one(
            json!({ "role": "assistant", "images": [{ "type": "image_url", "index": 0, "image_url": { "url": "data:image/png;base64,AAAA" } }] }),
        ),
        one(json!({ "role": "assistant", "content": "x", "images": [{ "type": "text", "text": "x" }] })),
        one(json!({ "role": "assistant", "content": "x", "images": {} })),
        one(
            json!({ "role": "assistant", "content": [{ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } }] }),
        ),
        one(json!({ "role": "assistant", "thinking_blocks": [{ "type": "thinking" }] })),
        one(json!({ "role": "assistant", "thinking_blocks": [] })),
        one(json!({ "role": "assistant", "content": "x", "thinking_blocks": ["x"] })),
        one(json!({ "role": "assistant", "reasoning_details": [{}] })),
        one(json!({ "role": "assistant", "content": "x", "reasoning_details": {} })),
        one(json!({ "role": "user", "content": "x", "cache_control": { "type": "ephemeral" } })),
        one(json!({ "role": "user", "content": "x", "cache_control": 1 })),
        part(json!({ "type": "text", "text": "x", "cache_control": { "type": "ephemeral", "ttl": "1h" } })),
        part(json!({ "type": "text", "text": "x", "cache_control": [] })),
        json!([
            { "role": "assistant", "tool_calls": [{ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
            { "role": "tool", "tool_call_id": "a", "content": [{ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } }] },
        ]),
        one(json!({ "role": "function", "name": "f", "content": null })),
        one(json!({ "role": "function", "content": "x" })),
        call(
            json!({ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{" }, "index": 0 }),
        ),
        call(json!({ "id": "a", "type": "custom", "function": { "name": "f", "arguments": "{" } })),
        call(json!({ "id": "a", "type": "function", "function": { "name": "f" } })),
        call(
            json!({ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{" }, "extra_content": {} }),
        ),
        call(
            json!({ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{" }, "extra_content": 1 }),
        ),
        call(json!({ "id": "a", "type": "function", "function": { "name": "f", "arguments": {} } })),
        call(json!({ "id": "", "type": "function", "function": { "name": "f", "arguments": "" } })),
        call(json!({ "type": "function", "function": { "name": "f", "arguments": "" } })),
    ]
}
