//! What gates lack of balances and budgets while others have it.
//!
//! It is said beside the refusal, in its transaction, and heard by a look at one number, which changes only then.

use jiff::civil::Date;
use tollgate_ledger::{AccountId, KeyId, Period};

use super::{Of, Payer};
use crate::{
    database::{Store, connection::Transaction},
    error::StoreError,
};

/// Raises the number that tells gates to look, and gives it.
pub(super) async fn raise(transaction: &mut Transaction) -> Result<i64, sqlx::Error> {
    transaction
        .query("UPDATE versions SET value = value + 1 WHERE name = 'wanted_money' RETURNING value")
        .fetch_scalar()
        .await
}

impl Store {
    /// The number that changes when a gate says that it lacks something.
    pub(crate) async fn wanted_money(&self) -> Result<i64, StoreError> {
        let number = self
            .pool
            .query("SELECT value FROM versions WHERE name = 'wanted_money'")
            .fetch_scalar()
            .await?;
        Ok(number)
    }

    /// What other gates lack, and have said since that number.
    pub(crate) async fn wanted_elsewhere(&self, gate: &str, after: i64) -> Result<Vec<Of>, StoreError> {
        let rows: Vec<(String, i64, String, String)> = self
            .pool
            .query("SELECT owner, owner_id, per, since FROM leases WHERE wanted > $1 AND wanted > 0 AND gate <> $2")
            .bind(after)
            .bind(gate.to_owned())
            .fetch_all()
            .await?;
        // What this version does not know, it has no slice of.
        Ok(rows.into_iter().filter_map(read).collect())
    }
}

fn read((owner, id, per, since): (String, i64, String, String)) -> Option<Of> {
    let payer = match owner.as_str() {
        "key" => Payer::Key(KeyId::new(id)),
        "account" => Payer::Account(AccountId::new(id)),
        _ => return None,
    };
    let per: Period = per.parse().ok()?;
    let since: Date = since.parse().ok()?;
    Some(Of { payer, per, since })
}
