#![allow(clippy::unwrap_used)]

use std::path::Path;

use tollgate_catalog::money::Money;
use tollgate_ledger::Account;

use super::*;
use crate::{
    spool::{
        OnDamage,
        record::tests::record,
        tests::{append, limits},
    },
    test_database::{store, tamper},
};

const SOON: Duration = Duration::from_secs(20);

fn open(dir: &Path) -> Spool {
    Spool::open(dir, limits(4_096), OnDamage::Refuse).unwrap().0
}

async fn start(store: &Store, spool: &Spool) -> Applier {
    Applier::start(store.clone(), spool, "gate-1".to_owned(), TimeZone::UTC)
        .await
        .unwrap()
}

/// How many requests are booked, when all of the books agree on it and nothing is being applied.
async fn booked(store: &Store) -> u64 {
    let verified = store.verify_ledger().await.unwrap();
    assert!(verified.holds(), "{verified:?}");
    let balance = store.account(Account::DEFAULT).await.unwrap().balance;
    assert_eq!(
        balance,
        Money::from_nanos(-1_500 * i64::try_from(verified.entries).unwrap())
    );
    verified.entries
}

async fn until_booked(store: &Store, count: u64) {
    let waited = time::timeout(SOON, async {
        while store.verify_ledger().await.unwrap().entries < count {
            time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("it is applied at some time");
    assert_eq!(booked(store).await, count);
}

#[tokio::test]
async fn what_is_appended_is_in_the_database_soon_and_its_files_are_removed() {
    let (dir, store) = store().await;
    let spool = open(&dir.path().join("spool"));
    let applier = start(&store, &spool).await;

    for number in 0..1_200 {
        append(&spool, number);
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }

    until_booked(&store, 1_200).await;
    let emptied = time::timeout(SOON, async {
        while spool.standing().waiting_bytes > 0 || spool.standing().disk_bytes > 64 * 1_024 {
            time::sleep(Duration::from_millis(10)).await;
        }
    });
    emptied.await.expect("files of which all is applied go");
    applier.finish(SOON).await;
}

#[tokio::test]
async fn finishing_applies_what_is_there() {
    let (dir, store) = store().await;
    let spool = open(&dir.path().join("spool"));
    let applier = start(&store, &spool).await;
    for number in 0..700 {
        append(&spool, number);
    }

    applier.finish(SOON).await;

    assert_eq!(booked(&store).await, 700);
}

#[tokio::test]
async fn what_an_earlier_run_left_is_applied_before_it_counts_as_replayed() {
    let (dir, store) = store().await;
    let folder = dir.path().join("spool");
    let spool = open(&folder);
    for number in 0..1_100 {
        append(&spool, number);
    }
    drop(spool);

    let spool = open(&folder);
    let applier = start(&store, &spool).await;
    time::timeout(SOON, applier.replayed()).await.unwrap();

    assert_eq!(booked(&store).await, 1_100);
    drop(applier);
    drop(spool);
    // then nothing is left to be replayed
    let (_spool, left) = Spool::open(&folder, limits(4_096), OnDamage::Refuse).unwrap();
    assert!(left.records <= 20, "whole files were removed: {left:?}");
}

#[tokio::test]
async fn a_spool_without_records_is_replayed_at_once() {
    let (dir, store) = store().await;
    let spool = open(&dir.path().join("spool"));
    let applier = start(&store, &spool).await;

    time::timeout(SOON, applier.replayed()).await.unwrap();
}

#[tokio::test]
async fn a_lost_or_foreign_position_changes_nothing() {
    let (dir, store) = store().await;
    let folder = dir.path().join("spool");
    let mut appended = 0;
    for (round, change) in [
        "SELECT 1",
        "DELETE FROM spool_positions",
        "UPDATE spool_positions SET segment = 1, byte_offset = 5",
        "UPDATE spool_positions SET byte_offset = 1024",
        "UPDATE spool_positions SET byte_offset = 999999",
    ]
    .into_iter()
    .enumerate()
    {
        let spool = open(&folder);
        tamper(&store, change).await;
        let applier = start(&store, &spool).await;
        for _ in 0..30 {
            append(&spool, appended);
            appended += 1;
        }
        applier.finish(SOON).await;
        assert_eq!(
            booked(&store).await,
            u64::from(appended),
            "round {round}: {change}"
        );
    }
}

#[tokio::test]
async fn while_the_database_is_away_requests_go_on_and_afterwards_all_are_booked() {
    let (dir, store) = store().await;
    let spool = open(&dir.path().join("spool"));
    let applier = start(&store, &spool).await;
    append(&spool, 0);
    until_booked(&store, 1).await;
    tamper(&store, "ALTER TABLE spool_positions RENAME TO away").await;

    for number in 1..300 {
        append(&spool, number);
    }
    time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(booked(&store).await, 1, "a batch that fails books nothing");
    assert!(spool.standing().waiting_bytes > 0);
    tamper(&store, "ALTER TABLE away RENAME TO spool_positions").await;

    until_booked(&store, 300).await;
    drop(applier);
}

#[tokio::test]
async fn an_applier_that_is_dropped_at_any_moment_books_nothing_twice() {
    let (dir, store) = store().await;
    let folder = dir.path().join("spool");
    let mut appended = 0;
    for round in 0..12 {
        let spool = open(&folder);
        let applier = start(&store, &spool).await;
        for _ in 0..200 {
            append(&spool, appended);
            appended += 1;
        }
        time::sleep(Duration::from_millis(round * 7)).await;
        drop(applier);
    }
    let spool = open(&folder);
    start(&store, &spool).await.finish(SOON).await;

    assert_eq!(booked(&store).await, u64::from(appended));
    assert_eq!(
        store
            .usage_record(record(0).request)
            .await
            .unwrap()
            .unwrap()
            .record,
        record(0)
    );
}

/// Spools whose files of which all is applied are kept, up to so many KiB.
fn open_keeping(dir: &Path, kib: u64) -> Spool {
    let limits = limits(4_096).keeping(kib);
    Spool::open(dir, limits, OnDamage::Refuse).unwrap().0
}

/// What a database loses that comes back as it was before anything was applied.
const ALL_OF_THE_BOOKS: &str =
    "DELETE FROM ledger_entries; DELETE FROM usage_days; DELETE FROM usage_records;
    UPDATE accounts SET balance_nanos = 0;";

#[tokio::test]
async fn a_database_that_lost_what_it_had_is_given_it_again() {
    for (is_idle, position) in [
        (false, "DELETE FROM spool_positions"),
        (false, "UPDATE spool_positions SET byte_offset = 1024"),
        (true, "UPDATE spool_positions SET byte_offset = 1024"),
    ] {
        let (dir, store) = store().await;
        let spool = open(&dir.path().join("spool"));
        let applier = start(&store, &spool).await;
        for number in 0..12 {
            append(&spool, number);
        }
        until_booked(&store, 12).await;

        tamper(&store, &format!("{ALL_OF_THE_BOOKS} {position}")).await;
        if !is_idle {
            append(&spool, 12);
        }

        until_booked(&store, if is_idle { 12 } else { 13 }).await;
        applier.finish(SOON).await;
    }
}

#[tokio::test]
async fn files_are_kept_for_a_database_that_may_come_back_without_what_they_say() {
    let (dir, store) = store().await;
    let folder = dir.path().join("spool");
    let spool = open_keeping(&folder, 1_024);
    let applier = start(&store, &spool).await;
    for number in 0..200 {
        append(&spool, number);
    }
    until_booked(&store, 200).await;

    tamper(&store, &format!("{ALL_OF_THE_BOOKS} DELETE FROM spool_positions")).await;

    until_booked(&store, 200).await;
    assert_eq!(spool.standing().gaps, 0);
    drop((applier, spool));
    // Nor is anything lost by a start in between.
    tamper(&store, &format!("{ALL_OF_THE_BOOKS} DELETE FROM spool_positions")).await;
    let spool = open_keeping(&folder, 1_024);
    let applier = start(&store, &spool).await;
    until_booked(&store, 200).await;
    applier.finish(SOON).await;
}

#[tokio::test]
async fn a_database_that_lacks_more_than_is_kept_is_told_of() {
    let (dir, store) = store().await;
    let spool = open_keeping(&dir.path().join("spool"), 16);
    let applier = start(&store, &spool).await;
    for number in 0..200 {
        append(&spool, number);
    }
    until_booked(&store, 200).await;
    // The applier has to hear that it is booked before files go.
    let waited = time::timeout(SOON, async {
        while spool.standing().disk_bytes > 64 * 1_024 {
            time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("files beyond what is kept go");

    tamper(&store, &format!("{ALL_OF_THE_BOOKS} DELETE FROM spool_positions")).await;

    let told = time::timeout(SOON, async {
        while spool.standing().gaps == 0 {
            time::sleep(Duration::from_millis(10)).await;
        }
    });
    told.await
        .expect("charges are lost, which an operator has to know");
    applier.finish(SOON).await;
    assert!(
        (1..200).contains(&booked(&store).await),
        "what is kept is booked again"
    );
}
