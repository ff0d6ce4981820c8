//! Sums by day, which stay when records go.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use tollgate_ledger::UsageRecord;

use super::{Book, NewRecord, values::stored_text};
use crate::{database::connection::Transaction, usage::row::TokenColumns};

/// What is added to one row of `usage_days`.
#[derive(Default)]
struct Day {
    requests: i64,
    failed: i64,
    estimated: i64,
    unpriced: i64,
    tokens: [i64; 14],
    charge: i64,
    cost: i64,
}

/// Adds records to the sums of their days.
pub(super) async fn add_to_days(
    connection: &mut Transaction,
    book: &Book,
    new: &[NewRecord<'_>],
) -> Result<(), sqlx::Error> {
    for ((key, day, account, model, channel), sums) in days(book, new) {
        let mut upsert = connection.query(
            "INSERT INTO usage_days (
                 key_id, day, account_id, model, channel, requests, failed, estimated, unpriced, prompt_tokens,
                 completion_tokens, cached_tokens, cache_write_tokens, cache_write_1h_tokens,
                 prompt_audio_tokens, prompt_image_tokens, prompt_video_tokens, reasoning_tokens,
                 completion_audio_tokens, completion_image_tokens, accepted_prediction_tokens,
                 rejected_prediction_tokens, cached_audio_tokens, charge_nanos, cost_nanos
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                       $21, $22, $23, $24, $25)
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
                 cached_audio_tokens = usage_days.cached_audio_tokens + excluded.cached_audio_tokens,
                 charge_nanos = usage_days.charge_nanos + excluded.charge_nanos,
                 cost_nanos = CASE WHEN usage_days.cost_nanos > 9223372036854775807 - excluded.cost_nanos
                                   THEN 9223372036854775807
                                   ELSE usage_days.cost_nanos + excluded.cost_nanos END",
        )
        .bind(key)
        .bind(day)
        .bind(account)
        .bind(stored_text(model))
        .bind(stored_text(channel))
        .bind(sums.requests)
        .bind(sums.failed)
        .bind(sums.estimated)
        .bind(sums.unpriced);
        for tokens in sums.tokens {
            upsert = upsert.bind(tokens);
        }
        upsert.bind(sums.charge).bind(sums.cost).execute().await?;
    }
    Ok(())
}

/// Key, day, account, model and channel.
type DayKey<'a> = (i64, String, i64, &'a str, &'a str);

fn days<'a>(book: &Book, new: &'a [NewRecord<'a>]) -> BTreeMap<DayKey<'a>, Day> {
    let mut days: BTreeMap<DayKey<'_>, Day> = BTreeMap::new();
    // Most requests of a batch are of one day.
    let mut names: HashMap<Date, String> = HashMap::new();
    for row in new {
        let NewRecord { record, charge, .. } = row;
        let date = book.zone.to_datetime(record.started).date();
        let day = names.entry(date).or_insert_with(|| date.to_string()).clone();
        let key = (
            row.key.get(),
            day,
            row.account.get(),
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
