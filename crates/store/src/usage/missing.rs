//! What requests come to whose accounts the database does not have, since it was restored from a copy that is older, and
//! who is charged for them instead.
//!
//! That is one entry of the ledger, which running gates hear of as of any credit that is taken back. The requests stay in
//! the sums by day as they were; their records name the entry, so that none is charged twice.

use jiff::Timestamp;
use sqlx::FromRow;
use tollgate_catalog::money::Money;

use crate::{
    accounts::ChangeAccountError,
    credit::{Credited, NewCredit, raise_ledger_version},
    database::Store,
    error::StoreError,
    keys::raise_version,
};

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

/// What an account was charged for in the stead of a missing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub requests: u64,
    pub charge: Money,
    /// The account, and the entry that says so.
    pub credited: Credited,
}

/// Why no account is charged.
#[derive(Debug, thiserror::Error)]
pub enum AssignError {
    #[error("there is nothing to assign of a lost account with the number {number}")]
    NothingMissing { number: u64 },
    #[error(transparent)]
    Account(#[from] ChangeAccountError),
}

impl From<sqlx::Error> for AssignError {
    fn from(error: sqlx::Error) -> Self {
        Self::Account(error.into())
    }
}

impl Store {
    /// Charges an account for all requests of a missing one that nobody is charged for, by one entry of the ledger. What
    /// comes to the books of that account afterwards is charged to nobody again.
    pub async fn assign_missing(
        &self,
        number: u64,
        name: &str,
        note: Option<&str>,
        now: Timestamp,
    ) -> Result<Assigned, AssignError> {
        #[derive(FromRow)]
        struct Row {
            requests: i64,
            dollars: i64,
            nanos: i64,
        }
        let nothing = AssignError::NothingMissing { number };
        let Ok(id) = i64::try_from(number) else {
            return Err(nothing);
        };
        let mut transaction = self.pool.begin().await?;
        // From here on nobody else adds records or entries.
        raise_ledger_version(&mut transaction).await?;
        // Running gates hold keys to what their accounts were given.
        raise_version(&mut transaction).await?;
        let entry: i64 = transaction
            .query("SELECT coalesce(max(id), 0) + 1 FROM ledger_entries")
            .fetch_scalar()
            .await?;
        transaction
            .query(
                "UPDATE usage_records SET settled_entry = $1
             WHERE account_id IN ($2, $3) AND settled_entry IS NULL
               AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = usage_records.account_id)",
            )
            .bind(entry)
            .bind(id)
            .bind(-id)
            .execute()
            .await?;
        let row: Row = transaction
            .query(
                "SELECT count(*) AS requests,
                    CAST(coalesce(sum(charge_nanos / 1000000000), 0) AS BIGINT) AS dollars,
                    CAST(coalesce(sum(charge_nanos % 1000000000), 0) AS BIGINT) AS nanos
             FROM usage_records WHERE settled_entry = $1",
            )
            .bind(entry)
            .fetch_one()
            .await?;
        if row.requests == 0 {
            return Err(nothing);
        }
        let charge = amount(row.dollars, row.nanos);
        let requests = row.requests.cast_unsigned();
        let what = match requests {
            1 => format!("1 request of a lost account, number {number}"),
            many => format!("{many} requests of a lost account, number {number}"),
        };
        let credit = NewCredit {
            is_correction: true,
            note: Some(note.unwrap_or(&what)),
            ..NewCredit::of(Money::from_nanos(charge.nanos().saturating_neg()))
        };
        let credited = self.add_credit(&mut transaction, name, &credit, now).await?;
        transaction.commit().await?;
        Ok(Assigned {
            requests,
            charge,
            credited,
        })
    }

    /// Accounts that are not here, with those of their requests that nobody was charged for and whose records are still
    /// kept.
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
             WHERE accounts.id IS NULL AND records.settled_entry IS NULL
             GROUP BY records.account_id ORDER BY abs(records.account_id)",
            )
            .fetch_all()
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| MissingAccount {
                number: row.account_id.unsigned_abs(),
                requests: row.requests.cast_unsigned(),
                charge: amount(row.dollars, row.nanos),
            })
            .collect())
    }
}

fn amount(dollars: i64, nanos: i64) -> Money {
    Money::from_nanos(dollars.saturating_mul(NANOS).saturating_add(nanos))
}

#[cfg(test)]
mod tests;
