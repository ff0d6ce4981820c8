#![allow(clippy::unwrap_used)]

use tollgate_ledger::limits::{Expected, Refusal, Taken, admit};
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
/// At once, on any machine.
const NO_TIME: Duration = Duration::from_millis(100);

struct Gate {
    redis: Redis,
    keys: WarmKeys,
    key: Arc<WarmKey>,
}

/// Gates that share a Redis and a key with a limit on its requests under way.
struct Gates {
    server: Server,
    gates: Vec<Gate>,
    _database: (TestDatabase, Store),
}

async fn gates<const COUNT: usize>(limit: u32) -> Option<Gates> {
    let server = Server::start("places of several gates are not tried")?;
    let (database, store) = store().await;
    let mut key = new_key("app", &text(1));
    key.settings.limits.concurrency = NonZeroU32::new(limit);
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
        gates.push(Gate { redis, keys, key });
    }
    let gates = Gates {
        server,
        gates,
        _database: (database, store),
    };
    gates
        .come("all hear of each other", |gate| {
            gate.redis.standing().gates == COUNT as u32
        })
        .await;
    Some(gates)
}

impl Gates {
    async fn come(&self, what: &str, look: impl Fn(&Gate) -> bool) {
        let began = Instant::now();
        while !self.gates.iter().all(&look) {
            assert!(began.elapsed() < PATIENCE, "{what}");
            time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn take(&self, gate: usize) -> Option<Taken> {
        self.gates[gate].take().await
    }

    /// Takes at a gate until it is refused.
    async fn take_all(&self, gate: usize) -> Vec<Taken> {
        let mut taken = Vec::new();
        while let Some(one) = self.take(gate).await {
            taken.push(one);
        }
        taken
    }
}

impl Gate {
    /// Takes a place, without asking anybody.
    fn take_warm(&self) -> Result<Taken, Refusal> {
        admit(&self.key.owners(), Expected::default(), self.keys.now())
    }

    /// Takes a place as a request does.
    async fn take(&self) -> Option<Taken> {
        loop {
            match self.take_warm() {
                Err(refused) if refused.unleased.is_some() => {
                    self.keys.lease_of_limit(&self.key, &refused).await.ok()?;
                }
                taken => return taken.ok(),
            }
        }
    }

    fn leased(&self) -> u32 {
        self.key.meters.in_flight.places().leased
    }
}

#[tokio::test]
async fn all_gates_together_have_as_many_under_way_as_the_limit_says() {
    let Some(gates) = gates::<3>(10).await else { return };

    let mut taken = Vec::new();
    for gate in [0, 1, 2, 0, 1, 2] {
        taken.extend(gates.take(gate).await);
    }
    for gate in 0..3 {
        taken.extend(gates.take_all(gate).await);
    }

    assert_eq!(taken.len(), 10);
}

#[tokio::test]
async fn a_gate_gets_all_places_that_others_do_not_need() {
    let Some(gates) = gates::<3>(20).await else { return };
    for gate in [0, 1] {
        // Each keeps some ahead of need.
        drop(gates.take(gate).await.unwrap());
        assert!(gates.gates[gate].leased() > 0);
    }

    let all = gates.take_all(2).await;

    assert_eq!(all.len(), 20);
    assert!(gates.take(0).await.is_none());
}

#[tokio::test]
async fn a_place_that_comes_free_is_soon_another_gates_where_places_are_scarce() {
    let Some(gates) = gates::<2>(1).await else { return };
    for turn in 0..20 {
        let place = gates.take(turn % 2).await;
        assert!(place.is_some(), "turn {turn}");
    }
}

#[tokio::test]
async fn a_key_in_use_asks_nobody() {
    let Some(gates) = gates::<2>(4).await else { return };
    drop(gates.take(0).await.unwrap());
    gates.server.hang();

    let began = Instant::now();
    for _ in 0..50 {
        drop(gates.gates[0].take_warm().unwrap());
    }

    assert!(began.elapsed() < NO_TIME);
}

#[tokio::test]
async fn whoever_comes_too_often_is_refused_and_is_no_load() {
    let Some(gates) = gates::<2>(1).await else { return };
    let _only = gates.take(0).await.unwrap();

    let (began, mut refused) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(2) {
        assert!(gates.take(1).await.is_none());
        refused += 1;
        time::sleep(Duration::from_millis(1)).await;
    }

    assert!(
        refused > 100,
        "{refused}: they wait for a quarter of a second each"
    );
    let calls = gates.server.ask(&["INFO", "commandstats"]);
    let scripts = calls
        .lines()
        .find(|line| line.starts_with("cmdstat_evalsha"))
        .unwrap();
    let count: u32 = scripts.split(['=', ',']).nth(1).unwrap().parse().unwrap();
    assert!(count < 400, "{scripts}");
}

#[tokio::test]
async fn places_of_a_gate_that_has_gone_without_a_word_come_back() {
    let Some(mut gates) = gates::<2>(3).await else {
        return;
    };
    let kept = gates.take_all(0).await;
    assert_eq!(kept.len(), 3);

    // Its task ends with it, and what its requests have is never given back.
    std::mem::forget(kept);
    drop(gates.gates.remove(0));

    let began = Instant::now();
    while gates.take(0).await.is_none() {
        assert!(began.elapsed() < PATIENCE, "they are lost");
    }
    assert!(began.elapsed() > LASTS / 2, "{:?}", began.elapsed());
    let _all = [gates.take(0).await.unwrap(), gates.take(0).await.unwrap()];
}

#[tokio::test]
async fn a_gate_that_ends_gives_its_places_back_at_once() {
    let Some(gates) = gates::<2>(2).await else { return };
    drop(gates.take_all(0).await);

    gates.gates[0].keys.give_back().await.unwrap();

    let began = Instant::now();
    assert_eq!(gates.take_all(1).await.len(), 2);
    assert!(began.elapsed() < RECALL * 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn requests_that_take_longer_than_a_lease_keep_their_places() {
    let Some(gates) = gates::<2>(2).await else { return };
    let _long = gates.take_all(0).await;

    let began = Instant::now();
    while began.elapsed() < LASTS + Duration::from_secs(3) {
        assert!(gates.take(1).await.is_none(), "after {:?}", began.elapsed());
        time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn what_a_gate_does_not_use_any_more_is_another_gates_without_a_wait() {
    let Some(gates) = gates::<2>(40).await else { return };
    let many: Vec<_> = gates.take_all(0).await;
    assert_eq!(many.len(), 40);
    drop(many);

    gates.come("they go back", |gate| gate.leased() <= 1).await;
    let one = &gates.gates[1];
    let began = Instant::now();
    let taken = [one.take().await, one.take().await];

    assert!(taken.iter().all(Option::is_some));
    assert!(began.elapsed() < NO_TIME, "{:?}", began.elapsed());
}

#[tokio::test]
async fn while_redis_is_away_each_gate_has_its_part_and_all_is_counted_afterwards() {
    let Some(mut gates) = gates::<2>(10).await else {
        return;
    };
    gates.server.stop();
    gates
        .come("it is found to be away", |gate| !gate.redis.standing().is_up)
        .await;

    let (at_one, at_other) = (gates.take_all(0).await, gates.take_all(1).await);
    assert_eq!((at_one.len(), at_other.len()), (5, 5));

    gates.server.start_again();
    gates
        .come("it answers again", |gate| gate.redis.standing().is_up)
        .await;
    assert!(gates.take(0).await.is_none() && gates.take(1).await.is_none());
    drop(at_one);
    time::sleep(REFUSED_FOR).await;
    assert_eq!(gates.take_all(1).await.len(), 5);
}

#[tokio::test]
async fn places_are_not_forgotten_with_what_redis_forgets() {
    let Some(gates) = gates::<2>(4).await else { return };
    let _all = gates.take_all(0).await;

    gates.server.ask(&["FLUSHALL"]);
    time::sleep(RENEW_AFTER + Duration::from_secs(1)).await;

    assert!(gates.take(1).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_the_limit_is_reached_and_never_passed() {
    let Some(gates) = gates::<3>(12).await else { return };
    let gates = Arc::new(gates);
    let (under_way, most, passed) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicU32::new(0)),
    );
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..30 {
        let (gates, under_way) = (Arc::clone(&gates), Arc::clone(&under_way));
        let (most, passed) = (Arc::clone(&most), Arc::clone(&passed));
        tasks.spawn(async move {
            for turn in 0..60_u64 {
                let Some(place) = gates.take(number % 3).await else {
                    time::sleep(Duration::from_millis(7)).await;
                    continue;
                };
                most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                passed.fetch_add(1, Ordering::SeqCst);
                time::sleep(Duration::from_millis(5 + turn % 10)).await;
                under_way.fetch_sub(1, Ordering::SeqCst);
                drop(place);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }

    assert_eq!(most.load(Ordering::SeqCst), 12);
    assert!(passed.load(Ordering::SeqCst) > 200, "{passed:?}");
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_at_once_gives_no_place_that_is_taken() {
    for round in 0..3 {
        let Some(mut gates) = gates::<2>(6).await else {
            return;
        };
        let all = gates.take_all(0).await;
        assert_eq!(all.len(), 6);

        gates.server.stop();
        gates.server.start_again();

        let is_back = |gate: &Gate| {
            let standing = gate.redis.standing();
            standing.failures > 0 && standing.is_up
        };
        let began = Instant::now();
        while !gates.gates.iter().any(is_back) {
            assert!(began.elapsed() < PATIENCE, "it does not answer again");
            time::sleep(Duration::from_millis(1)).await;
        }
        // Whoever relies on it first finds there what is under way.
        let book = gates.server.ask(&["HVALS", "tollgate:0123:places:key:1"]);
        assert!(book.contains("\n6 "), "{book} in round {round}");
        gates.come("all rely on it again", is_back).await;
        let more = gates.take_all(1).await.len();
        assert_eq!(more, 0, "beside six of six, in round {round}");
    }
}

#[tokio::test]
async fn a_redis_that_loses_all_it_has_gives_no_place_that_is_taken() {
    for wait in [0, 50, 300, 700] {
        let Some(gates) = gates::<2>(6).await else { return };
        let all = gates.take_all(0).await;
        assert_eq!(all.len(), 6);

        gates.server.ask(&["FLUSHALL"]);
        time::sleep(Duration::from_millis(wait)).await;

        // Three are the part that each gate has while Redis cannot be relied on.
        let more = gates.take_all(1).await;
        assert!(more.len() <= 3, "{} more after {wait} ms", more.len());
        drop(more);
        gates
            .come("it is relied on again", |gate| gate.redis.standing().is_up)
            .await;
        assert!(gates.take(1).await.is_none(), "after {wait} ms");
    }
}

#[tokio::test]
async fn a_gate_that_stood_still_asks_before_it_uses_a_place_again() {
    let Some(gates) = gates::<1>(8).await else { return };
    let gate = &gates.gates[0];
    drop(gates.take(0).await.unwrap());
    assert!(gate.take_warm().is_ok(), "it has one ahead of need");

    let places = gate.keys.shared.places.as_ref().unwrap();
    places.slices().iter().for_each(|slice| slice.end());

    let refused = gate.take_warm().unwrap_err();
    assert!(refused.unleased.is_some(), "another may have it: {refused:?}");
    assert!(gates.take(0).await.is_some());
}
