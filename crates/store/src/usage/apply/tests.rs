#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    future::{self, Future},
    pin::pin,
    task::Poll,
};

use proptest::{prelude::*, strategy::ValueTree};
use tollgate_catalog::money::Money;
use tollgate_ledger::{Account, KeyId};

use super::*;
use crate::{
    keys::tests::at,
    spool::record::tests::{any_record, record},
    test_database::store,
    usage::{UsageBy, UsageFilter, UsageOf, UsageSums},
};

pub(crate) fn book() -> Book {
    Book {
        gate: "gate-1".to_owned(),
        zone: TimeZone::UTC,
        has_leases: true,
    }
}

pub(crate) fn place(offset: u64) -> Position {
    Position { segment: 7, offset }
}

impl Store {
    /// Books records from wherever the database is.
    pub(crate) async fn apply_usage(
        &self,
        book: &Book,
        records: &[UsageRecord<'_>],
        next: Position,
    ) -> Result<Applied, StoreError> {
        let from = self.spool_position(&book.gate).await?;
        let applied = self.apply_batch(book, records, from, next).await?;
        Ok(applied.expect("nobody else applies"))
    }
}

async fn balance(store: &Store) -> Money {
    store.account(Account::DEFAULT).await.unwrap().balance
}

async fn sums(store: &Store) -> UsageSums {
    let all = store
        .usage(&UsageFilter::default(), UsageBy::default(), 10)
        .await
        .unwrap();
    all.first().map_or_else(UsageSums::default, |group| group.sums)
}

/// Everything that applying changes.
async fn books(store: &Store) -> (Money, UsageSums, u64, usize) {
    let verified = store.verify_ledger().await.unwrap();
    assert!(verified.holds(), "{verified:?}");
    let records: i64 = store
        .pool
        .query("SELECT count(*) FROM usage_records")
        .fetch_scalar()
        .await
        .unwrap();
    (
        balance(store).await,
        sums(store).await,
        verified.entries,
        usize::try_from(records).unwrap(),
    )
}

#[tokio::test]
async fn a_request_is_charged_counted_and_shown() {
    let (_dir, store) = store().await;
    let first = record(1);

    let applied = store
        .apply_usage(&book(), std::slice::from_ref(&first), place(2))
        .await
        .unwrap();

    assert_eq!(applied, Applied { new: 1, unbooked: 0 });
    assert_eq!(balance(&store).await, Money::from_nanos(-1_500));
    let found = store.usage_record(first.request).await.unwrap().unwrap();
    assert_eq!((found.gate.as_str(), &found.record), ("gate-1", &first));
    let expected = UsageSums {
        requests: 1,
        usage: first.usage,
        charge: Money::from_nanos(1_500),
        cost: Money::from_nanos(1_000),
        ..UsageSums::default()
    };
    assert_eq!(sums(&store).await, expected);
    assert_eq!(store.spool_position("gate-1").await.unwrap(), place(2));
    assert_eq!(store.spool_position("gate-2").await.unwrap(), Position::default());
    assert!(store.verify_ledger().await.unwrap().holds());
}

#[tokio::test]
async fn any_record_is_stored_as_it_is() {
    let (_dir, store) = store().await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut records = Vec::new();
    for _ in 0..200 {
        let mut record = any_record().new_tree(&mut runner).unwrap().current();
        // What no request takes, and no column holds.
        for span in [Some(&mut record.duration), record.first_output.as_mut()]
            .into_iter()
            .flatten()
        {
            *span = (*span).min(std::time::Duration::from_micros(i64::MAX.cast_unsigned()));
        }
        records.push(record);
    }

    let applied = store.apply_usage(&book(), &records, place(2)).await.unwrap();

    assert_eq!(applied.new, 200);
    for record in &records {
        let found = store.usage_record(record.request).await.unwrap().unwrap();
        let mut expected = UsageRecord {
            // Nobody of all these is here.
            account: record.account.missing(),
            key: record.key.missing(),
            made: None,
            ..record.clone()
        };
        let bounded = |tokens: u64| tokens.min(1_000_000_000_000);
        let usage = &mut expected.usage;
        for tokens in [
            &mut usage.prompt,
            &mut usage.completion,
            &mut usage.cached,
            &mut usage.cache_write,
            &mut usage.cache_write_1h,
            &mut usage.prompt_audio,
            &mut usage.cached_audio,
            &mut usage.prompt_image,
            &mut usage.prompt_video,
            &mut usage.reasoning,
            &mut usage.completion_audio,
            &mut usage.completion_image,
            &mut usage.accepted_prediction,
            &mut usage.rejected_prediction,
        ] {
            *tokens = bounded(*tokens);
        }
        assert_eq!(found.record, expected);
    }
}

#[tokio::test]
async fn a_sign_that_a_database_has_no_place_for_keeps_nothing_from_being_booked() {
    let (_dir, store) = store().await;
    let nul = UsageRecord {
        served_model: "a\0b".into(),
        service_tier: Some("\0".into()),
        model: "m\0".into(),
        ..record(1)
    };

    let applied = store
        .apply_usage(&book(), &[nul.clone(), record(2)], place(1))
        .await;

    assert_eq!(applied.unwrap().new, 2);
    let found = store.usage_record(nul.request).await.unwrap().unwrap();
    assert_eq!(found.record.served_model, "a\u{fffd}b");
    assert_eq!(books(&store).await.2, 2);
}

#[tokio::test]
async fn what_is_applied_again_in_any_pieces_changes_nothing() {
    let (_dir, store) = store().await;
    let records: Vec<_> = (0..150).map(record).collect();
    store.apply_usage(&book(), &records, place(150)).await.unwrap();
    let once = books(&store).await;
    assert_eq!(once.0, Money::from_nanos(-150 * 1_500));
    assert_eq!((once.1.requests, once.2, once.3), (150, 150, 150));

    for (from, to) in [(0, 150), (0, 1), (149, 150), (3, 77), (70, 90)] {
        let again = store.apply_usage(&book(), &records[from..to], place(150)).await;
        assert_eq!(again.unwrap(), Applied::default());
    }

    assert_eq!(books(&store).await, once);
}

#[tokio::test]
async fn pieces_that_overlap_come_to_the_same_as_all_at_once() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..8 {
        let (_dir, store) = store().await;
        let records: Vec<_> = (0..100).map(record).collect();
        let pieces = prop::collection::vec((0_usize..100, 0_usize..40), 1..12)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut covered = BTreeSet::new();
        for (from, length) in pieces {
            let piece = &records[from..(from + length).min(100)];
            covered.extend(piece.iter().map(|record| record.request));
            // The same record twice in one batch as well.
            let doubled: Vec<_> = piece.iter().chain(piece.first()).cloned().collect();
            store.apply_usage(&book(), &doubled, place(1)).await.unwrap();
        }

        let (balance, sums, entries, stored) = books(&store).await;

        let count = covered.len();
        assert_eq!(balance.nanos(), -1_500 * i64::try_from(count).unwrap());
        assert_eq!(
            (sums.requests, entries, stored),
            (count as u64, count as u64, count)
        );
    }
}

#[tokio::test]
async fn applying_that_is_cut_off_at_any_moment_has_done_nothing_or_all() {
    let (_dir, store) = store().await;
    let (book, records) = (book(), (0..80).map(record).collect::<Vec<_>>());
    let mut done = 0_u64;
    for steps in 1..60 {
        // when it is polled so many times and dropped
        let mut left = steps;
        let mut applying = pin!(store.apply_usage(&book, &records, place(steps)));
        let finished = future::poll_fn(|context| match applying.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result.unwrap())),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => {
                left -= 1;
                Poll::Pending
            }
        })
        .await;
        // What was dropped while it was committed may come true a moment later, be it after this look.
        let (position, (_, sums, entries, stored)) = loop {
            let position = store.spool_position("gate-1").await.unwrap();
            let books = books(&store).await;
            if store.spool_position("gate-1").await.unwrap() == position {
                break (position, books);
            }
        };
        if finished.is_some() || position != Position::default() {
            done = 80;
        }
        assert_eq!(
            (sums.requests, entries, stored),
            (done, done, done as usize),
            "after {steps} steps"
        );
    }
    assert_eq!(done, 80, "so many steps are enough");
}

#[tokio::test]
async fn gates_that_apply_at_once_book_everything_once() {
    let (_dir, store) = store().await;
    let mut gates = tokio::task::JoinSet::new();
    for gate in 0..4_u32 {
        let store = store.clone();
        gates.spawn(async move {
            let book = Book {
                gate: format!("gate-{gate}"),
                ..book()
            };
            for batch in 0..10 {
                // Half of each batch is another gate's as well.
                let from = (gate * 10 + batch) * 5;
                let records: Vec<_> = (from..from + 10).map(record).collect();
                store.apply_usage(&book, &records, place(1)).await.unwrap();
            }
        });
    }
    gates.join_all().await;

    let (balance, sums, entries, stored) = books(&store).await;

    assert_eq!((sums.requests, entries, stored), (205, 205, 205));
    assert_eq!(balance, Money::from_nanos(-205 * 1_500));
}

#[tokio::test]
async fn a_charge_that_no_balance_can_hold_is_kept_and_not_wrapped() {
    let (_dir, store) = store().await;
    let most = UsageRecord {
        charge: Some(Money::from_nanos(i64::MAX)),
        cost: Some(Money::from_nanos(i64::MAX)),
        ..record(1)
    };
    let more = UsageRecord {
        request: record(2).request,
        ..most.clone()
    };

    let first = store.apply_usage(&book(), &[most], place(1)).await.unwrap();
    let second = store.apply_usage(&book(), &[more], place(2)).await.unwrap();

    assert_eq!((first.unbooked, second.unbooked), (0, 1));
    assert_eq!(balance(&store).await, Money::from_nanos(-i64::MAX));
    let sums = sums(&store).await;
    assert_eq!((sums.requests, sums.charge), (2, Money::from_nanos(i64::MAX)));
    assert_eq!(
        sums.cost,
        Money::from_nanos(i64::MAX),
        "it stays at the most there is"
    );
}

#[tokio::test]
async fn what_was_pruned_and_comes_again_is_not_charged_again() {
    let (_dir, store) = store().await;
    let records = [record(1), record(2)];
    store.apply_usage(&book(), &records, place(1)).await.unwrap();
    let before = sums(&store).await;
    let pruned = store.prune_usage(jiff::Timestamp::MAX, 100).await.unwrap();
    assert_eq!(pruned, 2);
    assert!(
        store.verify_ledger().await.unwrap().holds(),
        "pruning is no fault"
    );

    store.apply_usage(&book(), &records, place(1)).await.unwrap();

    assert_eq!(balance(&store).await, Money::from_nanos(-3_000));
    assert_eq!(sums(&store).await, before);
    assert!(store.verify_ledger().await.unwrap().holds());
}

#[tokio::test]
async fn a_request_counts_to_the_day_on_which_it_came_where_the_operator_is() {
    let (_dir, store) = store().await;
    let book = Book {
        zone: TimeZone::fixed(jiff::tz::offset(8)),
        ..book()
    };
    let at = |number, time: &str| UsageRecord {
        started: time.parse().unwrap(),
        ..record(number)
    };
    let records = [
        at(1, "2026-11-18T15:59:59.999999Z"),
        at(2, "2026-11-18T16:00:00Z"),
        at(3, "2026-11-19T15:59:00Z"),
    ];

    store.apply_usage(&book, &records, place(1)).await.unwrap();

    let by = UsageBy {
        day: true,
        ..UsageBy::default()
    };
    let days = store.usage(&UsageFilter::default(), by, 10).await.unwrap();
    let days: Vec<_> = days
        .iter()
        .map(|group| (group.day.unwrap().to_string(), group.sums.requests))
        .collect();
    assert_eq!(days, [("2026-11-18".to_owned(), 1), ("2026-11-19".to_owned(), 2)]);
}

#[tokio::test]
async fn requests_without_a_price_or_a_charge_are_counted_and_not_entered() {
    let (_dir, store) = store().await;
    let unpriced = UsageRecord {
        charge: None,
        cost: None,
        price_version: None,
        ..record(1)
    };
    let waived = UsageRecord {
        charge: Some(Money::ZERO),
        lost_cost: Money::from_nanos(7),
        outcome: "provider_stream_cut".into(),
        estimated: true,
        ..record(2)
    };

    store
        .apply_usage(&book(), &[unpriced, waived], place(1))
        .await
        .unwrap();

    let sums = sums(&store).await;
    assert_eq!(
        (sums.requests, sums.unpriced, sums.failed, sums.estimated),
        (2, 1, 1, 1)
    );
    assert_eq!((sums.charge, sums.cost), (Money::ZERO, Money::from_nanos(1_007)));
    let verified = store.verify_ledger().await.unwrap();
    assert!(verified.holds());
    assert_eq!(verified.entries, 0);
}

#[tokio::test]
async fn credit_and_charges_meet_in_one_balance() {
    let (_dir, store) = store().await;
    let credit = Money::from_nanos(10_000);
    store.credit(Account::DEFAULT, credit, None, at(5)).await.unwrap();

    let records: Vec<_> = (0..4).map(record).collect();
    store.apply_usage(&book(), &records, place(1)).await.unwrap();

    assert_eq!(balance(&store).await, Money::from_nanos(4_000));
    let day = jiff::civil::Date::MIN;
    let of_key = UsageOf::Key(KeyId::new(1));
    let (_, spent) = store.spent(of_key, day, day).await.unwrap();
    assert_eq!(spent.ever, Money::from_nanos(6_000));
    assert_eq!(store.verify_ledger().await.unwrap().entries, 5);
}

#[tokio::test]
async fn nothing_is_booked_from_where_the_database_is_not() {
    let (_dir, store) = store().await;
    store.apply_usage(&book(), &[record(1)], place(1)).await.unwrap();
    let before = books(&store).await;

    for from in [Position::default(), place(2)] {
        let applied = store.apply_batch(&book(), &[record(2)], from, place(3)).await;

        assert_eq!(applied.unwrap(), None, "{from:?}");
        assert_eq!(books(&store).await, before);
    }
    assert_eq!(store.spool_position("gate-1").await.unwrap(), place(1));
}
