//! Rows of usage as the database gives and takes them.

use std::{borrow::Cow, time::Duration};

use jiff::{Timestamp, civil::Date};
use sqlx::FromRow;
use tollgate_catalog::money::Money;
use tollgate_chat::usage::Usage;
use tollgate_ledger::{AccountId, KeyId, RequestId, UsageRecord};

use super::{Named, NamedKey, StoredUsage, UsageGroup, UsageSums};
use crate::error::StoreError;

/// Tokens of one class that are counted at most in a row: more than any answer has, and few enough that no sum
/// leaves the range of a column.
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// Tokens, in columns of these names.
#[derive(Debug, Clone, Copy, Default, FromRow)]
pub(super) struct TokenColumns {
    prompt_tokens: i64,
    completion_tokens: i64,
    cached_tokens: i64,
    cache_write_tokens: i64,
    cache_write_1h_tokens: i64,
    prompt_audio_tokens: i64,
    cached_audio_tokens: i64,
    prompt_image_tokens: i64,
    prompt_video_tokens: i64,
    reasoning_tokens: i64,
    completion_audio_tokens: i64,
    completion_image_tokens: i64,
    accepted_prediction_tokens: i64,
    rejected_prediction_tokens: i64,
}

impl From<&Usage> for TokenColumns {
    fn from(usage: &Usage) -> Self {
        let column = |tokens: u64| tokens.min(MOST_TOKENS).cast_signed();
        Self {
            prompt_tokens: column(usage.prompt),
            completion_tokens: column(usage.completion),
            cached_tokens: column(usage.cached),
            cache_write_tokens: column(usage.cache_write),
            cache_write_1h_tokens: column(usage.cache_write_1h),
            prompt_audio_tokens: column(usage.prompt_audio),
            cached_audio_tokens: column(usage.cached_audio),
            prompt_image_tokens: column(usage.prompt_image),
            prompt_video_tokens: column(usage.prompt_video),
            reasoning_tokens: column(usage.reasoning),
            completion_audio_tokens: column(usage.completion_audio),
            completion_image_tokens: column(usage.completion_image),
            accepted_prediction_tokens: column(usage.accepted_prediction),
            rejected_prediction_tokens: column(usage.rejected_prediction),
        }
    }
}

impl TokenColumns {
    /// Those that nearly every answer has.
    pub(super) fn usual(&self) -> [i64; 4] {
        [
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
            self.reasoning_tokens,
        ]
    }

    /// The others, in the order in which the tables have them.
    pub(super) fn unusual(&self) -> [i64; 10] {
        [
            self.cache_write_tokens,
            self.cache_write_1h_tokens,
            self.prompt_audio_tokens,
            self.prompt_image_tokens,
            self.prompt_video_tokens,
            self.completion_audio_tokens,
            self.completion_image_tokens,
            self.accepted_prediction_tokens,
            self.rejected_prediction_tokens,
            self.cached_audio_tokens,
        ]
    }

    /// In the order in which the tables have them.
    pub(super) fn in_order(&self) -> [i64; 14] {
        [
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
            self.cache_write_tokens,
            self.cache_write_1h_tokens,
            self.prompt_audio_tokens,
            self.prompt_image_tokens,
            self.prompt_video_tokens,
            self.reasoning_tokens,
            self.completion_audio_tokens,
            self.completion_image_tokens,
            self.accepted_prediction_tokens,
            self.rejected_prediction_tokens,
            self.cached_audio_tokens,
        ]
    }

    fn read(&self) -> Usage {
        Usage {
            prompt: count(self.prompt_tokens),
            completion: count(self.completion_tokens),
            cached: count(self.cached_tokens),
            cache_write: count(self.cache_write_tokens),
            cache_write_1h: count(self.cache_write_1h_tokens),
            prompt_audio: count(self.prompt_audio_tokens),
            prompt_image: count(self.prompt_image_tokens),
            prompt_video: count(self.prompt_video_tokens),
            reasoning: count(self.reasoning_tokens),
            completion_audio: count(self.completion_audio_tokens),
            completion_image: count(self.completion_image_tokens),
            accepted_prediction: count(self.accepted_prediction_tokens),
            rejected_prediction: count(self.rejected_prediction_tokens),
            cached_audio: count(self.cached_audio_tokens),
        }
    }
}

/// No count is written that is below zero.
fn count(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// A span in microseconds, as it is written.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A row of `usage_records`.
#[derive(FromRow)]
pub(super) struct RecordRow {
    gate: String,
    account_id: i64,
    key_id: i64,
    started_at_us: i64,
    duration_us: i64,
    first_output_us: Option<i64>,
    model: String,
    served_model: String,
    provider: String,
    channel: String,
    service_tier: Option<String>,
    stream: i64,
    outcome: String,
    #[sqlx(flatten)]
    tokens: TokenColumns,
    estimated: i64,
    price_version: Option<String>,
    held_nanos: i64,
    charge_nanos: Option<i64>,
    cost_nanos: Option<i64>,
    lost_cost_nanos: i64,
    settled_entry: Option<i64>,
}

impl RecordRow {
    pub(super) fn read(self, request: RequestId) -> Result<StoredUsage, StoreError> {
        let started = Timestamp::from_microsecond(self.started_at_us).map_err(|_| StoreError::Damaged {
            table: "usage_records",
            id: request.to_string(),
            column: "started_at_us",
        })?;
        let span = |micros: i64| Duration::from_micros(count(micros));
        Ok(StoredUsage {
            gate: self.gate,
            record: UsageRecord {
                request,
                account: AccountId::new(self.account_id),
                key: KeyId::new(self.key_id),
                made: None,
                model: Cow::Owned(self.model),
                served_model: Cow::Owned(self.served_model),
                provider: Cow::Owned(self.provider),
                channel: Cow::Owned(self.channel),
                service_tier: self.service_tier.map(Cow::Owned),
                started,
                duration: span(self.duration_us),
                first_output: self.first_output_us.map(span),
                stream: self.stream != 0,
                outcome: Cow::Owned(self.outcome),
                usage: self.tokens.read(),
                estimated: self.estimated != 0,
                price_version: self.price_version.map(Cow::Owned),
                held: Money::from_nanos(self.held_nanos),
                charge: self.charge_nanos.map(Money::from_nanos),
                cost: self.cost_nanos.map(Money::from_nanos),
                lost_cost: Money::from_nanos(self.lost_cost_nanos),
            },
            settled_entry: self.settled_entry,
        })
    }
}

/// Sums of rows of `usage_days`.
#[derive(FromRow)]
pub(super) struct SumRow {
    day: Option<String>,
    account_id: Option<i64>,
    account_name: Option<String>,
    key_id: Option<i64>,
    key_name: Option<String>,
    key_prefix: Option<String>,
    model: Option<String>,
    channel: Option<String>,
    requests: i64,
    failed: i64,
    estimated: i64,
    unpriced: i64,
    #[sqlx(flatten)]
    tokens: TokenColumns,
    charge_nanos: i64,
    cost_nanos: i64,
}

impl SumRow {
    pub(super) fn read(self) -> Result<UsageGroup, StoreError> {
        let read = |day: String| {
            day.parse::<Date>().map_err(|_| StoreError::Damaged {
                table: "usage_days",
                id: day,
                column: "day",
            })
        };
        let day = self.day.map(read).transpose()?;
        Ok(UsageGroup {
            day,
            account: self.account_id.map(|id| Named {
                id: AccountId::new(id),
                name: self.account_name,
            }),
            key: self.key_id.map(|id| NamedKey {
                id: KeyId::new(id),
                name: self.key_name,
                prefix: self.key_prefix,
            }),
            model: self.model,
            channel: self.channel,
            sums: UsageSums {
                requests: count(self.requests),
                failed: count(self.failed),
                estimated: count(self.estimated),
                unpriced: count(self.unpriced),
                usage: self.tokens.read(),
                charge: Money::from_nanos(self.charge_nanos),
                cost: Money::from_nanos(self.cost_nanos),
            },
        })
    }
}
