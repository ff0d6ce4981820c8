//! What the spool costs: `cargo run --release -p tollgate-store --example spool_cost`.
//!
//! Appending is on the way of every request; applying is not, and is paid for in CPU all the same.

use std::{
    error::Error,
    fs,
    io::{Write, stdout},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};
use tollgate_catalog::money::Money;
use tollgate_chat::usage::Usage;
use tollgate_ledger::{AccountId, KeyId, RequestId, UsageRecord};
use tollgate_store::{
    Applier, DatabaseUrl, Spool, Store,
    spool::{Limits, OnDamage},
};

const RECORDS: u32 = 100_000;

fn record(number: u32) -> UsageRecord<'static> {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    UsageRecord {
        request: RequestId::from_bytes(id),
        account: AccountId::new(1),
        key: KeyId::new(i64::from(number % 10)),
        made: None,
        model: "claude-sonnet-4-6".into(),
        served_model: "claude-sonnet-4-6-20260217".into(),
        provider: "anthropic".into(),
        channel: "anthropic-1".into(),
        service_tier: Some("standard".into()),
        started: Timestamp::UNIX_EPOCH,
        duration: Duration::from_micros(1_234_567),
        first_output: Some(Duration::from_micros(234_567)),
        stream: true,
        outcome: UsageRecord::OK.into(),
        usage: Usage {
            prompt: 1_200,
            completion: 300,
            ..Usage::default()
        },
        estimated: false,
        price_version: Some("2026-11-01".into()),
        held: Money::from_nanos(2_000_000),
        charge: Some(Money::from_nanos(1_500_000)),
        cost: Some(Money::from_nanos(1_500_000)),
        lost_cost: Money::ZERO,
    }
}

/// Nanoseconds that this process was on a core.
fn on_core() -> Result<u64, Box<dyn Error>> {
    let mut all = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        all += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(all)
}

fn append(spool: &Spool, numbers: std::ops::Range<u32>) -> Vec<Duration> {
    numbers
        .map(|number| {
            let room = loop {
                match spool.reserve() {
                    Some(room) => break room,
                    None => thread::sleep(Duration::from_micros(100)),
                }
            };
            let record = record(number);
            let began = Instant::now();
            room.append(&record);
            began.elapsed()
        })
        .collect()
}

fn report(threads: u32, mut times: Vec<Duration>) -> Result<(), Box<dyn Error>> {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 1_000).copied().unwrap_or_default();
    let mean = times.iter().sum::<Duration>() / u32::try_from(times.len())?;
    writeln!(
        stdout(),
        "append, {threads} at once: mean {mean:?}, half {:?}, 99 % {:?}, 99.9 % {:?}, most {:?}",
        at(500),
        at(990),
        at(999),
        times.last().copied().unwrap_or_default()
    )?;
    Ok(())
}

fn open(dir: &Path) -> Result<Spool, Box<dyn Error>> {
    Ok(Spool::open(dir, Limits::of_mb(Limits::DEFAULT_MB), OnDamage::Refuse)?.0)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let folder = dir.path().join("spool");
    let spool = open(&folder)?;
    report(1, append(&spool, 0..RECORDS / 2))?;
    let share = RECORDS / 2 / 4;
    let times = thread::scope(|scope| {
        let spool = &spool;
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let from = RECORDS / 2 + writer * share;
                scope.spawn(move || append(spool, from..from + share))
            })
            .collect();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap_or_default())
            .collect()
    });
    report(4, times)?;
    drop(spool);

    let began = Instant::now();
    let spool = open(&folder)?;
    writeln!(stdout(), "opened with {RECORDS} records in {:?}", began.elapsed())?;

    let store = Store::open(&DatabaseUrl::Sqlite(dir.path().join("tollgate.db"))).await?;
    let (began, before) = (Instant::now(), on_core()?);
    let applier = Applier::start(store.clone(), &spool, "gate".to_owned(), TimeZone::UTC).await?;
    applier.replayed().await;
    let (wall, core) = (began.elapsed(), on_core()? - before);
    writeln!(
        stdout(),
        "applied in {wall:?}: {:.1} µs on a core for each record",
        core as f64 / f64::from(RECORDS) / 1_000.0
    )?;
    applier.finish(Duration::from_secs(10)).await;
    let verified = store.verify_ledger().await?;
    writeln!(
        stdout(),
        "{} entries, the books hold: {}",
        verified.entries,
        verified.holds()
    )?;
    Ok(())
}
