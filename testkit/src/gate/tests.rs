//! The runner is tested with a script in the gate's place, behind which a fake provider answers.

use serde_json::json;

use super::*;
use crate::provider::{FakeProvider, PROVIDER_MODEL, fails, says, streams};

async fn stand_in_gate(provider: &FakeProvider) -> Gate {
    let binary = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gate/stand-in.sh");
    GateSetup::of(binary)
        .env("STAND_IN_FOR", &provider.address().to_string())
        .server("drain_ms = 1")
        .channel(Channel::to(provider).models(["gpt-4o"]).set("priority", "1"))
        .config("[limits]\nanswer_mb = 1")
        .start()
        .await
}

#[tokio::test]
async fn a_gate_is_configured_started_asked_and_ended() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let mut gate = stand_in_gate(&provider).await;

    let config = std::fs::read_to_string(gate.config_path()).expect("it was written");
    for line in [
        "[server]\nlisten = \"127.0.0.1:0\"",
        "drain_ms = 1",
        "[[channels]]\nname = \"fake\"\nprovider = \"openai-compatible\"",
        &format!("base_url = \"{}\"", provider.base_url()),
        "models = [\"gpt-4o\"]\npriority = 1",
        "[limits]\nanswer_mb = 1",
    ] {
        assert!(config.contains(line), "{line:?} is not in\n{config}");
    }
    gate.logged(&format!("config {}", gate.config_path().display()))
        .await;
    assert_eq!(gate.key(), "sk-made");
    assert_eq!(gate.admin_address(), provider.address());

    let answer = gate.post(&json!({"model": PROVIDER_MODEL})).await;
    assert_eq!(answer.text(), "Hello");
    let sent = provider.requests().pop().expect("it was asked");
    assert_eq!(sent.header("authorization"), Some("Bearer sk-made"));
    let stream = gate.stream(&json!({"model": PROVIDER_MODEL})).await;
    assert_eq!(stream.text(), "Hello");
    assert!(stream.has_done());

    let output = gate.command(&["nonsense"]).await;
    assert_eq!(output.code, Some(2));
    assert_eq!(output.stderr, "unknown command nonsense\n");

    gate.signal(Signal::Terminate);
    assert_eq!(gate.ended().await, None, "the stand-in dies of the signal");
}

#[tokio::test]
async fn a_stream_is_read_event_by_event_and_closed_by_dropping_it() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = stand_in_gate(&provider).await;
    provider.always(streams(["Hel"]).then_stalls());

    let mut open = gate.open_stream(&json!({"model": PROVIDER_MODEL})).await;
    let role = open.next_event().await.expect("the role");
    let text = open.next_event().await.expect("the text");
    assert!(role.starts_with("data: {") && text.contains("Hel"));
    drop(open);

    provider.cancelled().await;
}

#[tokio::test]
async fn an_error_is_read_whether_a_stream_was_asked_for_or_not() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = stand_in_gate(&provider).await;
    provider.always(fails(429, "rate_limit_exceeded", "slow down"));

    let answer = gate.post(&json!({"model": "m"})).await;
    let stream = gate.stream(&json!({"model": "m"})).await;

    assert_eq!((answer.status, stream.status), (429, 429));
    assert_eq!(answer.error_code().as_deref(), Some("rate_limit_exceeded"));
    assert_eq!(stream.error_code(), Some("rate_limit_exceeded"));
}

#[tokio::test]
#[should_panic(expected = "the answer breaks rules")]
async fn an_answer_that_breaks_a_rule_fails_the_test() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = stand_in_gate(&provider).await;

    gate.post(&json!({"model": "not-the-one-that-answers"})).await;
}

#[tokio::test]
#[should_panic(expected = "the connection broke")]
async fn a_stream_that_breaks_fails_the_test() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = stand_in_gate(&provider).await;
    provider.always(streams(["Hel"]).then_closes());

    gate.stream(&json!({"model": PROVIDER_MODEL})).await;
}

#[tokio::test]
async fn a_raw_connection_takes_any_bytes() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = stand_in_gate(&provider).await;

    let mut raw = gate.raw().await;
    assert!(raw.write(b"NONSENSE\r\n\r\n").await);

    let answer = raw.read_to_end().await;
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
}
