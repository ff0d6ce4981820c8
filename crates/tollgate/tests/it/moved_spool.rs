//! A gate moves to another database, whose accounts have the same numbers: what was spent at the one is charged at that
//! one alone.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, answer, answers},
};

use crate::{
    credit::{balance, eventually, key_with_credit, run},
    outage::Locked,
    stage::{MODEL, question_with, setup, with},
};

/// $3 and $15 a million tokens: with [`provider`]'s counts, $0.0045 an answer.
const PRICES: &str = r#"{ gpt-4o = { input = "3", output = "15" } }"#;

async fn provider() -> FakeProvider {
    let usage = json!({"usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}});
    FakeProvider::start_with(answers(with(answer("Hello"), usage))).await
}

fn asked() -> Value {
    question_with(json!({"max_tokens": 100}))
}

/// A gate on the database `trial.db` in this folder.
async fn gate_on_trial(folder: &Path, provider: &FakeProvider) -> Gate {
    let channel = Channel::to(provider).models([MODEL]).set("prices", PRICES);
    let database = format!(
        "[database]\nurl = \"sqlite://{}\"\n[spool]\nsize_mb = 8\n",
        folder.join("trial.db").display()
    );
    setup().channel(channel).config(&database).start().await
}

/// Puts another database's name into the configuration.
fn moves(gate: &Gate, from: &str, to: &str) {
    let before = fs::read_to_string(gate.config_path()).expect("the gate has read it");
    assert!(before.contains(from), "{before}");
    fs::write(gate.config_path(), before.replace(from, to)).expect("a file in our own folder");
}

#[tokio::test]
async fn what_is_booked_in_one_database_is_charged_to_nobody_in_the_next() {
    let provider = provider().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut gate = gate_on_trial(folder.path(), &provider).await;
    let key = key_with_credit(&gate, "100").await;
    for _ in 0..3 {
        assert_eq!(gate.post_with(&key, &asked()).await.status, 200);
    }
    gate.signal(Signal::Terminate);
    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());

    moves(&gate, "trial.db", "production.db");
    let key = key_with_credit(&gate, "10").await;
    gate.start_again().await;

    assert_eq!(balance(&gate).await, "10.00", "it never made a request");
    run(&gate, &["ledger", "verify"]).await;
    gate.logged("begins anew").await;
    assert_eq!(gate.post_with(&key, &asked()).await.status, 200);
    eventually("9.9955".to_owned(), async || balance(&gate).await).await;
}

#[tokio::test]
async fn what_is_not_booked_in_its_database_keeps_the_gate_from_starting_on_another() {
    let provider = provider().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut gate = gate_on_trial(folder.path(), &provider).await;
    let key = key_with_credit(&gate, "100").await;
    assert_eq!(gate.post_with(&key, &asked()).await.status, 200);
    eventually("99.9955".to_owned(), async || balance(&gate).await).await;
    let locked = Locked::now(&folder.path().join("trial.db"));
    for _ in 0..2 {
        assert_eq!(gate.post_with(&key, &asked()).await.status, 200);
    }
    gate.signal(Signal::Kill);
    gate.ended().await;
    drop(locked);

    moves(&gate, "trial.db", "production.db");
    key_with_credit(&gate, "10").await;
    let refused = gate.command(&["serve"]).await;

    assert!(!refused.success(), "{refused:?}");
    // Lines are folded to the width of a terminal.
    let said: Vec<&str> = refused.stderr.split_whitespace().collect();
    let said = said.join(" ");
    for part in [
        "trial.db",
        "production.db",
        "start once on that database",
        "where this one is that database, restored from an earlier copy, write its name,",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(balance(&gate).await, "10.00");

    // when it goes back there once
    moves(&gate, "production.db", "trial.db");
    gate.start_again().await;
    assert_eq!(balance(&gate).await, "99.9865", "each of the three once");
    gate.signal(Signal::Terminate);
    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());

    // then it may move
    moves(&gate, "trial.db", "production.db");
    gate.start_again().await;
    assert_eq!(balance(&gate).await, "10.00");
    run(&gate, &["ledger", "verify"]).await;
}
