//! The gate is killed, again and again, under load: what a client received whole is charged once.
//!
//! `make test` kills it a few times; `TOLLGATE_KILLS` sets another number, as `make soak` does.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, Script, answer, answers, chunk, decides, streams_events, usage_chunk},
};

use crate::{
    credit::{balance, eventually, key_with_credit, run},
    stage::{MODEL, question_with, setup, with},
};

/// $3 and $15 a million tokens: with [`provider`]'s counts, $0.0045 an answer.
const PRICES: &str = r#"{ gpt-4o = { input = "3", output = "15" } }"#;
const CHARGE: &str = "-0.0045";
const CREDIT: &str = "100000.00";
/// Clients that ask at the same time, each again as soon as it is answered.
const CLIENTS: usize = 8;
/// A gate lives for as long as this at most after it can be reached.
const LIFE: Duration = Duration::from_millis(700);
const WHEN_UNSET: usize = 5;

/// Answers at once, whole or streamed, and says how many tokens that were.
fn script() -> Script {
    let usage = json!({"usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}});
    let whole = answers(with(answer("Hello"), usage.clone()));
    let stream = streams_events([
        chunk(json!({"role": "assistant", "content": "Hel"}), None),
        chunk(json!({"content": "lo"}), None),
        chunk(json!({}), Some("stop")),
        with(usage_chunk(0, 0), usage),
    ]);
    decides(move |request| match request.wants_stream() {
        true => stream.clone(),
        false => whole.clone(),
    })
}

/// What came back for one request.
struct Came {
    /// The gate's ID of it, where the head of the answer came.
    id: Option<String>,
    is_whole: bool,
}

/// Asks once, over a connection of its own, and reads all that comes.
async fn ask(gate: SocketAddr, key: &str, body: &Value) -> Came {
    let nothing = Came {
        id: None,
        is_whole: false,
    };
    let body = body.to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let Ok(mut socket) = TcpStream::connect(gate).await else {
        return nothing;
    };
    let mut came = Vec::new();
    let exchange = async {
        socket.write_all(request.as_bytes()).await?;
        socket.read_to_end(&mut came).await
    };
    // What broke off has left what came before.
    let _ = timeout(Duration::from_secs(30), exchange).await;
    let came = String::from_utf8_lossy(&came);
    let Some((head, body)) = came.split_once("\r\n\r\n") else {
        return nothing;
    };
    assert!(head.starts_with("HTTP/1.1 200"), "{came}");
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    let is_whole = match header("content-length:") {
        Some(length) => length.parse() == Ok(body.len()),
        None => body.contains("data: [DONE]\n\n"),
    };
    Came {
        id: header("x-tollgate-request-id:"),
        is_whole,
    }
}

/// A number for each call, from a seed that the test names.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Asks until the gate is dead; gives the IDs of the answers that came whole.
async fn client(gate: &Gate, key: &str, number: usize, is_dead: &AtomicBool) -> Vec<String> {
    let mut whole = Vec::new();
    for turn in number.. {
        if is_dead.load(Ordering::Relaxed) {
            break;
        }
        let members = json!({"stream": turn % 2 == 0, "max_tokens": 100});
        let came = ask(gate.address(), key, &question_with(members)).await;
        if came.is_whole {
            whole.push(came.id.expect("every answer has an ID"));
        }
    }
    whole
}

/// The charges in the ledger, by request.
async fn charges(gate: &Gate) -> BTreeMap<String, Vec<String>> {
    let exported = run(gate, &["ledger", "export", "--json"]).await;
    let mut charges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in exported.lines() {
        let entry: Value = serde_json::from_str(line).expect("a JSON object a line");
        if entry["kind"] == "charge" {
            let id = entry["request_id"].as_str().expect("a charge has its request");
            let amount = entry["amount"].as_str().expect("an amount").to_owned();
            charges.entry(id.to_owned()).or_default().push(amount);
        }
    }
    charges
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_received_whole_is_charged_once_however_often_the_gate_is_killed() {
    let kills = env::var("TOLLGATE_KILLS").ok().map(|kills| kills.parse());
    let kills: usize = kills
        .transpose()
        .expect("a number of kills")
        .unwrap_or(WHEN_UNSET);
    let seed = Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id());
    let mut chance = Chance(seed);
    let provider = FakeProvider::start_with(script()).await;
    let channel = Channel::to(&provider).models([MODEL]).set("prices", PRICES);
    let mut gate = setup().channel(channel).start().await;
    let key = key_with_credit(&gate, CREDIT).await;
    let (mut received, mut cut) = (Vec::new(), 0);

    for _ in 0..kills {
        let is_dead = AtomicBool::new(false);
        let life = Duration::from_millis(chance.below(LIFE.as_millis() as u64));
        let kill = async {
            sleep(life).await;
            gate.signal(Signal::Kill);
            is_dead.store(true, Ordering::Relaxed);
        };
        let clients = join_all((0..CLIENTS).map(|number| client(&gate, &key, number, &is_dead)));
        let before = provider.requests().len();
        let ((), whole) = tokio::join!(kill, clients);
        let whole: Vec<String> = whole.into_iter().flatten().collect();
        cut += provider.requests().len() - before - whole.len();
        received.extend(whole);
        gate.ended().await;
        gate.start_again().await;
    }

    let finished = provider.requests().len();
    let unique: BTreeSet<&String> = received.iter().collect();
    assert_eq!(unique.len(), received.len(), "an ID was given twice; seed {seed}");
    // What was in the spool is applied when the gate is up, and then a balance stays.
    let missing = async || {
        let charges = charges(&gate).await;
        let missing = received.iter().filter(|id| !charges.contains_key(*id));
        missing.cloned().collect::<Vec<_>>()
    };
    eventually(Vec::<String>::new(), missing).await;
    let charges = charges(&gate).await;
    for (id, amounts) in &charges {
        assert!(amounts.len() == 1, "{id} is charged {amounts:?}; seed {seed}");
    }
    for id in &received {
        assert_eq!(charges[id], [CHARGE], "{id}; seed {seed}");
    }
    assert!(
        charges.len() <= finished,
        "{} charges of {finished} requests; seed {seed}",
        charges.len()
    );
    run(&gate, &["ledger", "verify"]).await;
    let figures = format!(
        "{kills} kills: {finished} requests reached the provider, {} were received whole, {cut} were cut off, \
         {} charges; the balance is ${}\n",
        received.len(),
        charges.len(),
        balance(&gate).await
    );
    // Past the test harness, which shows nothing of tests that pass.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), figures.as_bytes());
}
