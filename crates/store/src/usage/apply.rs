//! Records into the books: usage, ledger, balances, sums by day and the spool's position, in one transaction.
//!
//! A request is booked once, however often its record comes: what its ID was inserted for decides about
//! everything else. A record is never refused for what it says. Where its account is not in this database, or
//! its balance would leave the range of an amount, the record is kept without an entry, the log says so, and
//! `ledger verify` goes on saying so.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::tz::TimeZone;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use tollgate_ledger::{AccountId, UsageRecord};
use tracing::error;

use super::row::{TokenColumns, micros};
use crate::{database::Store, error::StoreError, spool::Position};

/// Rows of one statement, by size: few different texts, so that they stay prepared.
const CHUNKS: [usize; 3] = [64, 8, 1];

/// Where the applied records came from, and how they are counted.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) gate: String,
    /// In which days begin.
    pub(crate) zone: TimeZone,
}

/// What applying records came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Applied {
    /// Records that were not there before.
    pub(crate) new: usize,
    /// Those of them with a charge that was not booked.
    pub(crate) unbooked: usize,
}

impl Store {
    /// Up to where a gate's spool is in the database; the beginning where that is not known.
    pub(crate) async fn spool_position(&self, gate: &str) -> Result<Position, StoreError> {
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT segment, byte_offset FROM spool_positions WHERE gate = $1")
                .bind(gate)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map_or_else(Position::default, |(segment, offset)| Position {
            segment: segment.cast_unsigned(),
            offset: offset.cast_unsigned(),
        }))
    }

    /// Books records, each once, and notes that everything before `next` is booked.
    ///
    /// Cancel safety: nothing is booked unless everything is.
    pub(crate) async fn apply_usage(
        &self,
        book: &Book,
        records: &[UsageRecord<'_>],
        next: Position,
    ) -> Result<Applied, StoreError> {
        let mut transaction = self.pool.begin().await?;
        // First, since this is the row that makes writers wait for each other.
        sqlx::query("UPDATE versions SET value = value + 1 WHERE name = 'ledger_entries'")
            .execute(&mut *transaction)
            .await?;
        let inserted = insert_records(&mut transaction, book, records).await?;
        let mut seen = HashSet::new();
        let mut new: Vec<NewRecord<'_>> = records
            .iter()
            .map(|record| (record, record.request.to_string()))
            // A batch may hold a record twice.
            .filter(|(_, id)| inserted.contains(id) && seen.insert(id.clone()))
            .map(|(record, id)| NewRecord {
                record,
                id,
                charge: record.charge.map_or(0, |charge| charge.nanos().max(0)),
            })
            .collect();
        let bookable = accounts_with_reach(&mut transaction, &new).await?;
        let mut applied = Applied {
            new: new.len(),
            unbooked: 0,
        };
        for record in &mut new {
            if record.charge > 0 && !bookable.contains(&record.record.account) {
                error!(
                    request_id = record.id,
                    account_id = record.record.account.get(),
                    charge_nanos = record.charge,
                    "a request cannot be charged: its account is not in the database, or its balance is too low"
                );
                record.charge = 0;
                applied.unbooked += 1;
            }
        }
        let entered = insert_entries(&mut transaction, &new).await?;
        // One that was charged before its record was pruned is not counted again.
        new.retain(|record| record.charge == 0 || entered.contains(&record.id));
        lower_balances(&mut transaction, &new).await?;
        add_to_days(&mut transaction, book, &new).await?;
        sqlx::query(
            "INSERT INTO spool_positions (gate, segment, byte_offset) VALUES ($1, $2, $3)
             ON CONFLICT (gate) DO UPDATE SET segment = excluded.segment, byte_offset = excluded.byte_offset",
        )
        .bind(&book.gate)
        .bind(next.segment.cast_signed())
        .bind(next.offset.cast_signed())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(applied)
    }
}

/// A record that was not in the database.
struct NewRecord<'a> {
    record: &'a UsageRecord<'a>,
    id: String,
    /// What is booked of its charge, in nano-dollars.
    charge: i64,
}

/// The IDs of those that were not there.
async fn insert_records(
    connection: &mut SqliteConnection,
    book: &Book,
    records: &[UsageRecord<'_>],
) -> Result<HashSet<String>, sqlx::Error> {
    let mut inserted = HashSet::with_capacity(records.len());
    for chunk in chunks(records) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO usage_records (
                 request_id, gate, account_id, key_id, started_at_us, duration_us, first_output_us, model,
                 served_model, provider, channel, service_tier, stream, outcome, prompt_tokens,
                 completion_tokens, cached_tokens, cache_write_tokens, cache_write_1h_tokens,
                 prompt_audio_tokens, prompt_image_tokens, prompt_video_tokens, reasoning_tokens,
                 completion_audio_tokens, completion_image_tokens, accepted_prediction_tokens,
                 rejected_prediction_tokens, estimated, price_version, held_nanos, charge_nanos, cost_nanos,
                 lost_cost_nanos
             ) ",
        );
        insert.push_values(chunk, |mut row, record| {
            row.push_bind(record.request.to_string())
                .push_bind(&book.gate)
                .push_bind(record.account.get())
                .push_bind(record.key.get())
                .push_bind(record.started.as_microsecond())
                .push_bind(micros(record.duration))
                .push_bind(record.first_output.map(micros))
                .push_bind(&*record.model)
                .push_bind(&*record.served_model)
                .push_bind(&*record.provider)
                .push_bind(&*record.channel)
                .push_bind(record.service_tier.as_deref())
                .push_bind(i64::from(record.stream))
                .push_bind(&*record.outcome);
            for tokens in TokenColumns::from(&record.usage).in_order() {
                row.push_bind(tokens);
            }
            row.push_bind(i64::from(record.estimated))
                .push_bind(record.price_version.as_deref())
                .push_bind(record.held.nanos())
                .push_bind(record.charge.map(|charge| charge.nanos()))
                .push_bind(record.cost.map(|cost| cost.nanos()))
                .push_bind(record.lost_cost.nanos());
        });
        insert.push(" ON CONFLICT (request_id) DO NOTHING RETURNING request_id");
        let ids: Vec<String> = insert.build_query_scalar().fetch_all(&mut *connection).await?;
        inserted.extend(ids);
    }
    Ok(inserted)
}

/// Those accounts that are there, and whose balance stays in reach with everything that is to be booked.
async fn accounts_with_reach(
    connection: &mut SqliteConnection,
    new: &[NewRecord<'_>],
) -> Result<HashSet<AccountId>, sqlx::Error> {
    let mut bookable = HashSet::new();
    for (account, charge) in charges(new) {
        let balance: Option<i64> = sqlx::query_scalar("SELECT balance_nanos FROM accounts WHERE id = $1")
            .bind(account.get())
            .fetch_optional(&mut *connection)
            .await?;
        let after = balance
            .zip(charge)
            .and_then(|(balance, charge)| balance.checked_sub(charge));
        if after.is_some() {
            bookable.insert(account);
        }
    }
    Ok(bookable)
}

/// The sum of each account's charges; `None`: beyond all amounts.
fn charges(new: &[NewRecord<'_>]) -> BTreeMap<AccountId, Option<i64>> {
    let mut charges = BTreeMap::new();
    for record in new.iter().filter(|record| record.charge > 0) {
        let sum = charges.entry(record.record.account).or_insert(Some(0_i64));
        *sum = sum.and_then(|sum| sum.checked_add(record.charge));
    }
    charges
}

/// The IDs of requests that were not charged before.
async fn insert_entries(
    connection: &mut SqliteConnection,
    new: &[NewRecord<'_>],
) -> Result<HashSet<String>, sqlx::Error> {
    let charged: Vec<&NewRecord<'_>> = new.iter().filter(|record| record.charge > 0).collect();
    let mut entered = HashSet::with_capacity(charged.len());
    if charged.is_empty() {
        return Ok(entered);
    }
    let mut id: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM ledger_entries")
        .fetch_one(&mut *connection)
        .await?;
    for chunk in chunks(&charged) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO ledger_entries (id, account_id, kind, amount_nanos, request_id, created_at) ",
        );
        insert.push_values(chunk, |mut row, record| {
            id += 1;
            row.push_bind(id)
                .push_bind(record.record.account.get())
                .push_bind("charge")
                .push_bind(-record.charge)
                .push_bind(&record.id)
                .push_bind(record.record.ended().as_second());
        });
        insert.push(" ON CONFLICT (request_id) DO NOTHING RETURNING request_id");
        let ids: Vec<String> = insert.build_query_scalar().fetch_all(&mut *connection).await?;
        entered.extend(ids);
    }
    Ok(entered)
}

async fn lower_balances(connection: &mut SqliteConnection, new: &[NewRecord<'_>]) -> Result<(), sqlx::Error> {
    for (account, charge) in charges(new) {
        sqlx::query("UPDATE accounts SET balance_nanos = balance_nanos - $2 WHERE id = $1")
            .bind(account.get())
            .bind(charge.unwrap_or_default())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// What is added to one row of `usage_days`.
#[derive(Default)]
struct Day {
    requests: i64,
    failed: i64,
    estimated: i64,
    unpriced: i64,
    tokens: [i64; 13],
    charge: i64,
    cost: i64,
}

async fn add_to_days(
    connection: &mut SqliteConnection,
    book: &Book,
    new: &[NewRecord<'_>],
) -> Result<(), sqlx::Error> {
    for ((key, day, account, model, channel), sums) in days(book, new) {
        let mut upsert = sqlx::query(
            "INSERT INTO usage_days (
                 key_id, day, account_id, model, channel, requests, failed, estimated, unpriced, prompt_tokens,
                 completion_tokens, cached_tokens, cache_write_tokens, cache_write_1h_tokens,
                 prompt_audio_tokens, prompt_image_tokens, prompt_video_tokens, reasoning_tokens,
                 completion_audio_tokens, completion_image_tokens, accepted_prediction_tokens,
                 rejected_prediction_tokens, charge_nanos, cost_nanos
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                       $21, $22, $23, $24)
             ON CONFLICT (key_id, day, account_id, model, channel) DO UPDATE SET
                 requests = usage_days.requests + excluded.requests,
                 failed = usage_days.failed + excluded.failed,
                 estimated = usage_days.estimated + excluded.estimated,
                 unpriced = usage_days.unpriced + excluded.unpriced,
                 prompt_tokens = usage_days.prompt_tokens + excluded.prompt_tokens,
                 completion_tokens = usage_days.completion_tokens + excluded.completion_tokens,
                 cached_tokens = usage_days.cached_tokens + excluded.cached_tokens,
                 cache_write_tokens = usage_days.cache_write_tokens + excluded.cache_write_tokens,
                 cache_write_1h_tokens = usage_days.cache_write_1h_tokens + excluded.cache_write_1h_tokens,
                 prompt_audio_tokens = usage_days.prompt_audio_tokens + excluded.prompt_audio_tokens,
                 prompt_image_tokens = usage_days.prompt_image_tokens + excluded.prompt_image_tokens,
                 prompt_video_tokens = usage_days.prompt_video_tokens + excluded.prompt_video_tokens,
                 reasoning_tokens = usage_days.reasoning_tokens + excluded.reasoning_tokens,
                 completion_audio_tokens = usage_days.completion_audio_tokens + excluded.completion_audio_tokens,
                 completion_image_tokens = usage_days.completion_image_tokens + excluded.completion_image_tokens,
                 accepted_prediction_tokens =
                     usage_days.accepted_prediction_tokens + excluded.accepted_prediction_tokens,
                 rejected_prediction_tokens =
                     usage_days.rejected_prediction_tokens + excluded.rejected_prediction_tokens,
                 charge_nanos = usage_days.charge_nanos + excluded.charge_nanos,
                 cost_nanos = CASE WHEN usage_days.cost_nanos > 9223372036854775807 - excluded.cost_nanos
                                   THEN 9223372036854775807
                                   ELSE usage_days.cost_nanos + excluded.cost_nanos END",
        )
        .bind(key)
        .bind(day)
        .bind(account)
        .bind(model)
        .bind(channel)
        .bind(sums.requests)
        .bind(sums.failed)
        .bind(sums.estimated)
        .bind(sums.unpriced);
        for tokens in sums.tokens {
            upsert = upsert.bind(tokens);
        }
        upsert
            .bind(sums.charge)
            .bind(sums.cost)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Key, day, account, model and channel.
type DayKey<'a> = (i64, String, i64, &'a str, &'a str);

fn days<'a>(book: &Book, new: &'a [NewRecord<'a>]) -> BTreeMap<DayKey<'a>, Day> {
    let mut days: BTreeMap<DayKey<'_>, Day> = BTreeMap::new();
    // Most requests of a batch are of one day.
    let mut names: HashMap<jiff::civil::Date, String> = HashMap::new();
    for NewRecord { record, charge, .. } in new {
        let date = book.zone.to_datetime(record.started).date();
        let day = names.entry(date).or_insert_with(|| date.to_string()).clone();
        let key = (
            record.key.get(),
            day,
            record.account.get(),
            &*record.model,
            &*record.channel,
        );
        let sums = days.entry(key).or_default();
        sums.requests += 1;
        sums.failed += i64::from(record.outcome != UsageRecord::OK);
        sums.estimated += i64::from(record.estimated);
        sums.unpriced += i64::from(record.charge.is_none());
        for (sum, tokens) in sums
            .tokens
            .iter_mut()
            .zip(TokenColumns::from(&record.usage).in_order())
        {
            *sum += tokens;
        }
        sums.charge += charge;
        for cost in [record.cost.unwrap_or_default(), record.lost_cost] {
            sums.cost = sums.cost.saturating_add(cost.nanos().max(0));
        }
    }
    days
}

/// Pieces of sizes that occur again and again.
fn chunks<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= items.len())?;
        let (chunk, rest) = items.split_at(size);
        items = rest;
        Some(chunk)
    })
}

#[cfg(test)]
pub(crate) mod tests;
