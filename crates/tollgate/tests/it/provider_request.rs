//! What each provider is sent for one and the same request, and what the client is told of it.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, ReceivedRequest, says},
};

use crate::stage::{MODEL, question_with, setup, stage, stage_with};

/// A request with a bit of everything that providers take in different ways.
pub fn rich(model: &str, own: Value) -> Value {
    let request = json!({
        "model": model,
        "messages": [
            {"role": "developer", "content": "Answer in one sentence."},
            {"role": "user", "name": "ada", "content": [
                {"type": "text", "text": "Is it warm"},
                {"type": "text", "text": "in Lisbon?"}
            ]},
            {"role": "assistant", "content": null, "refusal": null, "annotations": [], "reasoning_content": "Look it up.",
             "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Lisbon\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "31 degrees"}]}
        ],
        "max_tokens": 1000,
        "temperature": 1.7,
        "top_p": 0.9,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "seed": 7,
        "n": 1,
        "user": "ada",
        "logit_bias": {"50256": -100},
        "tools": [{"type": "function", "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false},
            "strict": true
        }}],
        "tool_choice": "auto",
        "parallel_tool_calls": true,
        "a_parameter_of_tomorrow": {"x": [1, 2.50, 1e3]}
    });
    crate::stage::with(request, own)
}

/// Sends the rich request through a channel of this preset and shows input and output side by side.
async fn shown(preset: &str, model: &str, own: Value) -> String {
    let provider = FakeProvider::start_with(says("Yes.")).await;
    let channel = Channel::to(&provider)
        .named(preset)
        .provider(preset)
        .models([model]);
    let gate = setup().channel(channel).start().await;
    let request = rich(model, own.clone());
    let asked = format!("model: {model}\nbeside the rich request: {own}\n");
    shown_through(&provider, &gate, &request, asked).await
}

/// Sends a request whole and as a stream, and shows what the client asked, what it is told, and what the
/// provider gets.
pub async fn shown_through(provider: &FakeProvider, gate: &Gate, request: &Value, asked: String) -> String {
    let answer = gate.post(request).await;
    let stream = gate.stream(request).await;

    let mut shown = asked;
    let requests = provider.requests();
    if answer.status != 200 {
        let _ = write!(shown, "\nrefused: {}\n", told(&answer));
        return shown;
    }
    assert_eq!(stream.status, 200, "{:?}", stream.error());
    let notes = answer.header("x-tollgate-notes").unwrap_or("none");
    let _ = write!(shown, "notes: {notes}\n\n{}\n", written(&requests[0]));
    let streamed = changed(requests[0].json(), requests[1].json());
    let _ = write!(shown, "\nfor a stream: {streamed}\n");
    shown
}

fn told(answer: &Answer) -> String {
    let error = answer.error().unwrap();
    format!("{} {:?} {}", answer.status, error.param, error.message)
}

fn written(request: &ReceivedRequest) -> String {
    let mut text = format!("{} {}\n", request.method, request.path);
    let mut headers: Vec<String> = request
        .headers
        .iter()
        .filter(|(name, _)| !["host", "content-length", "user-agent"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let _ = write!(text, "{}\n\n{:#}", headers.join("\n"), request.json());
    text
}

/// The members that the second request has otherwise than the first.
fn changed(first: &Value, second: &Value) -> Value {
    let second = second.as_object().unwrap();
    second
        .iter()
        .filter(|(name, value)| first.get(name.as_str()) != Some(*value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[tokio::test]
async fn each_provider_is_sent_what_it_takes() {
    for (preset, model, own) in [
        ("openai", "gpt-4o", json!({"reasoning_effort": "low"})),
        (
            "deepseek",
            "deepseek-v4-flash",
            json!({"reasoning_effort": "medium"}),
        ),
        ("dashscope", "qwen3.6-flash", json!({"reasoning_effort": "low"})),
        (
            "ark",
            "doubao-seed-1-6-251015",
            json!({"thinking": {"type": "disabled"}}),
        ),
        ("moonshot", "kimi-k2.5", json!({"enable_thinking": true})),
        ("minimax", "minimax-m2.5", json!({"reasoning_effort": "none"})),
        ("xai", "grok-3-mini", json!({"reasoning_effort": "medium"})),
        (
            "zhipu",
            "glm-4-7-251222",
            json!({"thinking": {"type": "disabled"}}),
        ),
        ("anyfast", "claude-sonnet-4-6", json!({"reasoning_effort": "low"})),
        (
            "openai-compatible",
            "a-model-of-my-own",
            json!({"reasoning_effort": "low"}),
        ),
    ] {
        insta::assert_snapshot!(preset, shown(preset, model, own).await);
    }
}

#[tokio::test]
async fn reasoning_models_of_openai_are_not_sent_what_they_refuse() {
    let hints = json!({"tools": null, "tool_choice": null, "parallel_tool_calls": null, "messages": [{"role": "user", "content": "Hi"}]});

    insta::assert_snapshot!(shown("openai", "gpt-5-mini", hints).await);
}

#[tokio::test]
async fn what_needs_no_edit_arrives_byte_for_byte() {
    let (provider, gate) = stage(says("Hello")).await;
    let messages = "[ {\"role\" :\t\"user\",\n  \"content\":\"caf\\u00e9 \\ud83d\\ude00 \\/ é\", \"x-own\": {\"b\":1, \"a\":[1.0,1e2,-0] } } ]";
    let body = format!(
        "{{ \"messages\":{messages},\n\"model\" : \"{MODEL}\",\"my_field\": 1.50 , \"temperature\":0.70 }}"
    );

    let answer = gate.post_text(body.clone()).await;

    assert_eq!(answer.status, 200);
    let sent = String::from_utf8(provider.request().body.to_vec()).unwrap();
    assert_eq!(sent, body, "nothing had to be edited");
}

#[tokio::test]
async fn an_edit_leaves_the_bytes_around_it_alone() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let channel = Channel::to(&provider)
        .models(["deepseek-v3-2"])
        .set("model_ids", "{ \"deepseek-v3-2\" = \"v3.2-q8\" }");
    let gate = setup().channel(channel).start().await;
    let body = "{ \"messages\":[{\"role\":\"user\",\"content\":\"a\\u0062c\"}] ,\t\"model\" : \"deepseek-v3-2\", \"x\":  1.0 }";

    let answer = gate.post_text(body).await;

    assert_eq!(answer.status, 200);
    let sent = String::from_utf8(provider.request().body.to_vec()).unwrap();
    assert_eq!(sent, body.replace("\"deepseek-v3-2\"", "\"v3.2-q8\""));
}

#[tokio::test]
async fn usage_is_asked_for_although_the_client_did_not() {
    let (provider, gate) = stage(says("Hello")).await;

    gate.stream(&question_with(
        json!({"stream_options": {"include_usage": false}}),
    ))
    .await;
    gate.stream(&question_with(json!({}))).await;
    gate.post(&question_with(json!({"stream_options": {"include_usage": true}})))
        .await;

    let sent = provider.requests();
    assert_eq!(sent[0].json()["stream_options"], json!({"include_usage": true}));
    assert_eq!(sent[1].json()["stream_options"], json!({"include_usage": true}));
    assert_eq!(
        sent[2].json().get("stream_options"),
        None,
        "there is no stream to have options"
    );
}

#[tokio::test]
async fn nothing_of_the_client_but_its_request_goes_to_a_provider() {
    let (provider, gate) = stage_with(
        says("Hello"),
        |channel| channel.set("headers", "{ \"x-team\" = \"search\" }"),
        "",
    )
    .await;
    let mut request = gate.chat_request(gate.key(), question_with(json!({})).to_string());
    for (name, value) in [
        ("cookie", "session=1"),
        ("x-forwarded-for", "10.1.2.3"),
        ("openai-organization", "org-mine"),
        ("x-request-id", "trace-1"),
        ("accept-encoding", "gzip"),
        ("user-agent", "my-app/1"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }

    gate.send(request).await;

    let sent = provider.request();
    assert_eq!(sent.header("authorization"), Some("Bearer provider-credential"));
    assert_eq!(sent.header("x-team"), Some("search"));
    assert_eq!(
        sent.header("accept-encoding"),
        Some("identity"),
        "answers are read as they come"
    );
    assert!(sent.header("user-agent").unwrap().starts_with("tollgate/"));
    for name in ["cookie", "x-forwarded-for", "openai-organization", "x-request-id"] {
        assert_eq!(sent.header(name), None, "{name}");
    }
    assert!(!format!("{sent:?}").contains(gate.key()));
}
