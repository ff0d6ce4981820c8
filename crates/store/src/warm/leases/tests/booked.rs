//! Slices and the books: what was charged is counted once, whenever it gets there.

use super::*;
use crate::{
    spool::record::tests::record,
    test_database::tamper,
    usage::apply::{Book, tests::place},
};

/// Spends what a record is charged, in a request that held so much.
async fn spend(keys: &WarmKeys, key: &Arc<WarmKey>, held: i64) {
    let held = hold(keys, key, held).await.unwrap();
    for funds in key.funds() {
        funds.spending.spend(nanos(1_500), Timestamp::now());
    }
    drop(held);
}

/// Ends the time of what a gate holds, by the clock of the others.
async fn outlive(store: &Store, gate: &str) {
    let now = Timestamp::now().as_second();
    let text = format!("UPDATE leases SET ends_at = {now} WHERE gate = '{gate}'");
    tamper(store, &text).await;
}

/// Looks as if nothing had been used for a while.
async fn look_when_idle(keys: &WarmKeys) {
    leases(keys).look().await.unwrap();
    for slice in leases(keys).locked().values() {
        let mut known = slice.known();
        known.quiet_since -= IDLE_AFTER;
        known.renewed.steady -= IDLE_AFTER;
    }
    leases(keys).look().await.unwrap();
}

async fn charge(store: &Store, gate: &str, key: &WarmKey, number: u32) {
    let mut record = record(number);
    (record.account, record.key) = (key.account, key.key.id);
    let book = Book {
        gate: gate.to_owned(),
        zone: TimeZone::UTC,
        has_leases: true,
    };
    store
        .apply_usage(&book, &[record], place(u64::from(number) + 1))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_charged_and_booked_is_neither_lost_nor_there_twice() {
    let (_dir, store) = with_credit(15_000).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    let now = Timestamp::now();

    // Ten requests, in turns at both gates, each held at what it costs.
    for number in 0..10 {
        let (gate, keys, key) = match number % 2 {
            0 => ("a", &a, &at_a),
            _ => ("b", &b, &at_b),
        };
        let held = hold(keys, key, 1_500).await.unwrap();
        for funds in key.funds() {
            funds.spending.spend(nanos(1_500), now);
        }
        drop(held);
        // Some are in the books at once, some a little later.
        if number != 5 {
            charge(&store, gate, key, number).await;
        }
    }

    assert_eq!(
        hold(&a, &at_a, 1_500).await.unwrap_err(),
        Short::Held,
        "one is not in the books"
    );
    charge(&store, "b", &at_b, 5).await;
    assert_eq!(hold(&a, &at_a, 1_500).await.unwrap_err(), Short::Spent);
    assert_eq!(hold(&b, &at_b, 1_500).await.unwrap_err(), Short::Spent);
    assert_eq!(store.account("team").await.unwrap().balance, Money::ZERO);
}

#[tokio::test]
async fn a_gate_that_was_quiet_for_long_comes_back_with_nothing_that_it_does_not_hold() {
    let (_dir, store) = with_credit(4_500).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    left_alone([&a, &b]).await;
    spend(&a, &at_a, 1_500).await;
    charge(&store, "a", &at_a, 0).await;

    outlive(&store, "a").await;
    drop(hold(&b, &at_b, 10).await.unwrap());
    drop(hold(&a, &at_a, 10).await.unwrap());

    let rest = 3_000 - free(&a);
    assert!(
        hold(&b, &at_b, rest).await.is_ok(),
        "what the first gate ever spent is held by no request"
    );
}

#[tokio::test]
async fn a_gate_that_was_cut_off_for_long_still_holds_what_it_has_not_booked() {
    let (_dir, store) = with_credit(4_500).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    left_alone([&a, &b]).await;
    spend(&a, &at_a, 1_500).await;

    outlive(&store, "a").await;
    drop(hold(&b, &at_b, 10).await.unwrap());
    drop(hold(&a, &at_a, 10).await.unwrap());
    charge(&store, "a", &at_a, 0).await;

    let rest = 3_000 - free(&a);
    assert_eq!(hold(&b, &at_b, rest + 1).await.unwrap_err(), Short::Held);
    assert!(hold(&b, &at_b, rest).await.is_ok());
}

#[tokio::test]
async fn a_slice_is_forgotten_when_nothing_is_held_and_everything_is_in_the_books() {
    let (_dir, store) = with_credit(4_500).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    left_alone([&a, &b]).await;
    spend(&a, &at_a, 1_500).await;

    look_when_idle(&a).await;
    assert_eq!(leases(&a).locked().len(), 1, "its charge is still to be booked");
    charge(&store, "a", &at_a, 0).await;
    look_when_idle(&a).await;
    assert_eq!(leases(&a).locked().len(), 0);

    spend(&a, &at_a, 1_500).await;
    charge(&store, "a", &at_a, 1).await;
    let rest = 1_500 - free(&a);
    assert!(hold(&b, &at_b, rest).await.is_ok(), "it begins anew with nothing");
}

#[tokio::test]
async fn an_overrun_that_is_in_the_books_is_not_asked_for_again() {
    let (_dir, store) = with_credit(2_000).await;
    let keys = keys_of("a", &store);
    let key = key(&keys).await;
    keys.taken_lessee().unwrap().abort();
    spend(&keys, &key, 100).await;
    charge(&store, "a", &key, 0).await;
    assert_eq!(free(&keys), 250 - 1_500);

    let first = hold(&keys, &key, 100).await;
    let all = hold(&keys, &key, 400).await;

    assert!(first.is_ok() && all.is_ok(), "there are 500: {first:?}, {all:?}");
    assert_eq!(hold(&keys, &key, 1).await.unwrap_err(), Short::Held);
}

#[tokio::test]
async fn an_overrun_that_is_not_in_the_books_is_kept_for_them() {
    let (_dir, store) = with_credit(2_000).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    left_alone([&a, &b]).await;
    spend(&a, &at_a, 100).await;

    let _held = hold(&a, &at_a, 100).await.unwrap();
    assert_eq!(
        hold(&b, &at_b, 401).await.unwrap_err(),
        Short::Held,
        "the rest is spent, which the books do not know yet"
    );
    charge(&store, "a", &at_a, 0).await;
    assert_eq!(hold(&b, &at_b, 401).await.unwrap_err(), Short::Held);
    assert!(hold(&b, &at_b, 400).await.is_ok());
}
