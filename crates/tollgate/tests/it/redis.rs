//! Gates that share a PostgreSQL and a Redis: rates, reasoning, replays, and a Redis that is away.

mod given_again;
mod kept;
mod places;
mod rates;

use std::{
    env,
    process::Command,
    time::{Duration, Instant},
};

use http::{HeaderValue, Request};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate, GateSetup},
    postgres::Postgres,
    provider::{FakeProvider, says},
    redis::Redis,
};

use crate::{
    credit::{eventually, key_with_credit, run},
    postgres::{a_thousand_spend_what_a_hundred_cost, exact_gate_on, provider},
    stage::{MODEL, get_from_admin, question, setup},
};

/// The servers that gates share.
struct Servers {
    postgres: Postgres,
    redis: Redis,
}

/// `None` where they cannot be started, which is said loudly.
fn servers() -> Option<Servers> {
    let what = "gates that share PostgreSQL and Redis are not tried";
    Some(Servers {
        postgres: Postgres::start(what)?,
        redis: Redis::start(what)?,
    })
}

impl Servers {
    fn tables(&self) -> String {
        format!(
            "[database]\nurl = \"{}\"\n{}",
            self.postgres.url("postgres?sslmode=disable"),
            self.redis_table()
        )
    }

    fn redis_table(&self) -> String {
        format!("[redis]\nurl = \"{}\"\n", self.redis.url())
    }

    /// A gate that serves [`MODEL`] by this provider.
    fn gate(&self, provider: &FakeProvider) -> GateSetup {
        setup()
            .config(&self.tables())
            .channel(Channel::to(provider).models([MODEL]))
    }

    /// Three gates that know of each other.
    async fn three_gates(&self, provider: &FakeProvider) -> Vec<Gate> {
        self.started(["one", "two", "three"].map(|name| self.gate(provider).key_named(name)))
            .await
    }

    async fn started<const COUNT: usize>(&self, setups: [GateSetup; COUNT]) -> Vec<Gate> {
        let mut gates = Vec::new();
        for setup in setups {
            gates.push(setup.start().await);
        }
        let known = format!("tollgate_redis_gates {COUNT}");
        for gate in &gates {
            eventually(true, async || metrics(gate).await.contains(&known)).await;
        }
        gates
    }
}

async fn metrics(gate: &Gate) -> String {
    let page = get_from_admin(gate, "/metrics").await;
    String::from_utf8(page.body.to_vec()).unwrap()
}

async fn ask(gate: &Gate, key: &str, name: &str, body: &Value) -> Answer {
    gate.send(named(gate, key, name, body)).await
}

fn named(gate: &Gate, key: &str, name: &str, body: &Value) -> Request<String> {
    let mut request = gate.chat_request(key, body.to_string());
    let name = HeaderValue::from_str(name).unwrap();
    request.headers_mut().insert("idempotency-key", name);
    request
}

/// Tests whose promises do not depend on whether rates, reasoning and replays are shared.
const WITH_REDIS_TOO: [&str; 4] = [
    "key_limits::",
    "idempotency::",
    "reasoning_state::",
    "tool_exchange::lost::",
];

#[test]
fn what_is_promised_of_limits_reasoning_and_replays_holds_with_redis_as_well() {
    let Some(servers) = servers() else { return };

    let output = Command::new(env::current_exe().expect("this program"))
        .args(WITH_REDIS_TOO)
        // Each test has a database of its own, and all of them one Redis.
        .envs([servers.postgres.for_tests(), servers.redis.for_tests()])
        .output()
        .expect("it runs already");

    assert!(
        output.status.success(),
        "with Redis:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Waits until every gate has found that Redis is there, or that it is not.
async fn all_find_it(gates: &[Gate], is_up: bool) {
    let line = format!("tollgate_redis_up {}\n", u8::from(is_up));
    for gate in gates {
        eventually(true, async || metrics(gate).await.contains(&line)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_goes_and_comes_under_load_fails_no_request() {
    let Some(mut servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0]
        .create_key(&["--name", "app", "--requests-per-minute", "60000"])
        .await;
    let load = async |span: Duration| {
        let (began, mut slowest) = (Instant::now(), Duration::ZERO);
        while began.elapsed() < span {
            for gate in &gates {
                let asked = Instant::now();
                let answer = gate.post_with(&key, &question()).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                slowest = slowest.max(asked.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        slowest
    };
    load(Duration::from_secs(1)).await;

    servers.redis.stop();
    load(Duration::from_secs(3)).await;
    let ready = get_from_admin(&gates[0], "/readyz").await;
    all_find_it(&gates, false).await;
    servers.redis.start_again();
    load(Duration::from_secs(2)).await;

    assert_eq!(ready.status, 200, "{ready:?}");
    assert!(
        ready.json()["notes"][0].as_str().unwrap().contains("Redis"),
        "{ready:?}"
    );
    all_find_it(&gates, true).await;
    gates[0].logged("Redis does not answer").await;
    gates[0].logged("Redis answers").await;
    let check = gates[0].command(&["check"]).await;
    assert!(
        check.stdout.contains("redis          redis://127.0.0.1:"),
        "{check:?}"
    );
    let shown = [check.stdout, check.stderr, gates[0].logs()].concat();
    for secret in [servers.redis.password(), "re%2Fdis", "w%40rd"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_keeps_no_request_waiting() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gates = servers.three_gates(&provider).await;
    let mut keys = Vec::new();
    for number in 0..10 {
        let name = format!("app-{number}");
        let args = ["--name", &name, "--requests-per-minute", "600"];
        keys.push(gates[0].create_key(&args).await);
    }
    for gate in &gates {
        // Half of the keys are warm, the others are not.
        for key in &keys[..5] {
            assert_eq!(gate.post_with(key, &question()).await.status, 200);
        }
    }

    servers.redis.hang();
    let mut times = Vec::new();
    for _ in 0..10 {
        for gate in &gates {
            for key in &keys {
                let asked = Instant::now();
                let answer = gate.post_with(key, &question()).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                times.push(asked.elapsed());
            }
        }
    }
    servers.redis.go_on();

    times.sort();
    let (usual, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let waited = times
        .iter()
        .filter(|time| **time > usual + Duration::from_millis(150));
    assert!(waited.count() < 20, "{times:?}");
    all_find_it(&gates, true).await;
}

/// Says the same to all that ask, after half a minute.
async fn takes_half_a_minute() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 4_096];
                while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    let _ = stream.write_all(b"+OK\r\n").await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_redis_that_takes_half_a_minute_to_answer_is_as_good_as_none() {
    let Some(postgres) = Postgres::start("a Redis that takes half a minute is not tried") else {
        return;
    };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let url = format!("redis://{}", takes_half_a_minute().await);
    let gate = setup()
        .config(&format!(
            "[database]\nurl = \"{}\"\n[redis]\nurl = \"{url}\"\n",
            postgres.url("postgres?sslmode=disable")
        ))
        .channel(Channel::to(&provider).models([MODEL]))
        .key(&["--requests-per-minute", "1000"])
        .start()
        .await;

    let began = Instant::now();
    for number in 0..100 {
        let name = format!("name-{number}");
        let answer = ask(&gate, gate.key(), &name, &question()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_at_once_as_many_are_served_as_the_credit_pays_for() {
    let Some(mut servers) = servers() else { return };
    let provider = provider().await;
    let setups = ["one", "two", "three"].map(|name| {
        exact_gate_on(&servers.postgres, &provider)
            .config(&servers.redis_table())
            .key_named(name)
    });
    let gates = servers.started(setups).await;
    let key = key_with_credit(&gates[0], "0.15").await;
    run(
        &gates[0],
        &[
            "keys",
            "update",
            "--name",
            "app",
            "--requests-per-minute",
            "1000000",
        ],
    )
    .await;

    // That it goes in the middle of it is nothing to money.
    let spending = a_thousand_spend_what_a_hundred_cost(gates, key, &provider);
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        servers.redis.stop();
    };
    tokio::join!(spending, stopping);
}
