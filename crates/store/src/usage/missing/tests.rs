#![allow(clippy::unwrap_used)]

use tollgate_ledger::{AccountId, UsageRecord};

use super::*;
use crate::{
    AuditFilter,
    accounts::tests::new_account,
    keys::tests::at,
    spool::record::tests::record,
    test_database::{TestDatabase, store, tamper},
    usage::apply::tests::{book, place},
};

/// Records of the account 7, which is not there, each charged 1,500.
async fn of_seven(store: &Store, numbers: std::ops::Range<u32>) {
    let records: Vec<_> = numbers
        .map(|number| UsageRecord {
            account: AccountId::new(7),
            ..record(number)
        })
        .collect();
    store.apply_usage(&book(), &records, place(1)).await.unwrap();
}

/// A database with the account `team`, and two requests of the account 7.
async fn with_two_of_seven() -> (TestDatabase, Store) {
    let (dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    of_seven(&store, 0..2).await;
    (dir, store)
}

async fn missing(store: &Store) -> Vec<(u64, u64, i64)> {
    let verified = store.verify_ledger().await.unwrap();
    assert!(verified.holds(), "{verified:?}");
    let missing = verified.missing.iter();
    missing
        .map(|missing| (missing.number, missing.requests, missing.charge.nanos()))
        .collect()
}

#[tokio::test]
async fn an_account_is_charged_once_for_the_requests_of_a_lost_one() {
    let (_dir, store) = with_two_of_seven().await;
    let keys_before = store.keys_version().await.unwrap();

    let assigned = store.assign_missing(7, "team", None, at(5)).await.unwrap();
    let again = store.assign_missing(7, "team", None, at(5)).await.unwrap_err();

    assert_eq!(
        (assigned.requests, assigned.charge),
        (2, Money::from_nanos(3_000))
    );
    let entry = &assigned.credited.entry;
    assert_eq!(
        (
            &*entry.account,
            &*entry.kind,
            entry.amount.nanos(),
            &entry.request
        ),
        ("team", "correction", -3_000, &None)
    );
    let said = "2 requests of a lost account, number 7";
    assert_eq!(entry.note.as_deref(), Some(said));
    assert!(
        matches!(again, AssignError::NothingMissing { number: 7 }),
        "{again}"
    );
    assert_eq!(store.account("team").await.unwrap().balance.nanos(), -3_000);
    assert_eq!(missing(&store).await, []);
    let stored = store.usage_record(record(1).request).await.unwrap().unwrap();
    assert_eq!(
        (stored.record.account.get(), stored.settled_entry),
        (-7, Some(entry.id))
    );
    assert_ne!(
        store.keys_version().await.unwrap(),
        keys_before,
        "running gates have to hear of it"
    );
    let log = store
        .audit_entries(&AuditFilter::default(), None, 1)
        .await
        .unwrap();
    assert_eq!((&*log[0].name, &*log[0].action), ("team", "correction"));
    assert!(log[0].after.as_ref().unwrap().contains(said), "{log:?}");
}

#[tokio::test]
async fn what_comes_to_the_books_later_is_charged_to_nobody_until_it_is_assigned_too() {
    let (_dir, store) = with_two_of_seven().await;
    store.assign_missing(7, "team", None, at(5)).await.unwrap();

    // What was there already comes again, as after a crash.
    of_seven(&store, 0..3).await;

    assert_eq!(missing(&store).await, [(7, 1, 1_500)]);
    let later = store.assign_missing(7, "team", Some("more of it"), at(6)).await;
    let later = later.unwrap();
    assert_eq!((later.requests, later.charge.nanos()), (1, 1_500));
    assert_eq!(later.credited.entry.note.as_deref(), Some("more of it"));
    assert_eq!(later.credited.account.balance.nanos(), -4_500);
    assert_eq!(missing(&store).await, []);
}

#[tokio::test]
async fn where_nobody_can_be_charged_the_requests_stay_as_they_are() {
    let (_dir, store) = with_two_of_seven().await;

    let nobody = store.assign_missing(7, "nobody", None, at(5)).await.unwrap_err();
    let other = store.assign_missing(8, "team", None, at(5)).await.unwrap_err();
    tamper(
        &store,
        "UPDATE accounts SET balance_nanos = -9223372036854775000 WHERE name = 'team'",
    )
    .await;
    let beyond = store.assign_missing(7, "team", None, at(5)).await.unwrap_err();

    for (error, is_of_account) in [(nobody, true), (other, false), (beyond, true)] {
        assert_eq!(matches!(error, AssignError::Account(_)), is_of_account, "{error}");
    }
    tamper(&store, "UPDATE accounts SET balance_nanos = 0").await;
    assert_eq!(missing(&store).await, [(7, 2, 3_000)]);
}

#[tokio::test]
async fn an_account_that_is_here_is_never_taken_for_a_lost_one() {
    let (_dir, store) = with_two_of_seven().await;
    for name in ["three", "four", "five", "six", "seven"] {
        store.create_account(new_account(name)).await.unwrap();
    }
    assert_eq!(store.account("seven").await.unwrap().id.get(), 7);
    let own = UsageRecord {
        account: AccountId::new(7),
        ..record(9)
    };
    store.apply_usage(&book(), &[own], place(1)).await.unwrap();

    store.assign_missing(7, "team", None, at(5)).await.unwrap();

    let balance = async |name: &str| store.account(name).await.unwrap().balance.nanos();
    assert_eq!((balance("team").await, balance("seven").await), (-3_000, -1_500));
    assert_eq!(missing(&store).await, []);
}
