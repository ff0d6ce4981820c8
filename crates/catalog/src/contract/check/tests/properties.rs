//! Whatever comes in, the check answers; and whatever it lets through keeps its promises.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_chat::request::ChatRequest;

use super::gate::{PAGES, model};
use crate::{
    contract::{
        ToolChoice, ValidRequest,
        check::{CheckLimits, check},
    },
    thinking::Thinking,
};

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3_i32..20).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// Words that mean something somewhere in a request.
const WORDS: &[&str] = &[
    "user",
    "assistant",
    "tool",
    "system",
    "function",
    "text",
    "image_url",
    "file",
    "enabled",
    "disabled",
    "none",
    "auto",
    "required",
    "high",
    "json_schema",
    "call_a",
    "https://example.com/a.png",
    "data:image/png;base64,AAAA",
    "gs://bucket/object",
];

const NAMES: &[&str] = &[
    "role",
    "content",
    "type",
    "text",
    "image_url",
    "url",
    "tool_calls",
    "id",
    "function",
    "name",
    "arguments",
    "tool_call_id",
    "file",
    "file_id",
    "audio",
    "refusal",
    "json_schema",
    "reasoning_effort",
    "budget_tokens",
];

fn rich() -> Value {
    json!({
        "model": "m",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [
                { "type": "text", "text": "Look" },
                { "type": "image_url", "image_url": { "url": "https://example.com/a.png", "detail": "low" } },
                { "type": "video_url", "video_url": { "url": "https://example.com/a.mp4", "fps": 1 } },
                { "type": "file", "file": { "file_data": "data:application/pdf;base64,AAAA" } }
            ] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "call_a", "type": "function", "function": { "name": "weather", "arguments": "{}" } }
            ] },
            { "role": "tool", "tool_call_id": "call_a", "content": "sunny" },
            { "role": "assistant", "content": "Sunny.", "refusal": null, "reasoning_content": "…", "annotations": [] },
            { "role": "user", "content": "Thanks" }
        ],
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "frequency_penalty": 0,
        "stream": true,
        "stream_options": { "include_usage": true },
        "stop": ["a", "b"],
        "n": 2,
        "response_format": { "type": "json_schema", "json_schema": { "name": "answer", "schema": {} } },
        "tools": [{ "type": "function", "function": { "name": "weather", "parameters": {}, "strict": true } }],
        "tool_choice": { "type": "function", "function": { "name": "weather" } },
        "thinking": { "type": "enabled" },
        "reasoning_effort": "high",
        "logprobs": true,
        "top_logprobs": 2,
        "user_id": "abc"
    })
}

/// A change at one place of a request.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Repeat,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        json_value().prop_map(Change::Replace),
        Just(Change::Remove),
        Just(Change::Repeat)
    ]
}

/// Applies `change` at the `place`th value of `value`, counted in depth; tells whether there was one.
fn alter(value: &mut Value, place: &mut usize, change: &Change) -> bool {
    if *place == 0 {
        if let Change::Replace(new) = change {
            *value = new.clone();
        }
        return true;
    }
    match value {
        Value::Array(items) => {
            for index in 0..items.len() {
                *place -= 1;
                if *place == 0 && !matches!(change, Change::Replace(_)) {
                    let item = items.remove(index);
                    if matches!(change, Change::Repeat) {
                        items.insert(index, item.clone());
                        items.insert(index, item);
                    }
                    return true;
                }
                if alter(&mut items[index], place, change) {
                    return true;
                }
            }
        }
        Value::Object(members) => {
            let names: Vec<String> = members.keys().cloned().collect();
            for name in names {
                *place -= 1;
                if *place == 0 && !matches!(change, Change::Replace(_)) {
                    members.remove(&name);
                    return true;
                }
                if members
                    .get_mut(&name)
                    .is_some_and(|member| alter(member, place, change))
                {
                    return true;
                }
            }
        }
        _ => {}
    }
    false
}

fn assert_promises(request: &ValidRequest) {
    let contract = &request.model.contract;
    assert!((1..=128).contains(&request.n));
    assert!(request.stop.len() <= contract.field("stop").unwrap().rule.max_items.unwrap());
    assert!(request.stop.iter().all(|stop| !stop.is_empty()));
    for (name, value) in [
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("frequency_penalty", request.frequency_penalty),
        ("presence_penalty", request.presence_penalty),
    ] {
        let rule = &contract.field(name).unwrap().rule;
        assert!(
            value.is_none_or(|value| value >= rule.min.unwrap() && value <= rule.max.unwrap()),
            "{name}"
        );
    }
    assert_ne!(request.max_tokens, Some(0));
    assert!(request.traits.count >= 1);
    assert!(!request.include_usage || request.request.get("stream_options").is_some());
    if let ToolChoice::Named(_) | ToolChoice::Required = request.tool_choice {
        assert!(request.tools > 0);
    }
    if contract.name.as_ref() == "qwen3.6-flash" {
        assert_ne!(request.thinking, Thinking::Unset);
    }
    let messages: Value = serde_json::from_str(request.request.get("messages").unwrap()).unwrap();
    for message in messages.as_array().unwrap() {
        assert!(
            says_something(message) || is_an_empty_answer(message),
            "{message}"
        );
    }
}

fn says_something(message: &Value) -> bool {
    let says: &[&str] = match message["role"].as_str().unwrap() {
        "assistant" => &[
            "content",
            "tool_calls",
            "function_call",
            "refusal",
            "reasoning_content",
            "audio",
        ],
        _ => &["content"],
    };
    says.iter().any(|name| !message[name].is_null())
}

/// An answer that said nothing has a null for its content, and comes back so.
fn is_an_empty_answer(message: &Value) -> bool {
    message["role"] == "assistant" && message.get("content") == Some(&Value::Null)
}

fn judge(page: &str, body: String) {
    let Ok(request) = ChatRequest::parse(body.into_bytes().into()) else {
        return;
    };
    match check(request, model(page), &CheckLimits::default()) {
        Ok(request) => assert_promises(&request),
        Err(violations) => {
            assert!(!violations.param().is_empty() && violations.total() >= violations.shown().len());
            assert!(violations.message().len() < 5_000, "{}", violations.message());
        }
    }
}

#[test]
fn the_request_that_is_altered_is_itself_valid() {
    for page in PAGES {
        let request = ChatRequest::parse(rich().to_string().into_bytes().into()).unwrap();
        check(request, model(page), &CheckLimits::default()).unwrap();
    }
}

proptest! {
    #[test]
    fn altered_requests_are_judged_and_what_passes_keeps_its_promises(
        page in prop::sample::select(&PAGES[..]),
        changes in prop::collection::vec((1_usize..110, change()), 1..4),
    ) {
        let mut body = rich();
        for (place, change) in changes {
            alter(&mut body, &mut { place }, &change);
        }
        judge(page, body.to_string());
    }

    #[test]
    fn any_json_is_judged(page in prop::sample::select(&PAGES[..]), members in prop::collection::vec((prop::sample::select(TOP), json_value()), 0..6)) {
        let body: serde_json::Map<String, Value> = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        judge(page, Value::from(body).to_string());
    }

    #[test]
    fn any_text_is_judged(text in "\\PC{0,200}") {
        judge("general", format!(r#"{{"model": "m", "messages": {text}}}"#));
        judge("general", text);
    }
}

const TOP: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "temperature",
    "stop",
    "n",
    "tools",
    "tool_choice",
    "thinking",
    "enable_thinking",
    "reasoning_effort",
    "response_format",
    "stream_options",
    "functions",
    "logit_bias",
];

#[test]
fn a_request_of_one_megabyte_is_checked_without_copying_it() {
    let image = format!("data:image/png;base64,{}", "A".repeat(1 << 20));
    let body = json!({ "model": "m", "messages": [
        { "role": "user", "content": [{ "type": "image_url", "image_url": { "url": image } }] }
    ] });
    let bytes: bytes::Bytes = body.to_string().into();
    let request = ChatRequest::parse(bytes.clone()).unwrap();
    let request = check(request, model("general"), &CheckLimits::default()).unwrap();
    assert_eq!(request.request.body().as_ptr(), bytes.as_ptr());
}
