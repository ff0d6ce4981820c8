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
async fn a_file_that_cannot_be_read_keeps_the_gate_from_starting_on_another_database_and_stays() {
    let provider = provider().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut gate = gate_on_trial(folder.path(), &provider).await;
    gate.signal(Signal::Kill);
    gate.ended().await;
    // given that a newer version has written the last of its files
    let spool = gate.data_dir().join("spool");
    let files = fs::read_dir(&spool).expect("the gate has made it");
    let files = files.map(|file| file.expect("it can be listed").path());
    let last = files.filter(|path| path.extension().is_some_and(|end| end == "seg"));
    let last = last.max().expect("it has room for records");
    let mut bytes = fs::read(&last).expect("a file in our own folder");
    bytes[8] = 9;
    fs::write(&last, &bytes).expect("a file in our own folder");

    moves(&gate, "trial.db", "production.db");
    let refused = gate.command(&["serve"]).await;

    assert!(!refused.success(), "{refused:?}");
    let said: Vec<&str> = refused.stderr.split_whitespace().collect();
    let said = said.join(" ");
    let name = last.file_name().and_then(|name| name.to_str()).expect("digits");
    for part in [
        name,
        "was written by a newer tollgate",
        "start once on that database, with the version that wrote it, and end it with SIGTERM",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(fs::read(&last).expect("it is still there"), bytes);
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
