//! Money that one gate lacks while others have some of it that they do not use.

use tollgate_ledger::limits::Fund;

use super::*;
use crate::database::connection::Transaction;

/// Asks for what a request needs that began to ask at `since`.
async fn lease_since(
    keys: &WarmKeys,
    key: &WarmKey,
    wanted: i64,
    since: Instant,
) -> Result<Result<(), Short>, StoreError> {
    let refused = NoMoney {
        owner: Owner::Account,
        fund: Fund::Credit,
        short: Short::Unleased,
        wanted: nanos(wanted),
        is_used_up: false,
    };
    keys.lease(key, &refused, Timestamp::now(), since).await
}

/// Until this is dropped nobody who asks for money gets an answer.
async fn answers_nobody(store: &Store) -> Transaction {
    let mut slow = store.pool.begin().await.unwrap();
    slow.query("UPDATE versions SET value = value + 1 WHERE name = 'leases'")
        .execute()
        .await
        .unwrap();
    slow
}

#[tokio::test]
async fn what_another_gate_does_not_use_comes_to_a_request_that_needs_it() {
    let (_dir, store) = with_credit(100).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    drop(hold(&a, &at_a, 60).await.unwrap());

    let at_the_other = hold(&b, &at_b, 80).await;
    assert!(at_the_other.is_ok(), "{at_the_other:?}");
    drop(at_the_other);

    // And back again, as soon as it has come free.
    let back = hold(&a, &at_a, 80).await;
    assert!(back.is_ok(), "{back:?}");
}

#[tokio::test]
async fn what_requests_of_another_gate_hold_stays_theirs() {
    let (_dir, store) = with_credit(100).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    let held = hold(&a, &at_a, 60).await.unwrap();

    assert_eq!(hold(&b, &at_b, 80).await.unwrap_err(), Short::Held);
    assert!(hold(&b, &at_b, 40).await.is_ok(), "so much nobody holds");
    drop(held);

    assert!(hold(&b, &at_b, 80).await.is_ok());
}

#[tokio::test]
async fn of_scarce_money_a_gate_takes_what_its_request_needs_and_keeps_nothing() {
    let (_dir, store) = with_credit(800).await;
    let keys = keys_of("a", &store);
    let key = key(&keys).await;
    drop(hold(&keys, &key, 1).await.unwrap());
    keys.taken_lessee().unwrap().abort();
    assert_eq!(free(&keys), 100);
    slice(&keys).known().hear_scarce();

    let held = hold(&keys, &key, 130).await.unwrap();
    assert_eq!(free(&keys), 0, "nothing ahead of need");
    drop(held);
    assert_eq!(free(&keys), 130);
    leases(&keys).give_back_what_is_scarce().await.unwrap();

    assert_eq!(free(&keys), 0);
}

#[tokio::test]
async fn a_gate_alone_calls_nothing_scarce() {
    let (_dir, store) = with_credit(100).await;
    let keys = keys_of("a", &store);
    let key = key(&keys).await;
    let before = store.wanted_money().await.unwrap();
    let _held = hold(&keys, &key, 60).await.unwrap();

    let leased = lease_since(&keys, &key, 60, Instant::now()).await.unwrap();

    assert_eq!(leased.unwrap_err(), Short::Held);
    assert_eq!(store.wanted_money().await.unwrap(), before);
    assert!(!leases(&keys).is_anything_scarce());
}

#[tokio::test]
async fn nobody_waits_for_the_database_behind_others_who_wait_for_it() {
    let (_dir, store) = with_credit(100).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    let _held = hold(&a, &at_a, 60).await.unwrap();
    assert_eq!(hold(&b, &at_b, 80).await.unwrap_err(), Short::Held);
    left_alone([&a, &b]).await;
    let slow = answers_nobody(&store).await;
    let began = Instant::now();
    let took = async || {
        assert_eq!(hold(&b, &at_b, 80).await.unwrap_err(), Short::Held);
        began.elapsed()
    };
    let end = async {
        time::sleep(Duration::from_secs(4)).await;
        drop(slow);
    };

    let (first, second, third, ()) = tokio::join!(took(), took(), took(), end);

    let mut took = [first, second, third];
    took.sort();
    assert!(
        took[1] < Duration::from_millis(2_500),
        "a second and a half: {took:?}"
    );
    assert!(took[2] < Duration::from_secs(9), "the one who asks: {took:?}");
}

#[tokio::test]
async fn who_has_waited_for_one_budget_waits_no_longer_for_the_next() {
    let (_dir, store) = with_credit(100).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    let _held = hold(&a, &at_a, 60).await.unwrap();
    let began = Instant::now();

    let leased = lease_since(&b, &at_b, 80, began - Duration::from_millis(1_500)).await;

    assert_eq!(leased.unwrap().unwrap_err(), Short::Held);
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(1),
        "{took:?}: a second and a half are over"
    );
}

#[tokio::test]
async fn all_that_a_request_asks_ends_however_slow_the_database_is() {
    let (_dir, store) = with_credit(100).await;
    let keys = keys_of("a", &store);
    let key = key(&keys).await;
    let _slow = answers_nobody(&store).await;
    let began = Instant::now();

    let leased = lease_since(&keys, &key, 60, began - Duration::from_secs(8)).await;

    assert!(leased.is_err(), "{leased:?}");
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(3),
        "{took:?}: one of nine seconds was left"
    );
}

#[tokio::test]
async fn who_needs_less_than_was_refused_waits_for_an_answer_of_its_own() {
    let (_dir, store) = with_credit(100).await;
    let (a, b) = (keys_of("a", &store), keys_of("b", &store));
    let (at_a, at_b) = (key(&a).await, key(&b).await);
    let _held = hold(&a, &at_a, 60).await.unwrap();
    assert_eq!(hold(&b, &at_b, 80).await.unwrap_err(), Short::Held);
    left_alone([&a, &b]).await;
    let slow = answers_nobody(&store).await;
    let less = async {
        // Behind the one that asks for more.
        time::sleep(Duration::from_millis(200)).await;
        hold(&b, &at_b, 30).await
    };
    let end = async {
        time::sleep(Duration::from_millis(2_500)).await;
        drop(slow);
    };

    let (more, less, ()) = tokio::join!(hold(&b, &at_b, 80), less, end);

    assert_eq!(more.unwrap_err(), Short::Held);
    assert!(less.is_ok(), "forty are there: {less:?}");
}
