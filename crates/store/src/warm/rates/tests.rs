#![allow(clippy::unwrap_used)]

use std::num::NonZeroU32;

use tollgate_ledger::{
    PerMinute,
    limits::{Expected, Refusal, Taken, admit, standings},
};
use tollgate_testkit::redis::Redis as Server;

use super::*;
use crate::{
    Store, WarmKey, WarmKeys,
    keys::tests::{new_key, text},
    test_database::{TestDatabase, store},
    warm::Books,
};

/// Long enough for what takes a second, on any machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Gates that share a Redis and a key with limits.
struct Gates {
    server: Server,
    gates: Vec<(Redis, WarmKeys, Arc<WarmKey>)>,
    _database: (TestDatabase, Store),
}

async fn gates<const COUNT: usize>(requests: u32, tokens: u32) -> Option<Gates> {
    let server = Server::start("rates of several gates are not tried")?;
    let (database, store) = store().await;
    let mut key = new_key("app", &text(1));
    let per_minute = |count| NonZeroU32::new(count).map(PerMinute::new);
    key.settings.limits.requests_per_minute = per_minute(requests);
    key.settings.limits.tokens_per_minute = per_minute(tokens);
    store.create_key(key).await.unwrap();
    let mut gates = Vec::new();
    for number in 0..COUNT {
        let redis = Redis::start(&server.url().parse().unwrap(), "0123", format!("gate {number}")).await;
        let books = Books {
            time_zone: jiff::tz::TimeZone::UTC,
            spool: None,
            gate: None,
            is_shared: false,
            redis: Some(redis.clone()),
        };
        let keys = WarmKeys::start(store.clone(), books);
        let key = keys.find(&text(1).hash()).await.unwrap().unwrap();
        gates.push((redis, keys, key));
    }
    let gates = Gates {
        server,
        gates,
        _database: (database, store),
    };
    gates
        .comes("all hear of each other", |redis| {
            redis.standing().gates == COUNT as u32
        })
        .await;
    Some(gates)
}

impl Gates {
    async fn comes(&self, what: &str, look: impl Fn(&Redis) -> bool) {
        let began = Instant::now();
        while !self.gates.iter().all(|(redis, ..)| look(redis)) {
            assert!(began.elapsed() < PATIENCE, "{what}");
            time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Takes what a request needs, without asking anybody.
    fn take_warm(&self, gate: usize, tokens: u64) -> Result<Taken, Refusal> {
        let (_, keys, key) = &self.gates[gate];
        let expected = Expected {
            prompt: tokens,
            ..Expected::default()
        };
        admit(&key.owners(), expected, keys.now())
    }

    /// Takes as a request does.
    async fn take(&self, gate: usize, tokens: u64) -> Result<Taken, Duration> {
        let (_, keys, key) = &self.gates[gate];
        loop {
            match self.take_warm(gate, tokens) {
                Err(refused) if refused.unleased.is_some() => keys.lease_of_limit(key, &refused).await?,
                taken => return taken.map_err(|refused| refused.wait.unwrap()),
            }
        }
    }

    /// How many go through, each gate in its turn.
    async fn burst(&self, tokens: u64) -> u32 {
        let mut count = 0;
        let mut refused = 0;
        while refused < self.gates.len() {
            for gate in 0..self.gates.len() {
                match self.take(gate, tokens).await {
                    Ok(_taken) => (count, refused) = (count + 1, 0),
                    Err(_) => refused += 1,
                }
            }
        }
        count
    }
}

#[tokio::test]
async fn all_gates_together_let_through_what_the_limit_says() {
    let Some(gates) = gates::<3>(60, 0).await else {
        return;
    };
    let began = Instant::now();

    let count = gates.burst(1).await;

    let meanwhile = u32::try_from(began.elapsed().as_secs()).unwrap() + 1;
    // Each gate may be left with a part of one.
    assert!((57..=60 + meanwhile).contains(&count), "{count} in {meanwhile} s");
}

#[tokio::test]
async fn a_key_in_use_asks_nobody() {
    let Some(gates) = gates::<2>(600, 0).await else {
        return;
    };
    drop(gates.take(0, 1).await.unwrap());
    gates.server.hang();

    let began = Instant::now();
    for _ in 0..50 {
        drop(gates.take_warm(0, 1).unwrap());
    }

    assert!(began.elapsed() < WAIT);
}

#[tokio::test]
async fn stretches_are_taken_ahead_of_need_while_a_key_is_in_use() {
    let Some(gates) = gates::<1>(60, 0).await else {
        return;
    };
    let began = Instant::now();
    drop(gates.take(0, 1).await.unwrap());

    // Longer than what was taken at first is worth anything.
    while began.elapsed() < AHEAD + Duration::from_secs(2) {
        time::sleep(Duration::from_millis(250)).await;
        let (_, keys, key) = &gates.gates[0];
        let free = key
            .meters
            .rate(Limit::RequestsPerMinute)
            .unwrap()
            .free(keys.now());
        assert!(free > Duration::from_secs(1), "{free:?} at {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn tokens_that_were_not_used_come_back_to_all() {
    let Some(gates) = gates::<2>(0, 60_000).await else {
        return;
    };
    let mut held = Vec::new();
    for _ in 0..55 {
        held.push(gates.take(0, 1_000).await.unwrap());
    }
    assert!(gates.take(1, 20_000).await.is_err());

    for taken in &mut held {
        taken.tokens.settle(10, gates.gates[0].1.now());
    }

    let began = Instant::now();
    while gates.take(1, 20_000).await.is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "they stay at the first gate"
        );
        time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn tokens_beyond_what_was_held_are_waited_for_by_all() {
    let Some(gates) = gates::<2>(0, 60_000).await else {
        return;
    };
    let mut taken = gates.take(0, 100).await.unwrap();

    taken.tokens.settle(100_000, gates.gates[0].1.now());

    let began = Instant::now();
    loop {
        if let Err(wait) = gates.take(1, 100).await {
            assert!(wait > Duration::from_secs(30), "{wait:?}");
            return;
        }
        assert!(began.elapsed() < PATIENCE, "the second gate never hears of it");
        time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn while_redis_is_away_each_gate_has_its_part_and_none_beyond_it_afterwards() {
    let Some(mut gates) = gates::<3>(60, 0).await else {
        return;
    };
    gates.server.stop();
    gates
        .comes("it is found to be away", |redis| !redis.standing().is_up)
        .await;

    let began = Instant::now();
    let alone = gates.burst(1).await;
    let meanwhile = u32::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((60..=60 + 3 * meanwhile).contains(&alone), "{alone}");

    gates.server.start_again();
    gates
        .comes("it answers again", |redis| redis.standing().is_up)
        .await;
    let again = gates.burst(1).await;
    let meanwhile = u32::try_from(began.elapsed().as_secs()).unwrap() + 3;
    assert!(
        again <= meanwhile,
        "{again} of what is used up, after {meanwhile} s"
    );
}

#[tokio::test]
async fn the_standing_is_that_of_all_gates() {
    let Some(gates) = gates::<2>(60, 0).await else {
        return;
    };
    for _ in 0..20 {
        drop(gates.take(0, 1).await.unwrap());
    }

    drop(gates.take(1, 1).await.unwrap());

    let (_, keys, key) = &gates.gates[1];
    let standing = standings(&key.owners(), keys.now()).requests.unwrap();
    assert!((30..=40).contains(&standing.remaining), "{standing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_at_a_cold_key_are_let_in_by_few_questions() {
    let Some(gates) = gates::<1>(6_000, 0).await else {
        return;
    };
    let gates = Arc::new(gates);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..2_000 {
        let gates = Arc::clone(&gates);
        tasks.spawn(async move { gates.take(0, 1).await.is_ok() });
    }

    let mut passed = 0;
    while let Some(task) = tasks.join_next().await {
        passed += u32::from(task.unwrap());
    }

    assert_eq!(passed, 2_000);
    let calls = gates.server.ask(&["INFO", "commandstats"]);
    let scripts = calls
        .lines()
        .find(|line| line.starts_with("cmdstat_evalsha"))
        .unwrap();
    let count: u32 = scripts.split(['=', ',']).nth(1).unwrap().parse().unwrap();
    assert!(count < 100, "{scripts}");
}
