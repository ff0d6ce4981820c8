#![allow(clippy::unwrap_used)]

mod booked;
mod scarce;

use std::sync::atomic::Ordering;

use tollgate_ledger::{
    AccountId, KeyId,
    limits::{NoMoney, Owner, funds},
    purse::Hold,
};

use super::*;
use crate::{
    WarmKey, WarmKeys,
    accounts::tests::new_account,
    keys::tests::{new_key, text},
    test_database::{TestDatabase, store},
    warm::Books,
};

fn nanos(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

/// A key of an account with so much credit.
async fn with_credit(credit: i64) -> (TestDatabase, Store) {
    let (dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    let now = Timestamp::now();
    store.credit("team", nanos(credit), None, now).await.unwrap();
    let mut key = new_key("app", &text(1));
    key.settings.account = "team".to_owned();
    store.create_key(key).await.unwrap();
    (dir, store)
}

/// Keys as one of several gates has them.
fn keys_of(gate: &str, store: &Store) -> WarmKeys {
    let books = Books {
        time_zone: TimeZone::UTC,
        spool: None,
        gate: Some(gate.to_owned()),
        is_shared: true,
        redis: None,
    };
    WarmKeys::start(store.clone(), books)
}

async fn key(keys: &WarmKeys) -> Arc<WarmKey> {
    keys.find(&text(1).hash()).await.unwrap().unwrap()
}

/// Holds as a request does.
async fn hold(keys: &WarmKeys, key: &Arc<WarmKey>, amount: i64) -> Result<Vec<Hold>, Short> {
    let (now, since) = (Timestamp::now(), Instant::now());
    loop {
        match funds::hold(&key.funds(), nanos(amount), now) {
            Ok(holds) => return Ok(holds),
            Err(refused) if refused.short == Short::Unleased => {
                keys.lease(key, &refused, now, since).await.unwrap()?
            }
            Err(NoMoney { short, .. }) => return Err(short),
        }
    }
}

fn leases(keys: &WarmKeys) -> &Leases {
    keys.shared.leases.as_ref().unwrap()
}

/// The one slice that there is.
fn slice(keys: &WarmKeys) -> Arc<Slice> {
    let slices = leases(keys).locked();
    assert_eq!(slices.len(), 1, "{slices:?}");
    slices.values().next().cloned().unwrap()
}

fn free(keys: &WarmKeys) -> i64 {
    slice(keys).purse.lease().unwrap().free().nanos()
}

/// Gates whose slices are as they are left, and do not change by themselves.
async fn left_alone(gates: [&WarmKeys; 2]) {
    for keys in gates {
        keys.taken_lessee().unwrap().abort();
    }
}

/// A gate with a slice of 100 that no request holds, which does not change by itself.
async fn with_a_free_slice() -> (TestDatabase, Store, WarmKeys) {
    let (database, store) = with_credit(800).await;
    let keys = keys_of("a", &store);
    drop(hold(&keys, &key(&keys).await, 1).await.unwrap());
    keys.taken_lessee().unwrap().abort();
    leases(&keys).look().await.unwrap();
    assert_eq!(free(&keys), 100);
    (database, store, keys)
}

#[tokio::test]
async fn two_gates_together_hold_what_there_is_and_no_more() {
    let (_dir, store) = with_credit(1_000).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    let mut held = Vec::new();

    for _ in 0..5 {
        held.push(hold(&a, &at_a, 100).await.unwrap());
        held.push(hold(&b, &at_b, 100).await.unwrap());
    }

    assert_eq!(
        hold(&a, &at_a, 100).await.unwrap_err(),
        Short::Held,
        "it may come back"
    );
    assert_eq!(
        hold(&b, &at_b, 1_001).await.unwrap_err(),
        Short::Spent,
        "there never was as much"
    );
    held.truncate(9);
    assert!(
        hold(&b, &at_b, 100).await.is_ok(),
        "what one gate does not use, it has itself"
    );
}

#[tokio::test]
async fn what_is_too_little_for_one_gate_goes_to_another() {
    let (_dir, store) = with_credit(100).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    left_alone([&a, &b]).await;
    drop(hold(&a, &at_a, 60).await.unwrap());
    assert_eq!(hold(&b, &at_b, 80).await.unwrap_err(), Short::Held);

    let _b_holds = hold(&b, &at_b, 30).await.unwrap();
    assert_eq!(
        hold(&a, &at_a, 80).await.unwrap_err(),
        Short::Held,
        "the other holds some of it"
    );

    assert!(
        hold(&b, &at_b, 70).await.is_ok(),
        "what was of no use to the first is there"
    );
}

#[tokio::test]
async fn a_request_within_the_slice_asks_nobody() {
    let (_dir, store) = with_credit(8_000).await;
    let keys = keys_of("a", &store);
    let key = key(&keys).await;
    drop(hold(&keys, &key, 1).await.unwrap());
    store.close().await;

    for _ in 0..1_000 {
        drop(funds::hold(&key.funds(), nanos(1_000), Timestamp::now()).unwrap());
    }
}

#[tokio::test]
async fn what_is_not_used_is_given_back() {
    let (_dir, store) = with_credit(800).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    let held = hold(&a, &at_a, 40).await.unwrap();
    assert_eq!(free(&a), 60);
    a.taken_lessee().unwrap().abort();

    // The first look sees that something was used, and one after a while that nothing was since then.
    leases(&a).look().await.unwrap();
    assert_eq!(free(&a), 60);
    slice(&a).known().quiet_since -= IDLE_AFTER;
    leases(&a).look().await.unwrap();

    assert_eq!(free(&a), 0);
    assert_eq!(
        hold(&b, &at_b, 761).await.unwrap_err(),
        Short::Held,
        "what is held is not given back"
    );
    let _b_holds = hold(&b, &at_b, 760).await.unwrap();
    drop(held);
    assert_eq!(free(&a), 40);
}

#[tokio::test]
async fn what_is_not_used_is_kept_while_the_database_is_away_until_others_may_have_it() {
    let (_dir, store, keys) = with_a_free_slice().await;
    store.close().await;

    slice(&keys).known().quiet_since -= IDLE_AFTER;
    assert!(leases(&keys).look().await.is_err());
    assert_eq!(free(&keys), 100);
    slice(&keys).known().renewed.steady -= TRUSTED_FOR;
    // Whether or not it can tell anybody.
    let _ = leases(&keys).look().await;
    assert_eq!(free(&keys), 0);
}

#[tokio::test]
async fn a_machine_that_stood_still_uses_nothing_of_what_others_may_have_by_now() {
    let (_dir, _store, keys) = with_a_free_slice().await;
    let soon = Timestamp::now() + Duration::from_secs(10);

    // The steady clock did not go on with the wall's, and no look came between.
    slice(&keys).known().renewed.wall -= TRUSTED_FOR;
    keys.catch_up(soon);
    assert_eq!(free(&keys), 100, "a look may be as late as that");
    keys.catch_up(soon + TRUSTED_FOR);

    assert_eq!(free(&keys), 0);
}

#[tokio::test]
async fn a_gate_whose_name_another_has_uses_nothing_of_what_that_one_may_lease() {
    let (_dir, store, keys) = with_a_free_slice().await;

    store.name_is_taken.store(true, Ordering::Release);
    let looked = leases(&keys).look().await;

    assert_eq!(free(&keys), 0, "{looked:?}");
    let given_back = store.give_back_leases("a").await;
    assert!(
        matches!(given_back, Err(StoreError::NameTaken)),
        "what is there by that name is the other's: {given_back:?}"
    );
}

#[tokio::test]
async fn a_lowered_amount_takes_back_what_is_free() {
    let (_dir, store) = with_credit(800).await;
    let keys = keys_of("a", &store);
    let _held = hold(&keys, &key(&keys).await, 1).await.unwrap();
    keys.taken_lessee().unwrap().abort();

    store
        .credit("team", nanos(-750), None, Timestamp::now())
        .await
        .unwrap();
    leases(&keys).outdate();
    leases(&keys).look().await.unwrap();

    assert_eq!(free(&keys), 0);
}

#[tokio::test]
async fn a_slice_that_runs_low_is_enlarged_before_requests_lack_it() {
    let (_dir, store) = with_credit(8_000).await;
    let keys = keys_of("a", &store);
    let key = key(&keys).await;
    let _held = hold(&keys, &key, 600).await.unwrap();
    assert_eq!(free(&keys), 400);
    keys.taken_lessee().unwrap().abort();

    leases(&keys).look().await.unwrap();

    assert_eq!(free(&keys), 400 + 7_000 / 8);
}

#[tokio::test]
async fn credit_that_is_given_is_there_at_once() {
    let (_dir, store) = with_credit(100).await;
    let keys = keys_of("a", &store);
    let _held = hold(&keys, &key(&keys).await, 100).await.unwrap();
    assert_eq!(
        hold(&keys, &key(&keys).await, 100).await.unwrap_err(),
        Short::Held
    );

    store
        .credit("team", nanos(100), None, Timestamp::now())
        .await
        .unwrap();

    let began = Instant::now();
    while hold(&keys, &key(&keys).await, 100).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20));
        time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_gate_that_ends_leaves_everything_to_the_others() {
    let (_dir, store) = with_credit(100).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    drop(hold(&a, &at_a, 90).await.unwrap());
    assert_eq!(free(&a), 90);

    a.give_back().await.unwrap();

    assert!(hold(&b, &at_b, 90).await.is_ok());
}

#[tokio::test]
async fn nobody_waits_for_a_database_that_failed_a_moment_ago() {
    let (_dir, store) = with_credit(100).await;
    let keys = keys_of("a", &store);
    let key = key(&keys).await;
    store.close().await;
    let now = Timestamp::now();
    let refused = funds::hold(&key.funds(), nanos(10), now).unwrap_err();
    assert_eq!((refused.owner, refused.short), (Owner::Account, Short::Unleased));

    for _ in 0..1_000 {
        assert!(keys.lease(&key, &refused, now, Instant::now()).await.is_err());
    }
}

#[test]
fn a_new_day_has_a_slice_of_its_own() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (_dir, store) = store().await;
        let leases = Leases::new(store, "a".to_owned(), TimeZone::UTC);
        let day = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let (first, second) = (Purse::leased(Money::ZERO), Purse::leased(Money::ZERO));
        let payer = Payer::Key(KeyId::new(1));

        let slice = leases.slice(payer, Period::Day, first.clone(), day(10));
        let same = leases.slice(payer, Period::Day, first.clone(), day(10));
        let next = leases.slice(payer, Period::Day, second, day(11));
        let other = leases.slice(
            Payer::Account(AccountId::new(1)),
            Period::Day,
            Purse::leased(Money::ZERO),
            day(11),
        );

        assert!(Arc::ptr_eq(&slice, &same));
        assert_eq!(slice.of.since.to_string(), "1970-01-11");
        assert_eq!(next.of.since.to_string(), "1970-01-12");
        assert!(!Arc::ptr_eq(&next, &other));
        // Who was let in at the first day's last moment holds of its slice still.
        let late = leases.slice(payer, Period::Day, first, day(10));
        assert!(Arc::ptr_eq(&slice, &late));
        assert_eq!(leases.locked().len(), 3);
    });
}
