//! Who may call: an API key, in force, below its limit.

use std::time::{Duration, Instant};

use http::Request;
use serde_json::json;
use tollgate_testkit::{
    gate::{Answer, Gate},
    provider::{says, streams},
};

use crate::stage::{question, stage, stage_with};

fn assert_refused(answer: &Answer, code: &str, told: &str) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.error_type().as_deref(), Some("authentication_error"));
    assert_eq!(answer.error_code().as_deref(), Some(code));
    let message = answer.error_message().unwrap();
    assert!(message.contains(told), "{message}");
}

async fn ask_with(gate: &Gate, authorization: Option<&str>) -> Answer {
    let mut request = Request::post("/v1/chat/completions").header("content-type", "application/json");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    gate.send(request.body(question().to_string()).unwrap()).await
}

#[tokio::test]
async fn without_a_known_key_nothing_is_answered() {
    let (provider, gate) = stage(says("Hello")).await;
    let unknown = format!("Bearer sk-{}", "a".repeat(48));
    let key = gate.key().to_owned();
    for (authorization, told) in [
        (None, "no API key"),
        (Some(""), "not of the form"),
        (Some("Bearer"), "not of the form"),
        (Some("Bearer "), "not of the form"),
        (Some(key.as_str()), "not of the form"),
        (Some("Basic dXNlcjpwYXNz"), "not of the form"),
        (Some("Bearer two words"), "not of the form"),
        (Some("Bearer nonsense"), "not known"),
        (Some("Bearer sk-"), "not known"),
        (Some(unknown.as_str()), "not known"),
    ] {
        let answer = ask_with(&gate, authorization).await;
        assert_refused(&answer, "invalid_api_key", told);
    }
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn the_scheme_may_have_any_case() {
    let (_provider, gate) = stage(says("Hello")).await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = ask_with(&gate, Some(&format!("{scheme} {}", gate.key()))).await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn a_key_is_asked_for_before_anything_else_is_looked_at() {
    let (_provider, gate) = stage(says("Hello")).await;
    for path in ["/v1/models", "/v1/models/gpt-4o"] {
        let answer = gate.send(Request::get(path).body(String::new()).unwrap()).await;
        assert_refused(&answer, "invalid_api_key", "no API key");
    }

    let nonsense = Request::post("/v1/chat/completions").header("content-type", "text/plain");
    let answer = gate.send(nonsense.body("nonsense".to_owned()).unwrap()).await;

    assert_refused(&answer, "invalid_api_key", "no API key");
}

#[tokio::test]
async fn a_new_key_works_at_once_and_a_revoked_one_ends_within_a_second() {
    let (_provider, gate) = stage(says("Hello")).await;
    let key = gate.create_key(&["--name", "late"]).await;
    assert_eq!(
        gate.post_with(&key, &question()).await.status,
        200,
        "the database is asked once"
    );

    let revoked = gate.command(&["keys", "revoke", "--name", "late"]).await;
    assert!(revoked.success(), "{revoked:?}");

    let asked = Instant::now();
    let answer = loop {
        let answer = gate.post_with(&key, &question()).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(
            asked.elapsed() < Duration::from_secs(1),
            "a revoked key still works"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_refused(&answer, "invalid_api_key", "revoked");
    assert_eq!(gate.post(&question()).await.status, 200, "other keys go on");
}

#[tokio::test]
async fn a_key_that_was_unknown_a_moment_ago_works_when_it_is_made() {
    let (_provider, gate) = stage(says("Hello")).await;
    // The first look-up of a stranger is remembered, which must not outlive the making of a key.
    assert_refused(
        &ask_with(&gate, Some("Bearer sk-nobody")).await,
        "invalid_api_key",
        "not known",
    );

    let key = gate.create_key(&["--name", "new"]).await;

    assert_eq!(gate.post_with(&key, &question()).await.status, 200);
}

#[tokio::test]
async fn a_key_ends_when_its_time_is_over() {
    let (_provider, gate) = stage(says("Hello")).await;
    let made = Instant::now();
    let key = gate.create_key(&["--name", "brief", "--expires-in", "2s"]).await;
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);

    // Whole seconds may be cut off, so it ends after one second at the earliest.
    let answer = loop {
        let answer = gate.post_with(&key, &question()).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(
            made.elapsed() < Duration::from_secs(4),
            "an expired key still works"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    };

    assert_refused(&answer, "api_key_expired", "expired");
}

#[tokio::test]
async fn a_key_has_its_own_number_of_requests_at_once() {
    let (provider, gate) = stage(streams(["Hel"]).then_stalls()).await;
    let key = gate.create_key(&["--name", "narrow", "--concurrency", "2"]).await;
    let open = async || {
        let body = crate::stage::with(question(), json!({"stream": true})).to_string();
        let mut raw = gate.raw().await;
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        raw.write(request.as_bytes()).await;
        let seen = raw.read_until(b"Hel", Duration::from_secs(5)).await;
        assert!(
            seen.starts_with(b"HTTP/1.1 200"),
            "{:?}",
            String::from_utf8_lossy(&seen)
        );
        raw
    };
    let first = open().await;
    let _second = open().await;

    let third = gate.post_with(&key, &question()).await;
    let other_key = gate.open_stream(&question()).await;
    drop(first);
    provider.cancelled().await;

    assert_eq!(
        (third.status, third.error_code().as_deref()),
        (429, Some("concurrency_limit_exceeded"))
    );
    assert_eq!(third.error_type().as_deref(), Some("rate_limit_error"));
    assert!(third.header("retry-after").is_some());
    assert_eq!(other_key.status, 200, "the limit is the key's own");
    let _again = open().await;
}

#[tokio::test]
async fn neither_keys_nor_prompts_nor_answers_are_logged() {
    let trace = "[log]\nlevel = \"trace\"\n";
    let (_provider, gate) = stage_with(says("a secret answer"), |channel| channel, trace).await;
    let asked = crate::stage::with(
        question(),
        json!({"messages": [{"role": "user", "content": "a secret question"}]}),
    );

    gate.post(&asked).await;
    gate.stream(&asked).await;
    ask_with(&gate, Some("Bearer sk-a-key-with-a-typing-error")).await;

    gate.logged("request ended").await;
    let logs = gate.logs();
    for secret in ["a secret", "typing-error", "provider-credential", gate.key()] {
        assert!(!logs.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn the_key_prefix_tells_the_operator_whose_request_it_was() {
    let (_provider, gate) = stage(says("Hello")).await;

    gate.post(&question()).await;

    gate.logged("request ended").await;
    let prefix = &gate.key()[..9];
    assert!(gate.logs().contains(prefix), "{}", gate.logs());
}
