//! What requests used and cost: one row a request, and sums by day that stay when the rows go.
//!
//! Written by the spool's applier alone ([`apply`]).
//! Not here: what a record says (`tollgate_ledger::usage_record`).

use jiff::{Timestamp, civil::Date};
use sqlx::FromRow;
use tollgate_catalog::money::Money;
use tollgate_chat::usage::Usage;
use tollgate_ledger::{AccountId, KeyId, RequestId, UsageRecord};

use self::row::{RecordRow, SumRow};
use crate::{database::Store, error::StoreError};

pub use self::{
    called::KeyCalled,
    missing::{AssignError, Assigned, MissingAccount},
};

pub(crate) mod apply;
mod called;
pub(crate) mod elsewhere;
mod missing;
mod row;

/// A request's record as it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUsage {
    /// The gate that served the request.
    pub gate: String,
    pub record: UsageRecord<'static>,
    /// The entry of the ledger by which an account was charged for it in the stead of its own, which was lost.
    pub settled_entry: Option<i64>,
}

/// Which requests are added up. The default is all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageFilter {
    pub of: UsageOf,
    pub key: Option<KeyCalled>,
    pub model: Option<String>,
    pub channel: Option<String>,
    /// First day, in the time zone of the books.
    pub from: Option<Date>,
    /// Last day.
    pub until: Option<Date>,
}

/// Whose requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UsageOf {
    #[default]
    Everyone,
    Account(AccountId),
    Key(KeyId),
}

/// What sums are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageBy {
    pub day: bool,
    pub account: bool,
    pub key: bool,
    pub model: bool,
    pub channel: bool,
}

/// Sums, and what they are of; `None` where they were not told apart by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageGroup {
    pub day: Option<Date>,
    pub account: Option<Named<AccountId>>,
    pub key: Option<NamedKey>,
    pub model: Option<String>,
    /// Empty: no channel answered.
    pub channel: Option<String>,
    pub sums: UsageSums,
}

/// A key, revoked or not. Its name may be another one's too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    pub id: KeyId,
    /// `None`: it is not in this database.
    pub name: Option<String>,
    /// How its newest text begins; `None`: likewise.
    pub prefix: Option<String>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<I> {
    pub id: I,
    /// `None`: it is not in this database.
    pub name: Option<String>,
}

/// Of several requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageSums {
    pub requests: u64,
    /// Those that did not end with a whole answer.
    pub failed: u64,
    /// Those whose tokens were counted by the gate.
    pub estimated: u64,
    /// Those without a price: nothing of them is in the amounts.
    pub unpriced: u64,
    pub usage: Usage,
    /// What clients were charged.
    pub charge: Money,
    /// What the operator was, lost attempts included.
    pub cost: Money,
}

/// A request whose record and whose entry in the ledger do not say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mischarge {
    pub request: String,
    /// What its record says.
    pub charge: Money,
    /// What its account's entry says; `None`: there is none.
    pub booked: Option<Money>,
}

/// An account whose sums by day do not say what its entries say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiscountedAccount {
    pub account: AccountId,
    pub charge_by_days: Money,
    pub charge_by_entries: Money,
}

/// Where a group stands in the order of groups.
struct Place<'g> {
    day: String,
    account: i64,
    key: i64,
    model: &'g str,
    channel: &'g str,
}

impl Place<'static> {
    /// Before all groups: 0 stands for all accounts, and those that are missing are below it.
    const FIRST: Self = Self {
        day: String::new(),
        account: i64::MIN,
        key: 0,
        model: "",
        channel: "",
    };
}

impl<'g> Place<'g> {
    fn of(group: &'g UsageGroup) -> Self {
        Self {
            day: group.day.map(|day| day.to_string()).unwrap_or_default(),
            account: group.account.as_ref().map_or(0, |account| account.id.get()),
            key: group.key.as_ref().map_or(0, |key| key.id.get()),
            model: group.model.as_deref().unwrap_or_default(),
            channel: group.channel.as_deref().unwrap_or_default(),
        }
    }
}

/// Sums of usage by day, where `$where` names whose.
macro_rules! select_sums {
    ($whose:literal) => {
        concat!(
            "SELECT sums.*, accounts.name AS account_name, api_keys.name AS key_name, texts.prefix AS key_prefix
             FROM (
                 SELECT CASE WHEN $1 = 1 THEN day END AS day,
                        CASE WHEN $2 = 1 THEN account_id END AS account_id,
                        CASE WHEN $3 = 1 THEN key_id END AS key_id,
                        CASE WHEN $4 = 1 THEN model END AS model,
                        CASE WHEN $5 = 1 THEN channel END AS channel,
                        CAST(sum(requests) AS BIGINT) AS requests,
                        CAST(sum(failed) AS BIGINT) AS failed,
                        CAST(sum(estimated) AS BIGINT) AS estimated,
                        CAST(sum(unpriced) AS BIGINT) AS unpriced,
                        CAST(sum(prompt_tokens) AS BIGINT) AS prompt_tokens,
                        CAST(sum(completion_tokens) AS BIGINT) AS completion_tokens,
                        CAST(sum(cached_tokens) AS BIGINT) AS cached_tokens,
                        CAST(sum(cache_write_tokens) AS BIGINT) AS cache_write_tokens,
                        CAST(sum(cache_write_1h_tokens) AS BIGINT) AS cache_write_1h_tokens,
                        CAST(sum(prompt_audio_tokens) AS BIGINT) AS prompt_audio_tokens,
                        CAST(sum(prompt_image_tokens) AS BIGINT) AS prompt_image_tokens,
                        CAST(sum(prompt_video_tokens) AS BIGINT) AS prompt_video_tokens,
                        CAST(sum(reasoning_tokens) AS BIGINT) AS reasoning_tokens,
                        CAST(sum(completion_audio_tokens) AS BIGINT) AS completion_audio_tokens,
                        CAST(sum(completion_image_tokens) AS BIGINT) AS completion_image_tokens,
                        CAST(sum(accepted_prediction_tokens) AS BIGINT) AS accepted_prediction_tokens,
                        CAST(sum(rejected_prediction_tokens) AS BIGINT) AS rejected_prediction_tokens,
                        CAST(sum(cached_audio_tokens) AS BIGINT) AS cached_audio_tokens,
                        CAST(sum(charge_nanos) AS BIGINT) AS charge_nanos,
                        CAST(sum(cost_nanos) AS BIGINT) AS cost_nanos
                 FROM usage_days
                 WHERE ",
            $whose,
            " AND day BETWEEN $7 AND $8 AND ($9 IS NULL OR model = $9) AND ($10 IS NULL OR channel = $10)
                     AND ($12 IS NULL OR key_id IN (SELECT id FROM api_keys WHERE name = $12))
                     AND ($13 IS NULL OR key_id IN (SELECT key_id FROM api_key_texts WHERE prefix = $13))
                     AND (CASE WHEN $1 = 1 THEN day ELSE '' END, CASE WHEN $2 = 1 THEN account_id ELSE 0 END,
                          CASE WHEN $3 = 1 THEN key_id ELSE 0 END, CASE WHEN $4 = 1 THEN model ELSE '' END,
                          CASE WHEN $5 = 1 THEN channel ELSE '' END) > ($14, $15, $16, $17, $18)
                 GROUP BY 1, 2, 3, 4, 5
             ) AS sums
             LEFT JOIN accounts ON accounts.id = sums.account_id
             LEFT JOIN api_keys ON api_keys.id = sums.key_id
             LEFT JOIN api_key_texts AS texts ON texts.key_id = sums.key_id AND texts.ends_at IS NULL
             ORDER BY sums.day, sums.account_id, sums.key_id, sums.model, sums.channel
             LIMIT $11"
        )
    };
}

impl Store {
    /// The record of one request. `None`: there is none yet, or none any more.
    pub async fn usage_record(&self, request: RequestId) -> Result<Option<StoredUsage>, StoreError> {
        let row: Option<RecordRow> = self
            .pool
            .query("SELECT * FROM usage_records WHERE request_id = $1")
            .bind(request.to_string())
            .fetch_optional()
            .await?;
        row.map(|row| row.read(request)).transpose()
    }

    /// Sums of what was used, by day, account, key, model and channel in this order; at most `most` of them.
    pub async fn usage(
        &self,
        filter: &UsageFilter,
        by: UsageBy,
        most: u32,
    ) -> Result<Vec<UsageGroup>, StoreError> {
        self.usage_after(filter, by, None, most).await
    }

    /// The same, from the group behind `after` on: the last one of the page before, which was asked for by the same
    /// `by`. Each page is what was used when it was asked for.
    pub async fn usage_after(
        &self,
        filter: &UsageFilter,
        by: UsageBy,
        after: Option<&UsageGroup>,
        most: u32,
    ) -> Result<Vec<UsageGroup>, StoreError> {
        let (text, id) = match filter.of {
            // A number, so that each text has the same values.
            UsageOf::Everyone => (select_sums!("$6 = 0"), 0),
            UsageOf::Account(id) => (select_sums!("account_id = $6"), id.get()),
            UsageOf::Key(id) => (select_sums!("key_id = $6"), id.get()),
        };
        let after = after.map_or(Place::FIRST, Place::of);
        let mut sums = self.pool.query(text);
        for apart in [by.day, by.account, by.key, by.model, by.channel] {
            sums = sums.bind(i64::from(apart));
        }
        let rows: Vec<SumRow> = sums
            .bind(id)
            .bind(filter.from.unwrap_or(Date::MIN).to_string())
            .bind(filter.until.unwrap_or(Date::MAX).to_string())
            .bind(filter.model.as_deref())
            .bind(filter.channel.as_deref())
            .bind(i64::from(most))
            .bind(filter.key.as_ref().and_then(KeyCalled::name))
            .bind(filter.key.as_ref().and_then(KeyCalled::prefix))
            .bind(after.day)
            .bind(after.account)
            .bind(after.key)
            .bind(after.model)
            .bind(after.channel)
            .fetch_all()
            .await?;
        rows.into_iter().map(SumRow::read).collect()
    }

    /// Removes at most `most` records of requests that came before `before` by their IDs, and says how many those were.
    /// Their sums and their entries in the ledger stay.
    pub async fn prune_usage(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        let removed = self
            .pool
            .query(
                "DELETE FROM usage_records WHERE request_id IN (
                 SELECT request_id FROM usage_records WHERE request_id < $1 ORDER BY request_id LIMIT $2
             )",
            )
            .bind(RequestId::first_at(before).to_string())
            .bind(i64::from(most))
            .execute()
            .await?;
        Ok(removed)
    }

    /// Requests of accounts that are here and are not charged what their record says; at most `most` of them.
    pub(crate) async fn mischarges(&self, most: u32) -> Result<Vec<Mischarge>, StoreError> {
        #[derive(FromRow)]
        struct Row {
            request_id: String,
            charge_nanos: i64,
            booked_nanos: Option<i64>,
        }
        let rows: Vec<Row> = self
            .pool
            .query(
                "SELECT records.request_id, coalesce(records.charge_nanos, 0) AS charge_nanos,
                    entries.amount_nanos AS booked_nanos
             FROM usage_records AS records
             JOIN accounts ON accounts.id = records.account_id
             LEFT JOIN ledger_entries AS entries
                 ON entries.request_id = records.request_id AND entries.account_id = records.account_id
             WHERE records.settled_entry IS NULL
               AND coalesce(records.charge_nanos, 0) <> -coalesce(entries.amount_nanos, 0)
             ORDER BY records.request_id LIMIT $1",
            )
            .bind(i64::from(most))
            .fetch_all()
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| Mischarge {
                request: row.request_id,
                charge: Money::from_nanos(row.charge_nanos),
                booked: row
                    .booked_nanos
                    .map(|nanos| Money::from_nanos(nanos.saturating_neg())),
            })
            .collect())
    }

    /// Accounts whose sums by day are not what was charged to them.
    pub(crate) async fn miscounted_accounts(&self) -> Result<Vec<MiscountedAccount>, StoreError> {
        let rows: Vec<(i64, i64, i64)> = self
            .pool
            .query(
                "SELECT account_id, CAST(sum(by_days) AS BIGINT), CAST(sum(by_entries) AS BIGINT)
             FROM (
                 SELECT account_id, charge_nanos AS by_days, 0 AS by_entries FROM usage_days
                 UNION ALL
                 SELECT account_id, 0, -amount_nanos FROM ledger_entries WHERE kind = 'charge'
             ) AS charges
             GROUP BY account_id HAVING sum(by_days) <> sum(by_entries) ORDER BY account_id",
            )
            .fetch_all()
            .await?;
        Ok(rows
            .into_iter()
            .map(|(account, by_days, by_entries)| MiscountedAccount {
                account: AccountId::new(account),
                charge_by_days: Money::from_nanos(by_days),
                charge_by_entries: Money::from_nanos(by_entries),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests;
