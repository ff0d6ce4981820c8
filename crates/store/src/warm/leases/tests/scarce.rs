//! Money that one gate lacks while others have some of it that they do not use.

use tollgate_ledger::limits::Fund;

use super::*;

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

    let refused = NoMoney {
        owner: Owner::Account,
        fund: Fund::Credit,
        short: Short::Unleased,
        wanted: nanos(60),
        is_used_up: false,
    };
    let leased = keys
        .lease(&key, &refused, Timestamp::now(), Instant::now())
        .await
        .unwrap();

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
    // Nobody gets an answer for a while.
    let mut slow = store.pool.begin().await.unwrap();
    slow.query("UPDATE versions SET value = value + 1 WHERE name = 'leases'")
        .execute()
        .await
        .unwrap();
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
