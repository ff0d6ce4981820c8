//! The ledger: what was given to accounts and taken from them, entry by entry.
//!
//! Entries are added, and never changed. An account's balance is their sum, kept beside them and changed
//! with them in one transaction, so that the two can be compared ([`Store::verify_ledger`]).

use jiff::Timestamp;
use serde_json::json;
use sqlx::FromRow;
use tollgate_catalog::money::Money;
use tollgate_ledger::{Account, AccountId};

use crate::{
    accounts::{ChangeAccountError, account_named},
    audit::{Change, Resource},
    database::{Store, connection::Transaction},
    error::StoreError,
    keys::raise_version,
    stored::Reader,
    usage::{Mischarge, MiscountedAccount, MissingAccount},
};

/// A balance that is not the sum of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    pub account: String,
    pub balance: Money,
    pub sum_of_entries: Money,
}

/// What a look at the whole ledger came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub accounts: u64,
    pub entries: u64,
    /// None where everything is right.
    pub discrepancies: Vec<Discrepancy>,
    /// Requests that are not charged what their record says: none where everything is right. At most
    /// [`Verified::MOST_MISCHARGES`] are named.
    pub mischarges: Vec<Mischarge>,
    /// Accounts whose usage by day is not what was charged to them: none where everything is right.
    pub miscounted: Vec<MiscountedAccount>,
    /// Accounts that are not in the database any more, since it was restored from a copy, and whose requests nobody is
    /// charged for ([`Store::assign_missing`]). The books hold all the same.
    pub missing: Vec<MissingAccount>,
}

impl Verified {
    pub const MOST_MISCHARGES: u32 = 100;

    /// Whether the books hold.
    pub fn holds(&self) -> bool {
        self.discrepancies.is_empty() && self.mischarges.is_empty() && self.miscounted.is_empty()
    }
}

/// What is given to an account, or taken back.
#[derive(Debug, Clone, Copy)]
pub struct NewCredit<'a> {
    /// Negative: it is taken back.
    pub amount: Money,
    /// Whether it puts something right. What is taken back always does.
    pub is_correction: bool,
    /// For whoever reads the ledger.
    pub note: Option<&'a str>,
    /// One of whoever asks, by which the same entry is not made twice.
    pub id: Option<&'a str>,
}

impl NewCredit<'_> {
    pub fn of(amount: Money) -> Self {
        Self {
            amount,
            is_correction: false,
            note: None,
            id: None,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credited {
    /// As it is now.
    pub account: Account,
    pub entry: LedgerEntry,
    /// Whether the entry was there already, with the same ID.
    pub is_repeated: bool,
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    pub id: i64,
    /// Name of the account.
    pub account: String,
    /// `top_up`, `correction` or `charge`.
    pub kind: String,
    /// What was added to the balance.
    pub amount: Money,
    /// The request that was charged for.
    pub request: Option<String>,
    pub note: Option<String>,
    pub created: Timestamp,
}

/// Reads entries with the names of their accounts.
macro_rules! select_entries {
    ($rest:literal) => {
        concat!(
            "SELECT entries.id, accounts.name AS account, entries.kind, entries.amount_nanos, entries.request_id,
                    entries.note, entries.created_at
             FROM ledger_entries AS entries JOIN accounts ON accounts.id = entries.account_id
             ",
            $rest
        )
    };
}

impl Store {
    /// The entries after the one with this number, in the order in which they were written; at most `most` of them.
    pub async fn ledger_entries(&self, after: i64, most: u32) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows: Vec<EntryRow> = self
            .pool
            .query(select_entries!(
                "WHERE entries.id > $1 ORDER BY entries.id LIMIT $2"
            ))
            .bind(after)
            .bind(i64::from(most))
            .fetch_all()
            .await?;
        rows.into_iter().map(EntryRow::read).collect()
    }

    /// The newest entries before the one with this number (the newest of all where there is none), of one account where
    /// it is named; at most `most` of them.
    pub async fn newest_entries(
        &self,
        account: Option<AccountId>,
        before: Option<i64>,
        most: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows: Vec<EntryRow> = self
            .pool
            .query(select_entries!(
                "WHERE entries.id < $1 AND ($2 IS NULL OR entries.account_id = $2)
             ORDER BY entries.id DESC LIMIT $3"
            ))
            .bind(before.unwrap_or(i64::MAX))
            .bind(account.map(AccountId::get))
            .bind(i64::from(most))
            .fetch_all()
            .await?;
        rows.into_iter().map(EntryRow::read).collect()
    }

    /// Gives credit to an account, or takes some back where `amount` is negative; gives its balance after that.
    pub async fn credit(
        &self,
        name: &str,
        amount: Money,
        note: Option<&str>,
        now: Timestamp,
    ) -> Result<Account, ChangeAccountError> {
        let credit = NewCredit {
            note,
            ..NewCredit::of(amount)
        };
        Ok(self.credit_once(name, &credit, now).await?.account)
    }

    /// Gives credit to an account or takes some back; where it has an ID, once, however often it is asked for.
    pub async fn credit_once(
        &self,
        name: &str,
        credit: &NewCredit<'_>,
        now: Timestamp,
    ) -> Result<Credited, ChangeAccountError> {
        let mut transaction = self.pool.begin().await?;
        raise_ledger_version(&mut transaction).await?;
        // Running gates hold keys to what their accounts were given.
        raise_version(&mut transaction).await?;
        if let Some(id) = credit.id
            && let Some(entry) = entry_with_id(&mut transaction, id).await?
        {
            if entry.account != name || entry.amount != credit.amount {
                return Err(ChangeAccountError::IdTaken { id: id.to_owned() });
            }
            return Ok(Credited {
                account: account_named(&mut transaction, name).await?,
                entry,
                is_repeated: true,
            });
        }
        let credited = self.add_credit(&mut transaction, name, credit, now).await?;
        transaction.commit().await?;
        Ok(credited)
    }

    /// The same within a transaction that has raised both versions, whatever its ID.
    pub(crate) async fn add_credit(
        &self,
        transaction: &mut Transaction,
        name: &str,
        credit: &NewCredit<'_>,
        now: Timestamp,
    ) -> Result<Credited, ChangeAccountError> {
        let amount = credit.amount;
        let (lowest, highest) = reach(amount);
        let before = account_named(transaction, name).await?;
        let changed = transaction
            .query(
                "UPDATE accounts SET balance_nanos = balance_nanos + $2
             WHERE id = $1 AND balance_nanos BETWEEN $3 AND $4",
            )
            .bind(before.id.get())
            .bind(amount.nanos())
            .bind(lowest)
            .bind(highest)
            .execute()
            .await?;
        if changed == 0 {
            return Err(ChangeAccountError::BeyondReach {
                name: name.to_owned(),
            });
        }
        let kind = match credit.is_correction || amount < Money::ZERO {
            true => "correction",
            false => "top_up",
        };
        let id: i64 = transaction
            .query(
                "INSERT INTO ledger_entries (id, account_id, kind, amount_nanos, note, created_at, given_id)
             SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6 FROM ledger_entries
             RETURNING id",
            )
            .bind(before.id.get())
            .bind(kind)
            .bind(amount.nanos())
            .bind(credit.note)
            .bind(now.as_second())
            .bind(credit.id)
            .fetch_scalar()
            .await?;
        let account = account_named(transaction, name).await?;
        let change = Change {
            resource: Resource::Account,
            name,
            action: kind,
            before: Some(json!({ "balance": before.balance.to_string() })),
            after: Some(json!({
                "balance": account.balance.to_string(),
                "entry": id,
                "amount": amount.to_string(),
                "note": credit.note,
            })),
        };
        self.write_down(transaction, change).await?;
        let entry = LedgerEntry {
            id,
            account: account.name.clone(),
            kind: kind.to_owned(),
            amount,
            request: None,
            note: credit.note.map(str::to_owned),
            created: now,
        };
        Ok(Credited {
            account,
            entry,
            is_repeated: false,
        })
    }

    /// Adds up every entry, and compares the sums with the balances; and compares the charges with the records
    /// of usage and with the sums by day.
    pub async fn verify_ledger(&self) -> Result<Verified, StoreError> {
        // Each look is one statement, hence at one state of the database.
        let rows: Vec<SumRow> = self
            .pool
            .query(
                "SELECT accounts.name, accounts.balance_nanos, coalesce(sums.entries, 0) AS entries,
                    CAST(coalesce(sums.sum_nanos, 0) AS BIGINT) AS sum_nanos
             FROM accounts LEFT JOIN (
                 SELECT account_id, count(*) AS entries, sum(amount_nanos) AS sum_nanos
                 FROM ledger_entries GROUP BY account_id
             ) AS sums ON sums.account_id = accounts.id
             ORDER BY accounts.id",
            )
            .fetch_all()
            .await?;
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(Verified {
            accounts: rows.len() as u64,
            entries: rows.iter().map(|row| count(row.entries)).sum(),
            discrepancies: rows
                .into_iter()
                .filter(|row| row.balance_nanos != row.sum_nanos)
                .map(|row| Discrepancy {
                    account: row.name,
                    balance: Money::from_nanos(row.balance_nanos),
                    sum_of_entries: Money::from_nanos(row.sum_nanos),
                })
                .collect(),
            mischarges: self.mischarges(Verified::MOST_MISCHARGES).await?,
            miscounted: self.miscounted_accounts().await?,
            missing: self.missing_accounts().await?,
        })
    }
}

async fn entry_with_id(transaction: &mut Transaction, id: &str) -> Result<Option<LedgerEntry>, StoreError> {
    let row: Option<EntryRow> = transaction
        .query(select_entries!("WHERE entries.given_id = $1"))
        .bind(id)
        .fetch_optional()
        .await?;
    row.map(EntryRow::read).transpose()
}

/// Makes those who write entries wait for each other. Before [`raise_version`], where both are raised.
pub(crate) async fn raise_ledger_version(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    transaction
        .query("UPDATE versions SET value = value + 1 WHERE name = 'ledger_entries'")
        .execute()
        .await?;
    Ok(())
}

/// The balances to which `amount` can be added.
fn reach(amount: Money) -> (i64, i64) {
    let nanos = amount.nanos();
    (
        i64::MIN.saturating_sub(nanos.min(0)),
        i64::MAX.saturating_sub(nanos.max(0)),
    )
}

#[derive(FromRow)]
struct EntryRow {
    id: i64,
    account: String,
    kind: String,
    amount_nanos: i64,
    request_id: Option<String>,
    note: Option<String>,
    created_at: i64,
}

impl EntryRow {
    fn read(self) -> Result<LedgerEntry, StoreError> {
        let reader = Reader {
            table: "ledger_entries",
            id: self.id,
        };
        Ok(LedgerEntry {
            id: self.id,
            account: self.account,
            kind: self.kind,
            amount: Money::from_nanos(self.amount_nanos),
            request: self.request_id,
            note: self.note,
            created: reader.time("created_at", self.created_at)?,
        })
    }
}

#[derive(FromRow)]
struct SumRow {
    name: String,
    balance_nanos: i64,
    entries: i64,
    sum_nanos: i64,
}

#[cfg(test)]
mod tests;
