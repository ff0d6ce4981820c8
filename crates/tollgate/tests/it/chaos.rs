//! Providers that fail in every way at once: applications get the right answer, once, or an error in time.
//!
//! Each request says what every provider is to do with it ([`plan`], [`fault`]); what the providers said is kept,
//! so that each answer can be found again among it.

mod client;
mod fault;
mod leftovers;
mod plan;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{DumbPort, FakeProvider, Script, decides, nobody_listens},
};

use crate::stage::setup;
use client::{Went, storm};
use fault::Effect;
use leftovers::{comes_to_rest, metrics, open_sockets, resident_kib, settles};
use plan::{Plan, ROUTES, SCRIPTED};

/// Requests of one run; [`REQUESTS_VARIABLE`] sets another number.
const REQUESTS: usize = 400;
const REQUESTS_VARIABLE: &str = "TOLLGATE_CHAOS_REQUESTS";
/// From which number on a run may take its time.
const SOAK: usize = 2_000;
/// Clients at once.
const CLIENTS: usize = 48;
const SEED: u64 = 6;

const DEADLINE: Duration = Duration::from_millis(3_000);
const IDLE: Duration = Duration::from_millis(800);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(2_000);
/// How long it may take a busy gate until it has let go of every request.
const LETTING_GO: Duration = Duration::from_secs(10);
/// How long it may take until everything has been let go. Idle connections are looked at every 30 s, and closed when
/// they have been idle for as long.
const SETTLING: Duration = Duration::from_secs(75);
/// What the gate may have more in memory after a run than after its first requests, in KiB.
const GROWTH_KIB: u64 = 12 * 1024;
/// Retries that a gate has beyond a fifth of its traffic.
const RETRIES_AT_START: usize = 10;

/// What one provider said, or began to say, to one request.
struct Said {
    channel: char,
    text: String,
    effect: Effect,
}

/// Everything that was said, by the number of the request.
type Sayings = Arc<Mutex<HashMap<usize, Vec<Said>>>>;

/// Three providers that do as they are told, and three doors that lead nowhere.
struct Providers {
    scripted: Vec<FakeProvider>,
    plain: FakeProvider,
    dumb: DumbPort,
    said: Sayings,
}

impl Providers {
    async fn start() -> Self {
        let said = Sayings::default();
        let mut scripted = Vec::new();
        for channel in SCRIPTED {
            scripted.push(FakeProvider::start_with(as_told(channel, Arc::clone(&said))).await);
        }
        Self {
            scripted,
            plain: FakeProvider::start().await,
            dumb: DumbPort::open().await,
            said,
        }
    }

    /// `concurrency`: places on each channel.
    async fn gate(&self, routing: &str, concurrency: usize) -> Gate {
        let mut channels = vec![
            ("refused".to_owned(), nobody_listens().await),
            (
                "no-tls".to_owned(),
                format!("https://{}/v1", self.plain.address()),
            ),
            (
                "dumb-tls".to_owned(),
                format!("https://{}/v1", self.dumb.address()),
            ),
        ];
        for (name, provider) in SCRIPTED.iter().zip(&self.scripted) {
            channels.push((name.to_string(), provider.base_url()));
        }
        let limits = format!(
            "[limits]\nrequest_deadline_ms = {}\nkeep_alive_ms = 200\nanswer_mb = 1\n",
            DEADLINE.as_millis()
        );
        let mut setup = setup()
            .resilient()
            .config(&limits)
            .config("[log]\nlevel = \"error\"")
            // Stories fill what they may take among the first requests, so that what grows after those is lost.
            .config("[explain]\nsize_mb = 1")
            .config(&format!("[routing]\n{routing}"));
        for (priority, (name, url)) in channels.iter().enumerate() {
            let serves = |route: &&plan::Route| route.channels.contains(&name.as_str());
            let channel = Channel::at(url)
                .named(name)
                .models(ROUTES.iter().filter(serves).map(|route| route.model))
                .set("priority", &priority.to_string())
                .set("connect_timeout_ms", "400")
                .set("first_byte_timeout_ms", &IDLE.as_millis().to_string())
                .set("idle_timeout_ms", &IDLE.as_millis().to_string())
                .set("concurrency", &concurrency.to_string());
            setup = setup.channel(channel);
        }
        setup.start().await
    }
}

/// Does with each request what it says, and keeps what was said.
fn as_told(channel: char, said: Sayings) -> Script {
    decides(move |request| {
        let (number, fault) = Plan::told(request.json(), channel);
        let stream = request.wants_stream();
        let mut said = said.lock().unwrap();
        let tries = said.entry(number).or_default();
        let text = format!(
            "{number}{channel}{} says that all of this was said by one provider, once",
            tries.len()
        );
        let script = fault.script(&text, stream);
        tries.push(Said {
            channel,
            text,
            effect: fault.effect(stream),
        });
        script
    })
}

/// How many requests are due, by percent.
fn requests(percent: usize) -> usize {
    let all = std::env::var(REQUESTS_VARIABLE);
    let all = all.map_or(REQUESTS, |number| number.parse().expect("a number of requests"));
    all * percent / 100
}

/// `in_order`: whether every channel is tried in its order, however it was before, and has a place for everybody.
async fn run(requests: usize, routing: &str, in_order: bool) {
    let providers = Providers::start().await;
    let concurrency = if in_order { CLIENTS } else { CLIENTS / 4 };
    let gate = Arc::new(providers.gate(routing, concurrency).await);
    // The first requests fill what stays: pools, arenas, lazily made tables.
    let warm = requests / 4;
    let plan = |number| Plan::of(number, SEED, in_order || number > requests * 4 / 5);
    let (sockets_before, tasks_before) = (open_sockets(&gate), tasks(&gate).await);

    let mut went = storm(&gate, &providers.said, (0..warm).map(plan).collect()).await;
    let resident_before = resident_kib(&gate);
    went.extend(storm(&gate, &providers.said, (warm..requests).map(plan).collect()).await);

    comes_to_rest(&gate, &providers).await;
    let resident = resident_kib(&gate);
    assert!(
        resident < resident_before + GROWTH_KIB,
        "from {resident_before} KiB to {resident} KiB"
    );
    eprintln!("{resident_before} KiB before and {resident} KiB after");
    judge_answers(&gate, &went).await;
    judge_tries(&providers, &went, in_order);
    if in_order {
        judge_failovers(&gate, &providers, went).await;
    }
    assert_eq!(gate.logs(), "", "nothing is for the operator to mend at once");

    if requests >= SOAK {
        for provider in &providers.scripted {
            settles("pooled connections", SETTLING, async || {
                match provider.open_connections() {
                    0 => Ok(()),
                    open => Err(format!("{open} are open")),
                }
            })
            .await;
        }
    }
    drop(providers);
    settles("open sockets", SETTLING, async || match open_sockets(&gate) {
        sockets if sockets <= sockets_before => Ok(()),
        sockets => Err(format!("{sockets_before} before and {sockets} after")),
    })
    .await;
    settles("tasks", SETTLING, async || match tasks(&gate).await {
        tasks if tasks <= tasks_before => Ok(()),
        tasks => Err(format!("{tasks_before} before and {tasks} after")),
    })
    .await;
}

/// Tasks that the gate has, that of this very question among them.
async fn tasks(gate: &Gate) -> u64 {
    let tasks = metrics(gate, "tollgate_tasks ").await;
    tasks.into_iter().map(|(_, count)| count as u64).sum()
}

/// The gate counted what the clients saw.
async fn judge_answers(gate: &Gate, went: &[(Plan, Went)]) {
    let (mut all, mut ok) = (0, 0);
    for (name, count) in metrics(gate, "tollgate_requests_total").await {
        all += count as usize;
        ok += if name.contains("\"ok\"") {
            count as usize
        } else {
            0
        };
    }
    let requests = went.len();
    let answered = went.iter().filter(|(_, went)| *went == Went::Answered).count();
    let left = went.iter().filter(|(_, went)| *went == Went::Left).count();
    eprintln!("{requests} requests: {answered} answered, {left} left");
    // Who left before the head was read was never let in.
    assert!(
        all <= requests && all >= requests - left,
        "{all} requests were counted"
    );
    assert!(
        ok >= answered && ok <= answered + left,
        "{ok} were counted as good, and {answered} were"
    );
    assert!(answered > requests / 10, "only {answered} were answered");
}

/// Where a channel had the answer, the client got it. On a busy machine a provider that is well may have been too
/// slow for once, so whoever got an error asks again, alone.
async fn judge_failovers(gate: &Arc<Gate>, providers: &Providers, went: Vec<(Plan, Went)>) {
    let requests = went.len();
    let is_denied = |(plan, went): &(Plan, Went)| plan.must_answer() && matches!(went, Went::Failed(_));
    let denied: Vec<_> = went.into_iter().filter(is_denied).collect();
    eprintln!("{} ask again", denied.len());
    assert!(denied.len() <= requests / 20, "{} were denied", denied.len());
    for (mut plan, first) in denied {
        plan.number += requests;
        let again = client::ask(gate, &plan, &providers.said).await;
        assert!(
            matches!(again, Ok(Went::Answered | Went::Left)),
            "a channel had the answer, and the client got {first:?} and {again:?}: {} {}",
            plan.route.model,
            plan.request()
        );
    }
}

/// No request was tried more often than it may be, and all of them together no more than a fifth above what they
/// are entitled to.
fn judge_tries(providers: &Providers, went: &[(Plan, Went)], in_order: bool) {
    let said = providers.said.lock().unwrap();
    let (mut retries, mut doubles) = (0, 0);
    for (plan, _) in went {
        let tries = said.get(&plan.number).map_or(&[][..], Vec::as_slice);
        let request = || format!("{} {}", plan.route.model, plan.request());
        assert!(
            tries.len() <= plan.scripted() + 2,
            "{} tries of {}",
            tries.len(),
            request()
        );
        // A busy machine may let one of them come too late.
        let bought = tries.iter().filter(|said| said.effect == Effect::Answers).count();
        doubles += usize::from(bought > 1);
        assert!(
            bought <= 2,
            "{bought} whole answers were bought for {}",
            request()
        );
        retries += tries.len().saturating_sub(plan.free_tries(in_order));
    }
    let (requests, allowed) = (went.len(), RETRIES_AT_START + went.len() / 5);
    assert!(doubles <= went.len() / 50, "{doubles} answers were bought twice");
    eprintln!("{retries} retries of {allowed} that are allowed");
    assert!(retries <= allowed, "{retries} retries of {requests} requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_providers_do_an_answer_is_right_and_in_time_and_nothing_is_left_behind() {
    run(requests(70), "health = false", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_holds_while_channels_come_and_go_by_their_health() {
    run(requests(30), "breaker_open_ms = 50", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_every_provider_is_down_retries_are_a_fifth_of_the_traffic() {
    const OUTAGE: usize = 150;
    let providers = Providers::start().await;
    let gate = Arc::new(providers.gate("health = false", CLIENTS).await);

    let plans = (0..OUTAGE).map(Plan::of_outage).collect();
    let went = storm(&gate, &providers.said, plans).await;

    let failed = went.iter().filter(|(_, went)| matches!(went, Went::Failed(_)));
    assert_eq!(failed.count(), OUTAGE);
    let tries: usize = providers.said.lock().unwrap().values().map(Vec::len).sum();
    assert!(
        tries > 2 * OUTAGE + RETRIES_AT_START,
        "{tries} tries: what is allowed is used"
    );
    judge_tries(&providers, &went, true);
    comes_to_rest(&gate, &providers).await;
}
