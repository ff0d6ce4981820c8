#![allow(clippy::unwrap_used)]

use tokio::task::JoinSet;

use super::*;
use crate::{
    accounts::tests::new_account,
    keys::tests::at,
    test_database::{store, tamper},
};

fn dollars(cents: i64) -> Money {
    Money::from_nanos(cents * 10_000_000)
}

#[tokio::test]
async fn credit_adds_up_and_can_be_taken_back() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();

    for (cents, balance) in [(2_500, "25.00"), (1, "25.01"), (-3_000, "-4.99")] {
        let after = store
            .credit("team", dollars(cents), Some("why"), at(5))
            .await
            .unwrap();
        assert_eq!(after.balance.to_string(), balance);
    }

    let verified = store.verify_ledger().await.unwrap();
    assert_eq!((verified.accounts, verified.entries), (2, 3));
    assert_eq!(verified.discrepancies, []);
}

#[tokio::test]
async fn credit_given_at_once_is_never_lost() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    let mut given = JoinSet::new();
    for cents in 1..=40 {
        let store = store.clone();
        given.spawn(async move { store.credit("team", dollars(cents), None, at(5)).await });
    }

    for result in given.join_all().await {
        result.unwrap();
    }

    assert_eq!(store.account("team").await.unwrap().balance, dollars(820));
    assert_eq!(store.verify_ledger().await.unwrap().discrepancies, []);
}

#[tokio::test]
async fn a_balance_that_is_not_the_sum_of_its_entries_is_found() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    store.credit("team", dollars(100), None, at(5)).await.unwrap();
    tamper(
        &store,
        "UPDATE accounts SET balance_nanos = balance_nanos + 1 WHERE name = 'team'",
    )
    .await;

    let verified = store.verify_ledger().await.unwrap();

    let found = Discrepancy {
        account: "team".to_owned(),
        balance: Money::from_nanos(1_000_000_001),
        sum_of_entries: dollars(100),
    };
    assert_eq!(verified.discrepancies, [found]);
}

#[tokio::test]
async fn a_balance_beyond_all_reach_is_refused_and_not_wrapped() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    let most = Money::from_nanos(i64::MAX);
    store.credit("team", most, None, at(5)).await.unwrap();

    let error = store
        .credit("team", Money::from_nanos(1), None, at(6))
        .await
        .unwrap_err();

    assert!(matches!(error, ChangeAccountError::BeyondReach { .. }), "{error}");
    assert_eq!(store.account("team").await.unwrap().balance, most);
    let all_back = store
        .credit("team", Money::from_nanos(-i64::MAX), None, at(7))
        .await;
    assert_eq!(all_back.unwrap().balance, Money::ZERO);
    assert_eq!(store.verify_ledger().await.unwrap().entries, 2);
}

#[tokio::test]
async fn an_unknown_account_gets_nothing() {
    let (_dir, store) = store().await;

    let error = store.credit("nobody", dollars(1), None, at(5)).await.unwrap_err();

    assert!(
        matches!(error, ChangeAccountError::NoSuchAccount { .. }),
        "{error}"
    );
    assert_eq!(store.verify_ledger().await.unwrap().entries, 0);
}
