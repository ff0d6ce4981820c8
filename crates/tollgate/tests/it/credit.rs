//! Accounts with credit in a gate's books, by its command line.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::gate::Gate;

/// What a command of this gate prints; it has to succeed.
pub async fn run(gate: &Gate, args: &[&str]) -> String {
    let output = gate.command(args).await;
    assert!(output.success(), "{args:?}: {output:?}");
    output.stdout
}

/// A key of a new account with so much credit.
pub async fn key_with_credit(gate: &Gate, dollars: &str) -> String {
    key_with_credit_and(gate, dollars, &[]).await
}

/// The same, which holds the most of what its requests can cost.
pub async fn full_key(gate: &Gate, dollars: &str) -> String {
    key_with_credit_and(gate, dollars, &["--reserve", "full"]).await
}

/// The same, with these settings.
pub async fn key_with_credit_and(gate: &Gate, dollars: &str, settings: &[&str]) -> String {
    run(gate, &["accounts", "create", "--name", "team"]).await;
    let credit = ["accounts", "credit", "--name", "team", "--amount", dollars];
    run(gate, &credit).await;
    let key = [&["--name", "app", "--account", "team"], settings].concat();
    gate.create_key(&key).await
}

/// What the account of [`key_with_credit`] has left, in dollars.
pub async fn balance(gate: &Gate) -> String {
    let shown = run(gate, &["accounts", "show", "--name", "team"]).await;
    let shown: Value = serde_json::from_str(&shown).expect("an account is shown as JSON");
    shown["balance"].as_str().expect("a balance").to_owned()
}

/// What all requests came to, as the books have it now; null before there is one.
pub async fn sums(gate: &Gate) -> Value {
    let sums = run(gate, &["usage", "--by", "nothing", "--json"]).await;
    let sums: Value = serde_json::from_str(&sums).expect("sums are shown as JSON");
    sums[0].clone()
}

/// What the only request came to, as soon as it is in the books.
pub async fn sums_of_one(gate: &Gate) -> Value {
    eventually(json!(1), async || sums(gate).await["requests"].clone()).await;
    sums(gate).await
}

/// How long what was charged, or changed at another gate, may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// Waits until `look` says `wanted`: what is charged gets to the database in a moment.
pub async fn eventually<T: PartialEq + std::fmt::Debug>(wanted: T, look: impl AsyncFn() -> T) {
    let began = Instant::now();
    loop {
        let seen = look().await;
        if seen == wanted {
            return;
        }
        assert!(began.elapsed() < SOON, "it stays at {seen:?}, not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
