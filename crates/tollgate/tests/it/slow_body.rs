//! What holds for a request whose body takes its time: what holds when that is there, and not when the request's first
//! line came.

use std::time::Duration;

use serde_json::Value;
use tollgate_testkit::{
    gate::{Gate, RawConnection},
    provider::says,
};

use crate::{
    credit::{eventually, run},
    stage::{question, question_with, stage, stage_with},
    surface::CHAT,
};

/// How long a body takes: after a second every gate knows of a change.
const SLOW: Duration = Duration::from_millis(1_300);

/// A request of which the rest is still to come.
struct Half {
    raw: RawConnection,
    rest: String,
}

impl Half {
    /// Sends the head and a part of the body.
    async fn of(gate: &Gate, key: &str, body: &Value) -> Self {
        let body = body.to_string();
        let (first, rest) = body.split_at(20);
        let mut raw = gate.raw().await;
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{first}",
            body.len()
        );
        raw.write(head.as_bytes()).await;
        Self {
            raw,
            rest: rest.to_owned(),
        }
    }

    /// Sends the rest, and gives the answer as it came.
    async fn whole(mut self) -> String {
        self.raw.write(self.rest.as_bytes()).await;
        String::from_utf8(self.raw.read_to_end().await).expect("an answer is text")
    }
}

fn assert_refused(answer: &str, status: u16, code: &str) {
    let line = format!("HTTP/1.1 {status} ");
    assert!(answer.starts_with(&line) && answer.contains(code), "{answer}");
}

#[tokio::test]
async fn a_request_counts_to_the_moment_at_which_its_body_was_there() {
    let forgets = "[explain]\nkeep_minutes = 0";
    let (_provider, gate) = stage_with(says("Hello"), |channel| channel, forgets).await;
    let half = Half::of(&gate, gate.key(), &question()).await;
    tokio::time::sleep(SLOW).await;

    let answer = half.whole().await;

    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-tollgate-request-id: "))
        .expect("every answer has an ID");
    let in_the_books = async || gate.command(&["explain", id, "--json"]).await.success();
    eventually(true, in_the_books).await;
    let told: Value = serde_json::from_str(&run(&gate, &["explain", id, "--json"]).await).expect("JSON");
    let counted: jiff::Timestamp = told["arrived"]
        .as_str()
        .and_then(|at| at.parse().ok())
        .expect("a time");
    // An ID begins with the milliseconds at which the request came.
    let came = u64::from_str_radix(&id["req_".len()..][..11], 16).expect("a number");
    let waited = counted.as_millisecond() - came.cast_signed();
    assert!(
        waited >= 1_200,
        "{waited} ms after it came: a budget would be passed at midnight"
    );
    let took = told["duration_ms"].as_u64().expect("a number");
    assert!(
        took < 1_000,
        "{took} ms: the books' moment and duration do not belong together"
    );
}

#[tokio::test]
async fn a_key_that_is_revoked_while_the_body_comes_is_refused() {
    let (provider, gate) = stage(says("Hello")).await;
    let key = gate.create_key(&["--name", "late"]).await;
    let half = Half::of(&gate, &key, &question()).await;
    run(&gate, &["keys", "revoke", "--name", "late"]).await;
    tokio::time::sleep(SLOW).await;

    let answer = half.whole().await;

    assert_refused(&answer, 401, "invalid_api_key");
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn a_key_whose_time_ends_while_the_body_comes_is_refused() {
    let (provider, gate) = stage(says("Hello")).await;
    let key = gate.create_key(&["--name", "brief", "--expires-in", "2s"]).await;
    let half = Half::of(&gate, &key, &question()).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;

    let answer = half.whole().await;

    assert_refused(&answer, 401, "api_key_expired");
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn what_a_key_may_do_is_what_it_may_do_when_the_body_is_there() {
    let prices = r#"{ gpt-4o = { input = "3", output = "15" } }"#;
    let (provider, gate) = stage_with(says("Hello"), |channel| channel.set("prices", prices), "").await;
    let change = [
        ("models", "gpt-4o-mini", 403, "model_not_allowed"),
        ("budget", "0.000001", 402, "budget_exceeded"),
        ("allow-ip", "192.0.2.1", 403, "address_not_allowed"),
    ];
    let mut halves = Vec::new();
    for (name, value, ..) in change {
        let key = gate.create_key(&["--name", name]).await;
        let half = Half::of(
            &gate,
            &key,
            &question_with(serde_json::json!({"max_tokens": 100})),
        )
        .await;
        run(
            &gate,
            &["keys", "update", "--name", name, &format!("--{name}"), value],
        )
        .await;
        halves.push(half);
    }
    tokio::time::sleep(SLOW).await;

    for (half, (_, _, status, code)) in halves.into_iter().zip(change) {
        assert_refused(&half.whole().await, status, code);
    }
    assert!(provider.requests().is_empty());
}
