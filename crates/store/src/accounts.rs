//! The table of accounts.
//!
//! A change of an account's limits counts as a change of its keys: it raises their version, so that
//! running gates see it ([`crate::warm`]).
//! Not here: credit ([`crate::credit`]).

use jiff::Timestamp;
use sqlx::FromRow;
use tollgate_catalog::money::Money;
use tollgate_ledger::{Account, AccountId, Limits, charge::Multiplier};

use crate::{
    audit::{Change, Resource, state},
    database::{Store, connection::Transaction},
    error::StoreError,
    keys::raise_version,
    stored::{LimitColumns, Reader},
};

/// What a new account is made of; the database adds its number.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Must not be empty.
    pub name: String,
    pub created: Timestamp,
    pub settings: AccountSettings,
}

/// What an operator may set, and change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountSettings {
    pub unlimited: bool,
    /// How many times the price it pays.
    pub multiplier: Multiplier,
    pub limits: Limits,
}

/// Accounts whose requests are refused for want of credit that they once had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountsWithoutCredit {
    pub all: u64,
    /// Those that have spent more than they had.
    pub overdrawn: u64,
}

impl From<&Account> for AccountSettings {
    fn from(account: &Account) -> Self {
        Self {
            unlimited: account.unlimited,
            multiplier: account.multiplier,
            limits: account.limits,
        }
    }
}

impl Store {
    /// Writes a new account, without credit.
    pub async fn create_account(&self, new: NewAccount) -> Result<Account, CreateAccountError> {
        let mut transaction = self.pool.begin().await?;
        // Nobody has to know of it, but those who make accounts wait for each other.
        raise_version(&mut transaction).await?;
        let account = self.add_account(&mut transaction, new).await?;
        transaction.commit().await?;
        Ok(account)
    }

    /// The same within a transaction that has raised the version.
    pub(crate) async fn add_account(
        &self,
        transaction: &mut Transaction,
        new: NewAccount,
    ) -> Result<Account, CreateAccountError> {
        let limits = LimitColumns::from(&new.settings.limits);
        let row: AccountRow = transaction.query(
            "INSERT INTO accounts (id, name, created_at, unlimited, balance_nanos, price_multiplier,
                                   requests_per_minute, tokens_per_minute, concurrency, budget_nanos, budget_per,
                                   created_at_us)
             SELECT coalesce(max(id), 0) + 1, $1, $2, $3, 0, $9, $4, $5, $6, $7, $8, $10 FROM accounts
             RETURNING id, name, created_at, unlimited, balance_nanos, price_multiplier, requests_per_minute,
                       tokens_per_minute, concurrency, budget_nanos, budget_per",
        )
        .bind(&new.name)
        .bind(new.created.as_second())
        .bind(i64::from(new.settings.unlimited))
        .bind(limits.requests_per_minute)
        .bind(limits.tokens_per_minute)
        .bind(limits.concurrency)
        .bind(limits.budget_nanos)
        .bind(limits.budget_per)
        .bind(new.settings.multiplier.to_string())
        .bind(new.created.as_microsecond())
        .fetch_one()
        .await
        .map_err(|error| match error.as_database_error() {
            Some(fault) if fault.is_unique_violation() => CreateAccountError::NameTaken { name: new.name },
            _ => error.into(),
        })?;
        let account = row.read()?;
        let change = Change {
            resource: Resource::Account,
            name: &account.name,
            action: "create",
            before: None,
            after: Some(state::account(&account)),
        };
        self.write_down(transaction, change).await?;
        Ok(account)
    }

    /// How many accounts have no credit left, and how many of them less than none. Those that need none do not count, nor
    /// those that were never given any: nothing has run out there.
    pub async fn accounts_without_credit(&self) -> Result<AccountsWithoutCredit, StoreError> {
        let (all, overdrawn): (i64, i64) = self
            .pool
            .query(
                "SELECT count(*), count(CASE WHEN balance_nanos < 0 THEN 1 END)
             FROM accounts WHERE unlimited = 0 AND (balance_nanos < 0 OR balance_nanos = 0 AND EXISTS (
                 SELECT 1 FROM ledger_entries
                 WHERE ledger_entries.account_id = accounts.id AND kind <> 'charge' AND amount_nanos > 0))",
            )
            .fetch_one()
            .await?;
        Ok(AccountsWithoutCredit {
            all: all.cast_unsigned(),
            overdrawn: overdrawn.cast_unsigned(),
        })
    }

    /// The accounts after the one with this number, the oldest first; at most `most` of them.
    pub async fn accounts_after(&self, after: i64, most: u32) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = self.pool.query(
            "SELECT id, name, created_at, unlimited, balance_nanos, price_multiplier, requests_per_minute,
                    tokens_per_minute, concurrency, budget_nanos, budget_per
             FROM accounts WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(most))
        .fetch_all()
        .await?;
        rows.into_iter().map(AccountRow::read).collect()
    }

    /// All accounts, the oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = self.pool.query(
            "SELECT id, name, created_at, unlimited, balance_nanos, price_multiplier, requests_per_minute,
                    tokens_per_minute, concurrency, budget_nanos, budget_per
             FROM accounts ORDER BY id",
        )
        .fetch_all()
        .await?;
        rows.into_iter().map(AccountRow::read).collect()
    }

    pub async fn account(&self, name: &str) -> Result<Account, ChangeAccountError> {
        let mut transaction = self.pool.begin().await?;
        account_named(&mut transaction, name).await
    }

    /// Changes what is set at an account; nothing changes where `change` fails. A running gate knows within a
    /// second.
    pub async fn update_account<E: From<ChangeAccountError>>(
        &self,
        name: &str,
        change: impl FnOnce(&mut AccountSettings) -> Result<(), E>,
    ) -> Result<Account, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangeAccountError::from)?;
        raise_version(&mut transaction)
            .await
            .map_err(ChangeAccountError::from)?;
        let mut account = account_named(&mut transaction, name).await?;
        let mut settings = AccountSettings::from(&account);
        change(&mut settings)?;
        let limits = LimitColumns::from(&settings.limits);
        transaction
            .query(
                "UPDATE accounts
             SET unlimited = $2, requests_per_minute = $3, tokens_per_minute = $4, concurrency = $5,
                 budget_nanos = $6, budget_per = $7, price_multiplier = $8
             WHERE id = $1",
            )
            .bind(account.id.get())
            .bind(i64::from(settings.unlimited))
            .bind(limits.requests_per_minute)
            .bind(limits.tokens_per_minute)
            .bind(limits.concurrency)
            .bind(limits.budget_nanos)
            .bind(limits.budget_per)
            .bind(settings.multiplier.to_string())
            .execute()
            .await
            .map_err(ChangeAccountError::from)?;
        let before = state::account(&account);
        account.unlimited = settings.unlimited;
        account.multiplier = settings.multiplier;
        account.limits = settings.limits;
        let after = state::account(&account);
        if before != after {
            let change = Change {
                resource: Resource::Account,
                name,
                action: "update",
                before: Some(before),
                after: Some(after),
            };
            self.write_down(&mut transaction, change)
                .await
                .map_err(ChangeAccountError::from)?;
        }
        transaction.commit().await.map_err(ChangeAccountError::from)?;
        Ok(account)
    }
}

pub(crate) async fn account_named(
    transaction: &mut Transaction,
    name: &str,
) -> Result<Account, ChangeAccountError> {
    let row: Option<AccountRow> = transaction
        .query(
            "SELECT id, name, created_at, unlimited, balance_nanos, price_multiplier, requests_per_minute,
                tokens_per_minute, concurrency, budget_nanos, budget_per
         FROM accounts WHERE name = $1",
        )
        .bind(name)
        .fetch_optional()
        .await?;
    let row = row.ok_or_else(|| ChangeAccountError::NoSuchAccount {
        name: name.to_owned(),
    })?;
    Ok(row.read()?)
}

/// A row as the database gives it.
#[derive(FromRow)]
struct AccountRow {
    id: i64,
    name: String,
    created_at: Option<i64>,
    unlimited: i64,
    balance_nanos: i64,
    price_multiplier: String,
    #[sqlx(flatten)]
    limits: LimitColumns,
}

impl AccountRow {
    fn read(self) -> Result<Account, StoreError> {
        let reader = Reader {
            table: "accounts",
            id: self.id,
        };
        Ok(Account {
            id: AccountId::new(self.id),
            created: reader.maybe_time("created_at", self.created_at)?,
            unlimited: reader.flag("unlimited", self.unlimited)?,
            balance: Money::from_nanos(self.balance_nanos),
            multiplier: reader.required("price_multiplier", &self.price_multiplier)?,
            limits: reader.limits(&self.limits)?,
            name: self.name,
        })
    }
}

/// Why an account cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateAccountError {
    #[error("there is an account named `{name}` already")]
    NameTaken { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account cannot be shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeAccountError {
    #[error("there is no account named `{name}`")]
    NoSuchAccount { name: String },
    /// The balance would be beyond nine billion dollars, either way.
    #[error("the balance of `{name}` would be too large")]
    BeyondReach { name: String },
    #[error("an entry with the ID `{id}` is in the ledger already, for another account or amount")]
    IdTaken { id: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateAccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for ChangeAccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
pub(crate) mod tests;
