//! What other gates on the same database charged, for gates that count what is spent in memory.
//!
//! Entries of the ledger are numbered in the order in which they come true, since writers wait for each other before
//! they number them. So a gate that knows the charges up to one number asks for those after it, and hears of each once.

use jiff::{Timestamp, civil::Date};
use sqlx::FromRow;
use tollgate_catalog::money::Money;
use tollgate_ledger::{AccountId, KeyId, spending::Spent};

use super::UsageOf;
use crate::{database::Store, error::StoreError};

/// Number of an entry of the ledger; 0 comes before all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry(pub(crate) i64);

/// Charges of one key that came in one quarter of an hour, which is never part of two days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChargedElsewhere {
    pub(crate) key: KeyId,
    pub(crate) account: AccountId,
    pub(crate) charge: Money,
    /// When one of the requests came.
    pub(crate) came: Timestamp,
}

impl Store {
    /// The newest entry of the ledger.
    pub(crate) async fn newest_entry(&self) -> Result<Entry, StoreError> {
        let newest = self
            .pool
            .query("SELECT coalesce(max(id), 0) FROM ledger_entries")
            .fetch_scalar()
            .await?;
        Ok(Entry(newest))
    }

    /// What all gates charged, and the newest entry that is in it.
    pub(crate) async fn spent(
        &self,
        of: UsageOf,
        today: Date,
        this_month: Date,
    ) -> Result<(Entry, Spent), StoreError> {
        #[derive(FromRow)]
        struct Row {
            entry: i64,
            ever: i64,
            today: i64,
            this_month: i64,
        }
        // One statement, hence one state of the database.
        macro_rules! select_spent {
            ($whose:literal) => {
                concat!(
                    "SELECT (SELECT coalesce(max(id), 0) FROM ledger_entries) AS entry,
                            CAST(coalesce(sum(charge_nanos), 0) AS BIGINT) AS ever,
                            CAST(coalesce(sum(CASE WHEN day >= $2 THEN charge_nanos END), 0) AS BIGINT) AS today,
                            CAST(coalesce(sum(CASE WHEN day >= $3 THEN charge_nanos END), 0) AS BIGINT) AS this_month
                     FROM usage_days WHERE ",
                    $whose
                )
            };
        }
        let (text, id) = match of {
            UsageOf::Everyone => (select_spent!("$1 = 0"), 0),
            UsageOf::Account(id) => (select_spent!("account_id = $1"), id.get()),
            UsageOf::Key(id) => (select_spent!("key_id = $1"), id.get()),
        };
        let row: Row = self
            .pool
            .query(text)
            .bind(id)
            .bind(today.to_string())
            .bind(this_month.to_string())
            .fetch_one()
            .await?;
        let spent = Spent {
            ever: Money::from_nanos(row.ever),
            today: Money::from_nanos(row.today),
            this_month: Money::from_nanos(row.this_month),
        };
        Ok((Entry(row.entry), spent))
    }

    /// What gates other than `gate` charged, by the entries after `after`, up to and with `until`.
    pub(crate) async fn charged_elsewhere(
        &self,
        gate: &str,
        after: Entry,
        until: Entry,
    ) -> Result<Vec<ChargedElsewhere>, StoreError> {
        // The last condition is looked at first: a gate that is alone reads nothing of its own entries.
        let rows: Vec<(i64, i64, i64, i64)> = self
            .pool
            .query(
                "SELECT records.key_id, records.account_id, CAST(-sum(entries.amount_nanos) AS BIGINT),
                        min(records.started_at_us)
                 FROM ledger_entries AS entries
                 JOIN usage_records AS records ON records.request_id = entries.request_id
                 WHERE entries.id > $1 AND entries.id <= $2 AND entries.kind = 'charge' AND records.gate <> $3
                   AND EXISTS (SELECT 1 FROM spool_positions WHERE gate <> $3)
                 GROUP BY records.key_id, records.account_id, records.started_at_us / 900000000",
            )
            .bind(after.0)
            .bind(until.0)
            .bind(gate)
            .fetch_all()
            .await?;
        rows.into_iter()
            .map(|(key, account, nanos, came)| {
                Ok(ChargedElsewhere {
                    key: KeyId::new(key),
                    account: AccountId::new(account),
                    charge: Money::from_nanos(nanos),
                    came: Timestamp::from_microsecond(came).map_err(|_| StoreError::Damaged {
                        table: "usage_records",
                        id: format!("of key {key}"),
                        column: "started_at_us",
                    })?,
                })
            })
            .collect()
    }
}
