//! PostgreSQL in place of the file: gates that share it, and a server that goes away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, GateSetup},
    postgres::Postgres,
    provider::{FakeProvider, answer, answers},
};

use crate::stage::{MODEL, question_with, setup};

/// With the usage of [`provider`], $0.0045 an answer.
const PRICES: &str = r#"{ gpt-4o = { input = "3", output = "15" } }"#;

async fn provider() -> FakeProvider {
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    FakeProvider::start_with(answers(counted)).await
}

/// A question for which a little more than $0.0015 is held.
fn modest() -> Value {
    question_with(json!({"max_tokens": 100}))
}

fn gate_on(server: &Postgres, provider: &FakeProvider) -> GateSetup {
    let url = server.url("postgres?sslmode=disable");
    setup()
        .config(&format!("[database]\nurl = \"{url}\"\n"))
        .channel(Channel::to(provider).models([MODEL]).set("prices", PRICES))
}

async fn run(gate: &Gate, args: &[&str]) -> String {
    let output = gate.command(args).await;
    assert!(output.success(), "{args:?}: {output:?}");
    output.stdout
}

/// A key of a new account with so much credit.
async fn key_with_credit(gate: &Gate, dollars: &str) -> String {
    run(gate, &["accounts", "create", "--name", "team"]).await;
    let credit = ["accounts", "credit", "--name", "team", "--amount", dollars];
    run(gate, &credit).await;
    gate.create_key(&["--name", "app", "--account", "team"]).await
}

async fn balance(gate: &Gate) -> String {
    let shown = run(gate, &["accounts", "show", "--name", "team"]).await;
    let shown: Value = serde_json::from_str(&shown).expect("an account is shown as JSON");
    shown["balance"].as_str().expect("a balance").to_owned()
}

/// Waits until `look` says `wanted`, for so long.
async fn comes<T: PartialEq + std::fmt::Debug>(within: Duration, wanted: T, look: impl AsyncFn() -> T) {
    let began = Instant::now();
    loop {
        let seen = look().await;
        if seen == wanted {
            return;
        }
        assert!(began.elapsed() < within, "it stays at {seen:?}, not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn gates_on_one_server_share_keys_credit_and_what_is_spent() {
    let Some(server) = Postgres::start("gates on one PostgreSQL are not tried") else {
        return;
    };
    let provider = provider().await;
    let one = gate_on(&server, &provider).key_named("one").start().await;
    let two = gate_on(&server, &provider).key_named("two").start().await;
    let gates = [&one, &two];
    let key = key_with_credit(&one, "0.0100").await;

    for gate in gates {
        let answer = gate.post_with(&key, &modest()).await;
        assert_eq!(
            answer.status, 200,
            "a new key works at once at every gate: {answer:?}"
        );
    }

    // $0.0090 are spent, of which each gate has spent half by itself.
    for gate in gates {
        let code = async || gate.post_with(&key, &modest()).await.error_code();
        comes(SOON, Some("account_credit_exceeded".to_owned()), code).await;
    }
    assert_eq!(
        provider.requests().len(),
        2,
        "a gate let in what was spent at the other"
    );
    comes(SOON, "0.001".to_owned(), async || balance(&two).await).await;
    run(&one, &["ledger", "verify"]).await;

    run(&two, &["keys", "revoke", "--name", "app"]).await;
    let revoked = Instant::now();
    for gate in gates {
        comes(SOON, 401, async || gate.post_with(&key, &modest()).await.status).await;
    }
    assert!(
        revoked.elapsed() < Duration::from_secs(3),
        "{:?}",
        revoked.elapsed()
    );
}

#[tokio::test]
async fn while_the_server_is_away_requests_go_on_and_all_are_booked_afterwards() {
    let Some(mut server) = Postgres::start("a PostgreSQL that goes away is not tried") else {
        return;
    };
    let provider = provider().await;
    let gate = gate_on(&server, &provider).start().await;
    let key = key_with_credit(&gate, "100").await;
    let mut served = 0;
    let mut serve_for = async |span: Duration| {
        let began = Instant::now();
        while began.elapsed() < span {
            let answer = gate.post_with(&key, &modest()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            served += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    serve_for(Duration::from_millis(700)).await;

    server.stop();
    serve_for(Duration::from_secs(3)).await;
    let check = gate.command(&["check"]).await;
    let other = gate.command(&["keys", "list"]).await;
    server.start_again();
    serve_for(Duration::from_millis(700)).await;

    let left = (100 * 10_000 - served * 45).to_string();
    let (dollars, rest) = left.split_at(left.len() - 4);
    let left = format!("{dollars}.{rest}");
    let left = left.trim_end_matches('0').to_owned();
    comes(Duration::from_secs(30), left, async || {
        balance(&gate).await.trim_end_matches('0').to_owned()
    })
    .await;
    run(&gate, &["ledger", "verify"]).await;

    assert!(!other.success(), "{other:?}");
    assert!(other.stderr.contains("cannot be reached"), "{other:?}");
    assert!(
        check.stdout.contains("postgres://tollgate@127.0.0.1:"),
        "{check:?}"
    );
    let shown = [
        check.stdout,
        check.stderr,
        other.stdout,
        other.stderr,
        gate.logs(),
    ]
    .concat();
    for secret in [server.password(), "pa%2Fss", "w%40rd"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
