#![allow(clippy::unwrap_used)]

use tollgate_ledger::{RequestId, UsageRecord};

use super::*;
use crate::{
    UsageBy, UsageFilter,
    spool::record::tests::record,
    test_database::store,
    usage::apply::tests::{book, place},
};

const NOW: &str = "2026-11-18T12:00:00Z";

/// A record of a request that came so many hours before [`NOW`].
fn hours_ago(hours: i64, number: u32) -> UsageRecord<'static> {
    let came = NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(hours);
    UsageRecord {
        request: RequestId::new(came.as_millisecond().cast_unsigned(), 1, number),
        started: came,
        ..record(number)
    }
}

fn days(days: u32) -> Retention {
    Retention {
        usage_days: NonZeroU32::new(days).unwrap(),
    }
}

#[tokio::test]
async fn more_than_a_batch_of_old_records_goes_and_the_books_still_hold() {
    let (_dir, store) = store().await;
    let old = (0..BATCH * 2 + 7).map(|number| hours_ago(49, number));
    let kept = [hours_ago(47, 5_000), hours_ago(0, 5_001)];
    let records: Vec<_> = old.chain(kept.clone()).collect();
    store.apply_usage(&book(), &records, place(1)).await.unwrap();
    let all = UsageFilter::default();
    let sums = async || store.usage(&all, UsageBy::default(), 10).await.unwrap();
    let before = sums().await;

    let removed = days(2).prune(&store, NOW.parse().unwrap()).await.unwrap();

    assert_eq!(removed, u64::from(BATCH) * 2 + 7);
    assert!(store.usage_record(records[0].request).await.unwrap().is_none());
    for record in kept {
        assert!(store.usage_record(record.request).await.unwrap().is_some());
    }
    assert_eq!(sums().await, before);
    let verified = store.verify_ledger().await.unwrap();
    assert!(verified.holds(), "{verified:?}");
    assert_eq!(
        verified.entries,
        records.len() as u64,
        "the ledger is only added to"
    );
}

#[test]
fn what_is_older_than_the_calendar_is_kept() {
    let first = days(u32::MAX).before(NOW.parse().unwrap());

    assert_eq!(first, Timestamp::MIN);
}
