//! Requests under way, of which all gates together have as many as a limit says.

use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_testkit::{
    gate::{Gate, RawConnection, Signal},
    provider::{FakeProvider, accepts_and_says_nothing},
};

use super::{all_find_it, servers};
use crate::{
    credit::eventually,
    stage::{question, with},
};

/// Requests that are under way, and stay so until these connections close.
struct UnderWay(Vec<RawConnection>);

impl UnderWay {
    fn new() -> Self {
        Self(Vec::new())
    }

    /// Sends requests to a gate, one after the other, until one is refused; how many are under way of it.
    async fn fill(&mut self, gate: &Gate, key: &str, provider: &FakeProvider) -> usize {
        let mut count = 0;
        while self.begin(gate, key, provider).await {
            count += 1;
        }
        count
    }

    /// Sends a request to a gate; whether it is under way, and not refused.
    async fn begin(&mut self, gate: &Gate, key: &str, provider: &FakeProvider) -> bool {
        let before = provider.requests().len();
        let mut connection = gate.raw().await;
        let body = with(question(), json!({"stream": false})).to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write(head.as_bytes()).await;
        let limit = Duration::from_millis(10);
        let began = Instant::now();
        let mut read = Vec::new();
        while provider.requests().len() == before {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "neither sent nor refused"
            );
            read.extend(connection.read_until(b"\r\n\r\n", limit).await);
            if !read.is_empty() {
                let read = String::from_utf8_lossy(&read);
                assert!(read.starts_with("HTTP/1.1 429"), "{read}");
                return false;
            }
        }
        self.0.push(connection);
        true
    }

    async fn fill_all(&mut self, gates: &[Gate], key: &str, provider: &FakeProvider) -> usize {
        let mut count = 0;
        for gate in gates {
            count += self.fill(gate, key, provider).await;
        }
        count
    }
}

async fn code(gate: &Gate, key: &str) -> Option<String> {
    let asked = question();
    let asking = gate.post_with(key, &asked);
    let answer = tokio::time::timeout(Duration::from_secs(2), asking).await;
    answer.ok().and_then(|answer| answer.error_code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gates_together_have_as_many_under_way_as_a_limit_says() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0]
        .create_key(&["--name", "app", "--concurrency", "9"])
        .await;
    let mut under_way = UnderWay::new();

    let count = under_way.fill_all(&gates, &key, &provider).await;
    assert_eq!(count, 9);
    let refused = code(&gates[2], &key).await;
    assert_eq!(refused.as_deref(), Some("concurrency_limit_exceeded"));

    // Their clients leave, and all of it can be had elsewhere.
    under_way.0.clear();
    let mut elsewhere = UnderWay::new();
    let began = Instant::now();
    while elsewhere.0.len() < 9 {
        elsewhere.fill(&gates[1], &key, &provider).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{}", elsewhere.0.len());
    }
    assert_eq!(elsewhere.fill_all(&gates, &key, &provider).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accounts_limit_holds_for_its_keys_at_all_gates() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let gates = servers.three_gates(&provider).await;
    let args = [
        "accounts",
        "create",
        "--name",
        "team",
        "--unlimited",
        "--concurrency",
        "4",
    ];
    assert!(gates[0].command(&args).await.success());
    let mut keys = Vec::new();
    for name in ["app", "batch"] {
        keys.push(gates[0].create_key(&["--name", name, "--account", "team"]).await);
    }
    let mut under_way = UnderWay::new();

    let first = under_way.fill(&gates[0], &keys[0], &provider).await;
    let second = under_way.fill_all(&gates, &keys[1], &provider).await;

    assert_eq!(first + second, 4);
    let refused = code(&gates[1], &keys[1]).await;
    assert_eq!(refused.as_deref(), Some("account_concurrency_limit_exceeded"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_of_a_gate_that_is_killed_come_back_and_those_of_one_that_ends_at_once() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let mut gates = servers.three_gates(&provider).await;
    let key = gates[0]
        .create_key(&["--name", "app", "--concurrency", "4"])
        .await;
    let mut under_way = UnderWay::new();
    assert_eq!(under_way.fill(&gates[0], &key, &provider).await, 4);

    gates[0].signal(Signal::Kill);
    gates[0].ended().await;
    let killed = Instant::now();

    let refused = code(&gates[1], &key).await;
    assert_eq!(refused.as_deref(), Some("concurrency_limit_exceeded"));
    let mut under_way = UnderWay::new();
    while under_way.fill(&gates[1], &key, &provider).await == 0 {
        assert!(killed.elapsed() < Duration::from_secs(20), "they are lost");
    }
    under_way.fill(&gates[1], &key, &provider).await;
    assert_eq!(under_way.0.len(), 4);

    // Its clients leave, so that nothing keeps it from ending.
    under_way.0.clear();
    gates[1].signal(Signal::Terminate);
    assert_eq!(gates[1].ended().await, Some(0));
    let mut under_way = UnderWay::new();
    assert_eq!(under_way.fill(&gates[2], &key, &provider).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_each_gate_has_its_part_of_the_places() {
    let Some(mut servers) = servers() else { return };
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0]
        .create_key(&["--name", "app", "--concurrency", "6"])
        .await;
    servers.redis.stop();
    all_find_it(&gates, false).await;
    let mut under_way = UnderWay::new();

    for gate in &gates {
        assert_eq!(under_way.fill(gate, &key, &provider).await, 2);
    }

    servers.redis.start_again();
    all_find_it(&gates, true).await;
    // All are taken, of which Redis was told before they are shared again.
    for gate in &gates {
        let refused = code(gate, &key).await;
        assert_eq!(refused.as_deref(), Some("concurrency_limit_exceeded"));
    }
    under_way.0.clear();
    let mut elsewhere = UnderWay::new();
    let began = Instant::now();
    while elsewhere.0.len() < 6 {
        elsewhere.fill(&gates[2], &key, &provider).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{}", elsewhere.0.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_without_a_limit_counts_at_all_gates_when_one_is_set() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let gates = servers.three_gates(&provider).await;
    assert!(
        gates[0]
            .command(&["accounts", "create", "--name", "team", "--unlimited"])
            .await
            .success()
    );
    let of_account = gates[0].create_key(&["--name", "app", "--account", "team"]).await;
    let of_key = gates[0].create_key(&["--name", "own"]).await;
    let mut under_way = UnderWay::new();
    for key in [&of_account, &of_key] {
        for gate in [&gates[0], &gates[0], &gates[1]] {
            assert!(under_way.begin(gate, key, &provider).await);
        }
    }

    for (whose, name) in [("accounts", "team"), ("keys", "own")] {
        let limit = [whose, "update", "--name", name, "--concurrency", "3"];
        assert!(gates[0].command(&limit).await.success());
    }

    // Without a further request the two gates say how many they have, of the account and of the key.
    let books = "local n = 0 for _, book in ipairs(redis.call('KEYS', '*:places:*')) do \
                 n = n + redis.call('HLEN', book) end return n";
    eventually(":4\r\n".to_owned(), async || {
        servers.redis.ask(&["EVAL", books, "0"])
    })
    .await;
    for (key, expected) in [
        (&of_account, "account_concurrency_limit_exceeded"),
        (&of_key, "concurrency_limit_exceeded"),
    ] {
        assert_eq!(code(&gates[2], key).await.as_deref(), Some(expected));
    }
}
