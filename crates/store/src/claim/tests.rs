#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use tollgate_catalog::money::Money;
use tollgate_ledger::{AccountId, Period};

use super::*;
use crate::{
    database::connection::Pool,
    leases::{Asked, Of, first_day},
    test_database::{TestDatabase, store},
};

const GATE: &str = "00000000000000ab";
const SOON: Duration = Duration::from_secs(20);

async fn claim(database: &TestDatabase, store: &Store) -> Result<Claim, ClaimError> {
    store
        .claim(&database.url, GATE, &TimeZone::UTC, Path::new("data"))
        .await
}

/// Ends the connections that have gates' names, as a server does that starts again.
async fn cut_off(store: &Store) {
    let Pool::Postgres(pool) = &store.pool else {
        return;
    };
    let text = "SELECT pg_terminate_backend(pid) FROM pg_locks
                WHERE locktype = 'advisory' AND objid = 171
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::query(text).execute(pool).await.unwrap();
}

async fn leases(store: &Store) -> Result<(), StoreError> {
    let of = Of {
        payer: crate::leases::Payer::Account(AccountId::new(1)),
        per: Period::Total,
        since: first_day(Period::Total, jiff::civil::Date::MIN),
    };
    let asked = Asked {
        granted: None,
        holds: Money::ZERO,
        need: Some(Money::ZERO),
        at_most: None,
    };
    store
        .lease(GATE, of, asked, Timestamp::UNIX_EPOCH)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn a_name_that_a_running_gate_has_is_refused_and_where_it_stands_is_said() {
    let (database, store) = store().await;
    if !store.is_shared() {
        return;
    }
    let _held = claim(&database, &store).await.unwrap();

    let refused = claim(&database, &database.open().await).await.unwrap_err();

    let expected = "another tollgate runs on this database by the name of this one, 00000000000000ab, which data/gate.id \
                    says: the data directory was copied";
    assert_eq!(refused.to_string(), expected);
}

#[tokio::test]
async fn a_name_is_free_as_soon_as_its_gate_has_gone() {
    let (database, store) = store().await;
    let began = time::Instant::now();

    for _ in 0..3 {
        drop(claim(&database, &store).await.unwrap());
    }

    assert!(began.elapsed() < WAIT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_gate_that_lost_its_name_to_another_leases_nothing_until_it_has_it_again() {
    let (database, store) = store().await;
    if !store.is_shared() {
        return;
    }
    let _held = claim(&database, &store).await.unwrap();
    leases(&store).await.unwrap();
    let other = database.open().await;
    let taking = tokio::spawn({
        let (other, url) = (other.clone(), database.url.clone());
        async move {
            other
                .claim(&url, GATE, &TimeZone::UTC, Path::new("data"))
                .await
                .unwrap()
        }
    });
    // The one that comes first has it, and the other asks four times as often.
    let taken = time::timeout(SOON, async {
        while !taking.is_finished() {
            cut_off(&store).await;
            time::sleep(Duration::from_millis(600)).await;
        }
    });
    taken.await.unwrap();
    let waited = time::timeout(SOON, async {
        while leases(&store).await.is_ok() {
            time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited.await.expect("it notices that another has its name");
    assert!(matches!(leases(&store).await, Err(StoreError::NameTaken)));
    leases(&other).await.unwrap();

    drop(taking.await.unwrap());

    let waited = time::timeout(SOON, async {
        while leases(&store).await.is_err() {
            time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited.await.expect("it has its name again");
}

#[tokio::test]
async fn gates_that_count_days_in_unlike_zones_do_not_run_together() {
    let (database, store) = store().await;
    if !store.is_shared() {
        return;
    }
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let claims =
        async |gate: &str, zone: &TimeZone| store.claim(&database.url, gate, zone, Path::new("data")).await;
    let first = claims(GATE, &TimeZone::UTC).await.unwrap();
    let second = claims("00000000000000ac", &TimeZone::UTC).await.unwrap();

    let refused = claims("00000000000000ad", &berlin).await.unwrap_err();

    let expected = "gates run on this database whose [accounting] time_zone is UTC, and here it is Europe/Berlin: each \
        would count days of budgets by itself; stop all gates of one zone before one with another starts";
    assert_eq!(refused.to_string(), expected);
    // Once nobody runs, the new one holds.
    drop((first, second));
    let _third = claims("00000000000000ad", &berlin).await.unwrap();
}

#[tokio::test]
async fn a_gate_of_another_zone_that_waits_for_the_others_to_end_keeps_none_of_them_from_starting() {
    let (database, store) = store().await;
    if !store.is_shared() {
        return;
    }
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let claims =
        async |gate: &str, zone: &TimeZone| store.claim(&database.url, gate, zone, Path::new("data")).await;
    let _first = claims(GATE, &TimeZone::UTC).await.unwrap();
    let starts = async {
        time::sleep(ASK_EVERY * 2).await;
        let began = time::Instant::now();
        let _second = claims("00000000000000ac", &TimeZone::UTC).await.unwrap();
        began.elapsed()
    };

    let took = tokio::select! {
        took = starts => took,
        waited = claims("00000000000000ad", &berlin) => panic!("the first runs: {waited:?}"),
    };

    assert!(took < WAIT / 2, "{took:?}");
}
