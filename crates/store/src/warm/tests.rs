#![allow(clippy::unwrap_used)]

use std::{future::Future, num::NonZeroU32, time::Instant};

use tokio::task::JoinSet;
use tollgate_catalog::money::Money;
use tollgate_ledger::{Unusable, limits::Funds};

use super::*;
use crate::{
    ChangeAccountError, ChangeKeyError, NewKey,
    accounts::tests::new_account,
    keys::tests::{at, new_key, text, text_of},
    spool::record::tests::record,
    test_database::{store, tamper},
    usage::apply::{Book, tests::place},
};

mod away;

fn books() -> Books {
    Books {
        time_zone: TimeZone::UTC,
        spool: None,
        gate: None,
        is_shared: false,
        redis: None,
    }
}

/// Long enough for what takes a second, on any machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `done` says so, a second at most: the promise to operators.
async fn within_a_second<F: Future<Output = bool>>(mut done: impl FnMut() -> F) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        if done().await {
            return true;
        }
        time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_key_that_was_found_is_there_without_waiting() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store, books());

    assert!(
        keys.get(&text(1).hash()).is_none(),
        "nothing is read before it is asked for"
    );
    let found = keys.find(&text(1).hash()).await.unwrap().unwrap();

    assert_eq!(found.key.name, "app");
    assert!(Arc::ptr_eq(&keys.get(&text(1).hash()).unwrap(), &found));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_requests_with_one_cold_key_read_the_database_once() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let keys = Arc::new(WarmKeys::start(store, books()));
    let mut requests = JoinSet::new();
    for _ in 0..500 {
        let keys = Arc::clone(&keys);
        requests.spawn(async move {
            keys.find(&text(1).hash())
                .await
                .unwrap()
                .unwrap()
                .key
                .name
                .clone()
        });
    }

    for name in requests.join_all().await {
        assert_eq!(name, "app");
    }

    assert_eq!(keys.reads(), 1);
    assert!(
        keys.shared.look_ups.lock().unwrap().is_empty(),
        "nothing of the look-up stays"
    );
}

#[tokio::test]
async fn an_unknown_key_is_looked_up_once_a_second() {
    let (_dir, store) = store().await;
    let keys = WarmKeys::start(store, books());
    let start = Instant::now();

    for _ in 0..100 {
        assert!(keys.find(&text(1).hash()).await.unwrap().is_none());
    }
    let seconds = start.elapsed().as_secs();
    assert!(
        keys.reads() <= seconds + 2,
        "a wrong key became {} reads in {seconds} seconds",
        keys.reads()
    );

    let before = keys.reads();
    while keys.reads() == before {
        assert!(start.elapsed() < PATIENCE, "a negative answer must not be kept");
        time::sleep(Duration::from_millis(10)).await;
        keys.find(&text(1).hash()).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_key_works_at_once() {
    let (_dir, store) = store().await;
    store.create_key(new_key("old", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    keys.find(&text(1).hash()).await.unwrap().unwrap();

    store.create_key(new_key("new", &text(2))).await.unwrap();

    assert_eq!(keys.find(&text(2).hash()).await.unwrap().unwrap().key.name, "new");
}

#[tokio::test]
async fn a_revoked_key_is_seen_as_revoked_within_a_second() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    let before = keys.find(&text(1).hash()).await.unwrap().unwrap();
    assert_eq!(before.usable(at(2_000)), Ok(()));

    store.revoke_key("app", at(1_500)).await.unwrap();

    let hash = text(1).hash();
    let seen = within_a_second(|| async {
        let key = keys.find(&hash).await.unwrap().unwrap();
        key.usable(at(2_000)).is_err()
    });
    assert!(
        seen.await,
        "the gate still takes a key that was revoked a second ago"
    );
}

#[tokio::test]
async fn what_is_changed_at_a_key_or_its_account_is_known_within_a_second() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    let mut new = new_key("app", &text(1));
    new.settings.account = "team".to_owned();
    store.create_key(new).await.unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    let hash = text(1).hash();
    assert!(!keys.find(&hash).await.unwrap().unwrap().is_limited());

    let limit = NonZeroU32::new(3);
    store
        .update_account("team", |settings| {
            settings.limits.concurrency = limit;
            Ok::<_, ChangeAccountError>(())
        })
        .await
        .unwrap();
    let limited = within_a_second(|| async {
        let key = keys.find(&hash).await.unwrap().unwrap();
        key.owners()[1].limits.concurrency == limit && key.is_limited()
    });
    assert!(limited.await, "the account's limit does not hold");

    store
        .update_key("app", |settings| {
            settings.enabled = false;
            Ok::<_, ChangeKeyError>(())
        })
        .await
        .unwrap();
    let disabled = within_a_second(|| async {
        let key = keys.find(&hash).await.unwrap().unwrap();
        key.usable(at(2_000)) == Err(Unusable::Disabled)
    });
    assert!(disabled.await, "the key still works");
}

#[tokio::test]
async fn both_texts_of_a_key_work_until_the_earlier_one_ends_and_count_together() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    store
        .rotate_key("app", text_of(2), at(2_000), at(3_000))
        .await
        .unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    let earlier = keys.find(&text(1).hash()).await.unwrap().unwrap();
    let newest = keys.find(&text(2).hash()).await.unwrap().unwrap();

    let _request = earlier.meters.in_flight.enter(None, Duration::ZERO);

    assert_eq!(
        newest.meters.in_flight.count(),
        1,
        "two texts would have twice the limits"
    );
    assert_eq!(earlier.key.id, newest.key.id);
    assert_eq!(
        earlier.key.prefix,
        text(1).prefix(),
        "logs show what was presented"
    );
    assert_eq!(
        (earlier.usable(at(2_999)), newest.usable(at(2_999))),
        (Ok(()), Ok(()))
    );
    assert_eq!(earlier.usable(at(3_000)), Err(Unusable::Replaced));
    assert_eq!(newest.usable(Timestamp::MAX), Ok(()));
}

#[tokio::test]
async fn keys_of_one_account_count_together_and_those_of_another_apart() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    for (name, seed, account) in [("a", 1, "team"), ("b", 2, "team"), ("c", 3, "default")] {
        let mut new = new_key(name, &text(seed));
        new.settings.account = account.to_owned();
        store.create_key(new).await.unwrap();
    }
    let keys = WarmKeys::start(store.clone(), books());
    let mut found = Vec::new();
    for seed in 1..=3 {
        found.push(keys.find(&text(seed).hash()).await.unwrap().unwrap());
    }

    let _request = found[0].owners()[1].meters.in_flight.enter(None, Duration::ZERO);

    let counts = found.iter().map(|key| key.owners()[1].meters.in_flight.count());
    assert_eq!(counts.collect::<Vec<_>>(), [1, 1, 0]);
}

#[tokio::test]
async fn the_count_of_requests_under_way_outlives_a_change_of_the_key() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    let before = keys.find(&text(1).hash()).await.unwrap().unwrap();
    let _request = before.meters.in_flight.enter(None, Duration::ZERO);

    store.create_key(new_key("other", &text(2))).await.unwrap();
    keys.find(&text(2).hash()).await.unwrap();
    let after = keys.find(&text(1).hash()).await.unwrap().unwrap();

    assert!(!Arc::ptr_eq(&before, &after), "it was read anew");
    assert_eq!(after.meters.in_flight.count(), 1);
}

#[tokio::test]
async fn a_key_that_is_given_the_number_of_a_lost_one_is_counted_from_the_beginning() {
    let (_dir, store) = store().await;
    store.create_key(new_key("lost", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    let lost = keys.find(&text(1).hash()).await.unwrap().unwrap();
    let _request = lost.meters.in_flight.enter(None, Duration::ZERO);
    for funds in lost.funds() {
        funds.spending.spend(Money::from_nanos(1_500), Timestamp::now());
    }

    // Another server took over, which did not have it yet.
    tamper(&store, "DELETE FROM api_key_texts; DELETE FROM api_keys").await;
    let next = NewKey {
        created: at(2_000),
        ..new_key("next", &text(2))
    };
    store.create_key(next).await.unwrap();
    let next = keys.find(&text(2).hash()).await.unwrap().unwrap();

    assert_eq!(next.key.id, lost.key.id);
    assert_eq!(next.meters.in_flight.count(), 0);
    assert_eq!(spent(&next), [0, 1_500], "the account is the same one");
}

#[tokio::test]
async fn a_look_up_that_is_given_up_does_not_hold_up_the_next() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store, books());
    let hash = text(1).hash();

    {
        let mut given_up = Box::pin(keys.find(&hash));
        let _ = poll_once(&mut given_up).await;
    }

    assert!(keys.find(&hash).await.unwrap().is_some());
    assert!(keys.shared.look_ups.lock().unwrap().is_empty());
}

#[tokio::test]
async fn look_ups_beyond_the_bound_are_refused() {
    let (_dir, store) = store().await;
    let keys = WarmKeys::start(store, books());
    let _all = keys
        .shared
        .look_up_places
        .try_acquire_many(LOOK_UPS_MAX as u32)
        .unwrap();

    let refused = keys.find(&text(1).hash()).await;

    assert!(matches!(refused, Err(StoreError::Overloaded)));
}

/// Keys as the gate of this name has them.
fn keys_of(gate: &str, store: &Store) -> WarmKeys {
    let books = Books {
        gate: Some(gate.to_owned()),
        ..books()
    };
    WarmKeys::start(store.clone(), books)
}

/// Records of the first key, that come to the books by way of this gate; each is charged 1,500.
async fn charge(store: &Store, gate: &str, numbers: std::ops::Range<u32>) {
    let book = Book {
        gate: gate.to_owned(),
        zone: TimeZone::UTC,
        has_leases: true,
    };
    let records: Vec<_> = numbers.map(record).collect();
    store.apply_usage(&book, &records, place(1)).await.unwrap();
}

fn spent(key: &WarmKey) -> [i64; 2] {
    let now = Timestamp::now();
    let of = |funds: &Funds<'_>| funds.spending.purse(Period::Total, now).spent().nanos();
    [of(&key.funds()[0]), of(&key.funds()[1])]
}

#[tokio::test]
async fn what_another_gate_spends_counts_here_within_a_second_and_once() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    store.create_key(new_key("other", &text(2))).await.unwrap();
    charge(&store, "b", 0..10).await;
    let keys = keys_of("a", &store);
    let app = keys.find(&text(1).hash()).await.unwrap().unwrap();
    assert_eq!(spent(&app), [15_000, 15_000], "the books have it");

    charge(&store, "b", 5..20).await;
    assert!(
        within_a_second(|| async { spent(&app) == [30_000, 30_000] }).await,
        "{:?}",
        spent(&app)
    );

    // when a key of the same account is read between that and the next look
    charge(&store, "b", 20..30).await;
    keys.find(&text(2).hash()).await.unwrap().unwrap();
    assert_eq!(spent(&app), [45_000, 45_000]);
    charge(&store, "b", 30..31).await;
    assert!(
        within_a_second(|| async { spent(&app) == [46_500, 46_500] }).await,
        "{:?}",
        spent(&app)
    );
}

#[tokio::test]
async fn what_this_gate_spent_itself_is_not_counted_again_when_it_comes_to_the_books() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let keys = keys_of("a", &store);
    let app = keys.find(&text(1).hash()).await.unwrap().unwrap();
    for funds in app.funds() {
        funds
            .spending
            .spend(Money::from_nanos(1_500 * 3), Timestamp::now());
    }

    charge(&store, "a", 0..3).await;
    charge(&store, "b", 3..4).await;

    assert!(within_a_second(|| async { spent(&app) == [6_000, 6_000] }).await);
    // and stays so over the next looks
    assert!(!within_a_second(|| async { spent(&app) != [6_000, 6_000] }).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gates_that_charge_and_read_at_once_agree_in_the_end() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let gates: Vec<_> = (0..3)
        .map(|gate| Arc::new(keys_of(&format!("gate-{gate}"), &store)))
        .collect();
    let mut running = JoinSet::new();
    for (gate, keys) in gates.iter().enumerate() {
        let (gate, keys, store) = (gate as u32, Arc::clone(keys), store.clone());
        running.spawn(async move {
            for batch in 0..20 {
                // It is first read somewhere among the others' charges, as a spool would charge it after that.
                let app = keys.find(&text(1).hash()).await.unwrap().unwrap();
                for funds in app.funds() {
                    funds.spending.spend(Money::from_nanos(4_500), Timestamp::now());
                }
                let from = gate * 1_000 + batch * 3;
                charge(&store, &format!("gate-{gate}"), from..from + 3).await;
            }
        });
    }
    running.join_all().await;

    for keys in gates {
        let app = keys.find(&text(1).hash()).await.unwrap().unwrap();
        let agrees = within_a_second(|| async { spent(&app) == [270_000, 270_000] }).await;
        assert!(agrees, "{:?}", spent(&app));
    }
}

/// Polls a future once, and says whether it was ready.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_ready())
    })
    .await
}
