//! What became of a request on its way can be read: in a header, and in the log of whoever asks for it.

use serde_json::json;
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{
        FakeProvider, Script, answer, answers, chunk, fails, says, streams, streams_events, streams_raw,
    },
};

use crate::stage::{MODEL, question, question_to, setup, stage_of, with};

const DEBUG: &str = "[log]\nlevel = \"info,tollgate_gateway=debug\"\n";

async fn gate_to(provider: &FakeProvider, tables: &str) -> Gate {
    let channel = Channel::to(provider).provider("minimax").models(["minimax-m2.5"]);
    setup().channel(channel).config(tables).start().await
}

fn warm_question() -> serde_json::Value {
    json!({
        "model": "minimax-m2.5",
        "messages": [{"role": "user", "content": "Hello!"}],
        "temperature": 1.6
    })
}

async fn stage(script: Script, tables: &str) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(script).await;
    let channel = Channel::to(&provider).models([MODEL]);
    let gate = setup().channel(channel).config(tables).start().await;
    (provider, gate)
}

#[tokio::test]
async fn the_header_and_the_debug_log_say_what_was_changed() {
    let provider = FakeProvider::start().await;
    let gate = gate_to(&provider, DEBUG).await;

    let whole = gate.post(&warm_question()).await;
    assert_eq!(whole.header("x-tollgate-notes"), Some("moved:temperature"));
    gate.logged("notes=moved:temperature").await;

    let streamed = gate.stream(&warm_question()).await;
    assert_eq!(streamed.header("x-tollgate-notes"), Some("moved:temperature"));
}

#[tokio::test]
async fn without_debug_the_log_does_not_repeat_them() {
    let provider = FakeProvider::start().await;
    let gate = gate_to(&provider, "").await;

    gate.post(&warm_question()).await;
    gate.logged("request ended").await;

    assert!(!gate.logs().contains("moved:temperature"), "{}", gate.logs());
}

#[tokio::test]
async fn a_request_that_went_as_it_came_has_no_notes() {
    let (_provider, gate) = stage(says("Hello"), DEBUG).await;

    let answer = gate.post(&question()).await;
    gate.logged("request ended").await;

    assert_eq!(answer.header("x-tollgate-notes"), None);
    assert!(!gate.logs().contains("request changed"), "{}", gate.logs());
}

#[tokio::test]
async fn usage_that_nobody_counted_is_noted_as_estimated() {
    let mut uncounted = answer("Hello");
    uncounted.as_object_mut().unwrap().remove("usage");
    let (provider, gate) = stage(answers(uncounted), DEBUG).await;

    let whole = gate.post(&question()).await;
    assert_eq!(whole.header("x-tollgate-notes"), Some("estimated:usage"));
    gate.logged("notes=estimated:usage").await;

    provider.always(streams_events([
        chunk(json!({"role": "assistant", "content": "Hello"}), None),
        chunk(json!({}), Some("stop")),
    ]));
    let streamed = gate.stream(&question()).await;
    assert_eq!(
        streamed.header("x-tollgate-notes"),
        None,
        "when the header went out nobody could know"
    );
    let twice = |logs: &str| logs.matches("notes=estimated:usage").count() == 2;
    for _ in 0..100 {
        if twice(&gate.logs()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the log has no second note: {}", gate.logs());
}

#[tokio::test]
async fn the_notes_are_those_of_the_channel_that_answered() {
    let first = FakeProvider::start_with(fails(500, "", "boom")).await;
    let second = FakeProvider::start_with(streams(["Hello"])).await;
    let model = "minimax-m2.5";
    let gate = setup()
        .channel(Channel::to(&first).provider("minimax").models([model]))
        .channel(
            Channel::to(&second)
                .named("spare")
                .models([model])
                .set("priority", "1"),
        )
        .start()
        .await;

    let answer = gate.stream(&with(warm_question(), json!({}))).await;

    assert_eq!(answer.text(), "Hello");
    assert_eq!(
        answer.header("x-tollgate-notes"),
        None,
        "this one took it as it was"
    );
}

#[tokio::test]
async fn an_error_comes_with_what_was_changed_in_the_attempt_that_it_is_of() {
    let provider = FakeProvider::start().await;
    let gate = gate_to(&provider, DEBUG).await;

    for (script, status) in [
        (fails(500, "", "boom"), 502),
        (fails(429, "", "slow down"), 429),
        (fails(400, "", "that is wrong"), 400),
    ] {
        provider.always(script);
        for answer in [
            gate.post(&warm_question()).await,
            gate.post(&with(warm_question(), json!({"stream": true}))).await,
        ] {
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("x-tollgate-notes"), Some("moved:temperature"));
        }
    }
    gate.logged("notes=moved:temperature").await;
}

#[tokio::test]
async fn an_error_has_no_notes_of_another_attempt() {
    let changed = FakeProvider::start_with(fails(500, "", "boom")).await;
    let as_it_was = FakeProvider::start_with(fails(429, "", "slow down")).await;
    let model = "minimax-m2.5";
    let gate = setup()
        .channel(Channel::to(&changed).provider("minimax").models([model]))
        .channel(
            Channel::to(&as_it_was)
                .named("spare")
                .models([model])
                .set("priority", "1"),
        )
        .start()
        .await;

    let answer = gate.post(&warm_question()).await;

    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-tollgate-notes"), None);
}

#[tokio::test]
async fn what_was_not_sent_has_no_notes_with_its_error() {
    let (provider, gate) = google(candidates(&[json!({"text": "one"})])).await;
    let elsewhere = json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}});
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": elsewhere}}]);
    let asked = with(
        question_to(SEVERAL),
        json!({"logit_bias": {"1": 2}, "tools": tools}),
    );

    let answer = gate.post(&asked).await;

    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.json()["error"]["param"], "tools[0].function.parameters");
    assert_eq!(answer.header("x-tollgate-notes"), None);
    assert_eq!(provider.requests().len(), 0);
}

/// A model that gives several choices at once.
const SEVERAL: &str = "gemini-2.5-flash";

/// An answer of Google's with these parts, one candidate each.
fn candidates(parts: &[serde_json::Value]) -> Script {
    let candidates = parts.iter().zip(0..).map(|(part, index)| {
        json!({"index": index, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"})
    });
    let usage = json!({"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5});
    answers(json!({"candidates": candidates.collect::<Vec<_>>(), "usageMetadata": usage}))
}

async fn google(script: Script) -> (FakeProvider, Gate) {
    let (provider, gate) = stage_of("gemini", SEVERAL).await;
    provider.always(script);
    (provider, gate)
}

#[tokio::test]
async fn fewer_choices_than_were_asked_for_are_told() {
    let (_provider, gate) = google(candidates(&[json!({"text": "one"})])).await;

    let answer = gate.post(&with(question_to(SEVERAL), json!({"n": 2}))).await;

    assert_eq!(answer.json()["choices"].as_array().unwrap().len(), 1);
    assert_eq!(answer.header("x-tollgate-notes"), Some("moved:n"));
}

#[tokio::test]
async fn choices_beyond_those_that_were_asked_for_are_not_shown() {
    let both = [json!({"text": "one"}), json!({"text": "two"})];
    let (_provider, gate) = google(candidates(&both)).await;

    let answer = gate.post(&question_to(SEVERAL)).await;

    assert_eq!(answer.json()["choices"].as_array().unwrap().len(), 1);
    assert_eq!(answer.text(), "one");
    assert_eq!(answer.header("x-tollgate-notes"), None);
}

#[tokio::test]
async fn sound_that_an_answer_has_no_place_for_is_named() {
    let sound = json!({"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}});
    let (_provider, gate) = google(candidates(&[sound])).await;

    let answer = gate.post(&question_to(SEVERAL)).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], json!(null));
    assert_eq!(answer.header("x-tollgate-notes"), Some("omitted:message.audio"));
}

#[tokio::test]
async fn what_a_stream_turned_out_to_be_is_in_the_debug_log() {
    let provider = FakeProvider::start().await;
    let channel = Channel::of("gemini", &provider).models([SEVERAL]);
    let gate = setup().channel(channel).config(DEBUG).start().await;
    let said = json!({"candidates": [{
        "content": {"role": "model", "parts": [
            {"text": "one"}, {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
        ]},
        "finishReason": "STOP",
    }]});
    provider.always(streams_raw([format!("data: {said}\n\n")]));

    let answer = gate.stream(&with(question_to(SEVERAL), json!({"n": 2}))).await;

    assert_eq!(answer.text(), "one");
    gate.logged("moved:n, omitted:message.audio, estimated:usage")
        .await;
}
