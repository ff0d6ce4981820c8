//! Accounts with credit in a gate's books, by its command line.

use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_testkit::gate::Gate;

/// What a command of this gate prints; it has to succeed.
pub async fn run(gate: &Gate, args: &[&str]) -> String {
    let output = gate.command(args).await;
    assert!(output.success(), "{args:?}: {output:?}");
    output.stdout
}

/// A key of a new account with so much credit.
pub async fn key_with_credit(gate: &Gate, dollars: &str) -> String {
    run(gate, &["accounts", "create", "--name", "team"]).await;
    let credit = ["accounts", "credit", "--name", "team", "--amount", dollars];
    run(gate, &credit).await;
    gate.create_key(&["--name", "app", "--account", "team"]).await
}

/// What the account of [`key_with_credit`] has left, in dollars.
pub async fn balance(gate: &Gate) -> String {
    let shown = run(gate, &["accounts", "show", "--name", "team"]).await;
    let shown: Value = serde_json::from_str(&shown).expect("an account is shown as JSON");
    shown["balance"].as_str().expect("a balance").to_owned()
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
