//! PostgreSQL in place of the file: gates that share it, and a server that goes away.

use std::{
    env,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_testkit::{
    gate::{Channel, Gate, GateSetup, Signal},
    postgres::Postgres,
    provider::{FakeProvider, answer, answers},
};

use crate::{
    credit::{balance, eventually, key_with_credit, run},
    stage::{MODEL, get_from_admin, question_with, setup},
};

/// With the usage of [`provider`], $0.0045 an answer.
const PRICES: &str = r#"{ gpt-4o = { input = "3", output = "15" } }"#;

pub async fn provider() -> FakeProvider {
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    FakeProvider::start_with(answers(counted)).await
}

/// A question for which a little more than $0.0015 is held.
pub fn modest() -> Value {
    question_with(json!({"max_tokens": 100}))
}

fn gate_on(server: &Postgres, provider: &FakeProvider) -> GateSetup {
    gate_with_prices(server, provider, PRICES)
}

/// As [`gate_on`], where [`modest`] holds what it costs: $0.0015.
pub fn exact_gate_on(server: &Postgres, provider: &FakeProvider) -> GateSetup {
    gate_with_prices(server, provider, r#"{ gpt-4o = { input = "0", output = "15" } }"#)
}

fn gate_with_prices(server: &Postgres, provider: &FakeProvider, prices: &str) -> GateSetup {
    let url = server.url("postgres?sslmode=disable");
    setup()
        .config(&format!("[database]\nurl = \"{url}\"\n"))
        .channel(Channel::to(provider).models([MODEL]).set("prices", prices))
}

/// Tests whose promises do not depend on which database it is.
const ON_BOTH: [&str; 25] = [
    "abandoned::",
    "admin",
    "bill::",
    "cli_accounts::",
    "counting::",
    "documented_limits::",
    "key_import::",
    "key_limits::",
    "keys::",
    "kill::",
    "left_choices::",
    "left_stream::",
    "lost_",
    "money::",
    "money_told::",
    "permissions::",
    "price_tiers::",
    "reserve",
    "restored::",
    "service_tier::",
    "slow_body::",
    "stored_channels::",
    "unpriced::",
    "usage::",
    "worked_out::",
];

#[test]
fn what_is_promised_of_keys_and_money_holds_on_postgres_as_well() {
    let Some(server) = Postgres::start("keys and money are tested on SQLite alone") else {
        return;
    };
    let (variable, value) = server.for_tests();

    let output = Command::new(env::current_exe().expect("this program"))
        .args(ON_BOTH)
        .env(variable, value)
        .output()
        .expect("it runs already");

    assert!(
        output.status.success(),
        "on PostgreSQL:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The status of [`modest`], asked again while others hold the money, as a client does that heeds `Retry-After`.
async fn eventually_let_in(gate: &Gate, key: &str) -> u16 {
    let began = Instant::now();
    loop {
        let answer = gate.post_with(key, &modest()).await;
        let is_held = answer.error_code().as_deref() == Some("account_credit_held");
        if !is_held || began.elapsed() > Duration::from_secs(10) {
            return answer.status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn gates_on_one_server_share_keys_credit_and_what_is_spent() {
    let Some(server) = Postgres::start("gates on one PostgreSQL are not tried") else {
        return;
    };
    let provider = provider().await;
    let one = exact_gate_on(&server, &provider).key_named("one").start().await;
    let two = exact_gate_on(&server, &provider).key_named("two").start().await;
    let gates = [&one, &two];
    let key = key_with_credit(&one, "0.0030").await;

    for gate in gates {
        // What the other gate has held beyond the cost comes back when its books are written.
        let status = eventually_let_in(gate, &key).await;
        assert_eq!(status, 200, "a new key works at once at every gate");
    }

    // All is spent, of which each gate has spent half by itself.
    for gate in gates {
        let code = async || gate.post_with(&key, &modest()).await.error_code();
        eventually(Some("account_credit_exceeded".to_owned()), code).await;
    }
    assert_eq!(
        provider.requests().len(),
        2,
        "a gate let in what was spent at the other"
    );
    eventually("0.00".to_owned(), async || balance(&two).await).await;
    run(&one, &["ledger", "verify"]).await;

    run(&two, &["keys", "revoke", "--name", "app"]).await;
    let revoked = Instant::now();
    for gate in gates {
        eventually(401, async || gate.post_with(&key, &modest()).await.status).await;
    }
    assert!(
        revoked.elapsed() < Duration::from_secs(3),
        "{:?}",
        revoked.elapsed()
    );
}

/// Sends [`modest`] to gates in turn until one says that the money is spent; counts the answers.
async fn spend_all(gates: &[Gate], key: &str, first: usize, served: &AtomicUsize) {
    for turn in first.. {
        let answer = gates[turn % gates.len()].post_with(key, &modest()).await;
        match (answer.status, answer.error_code().as_deref()) {
            (200, _) => _ = served.fetch_add(1, Ordering::Relaxed),
            (402, Some("account_credit_exceeded")) => return,
            // Others hold it, here or at another gate, and it may come back.
            (429, Some("account_credit_held")) => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => panic!("{answer:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_at_once_at_three_gates_as_many_are_served_as_the_credit_pays_for() {
    let Some(server) = Postgres::start("gates that spend the same credit at once are not tried") else {
        return;
    };
    let provider = provider().await;
    let mut gates = Vec::new();
    for name in ["one", "two", "three"] {
        let gate = exact_gate_on(&server, &provider).key_named(name);
        gates.push(gate.start().await);
    }
    let key = key_with_credit(&gates[0], "0.15").await;

    a_thousand_spend_what_a_hundred_cost(gates, key, &provider).await;
}

/// Clients at all gates at once, of whom each comes again as long as there may be money for it.
pub async fn a_thousand_spend_what_a_hundred_cost(gates: Vec<Gate>, key: String, provider: &FakeProvider) {
    let (gates, served) = (Arc::new(gates), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for client in 0..50 {
        let (gates, key, served) = (Arc::clone(&gates), key.clone(), Arc::clone(&served));
        clients.spawn(async move {
            for _ in 0..20 {
                spend_all(&gates, &key, client, &served).await;
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.expect("no client meets anything else");
    }

    assert_eq!(served.load(Ordering::Relaxed), 100);
    assert_eq!(provider.requests().len(), 100);
    eventually("0.00".to_owned(), async || balance(&gates[1]).await).await;
    run(&gates[2], &["ledger", "verify"]).await;
}

#[tokio::test]
async fn what_a_killed_gate_held_is_kept_for_what_it_spent_until_it_is_back() {
    let Some(server) = Postgres::start("a gate that is killed beside another is not tried") else {
        return;
    };
    let provider = provider().await;
    let mut one = gate_on(&server, &provider).key_named("one").start().await;
    let two = gate_on(&server, &provider).key_named("two").start().await;
    let key = key_with_credit(&one, "0.0200").await;
    // Some $0.0150 and $0.0075 are held, and all of it by the first.
    let large = question_with(json!({"max_tokens": 1_000}));
    let half = question_with(json!({"max_tokens": 500}));
    assert_eq!(one.post_with(&key, &large).await.status, 200);
    one.signal(Signal::Kill);
    one.ended().await;

    let refused = two.post_with(&key, &half).await;

    // The first has spent $0.0045 of it, which is in its spool alone.
    assert_eq!(
        refused.error_code().as_deref(),
        Some("account_credit_held"),
        "{refused:?}"
    );
    one.start_again().await;
    eventually(200, async || two.post_with(&key, &half).await.status).await;
    eventually("0.011".to_owned(), async || balance(&two).await).await;
}

#[tokio::test]
async fn a_gate_on_a_copied_data_directory_does_not_start_beside_the_first() {
    let Some(server) = Postgres::start("a data directory that was copied is not tried") else {
        return;
    };
    let provider = provider().await;
    let mut one = gate_on(&server, &provider).start().await;
    let key = key_with_credit(&one, "0.0200").await;
    let copy = gate_on(&server, &provider).written();
    std::fs::create_dir_all(copy.data_dir()).expect("a folder in our own");
    let name = one.data_dir().join("gate.id");
    std::fs::copy(name, copy.data_dir().join("gate.id")).expect("the first has a name");

    let refused = copy.command(&["serve"]).await;

    assert!(!refused.success(), "both would spend the same money: {refused:?}");
    for part in ["copied", "gate.id"] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    assert_eq!(one.post_with(&key, &modest()).await.status, 200);

    // then its name is its own also after a kill
    one.signal(Signal::Kill);
    one.ended().await;
    let began = Instant::now();
    one.start_again().await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_gate_that_counts_days_in_another_zone_does_not_start_beside_the_others() {
    let Some(server) = Postgres::start("gates of unlike time zones are not tried") else {
        return;
    };
    let provider = provider().await;
    let one = gate_on(&server, &provider).start().await;
    let zone = "[accounting]\ntime_zone = \"Europe/Berlin\"\n";
    let other = gate_on(&server, &provider).config(zone).written();

    let refused = other.command(&["serve"]).await;

    assert!(!refused.success(), "each would count days by itself: {refused:?}");
    for part in ["time_zone is UTC", "Europe/Berlin"] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    assert_eq!(one.post(&modest()).await.status, 200);
}

#[tokio::test]
async fn a_gate_that_ends_leaves_what_it_held_to_the_others() {
    let Some(server) = Postgres::start("a gate that ends beside another is not tried") else {
        return;
    };
    let provider = provider().await;
    let mut one = gate_on(&server, &provider).key_named("one").start().await;
    let two = gate_on(&server, &provider).key_named("two").start().await;
    let key = key_with_credit(&one, "0.0200").await;
    let large = question_with(json!({"max_tokens": 1_000}));
    assert_eq!(one.post_with(&key, &large).await.status, 200);

    one.signal(Signal::Terminate);
    assert_eq!(one.ended().await, Some(0), "{}", one.logs());

    let answer = two.post_with(&key, &large).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn while_the_server_is_away_requests_go_on_and_all_are_booked_afterwards() {
    let Some(mut server) = Postgres::start("a PostgreSQL that goes away is not tried") else {
        return;
    };
    let provider = provider().await;
    let gate = gate_on(&server, &provider).start().await;
    let key = key_with_credit(&gate, "100").await;
    let idle = gate.create_key(&["--name", "idle"]).await;
    assert_eq!(gate.post_with(&idle, &modest()).await.status, 200);
    // A change that has nothing to do with either, after which both have to be read again.
    gate.create_key(&["--name", "other"]).await;
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
    assert_eq!(gate.post_with(&idle, &modest()).await.status, 200);
    serve_for(Duration::from_secs(3)).await;
    let check = gate.command(&["check"]).await;
    let other = gate.command(&["keys", "list"]).await;
    server.start_again();
    serve_for(Duration::from_millis(700)).await;

    let left = (100 * 10_000 - served * 45).to_string();
    let (dollars, rest) = left.split_at(left.len() - 4);
    let left = format!("{dollars}.{rest}");
    let left = left.trim_end_matches('0').to_owned();
    eventually(left, async || {
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

#[tokio::test]
async fn charges_that_the_server_had_and_lost_are_booked_again() {
    let Some(mut server) = Postgres::start("a failover to a server that lags is not tried") else {
        return;
    };
    let provider = provider().await;
    let gate = gate_on(&server, &provider).start().await;
    let key = key_with_credit(&gate, "100").await;
    let ask = async |times: u32| {
        for _ in 0..times {
            let answer = gate.post_with(&key, &modest()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    };
    ask(5).await;
    eventually("99.9775".to_owned(), async || balance(&gate).await).await;
    server.keep_copy();
    ask(20).await;
    eventually("99.8875".to_owned(), async || balance(&gate).await).await;

    server.fail_over_to_copy();

    // Also where nobody asks for anything that would be booked.
    eventually("99.8875".to_owned(), async || balance(&gate).await).await;
    run(&gate, &["ledger", "verify"]).await;
}

#[tokio::test]
async fn a_gate_whose_server_became_a_standby_is_not_ready_and_says_why() {
    let Some(mut server) = Postgres::start("a PostgreSQL that is read-only is not tried") else {
        return;
    };
    let provider = provider().await;
    let gate = gate_on(&server, &provider).start().await;

    server.become_standby();

    let lacks = "the database cannot be written: it is read-only".to_owned();
    let missing = async || {
        let answer = get_from_admin(&gate, "/readyz").await;
        let lack = answer.json()["missing"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (answer.status, lack)
    };
    eventually((503, lacks), missing).await;
}
