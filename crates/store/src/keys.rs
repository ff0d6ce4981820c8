//! The table of API keys, and that of their texts.
//!
//! Whoever changes a key raises the version in the same transaction, so that running gates see it
//! ([`crate::warm`]). The version is raised first: it is the row that makes writers wait for each
//! other.

use jiff::Timestamp;
use tollgate_catalog::money::Money;
use tollgate_ledger::{
    AccountId, ApiKey, KeyHash, KeyId, KeyPrefix, KeySettings, Limits, Made, charge::Multiplier,
};

use self::row::{FoundRow, KeyRow, SettingColumns};
use crate::{
    audit::{Change, Resource, state},
    database::{Store, connection::Transaction},
    error::StoreError,
};

mod error;
mod import;
mod row;

pub use error::{ChangeKeyError, CreateKeyError};
pub use import::{ImportFault, Imported, ImportedKey};

/// A text that a client may present, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewText {
    pub hash: KeyHash,
    pub prefix: KeyPrefix,
}

/// What a new key is made of; the database adds its number.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Must not be empty.
    pub name: String,
    pub text: NewText,
    pub created: Timestamp,
    pub settings: KeySettings,
}

/// A key, and what else a list shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    pub key: ApiKey,
    /// Until when a text before the newest one works, or worked.
    pub replaced_until: Option<Timestamp>,
}

/// A state of the tables of keys and accounts; any change gives another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeysVersion(pub(crate) i64);

/// A key as a gate needs it for a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FoundKey {
    pub(crate) key: ApiKey,
    /// First moment at which the text that was presented is of no more use.
    pub(crate) text_ends: Option<Timestamp>,
    pub(crate) account: AccountId,
    pub(crate) made: Made,
    pub(crate) account_limits: Limits,
    /// What the account was given, less corrections; `None`: it may spend what it does not have.
    pub(crate) account_credit: Option<Money>,
    /// How many times the price the account pays.
    pub(crate) multiplier: Multiplier,
}

/// What is read of a key, from `api_keys`, `accounts` and `api_key_texts AS texts`.
macro_rules! key_columns {
    () => {
        "api_keys.id, api_keys.name, accounts.name AS account, texts.prefix, api_keys.created_at,
         api_keys.revoked_at, api_keys.enabled, api_keys.expires_at, api_keys.models, api_keys.networks,
         api_keys.requests_per_minute, api_keys.tokens_per_minute, api_keys.concurrency,
         api_keys.budget_nanos, api_keys.budget_per, api_keys.reserve, api_keys.strict_parameters,
         api_keys.channels, api_keys.not_channels"
    };
}

/// Reads keys with their newest text. What earlier ones say is grouped once for all keys: those texts have no index, and
/// looking for each key's would read all of them for each.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            key_columns!(),
            ", earlier.replaced_until
             FROM api_keys
             JOIN accounts ON accounts.id = api_keys.account_id
             JOIN api_key_texts AS texts ON texts.key_id = api_keys.id AND texts.ends_at IS NULL
             LEFT JOIN (
                 SELECT key_id, max(ends_at) AS replaced_until FROM api_key_texts
                 WHERE ends_at IS NOT NULL GROUP BY key_id
             ) AS earlier ON earlier.key_id = api_keys.id
             ",
            $rest
        )
    };
}

impl Store {
    /// Writes a new key.
    pub async fn create_key(&self, new: NewKey) -> Result<ApiKey, CreateKeyError> {
        let mut transaction = self.pool.begin().await?;
        raise_version(&mut transaction).await?;
        let key = self.add_key(&mut transaction, new).await?;
        transaction.commit().await?;
        Ok(key)
    }

    /// The same within a transaction that has raised the version.
    async fn add_key(&self, transaction: &mut Transaction, new: NewKey) -> Result<ApiKey, CreateKeyError> {
        let account = account_id(transaction, &new.settings.account)
            .await?
            .ok_or_else(|| CreateKeyError::NoSuchAccount {
                name: new.settings.account.clone(),
            })?;
        let settings = SettingColumns::from(&new.settings);
        let id: i64 = transaction.query(
            "INSERT INTO api_keys (id, name, account_id, created_at, enabled, expires_at, models, networks,
                                   requests_per_minute, tokens_per_minute, concurrency, budget_nanos,
                                   budget_per, reserve, strict_parameters, channels, not_channels,
                                   created_at_us)
             SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
                    $15, $16, $17
             FROM api_keys
             RETURNING id",
        )
        .bind(&new.name)
        .bind(account)
        .bind(new.created.as_second())
        .bind(settings.enabled)
        .bind(settings.expires_at)
        .bind(settings.models)
        .bind(settings.networks)
        .bind(settings.limits.requests_per_minute)
        .bind(settings.limits.tokens_per_minute)
        .bind(settings.limits.concurrency)
        .bind(settings.limits.budget_nanos)
        .bind(settings.limits.budget_per)
        .bind(settings.reserve)
        .bind(settings.strict_parameters)
        .bind(settings.channels)
        .bind(settings.not_channels)
        .bind(new.created.as_microsecond())
        .fetch_scalar()
        .await
        .map_err(|error| match error.as_database_error() {
            Some(fault) if fault.is_unique_violation() => CreateKeyError::NameTaken {
                name: new.name.clone(),
            },
            _ => error.into(),
        })?;
        add_text(transaction, id, &new.text, new.created).await?;
        let key = ApiKey {
            id: KeyId::new(id),
            name: new.name,
            prefix: new.text.prefix,
            created: new.created,
            revoked: None,
            settings: new.settings,
        };
        self.key_changed(transaction, "create", None, &key).await?;
        Ok(key)
    }

    /// Writes down what became of a key, where that is anything.
    async fn key_changed(
        &self,
        transaction: &mut Transaction,
        action: &'static str,
        before: Option<&ApiKey>,
        key: &ApiKey,
    ) -> Result<(), sqlx::Error> {
        let (before, after) = (before.map(state::key), Some(state::key(key)));
        if before == after {
            return Ok(());
        }
        let change = Change {
            resource: Resource::Key,
            name: &key.name,
            action,
            before,
            after,
        };
        self.write_down(transaction, change).await
    }

    /// All keys, the oldest first, revoked ones too.
    pub async fn keys(&self) -> Result<Vec<ListedKey>, StoreError> {
        let rows: Vec<KeyRow> = self
            .pool
            .query(select_keys!("ORDER BY api_keys.id"))
            .fetch_all()
            .await?;
        rows.into_iter().map(KeyRow::listed).collect()
    }

    /// The keys after the one with this number, those of one account where it is named, the oldest first; at most
    /// `most` of them.
    pub async fn keys_after(
        &self,
        account: Option<&str>,
        after: i64,
        most: u32,
    ) -> Result<Vec<ListedKey>, StoreError> {
        let rows: Vec<KeyRow> = self
            .pool
            .query(select_keys!(
                "WHERE api_keys.id > $1 AND ($2 IS NULL OR accounts.name = $2) ORDER BY api_keys.id LIMIT $3"
            ))
            .bind(after)
            .bind(account)
            .bind(i64::from(most))
            .fetch_all()
            .await?;
        rows.into_iter().map(KeyRow::listed).collect()
    }

    /// The key of this name that is not revoked.
    pub async fn key(&self, name: &str) -> Result<ListedKey, ChangeKeyError> {
        let mut transaction = self.pool.begin().await?;
        live_key(&mut transaction, name)
            .await?
            .ok_or_else(|| no_such_key(name))
    }

    /// Changes what is set at a key; nothing changes where `change` fails. A running gate knows within a
    /// second.
    pub async fn update_key<E: From<ChangeKeyError>>(
        &self,
        name: &str,
        change: impl FnOnce(&mut KeySettings) -> Result<(), E>,
    ) -> Result<ApiKey, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangeKeyError::from)?;
        let before = key_to_change(&mut transaction, name).await?;
        let mut key = before.clone();
        change(&mut key.settings)?;
        write_settings(&mut transaction, &key).await?;
        self.key_changed(&mut transaction, "update", Some(&before), &key)
            .await
            .map_err(ChangeKeyError::from)?;
        transaction.commit().await.map_err(ChangeKeyError::from)?;
        Ok(key)
    }

    /// Ends the use of the key that has this name. A running gate refuses it within a second.
    pub async fn revoke_key(&self, name: &str, now: Timestamp) -> Result<ApiKey, ChangeKeyError> {
        self.revoke_key_if(name, now, |_| Ok(())).await
    }

    /// As [`Self::revoke_key`], unless `may` fails.
    pub async fn revoke_key_if<E: From<ChangeKeyError>>(
        &self,
        name: &str,
        now: Timestamp,
        may: impl FnOnce(&KeySettings) -> Result<(), E>,
    ) -> Result<ApiKey, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangeKeyError::from)?;
        let before = key_to_change(&mut transaction, name).await?;
        may(&before.settings)?;
        let mut key = before.clone();
        key.revoked = Some(now);
        let writing = async {
            transaction
                .query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1")
                .bind(before.id.get())
                .bind(now.as_second())
                .execute()
                .await?;
            self.key_changed(&mut transaction, "revoke", Some(&before), &key)
                .await?;
            transaction.commit().await
        };
        writing.await.map_err(ChangeKeyError::from)?;
        Ok(key)
    }

    /// Gives a key another text. The one that was the newest works until `before_ends`; those before it end as they were
    /// to, and no later than that: whoever has it may have them too.
    pub async fn rotate_key(
        &self,
        name: &str,
        text: NewText,
        now: Timestamp,
        before_ends: Timestamp,
    ) -> Result<ApiKey, ChangeKeyError> {
        let mut transaction = self.pool.begin().await?;
        let before = key_to_change(&mut transaction, name).await?;
        transaction
            .query("UPDATE api_key_texts SET ends_at = $2 WHERE key_id = $1 AND (ends_at IS NULL OR ends_at > $2)")
            .bind(before.id.get())
            .bind(before_ends.as_second())
            .execute()
            .await?;
        add_text(&mut transaction, before.id.get(), &text, now).await?;
        let mut key = before.clone();
        key.prefix = text.prefix;
        self.key_changed(&mut transaction, "rotate", Some(&before), &key)
            .await?;
        transaction.commit().await?;
        Ok(key)
    }

    /// The key with this hash, and the version of the tables that says so.
    pub(crate) async fn find_key(
        &self,
        hash: &KeyHash,
    ) -> Result<(KeysVersion, Option<FoundKey>), StoreError> {
        // One statement, hence one state of the database.
        let found: FoundRow = self
            .pool
            .query(concat!(
                "SELECT versions.value AS version, texts.ends_at AS text_ends_at, ",
                key_columns!(),
                ", accounts.id AS account_id,
               api_keys.created_at_us AS created_at_us,
               accounts.created_at AS account_created_at,
               accounts.created_at_us AS account_created_at_us,
               accounts.requests_per_minute AS account_requests_per_minute,
               accounts.tokens_per_minute AS account_tokens_per_minute,
               accounts.concurrency AS account_concurrency,
               accounts.budget_nanos AS account_budget_nanos,
               accounts.budget_per AS account_budget_per,
               accounts.unlimited AS account_unlimited,
               accounts.price_multiplier AS account_price_multiplier,
               (SELECT CAST(coalesce(sum(amount_nanos), 0) AS BIGINT) FROM ledger_entries
                WHERE ledger_entries.account_id = accounts.id AND kind <> 'charge') AS account_credit_nanos
             FROM versions
             LEFT JOIN api_key_texts AS texts ON texts.hash = $1
             LEFT JOIN api_keys ON api_keys.id = texts.key_id
             LEFT JOIN accounts ON accounts.id = api_keys.account_id
             WHERE versions.name = 'api_keys'",
            ))
            .bind(hash.as_bytes().as_slice())
            .fetch_one()
            .await?;
        found.read()
    }

    /// The version of the tables at this moment.
    pub(crate) async fn keys_version(&self) -> Result<KeysVersion, StoreError> {
        let version = self
            .pool
            .query("SELECT value FROM versions WHERE name = 'api_keys'")
            .fetch_scalar()
            .await?;
        Ok(KeysVersion(version))
    }
}

/// Tells running gates that keys or the limits of accounts have changed.
pub(crate) async fn raise_version(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    transaction
        .query("UPDATE versions SET value = value + 1 WHERE name = 'api_keys'")
        .execute()
        .await?;
    Ok(())
}

async fn account_id(transaction: &mut Transaction, name: &str) -> Result<Option<i64>, sqlx::Error> {
    let found: Option<(i64,)> = transaction
        .query("SELECT id FROM accounts WHERE name = $1")
        .bind(name)
        .fetch_optional()
        .await?;
    Ok(found.map(|(id,)| id))
}

/// Raises the version, and reads the key of this name.
async fn key_to_change(transaction: &mut Transaction, name: &str) -> Result<ApiKey, ChangeKeyError> {
    raise_version(transaction).await?;
    let listed = live_key(transaction, name).await?;
    Ok(listed.ok_or_else(|| no_such_key(name))?.key)
}

async fn write_settings(transaction: &mut Transaction, key: &ApiKey) -> Result<(), ChangeKeyError> {
    let account = account_id(transaction, &key.settings.account)
        .await?
        .ok_or_else(|| ChangeKeyError::NoSuchAccount {
            name: key.settings.account.clone(),
        })?;
    let settings = SettingColumns::from(&key.settings);
    transaction
        .query(
            "UPDATE api_keys
         SET account_id = $2, enabled = $3, expires_at = $4, models = $5, networks = $6,
             requests_per_minute = $7, tokens_per_minute = $8, concurrency = $9, budget_nanos = $10,
             budget_per = $11, reserve = $12, strict_parameters = $13, channels = $14, not_channels = $15
         WHERE id = $1",
        )
        .bind(key.id.get())
        .bind(account)
        .bind(settings.enabled)
        .bind(settings.expires_at)
        .bind(settings.models)
        .bind(settings.networks)
        .bind(settings.limits.requests_per_minute)
        .bind(settings.limits.tokens_per_minute)
        .bind(settings.limits.concurrency)
        .bind(settings.limits.budget_nanos)
        .bind(settings.limits.budget_per)
        .bind(settings.reserve)
        .bind(settings.strict_parameters)
        .bind(settings.channels)
        .bind(settings.not_channels)
        .execute()
        .await?;
    Ok(())
}

async fn add_text(
    transaction: &mut Transaction,
    key: i64,
    text: &NewText,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    transaction
        .query("INSERT INTO api_key_texts (hash, key_id, prefix, created_at) VALUES ($1, $2, $3, $4)")
        .bind(text.hash.as_bytes().as_slice())
        .bind(key)
        .bind(text.prefix.as_str())
        .bind(now.as_second())
        .execute()
        .await?;
    Ok(())
}

async fn live_key(transaction: &mut Transaction, name: &str) -> Result<Option<ListedKey>, StoreError> {
    let row: Option<KeyRow> = transaction
        .query(select_keys!(
            "WHERE api_keys.name = $1 AND api_keys.revoked_at IS NULL"
        ))
        .bind(name)
        .fetch_optional()
        .await?;
    row.map(KeyRow::listed).transpose()
}

fn no_such_key(name: &str) -> ChangeKeyError {
    ChangeKeyError::NoSuchKey {
        name: name.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
