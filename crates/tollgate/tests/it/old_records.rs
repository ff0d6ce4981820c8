//! What becomes of a request's record when it is older than the operator wants to keep it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tollgate_catalog::money::Money;
use tollgate_ledger::{AccountId, KeyId, RequestId, UsageRecord};
use tollgate_store::{
    Spool, Store,
    spool::{Limits, OnDamage},
};
use tollgate_testkit::gate::Gate;

use crate::{credit::sums, stage::setup};

/// A request of the account `default` that came so many days ago and was charged $0.002.
pub fn days_ago(days: i64, number: u32) -> UsageRecord<'static> {
    let started = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let millis = u64::try_from(started.as_millisecond()).unwrap();
    UsageRecord {
        request: RequestId::new(millis, 1, number),
        account: AccountId::new(1),
        key: KeyId::new(1),
        made: None,
        model: "gpt-4o".into(),
        served_model: "gpt-4o".into(),
        provider: "openai".into(),
        channel: "fake".into(),
        service_tier: None,
        started,
        duration: Duration::from_secs(1),
        first_output: None,
        stream: false,
        outcome: UsageRecord::OK.into(),
        usage: Default::default(),
        estimated: false,
        price_version: None,
        held: Money::ZERO,
        charge: Some(Money::from_nanos(2_000_000)),
        cost: Some(Money::from_nanos(1_000_000)),
        lost_cost: Money::ZERO,
    }
}

/// A gate that finds these records in its spool, as an earlier run left them.
async fn gate_after(records: &[UsageRecord<'_>], tables: &str) -> Gate {
    let mut gate = setup().config(tables).start().await;
    gate.signal(tollgate_testkit::gate::Signal::Terminate);
    assert_eq!(gate.ended().await, Some(0));
    let dir = gate.data_dir().join("spool");
    let (spool, _) = Spool::open(&dir, Limits::of_mb(32), OnDamage::Refuse).unwrap();
    for record in records {
        spool.reserve().unwrap().append(record);
    }
    spool.close();
    gate.start_again().await;
    gate
}

async fn store_of(gate: &Gate) -> Store {
    let url = format!("sqlite://{}", gate.data_dir().join("tollgate.db").display());
    Store::open(&url.parse().unwrap()).await.unwrap()
}

async fn requests_and_charge(gate: &Gate) -> (Value, Value) {
    let sums = sums(gate).await;
    (sums["requests"].clone(), sums["charge"].clone())
}

#[tokio::test]
async fn old_records_go_while_sums_and_ledger_stay() {
    let (old, recent) = (days_ago(31, 1), days_ago(29, 2));
    let gate = gate_after(&[old.clone(), recent.clone()], "[retention]\nusage_days = 30\n").await;

    gate.logged("records of old requests were removed").await;

    let store = store_of(&gate).await;
    assert!(store.usage_record(old.request).await.unwrap().is_none());
    assert!(store.usage_record(recent.request).await.unwrap().is_some());
    assert_eq!(requests_and_charge(&gate).await, (2.into(), "0.004".into()));
    let verified = gate.command(&["ledger", "verify"]).await;
    assert!(verified.success(), "{verified:?}");
    assert!(verified.stdout.starts_with("2 entries"), "{verified:?}");
}

#[tokio::test]
async fn what_nobody_asked_to_be_removed_is_kept_for_ever() {
    let old = days_ago(4_000, 1);
    let gate = gate_after(std::slice::from_ref(&old), "").await;

    assert_eq!(requests_and_charge(&gate).await.0, 1);
    let store = store_of(&gate).await;
    assert!(store.usage_record(old.request).await.unwrap().is_some());
}
