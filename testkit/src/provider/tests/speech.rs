//! The same turn in every protocol, whole and streamed.

use serde_json::{Value, json};

use super::*;

const ANTHROPIC: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/gemini-3-flash-preview:generateContent";
const GEMINI_STREAM: &str = "/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse";
const RESPONSES: &str = "/v1/responses";

fn rich() -> Turn {
    Turn::new()
        .thinks(["Hm", "."])
        .signed("sig-1")
        .says(["Let ", "me see."])
        .calls("call-1", "weather", json!({"city": "Oslo"}))
        .took(Tokens {
            cache_read: 4,
            thoughts: 3,
            ..Tokens::default()
        })
}

async fn lenient(turn: Turn) -> FakeProvider {
    let provider = FakeProvider::start_with(speaks(turn)).await;
    provider.lenient();
    provider
}

async fn whole(provider: &FakeProvider, path: &str) -> Value {
    let (status, body) = ask(provider, path, &[], &json!({})).await;
    assert_eq!(status, 200, "{path}");
    serde_json::from_slice(&body).expect("JSON")
}

/// The JSON of each event, with the type that an `event:` line gave checked against it.
async fn streamed(provider: &FakeProvider, path: &str) -> Vec<Value> {
    let (status, body) = ask(provider, path, &[], &json!({"stream": true})).await;
    assert_eq!(status, 200, "{path}");
    let text = String::from_utf8(body.to_vec()).expect("text");
    let mut events = Vec::new();
    for event in text.split_terminator("\n\n") {
        let (name, data) = match event.split_once('\n') {
            Some((name, data)) => (name.strip_prefix("event: "), data),
            None => (None, event),
        };
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
        assert!(name.is_none_or(|name| data["type"] == name), "{event}");
        events.push(data);
    }
    events
}

#[tokio::test]
async fn anthropics_blocks_and_its_events_say_the_same() {
    let provider = lenient(rich()).await;

    let whole = whole(&provider, ANTHROPIC).await;
    let events = streamed(&provider, ANTHROPIC).await;

    assert_eq!(
        whole["content"],
        json!([
            {"type": "thinking", "thinking": "Hm.", "signature": "sig-1"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "call-1", "name": "weather", "input": {"city": "Oslo"}}
        ])
    );
    assert_eq!(whole["stop_reason"], "tool_use");
    assert_eq!(
        (&whole["usage"]["input_tokens"], &whole["usage"]["output_tokens"]),
        (&json!(21), &json!(11))
    );
    let arguments: String = events
        .iter()
        .filter_map(|event| event["delta"]["partial_json"].as_str())
        .collect();
    assert_eq!(arguments, "{\"city\":\"Oslo\"}");
    let last = &events[events.len() - 2];
    assert_eq!(last["delta"]["stop_reason"], "tool_use");
    assert_eq!(last["usage"]["output_tokens"], 11);
    assert_eq!(events.last().expect("events")["type"], "message_stop");
}

#[tokio::test]
async fn geminis_signature_stands_behind_the_thought() {
    let provider = lenient(rich()).await;

    let whole = whole(&provider, GEMINI).await;
    let events = streamed(&provider, GEMINI_STREAM).await;

    assert_eq!(
        whole["candidates"][0]["content"]["parts"],
        json!([
            {"text": "Hm.", "thought": true},
            {"text": "Let me see.", "thoughtSignature": "sig-1"},
            {"functionCall": {"name": "weather", "args": {"city": "Oslo"}, "id": "call-1"}}
        ])
    );
    assert_eq!(whole["usageMetadata"]["totalTokenCount"], 21 + 4 + 8 + 3);
    let last = events.last().expect("events");
    assert_eq!(
        last["candidates"][0]["content"]["parts"],
        json!([{"text": "", "thoughtSignature": "sig-1"}])
    );
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(last["usageMetadata"], whole["usageMetadata"]);
}

#[tokio::test]
async fn responses_items_are_numbered_and_end_as_the_whole_answer_has_them() {
    let provider = lenient(rich()).await;

    let whole = whole(&provider, RESPONSES).await;
    let events = streamed(&provider, RESPONSES).await;

    let kinds: Vec<&Value> = whole["output"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item["type"])
        .collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call"]);
    assert_eq!(whole["output"][0]["encrypted_content"], "sig-1");
    let numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| event["sequence_number"].as_u64())
        .collect();
    assert!(numbers.iter().copied().eq(0..events.len() as u64), "{numbers:?}");
    let last = events.last().expect("events");
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["output"], whole["output"]);
    assert_eq!(last["response"]["usage"], whole["usage"]);
    let opened = &events[2]["item"];
    assert_ne!(
        opened["encrypted_content"], "sig-1",
        "what counts is the finished item"
    );
}

#[tokio::test]
async fn chat_hosts_put_thoughts_where_they_do() {
    let provider = lenient(rich()).await;
    for (path, member) in [
        ("/deepseek/chat/completions", "reasoning_content"),
        ("/moonshot/chat/completions", "reasoning_content"),
        ("/minimax/chat/completions", "reasoning_details"),
    ] {
        let whole = whole(&provider, path).await;

        let message = &whole["choices"][0]["message"];
        assert!(message.get(member).is_some(), "{path}: {message}");
        assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
        let (_, body) = ask(&provider, path, &[], &json!({"stream": true})).await;
        let checked = check_stream(&body, &Asked::default());
        assert_eq!(checked.violations, [], "{path}");
        assert_eq!(checked.summary.text(), "Let me see.");
    }
}

#[tokio::test]
async fn an_error_has_its_protocols_shape() {
    let provider = FakeProvider::start_with(complains(429, "slow_down", "too fast")).await;
    provider.lenient();
    for (path, expected) in [
        (
            ANTHROPIC,
            json!({"type": "error", "error": {"type": "slow_down", "message": "too fast"}, "request_id": "req_provider"}),
        ),
        (
            GEMINI,
            json!({"error": {"code": 429, "message": "too fast", "status": "slow_down"}}),
        ),
        (
            RESPONSES,
            json!({"error": {"message": "too fast", "type": "slow_down", "param": null, "code": "slow_down"}}),
        ),
    ] {
        let (status, body) = ask(&provider, path, &[], &json!({})).await;
        assert_eq!(status, 429);
        assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON"), expected);
    }
}

#[tokio::test]
async fn a_stream_that_complains_has_no_proper_end() {
    let provider = FakeProvider::start_with(speaks(rich()).then_complains("overloaded_error", "busy")).await;
    provider.lenient();

    let events = streamed(&provider, ANTHROPIC).await;

    let last = events.last().expect("events");
    assert_eq!(
        (&last["type"], &last["error"]["type"]),
        (&json!("error"), &json!("overloaded_error"))
    );
    assert!(events.iter().all(|event| event["type"] != "message_stop"));
}

#[tokio::test]
async fn the_model_and_the_stream_of_gemini_stand_in_the_path() {
    let provider = lenient(rich()).await;
    provider.for_model("gemini-3-flash-preview", speaks(Turn::new().says(["routed"])));

    let whole = whole(&provider, GEMINI).await;

    assert_eq!(whole["candidates"][0]["content"]["parts"][0]["text"], "routed");
    assert!(!provider.request().wants_stream());
}
