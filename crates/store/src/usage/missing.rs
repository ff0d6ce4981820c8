//! What requests come to whose accounts the database does not have, since it was restored from a copy that is older.

use sqlx::FromRow;
use tollgate_catalog::money::Money;

use crate::{database::Store, error::StoreError};

const NANOS: i64 = 1_000_000_000;

/// An account that is not in the database, though there are records of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingAccount {
    /// The number that it had.
    pub number: u64,
    pub requests: u64,
    /// What they were to cost, and nobody is charged.
    pub charge: Money,
}

impl Store {
    /// Accounts that are not here, with those of their requests whose records are still kept.
    pub(crate) async fn missing_accounts(&self) -> Result<Vec<MissingAccount>, StoreError> {
        #[derive(FromRow)]
        struct Row {
            account_id: i64,
            requests: i64,
            dollars: i64,
            nanos: i64,
        }
        // Dollars by themselves, whose sum no amounts take out of range.
        let rows: Vec<Row> = self
            .pool
            .query(
                "SELECT records.account_id, count(*) AS requests,
                    CAST(coalesce(sum(records.charge_nanos / 1000000000), 0) AS BIGINT) AS dollars,
                    CAST(coalesce(sum(records.charge_nanos % 1000000000), 0) AS BIGINT) AS nanos
             FROM usage_records AS records
             LEFT JOIN accounts ON accounts.id = records.account_id
             WHERE accounts.id IS NULL
             GROUP BY records.account_id ORDER BY abs(records.account_id)",
            )
            .fetch_all()
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| MissingAccount {
                number: row.account_id.unsigned_abs(),
                requests: row.requests.cast_unsigned(),
                charge: Money::from_nanos(row.dollars.saturating_mul(NANOS).saturating_add(row.nanos)),
            })
            .collect())
    }
}
