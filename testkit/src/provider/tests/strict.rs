//! Each refusal, next to the nearest request that is taken.

use serde_json::{Value, json};

use super::*;

const KEY: [(&str, &str); 2] = [("x-api-key", "k"), ("anthropic-version", "2023-06-01")];
const GOOGLE: [(&str, &str); 1] = [("x-goog-api-key", "k")];
const BEARER: [(&str, &str); 1] = [("authorization", "Bearer k")];
const MESSAGES: &str = "/v1/messages";
const GEMINI_3: &str = "/v1beta/models/gemini-3-flash-preview:generateContent";
const GEMINI_2: &str = "/v1beta/models/gemini-2.5-flash:generateContent";
const RESPONSES: &str = "/v1/responses";

/// A provider that has thought, and called `weather` as `call-1`.
async fn thoughtful(path: &str, headers: &[(&str, &str)], first: &Value) -> FakeProvider {
    let turn = Turn::new()
        .thinks(["Hm."])
        .signed("sig-1")
        .calls("call-1", "weather", json!({}));
    let provider = FakeProvider::start_with(speaks(turn)).await;
    let (status, body) = ask(&provider, path, headers, first).await;
    assert_eq!(status, 200, "{body:?}");
    provider
}

async fn refused(provider: &FakeProvider, path: &str, headers: &[(&str, &str)], body: &Value, words: &str) {
    let (status, answer) = ask(provider, path, headers, body).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        status >= 400 && answer.contains(words),
        "{words:?} was expected of {body}: {status} {answer}"
    );
}

async fn taken(provider: &FakeProvider, path: &str, headers: &[(&str, &str)], body: &Value) {
    let (status, answer) = ask(provider, path, headers, body).await;
    assert_eq!(status, 200, "{body}: {answer:?}");
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("the pointer's parent");
    match parent {
        Value::Array(list) => list[name.parse::<usize>().expect("an index")] = value,
        parent => parent[name] = value,
    }
    body
}

fn messages() -> Value {
    json!({"model": "m", "max_tokens": 4000, "messages": [{"role": "user", "content": "Hi"}]})
}

fn messages_with_call(thought: Value) -> Value {
    let call = json!({"type": "tool_use", "id": "call-1", "name": "weather", "input": {}});
    let blocks: Vec<Value> = [thought, call]
        .into_iter()
        .filter(|block| !block.is_null())
        .collect();
    json!({"model": "m", "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000}, "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call-1", "content": "31"}]}
    ]})
}

#[tokio::test]
async fn anthropic_refuses_what_its_api_reference_forbids() {
    let provider = FakeProvider::start_with(speaks(Turn::new().says(["Hi"]))).await;
    taken(&provider, MESSAGES, &KEY, &messages()).await;
    refused(&provider, MESSAGES, &KEY[1..], &messages(), "x-api-key").await;
    refused(&provider, MESSAGES, &KEY[..1], &messages(), "anthropic-version").await;
    for (pointer, value, words) in [
        ("/max_tokens", json!(null), "max_tokens: Field required"),
        ("/seed", json!(7), "seed: Extra inputs"),
        ("/temperature", json!(1.5), "temperature: range"),
        (
            "/messages/0/content",
            json!([{"type": "text", "text": " "}]),
            "non-empty",
        ),
        ("/messages/0/role", json!("assistant"), "first message"),
        ("/stop_sequences", json!(["\n"]), "non-whitespace"),
        (
            "/tools",
            json!([{"name": "a b", "input_schema": {"type": "object"}}]),
            "should match pattern",
        ),
        (
            "/tools",
            json!([{"name": "a", "input_schema": {}}]),
            "input_schema.type",
        ),
    ] {
        refused(
            &provider,
            MESSAGES,
            &KEY,
            &with(messages(), pointer, value),
            words,
        )
        .await;
    }
}

#[tokio::test]
async fn anthropic_wants_each_result_right_after_its_call() {
    let provider = thoughtful(MESSAGES, &KEY, &messages()).await;
    let given = json!({"type": "thinking", "thinking": "Hm.", "signature": "sig-1"});
    let whole = messages_with_call(given);
    taken(&provider, MESSAGES, &KEY, &whole).await;
    let missing = with(whole.clone(), "/messages/2/content", json!("31"));
    refused(
        &provider,
        MESSAGES,
        &KEY,
        &missing,
        "without `tool_result` blocks",
    )
    .await;
    let late = json!([{"type": "text", "text": "So:"}, {"type": "tool_result", "tool_use_id": "call-1", "content": "31"}]);
    let late = with(whole.clone(), "/messages/2/content", late);
    refused(&provider, MESSAGES, &KEY, &late, "tool_result").await;
    let other = json!([{"type": "tool_result", "tool_use_id": "call-1"}, {"type": "tool_result", "tool_use_id": "call-2"}]);
    let other = with(whole, "/messages/2/content", other);
    refused(&provider, MESSAGES, &KEY, &other, "unexpected `tool_use_id`").await;
}

#[tokio::test]
async fn anthropic_wants_the_very_thoughts_that_it_gave() {
    let provider = thoughtful(MESSAGES, &KEY, &messages()).await;
    let missing = messages_with_call(Value::Null);
    let words = "Expected `thinking` or `redacted_thinking`, but found `tool_use`";
    refused(&provider, MESSAGES, &KEY, &missing, words).await;
    for thought in [
        json!({"type": "thinking", "thinking": "Hm.", "signature": "sig-2"}),
        json!({"type": "thinking", "thinking": "Hm!", "signature": "sig-1"}),
        json!({"type": "redacted_thinking", "data": "sig-1"}),
    ] {
        refused(
            &provider,
            MESSAGES,
            &KEY,
            &messages_with_call(thought),
            "Invalid `signature`",
        )
        .await;
    }
    let off = with(missing.clone(), "/thinking", json!({"type": "disabled"}));
    taken(&provider, MESSAGES, &KEY, &off).await;
    let adaptive = with(missing, "/thinking", json!({"type": "adaptive"}));
    taken(&provider, MESSAGES, &KEY, &adaptive).await;
}

#[tokio::test]
async fn anthropic_looks_at_how_an_exchange_begins_and_not_at_its_later_steps() {
    let provider = thoughtful(MESSAGES, &KEY, &messages()).await;
    let given = json!({"type": "thinking", "thinking": "Hm.", "signature": "sig-1"});
    let step = |id: &str| json!({"type": "tool_use", "id": id, "name": "weather", "input": {}});
    let result = |id: &str| json!([{"type": "tool_result", "tool_use_id": id, "content": "31"}]);
    let two_steps = |first: &Value| {
        let mut body = messages_with_call(first.clone());
        let list = body["messages"].as_array_mut().expect("messages");
        list.push(json!({"role": "assistant", "content": [step("call-2")]}));
        list.push(json!({"role": "user", "content": result("call-2")}));
        body
    };
    taken(&provider, MESSAGES, &KEY, &two_steps(&given)).await;
    let words = "messages.1.content.0.type: Expected `thinking`";
    refused(&provider, MESSAGES, &KEY, &two_steps(&Value::Null), words).await;

    let mut over = two_steps(&Value::Null);
    let list = over["messages"].as_array_mut().expect("messages");
    list.push(json!({"role": "assistant", "content": "It is 31."}));
    list.push(json!({"role": "user", "content": "And now?"}));
    taken(&provider, MESSAGES, &KEY, &over).await;
}

#[tokio::test]
async fn anthropic_wants_thoughts_before_all_else_where_they_have_a_budget_and_never_last() {
    let provider = thoughtful(MESSAGES, &KEY, &messages()).await;
    let given = json!({"type": "thinking", "thinking": "Hm.", "signature": "sig-1"});
    let text = json!({"type": "text", "text": "Let me see."});
    let call = json!({"type": "tool_use", "id": "call-1", "name": "weather", "input": {}});
    let of = |blocks: Value| with(messages_with_call(given.clone()), "/messages/1/content", blocks);

    taken(&provider, MESSAGES, &KEY, &of(json!([given, text, call]))).await;
    let late = of(json!([text, given, call]));
    refused(
        &provider,
        MESSAGES,
        &KEY,
        &late,
        "the first block must be `thinking`",
    )
    .await;
    let adaptive = with(late, "/thinking", json!({"type": "adaptive"}));
    taken(&provider, MESSAGES, &KEY, &adaptive).await;

    let last = of(json!([given, call, given]));
    let words = "The final block in an assistant message cannot be `thinking`";
    refused(&provider, MESSAGES, &KEY, &last, words).await;
}

fn contents() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]})
}

fn contents_with_call(signature: Option<&str>) -> Value {
    let mut part = json!({"functionCall": {"name": "weather", "args": {}}});
    if let Some(signature) = signature {
        part["thoughtSignature"] = signature.into();
    }
    let response = json!({"functionResponse": {"name": "weather", "response": {"result": "31"}}});
    json!({"contents": [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [part]},
        {"role": "user", "parts": [response]}
    ]})
}

#[tokio::test]
async fn gemini_refuses_what_its_api_reference_forbids() {
    let provider = FakeProvider::start_with(speaks(Turn::new().says(["Hi"]))).await;
    taken(&provider, GEMINI_2, &GOOGLE, &contents()).await;
    refused(&provider, GEMINI_2, &[], &contents(), "unregistered").await;
    refused(
        &provider,
        &format!("{GEMINI_2}?key=k"),
        &GOOGLE,
        &contents(),
        "query",
    )
    .await;
    let tool = |schema: Value| json!([{"functionDeclarations": [{"name": "a", "parameters": schema}]}]);
    for (pointer, value, words) in [
        ("/contents", json!([]), "contents is not specified"),
        ("/messages", json!([]), "Unknown name \\\"messages\\\""),
        ("/contents/0/parts", json!([]), "must not be empty"),
        ("/contents/0/role", json!("assistant"), "valid role"),
        (
            "/tools",
            tool(json!({"type": "object", "$schema": "x"})),
            "$schema",
        ),
        (
            "/tools",
            tool(json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})),
            "not repeating",
        ),
        (
            "/generationConfig",
            json!({"max_tokens": 7}),
            "Unknown name \\\"max_tokens\\\"",
        ),
        (
            "/generationConfig",
            json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "low"}}),
            "only one of thinking budget",
        ),
    ] {
        refused(
            &provider,
            GEMINI_2,
            &GOOGLE,
            &with(contents(), pointer, value),
            words,
        )
        .await;
    }
}

#[tokio::test]
async fn gemini_3_wants_the_signature_of_each_steps_first_call() {
    let provider = thoughtful(GEMINI_3, &GOOGLE, &contents()).await;
    for signature in ["sig-1", "skip_thought_signature_validator"] {
        taken(&provider, GEMINI_3, &GOOGLE, &contents_with_call(Some(signature))).await;
    }
    let missing = contents_with_call(None);
    refused(
        &provider,
        GEMINI_3,
        &GOOGLE,
        &missing,
        "missing a thought_signature",
    )
    .await;
    let foreign = contents_with_call(Some("sig-2"));
    refused(
        &provider,
        GEMINI_3,
        &GOOGLE,
        &foreign,
        "Corrupted thought signature",
    )
    .await;
    taken(&provider, GEMINI_2, &GOOGLE, &missing).await;

    let mut later = missing.clone();
    let list = later["contents"].as_array_mut().expect("contents");
    list.push(json!({"role": "model", "parts": [{"text": "31."}]}));
    list.push(json!({"role": "user", "parts": [{"text": "Thanks"}]}));
    taken(&provider, GEMINI_3, &GOOGLE, &later).await;

    let unanswered = with(missing, "/contents/2/parts", json!([{"text": "31"}]));
    refused(
        &provider,
        GEMINI_2,
        &GOOGLE,
        &unanswered,
        "number of function response parts",
    )
    .await;
}

fn input() -> Value {
    json!({"model": "m", "store": false, "include": ["reasoning.encrypted_content"], "input": [{"role": "user", "content": "Hi"}]})
}

fn input_with_call(encrypted: &str) -> Value {
    with(
        input(),
        "/input",
        json!([
            {"role": "user", "content": "Hi"},
            {"type": "reasoning", "id": "rs_0", "summary": [], "encrypted_content": encrypted},
            {"type": "function_call", "call_id": "call-1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call-1", "output": "31"}
        ]),
    )
}

#[tokio::test]
async fn responses_refuse_what_their_api_reference_forbids() {
    let provider = FakeProvider::start_with(speaks(Turn::new().says(["Hi"]))).await;
    taken(&provider, RESPONSES, &BEARER, &input()).await;
    refused(&provider, RESPONSES, &[], &input(), "Missing bearer").await;
    let loose = json!([{"type": "function", "name": "a", "strict": true, "parameters": {"type": "object"}}]);
    for (pointer, value, words) in [
        ("/store", json!(null), "'store' is set to false"),
        ("/messages", json!([]), "Unknown parameter: 'messages'"),
        ("/max_output_tokens", json!(5), "max_output_tokens"),
        ("/tools", loose, "invalid_function_parameters"),
        (
            "/tools",
            json!([{"type": "function", "function": {"name": "a"}}]),
            "tools[0].name",
        ),
        (
            "/input",
            json!([{"type": "function_call_output", "call_id": "c", "output": ""}]),
            "No tool call found",
        ),
        (
            "/input",
            json!([{"type": "function_call", "call_id": "c", "name": "a", "arguments": "{}"}]),
            "No tool output found for function call c",
        ),
    ] {
        refused(
            &provider,
            RESPONSES,
            &BEARER,
            &with(input(), pointer, value),
            words,
        )
        .await;
    }
}

#[tokio::test]
async fn responses_want_a_thought_as_it_was_and_before_what_followed_it() {
    let provider = thoughtful(RESPONSES, &BEARER, &input()).await;
    let whole = input_with_call("sig-1");
    taken(&provider, RESPONSES, &BEARER, &whole).await;
    let foreign = input_with_call("sig-2");
    refused(&provider, RESPONSES, &BEARER, &foreign, "could not be verified").await;
    let without = input_with_call("");
    refused(&provider, RESPONSES, &BEARER, &without, "Items are not persisted").await;
    let null = with(whole.clone(), "/input/1/status", Value::Null);
    refused(&provider, RESPONSES, &BEARER, &null, "status").await;
    let mut alone = whole;
    alone["input"].as_array_mut().expect("input").truncate(2);
    refused(
        &provider,
        RESPONSES,
        &BEARER,
        &alone,
        "without its required following item",
    )
    .await;
}

#[tokio::test]
async fn chat_hosts_want_the_thoughts_of_every_call_while_they_think() {
    let provider = FakeProvider::start().await;
    let turn = json!({"messages": [{"role": "assistant", "content": null, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    ]}]});
    for (host, member, words) in [
        ("deepseek", "reasoning_content", "Missing `reasoning_content`"),
        ("moonshot", "reasoning_content", "reasoning_content is missing"),
        ("minimax", "reasoning_details", "reasoning_details is missing"),
    ] {
        let path = format!("/{host}/chat/completions");
        refused(&provider, &path, &[], &turn, words).await;
        let thought = match member {
            "reasoning_details" => json!([{"text": "Hm."}]),
            _ => json!(" "),
        };
        let whole = with(turn.clone(), &format!("/messages/0/{member}"), thought);
        taken(&provider, &path, &[], &whole).await;
    }
    let off = with(turn.clone(), "/thinking", json!({"type": "disabled"}));
    taken(&provider, "/deepseek/chat/completions", &[], &off).await;
    taken(&provider, "/v1/chat/completions", &[], &turn).await;
}
