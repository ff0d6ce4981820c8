//! Somebody removes the spool's folder under a running gate: it stops to take requests, and books those that it took.

use std::fs;

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, answer, answers},
};

use crate::{
    credit::{balance, eventually, key_with_credit, run},
    stage::{MODEL, get_from_admin, question_with, setup, with},
};

/// $1,000 a million tokens: with [`provider`]'s counts, $1 an answer.
const PRICES: &str = r#"{ gpt-4o = { input = "1000", output = "1000" } }"#;

async fn provider() -> FakeProvider {
    let usage = json!({"usage": {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1_000}});
    FakeProvider::start_with(answers(with(answer("Hello"), usage))).await
}

fn asked() -> Value {
    question_with(json!({"max_tokens": 100}))
}

/// Asks until it is refused, and says how often it was answered and by what code it is refused.
async fn answered_until_refused(gate: &Gate, key: &str) -> (u32, Option<String>) {
    let mut answered = 0;
    loop {
        let answer = gate.post_with(key, &asked()).await;
        if answer.status != 200 {
            return (answered, answer.error_code());
        }
        answered += 1;
        assert!(answered < 5_000, "nobody notices that the folder is gone");
    }
}

#[tokio::test]
async fn with_the_spools_folder_gone_requests_are_refused_and_what_was_answered_is_booked() {
    let provider = provider().await;
    let channel = Channel::to(&provider).models([MODEL]).set("prices", PRICES);
    let mut gate = setup()
        .channel(channel)
        .config("[spool]\nsize_mb = 8\n")
        .start()
        .await;
    let key = key_with_credit(&gate, "10000").await;
    assert_eq!(gate.post_with(&key, &asked()).await.status, 200);

    fs::remove_dir_all(gate.data_dir().join("spool")).expect("the gate has made it");
    let (answered, code) = answered_until_refused(&gate, &key).await;

    assert_eq!(code.as_deref(), Some("spool_full"));
    let ready = get_from_admin(&gate, "/readyz").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    let metrics = get_from_admin(&gate, "/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains("\ntollgate_spool_has_room 0\n"), "{metrics}");
    gate.logged("is gone").await;
    let left = format!("{}.00", 10_000 - 1 - answered);
    eventually(left, async || balance(&gate).await).await;

    // then the next start makes it anew
    gate.signal(Signal::Terminate);
    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());
    gate.start_again().await;
    assert_eq!(gate.post_with(&key, &asked()).await.status, 200);
    let left = format!("{}.00", 10_000 - 2 - answered);
    eventually(left, async || balance(&gate).await).await;
    run(&gate, &["ledger", "verify"]).await;
}
