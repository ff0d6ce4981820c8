//! A copy of the database, taken while the gate runs, is enough to go on from.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, answer, answers},
};

use crate::{
    credit::{balance, eventually, run},
    restored::{OWED, requests_of, used_by},
    stage::{MODEL, question, setup},
};

/// A provider whose answers cost $0.0045, and a gate with an account that has $1.
async fn stage() -> (FakeProvider, Gate, String) {
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    let provider = FakeProvider::start_with(answers(counted)).await;
    let channel = Channel::to(&provider)
        .models([MODEL])
        .set("prices", r#"{ gpt-4o = { input = "3", output = "15" } }"#);
    let gate = setup().channel(channel).start().await;
    run(&gate, &["accounts", "create", "--name", "team"]).await;
    run(&gate, &["accounts", "credit", "--name", "team", "--amount", "1"]).await;
    let key = gate.create_key(&["--name", "app", "--account", "team"]).await;
    (provider, gate, key)
}

#[tokio::test]
async fn a_gate_goes_on_from_a_copy_that_was_made_while_it_ran() {
    let (_provider, mut gate, key) = stage().await;
    for _ in 0..3 {
        assert_eq!(gate.post_with(&key, &question()).await.status, 200);
    }

    // The answers ended a moment ago, and are in it all the same.
    let folder = gate.data_dir().join("backups");
    let output = gate.command(&["backup", folder.to_str().unwrap()]).await;

    assert!(output.success(), "{output:?}");
    let copy = PathBuf::from(output.stdout.trim());
    assert_eq!(copy.parent(), Some(&*folder));
    assert!(!output.stderr.contains("are not in it"), "{output:?}");

    // The machine is lost, and the commands that were printed are followed.
    run(&gate, &["keys", "create", "--name", "later"]).await;
    gate.signal(Signal::Kill);
    gate.ended().await;
    let commands: Vec<&str> = output
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .collect();
    let [remove, copy_back, verify] = commands[..] else {
        panic!("{output:?}")
    };
    fs::remove_dir_all(gate.data_dir().join("spool")).unwrap();
    for command in [remove, copy_back] {
        let done = std::process::Command::new("sh").args(["-c", command]).status();
        assert!(done.unwrap().success(), "{command}");
    }
    let verified = run(&gate, &verify.split(' ').skip(1).collect::<Vec<_>>()).await;
    assert!(verified.starts_with("4 entries"), "{verified}");
    assert_eq!(balance(&gate).await, "0.9865");
    let keys = run(&gate, &["keys", "list"]).await;
    assert!(keys.contains("app") && !keys.contains("later"), "{keys}");

    gate.start_again().await;
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);
    gate.restart().await;
    assert_eq!(balance(&gate).await, "0.982");
    run(&gate, &["ledger", "verify"]).await;
}

#[tokio::test]
async fn what_the_spool_alone_holds_is_named() {
    let (_provider, mut gate, key) = stage().await;
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);
    // It had no time to bring the request to the database.
    gate.signal(Signal::Kill);
    gate.ended().await;
    let booked = balance(&gate).await != "1.00";

    let folder = gate.data_dir().join("backups");
    let began = std::time::Instant::now();
    let output = gate.command(&["backup", folder.to_str().unwrap()]).await;

    assert!(output.success(), "{output:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    let named = output.stderr.contains("1 requests that have ended are not in it");
    assert_eq!(named, !booked, "{output:?}");
}

/// A gate that was stopped and whose database is a copy from before the account `late` had credit and a key and made two
/// requests.
async fn restored() -> (FakeProvider, Gate) {
    let (provider, mut gate, key) = stage().await;
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);
    let folder = gate.data_dir().join("backups");
    let copy = run(&gate, &["backup", folder.to_str().unwrap()]).await;
    run(&gate, &["accounts", "create", "--name", "late"]).await;
    run(&gate, &["accounts", "credit", "--name", "late", "--amount", "5"]).await;
    let late = gate.create_key(&["--name", "late", "--account", "late"]).await;
    for _ in 0..2 {
        assert_eq!(gate.post_with(&late, &question()).await.status, 200);
    }
    gate.signal(Signal::Kill);
    gate.ended().await;

    let database = gate.data_dir().join("tollgate.db");
    for beside in ["db-wal", "db-shm"] {
        let _ = fs::remove_file(database.with_extension(beside));
    }
    fs::copy(copy.trim(), &database).unwrap();
    run(&gate, &["ledger", "verify"]).await;
    (provider, gate)
}

/// An account with $10, and its key.
async fn innocent(gate: &Gate) -> String {
    run(gate, &["accounts", "create", "--name", "innocent"]).await;
    run(
        gate,
        &["accounts", "credit", "--name", "innocent", "--amount", "10"],
    )
    .await;
    gate.create_key(&["--name", "innocent", "--account", "innocent"])
        .await
}

async fn left(gate: &Gate, account: &str) -> String {
    let shown = run(gate, &["accounts", "show", "--name", account]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown["balance"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_is_made_after_a_restore_sees_and_pays_nothing_of_who_was_made_after_the_copy() {
    let (_provider, mut gate) = restored().await;

    gate.start_again().await;
    let key = innocent(&gate).await;

    assert_eq!(requests_of(&gate, &key).await, 0, "they are another customer's");
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);
    eventually("9.9955".to_owned(), async || left(&gate, "innocent").await).await;
    assert_eq!(requests_of(&gate, &key).await, 1);
    let verified = gate.command(&["ledger", "verify"]).await;
    assert!(verified.success(), "{verified:?}");
    let note = "2 requests are charged to nobody, for $0.009";
    assert!(verified.stderr.contains(note), "{verified:?}");
    assert_eq!(balance(&gate).await, "0.9955", "what was in the copy stays");
}

#[tokio::test]
async fn who_is_made_between_restore_and_start_pays_nothing_of_who_was_made_after_the_copy() {
    let (_provider, mut gate) = restored().await;

    let key = innocent(&gate).await;
    gate.start_again().await;

    gate.logged(OWED).await;
    eventually(2, async || used_by(&gate, "(not in this database: 3)").await).await;
    assert_eq!(left(&gate, "innocent").await, "10.00");
    assert_eq!(requests_of(&gate, &key).await, 0);
    let verified = gate.command(&["ledger", "verify"]).await;
    assert!(verified.success(), "{verified:?}");

    // The operator makes the account again, and does as the note says.
    run(&gate, &["accounts", "create", "--name", "late"]).await;
    let told = "tollgate ledger assign --lost 3 --account NAME";
    assert!(verified.stderr.contains(told), "{verified:?}");
    let line: Vec<&str> = told
        .split(' ')
        .skip(1)
        .map(|word| if word == "NAME" { "late" } else { word })
        .collect();
    run(&gate, &line).await;
    assert_eq!(left(&gate, "late").await, "-0.009");
    let verified = gate.command(&["ledger", "verify"]).await;
    assert!(
        verified.success() && !verified.stderr.contains("Note"),
        "{verified:?}"
    );
}
