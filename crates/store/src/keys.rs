//! The table of API keys.
//!
//! Whoever changes a key raises the version in the same transaction, so that running gates see it
//! ([`crate::warm`]). The version is raised first: it is the row that makes writers wait for each
//! other.

use std::num::NonZeroU32;

use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection};
use tollgate_ledger::{ApiKey, KeyHash, KeyId, KeyPrefix};

use crate::{database::Store, error::StoreError};

/// What a new key is made of; the database adds its number.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Must not be empty.
    pub name: String,
    pub hash: KeyHash,
    pub prefix: KeyPrefix,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
    pub concurrency: Option<NonZeroU32>,
}

/// A state of the table; any change gives another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeysVersion(pub(crate) i64);

impl Store {
    /// Writes a new key.
    pub async fn create_key(&self, new: NewKey) -> Result<ApiKey, CreateKeyError> {
        let mut transaction = self.pool.begin().await?;
        raise_version(&mut transaction).await?;
        let row: KeyRow = sqlx::query_as(
            "INSERT INTO api_keys (id, name, hash, prefix, created_at, expires_at, concurrency)
             SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6 FROM api_keys
             RETURNING id, name, hash, prefix, created_at, expires_at, revoked_at, concurrency",
        )
        .bind(&new.name)
        .bind(new.hash.as_bytes().as_slice())
        .bind(new.prefix.as_str())
        .bind(new.created.as_second())
        .bind(new.expires.map(Timestamp::as_second))
        .bind(new.concurrency.map(|limit| i64::from(limit.get())))
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| match error.as_database_error() {
            // The hash of a random text is new, so it is the name that was there before.
            Some(fault) if fault.is_unique_violation() => CreateKeyError::NameTaken { name: new.name },
            _ => error.into(),
        })?;
        transaction.commit().await?;
        Ok(row.read()?)
    }

    /// All keys, the oldest first, revoked ones too.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = sqlx::query_as(
            "SELECT id, name, hash, prefix, created_at, expires_at, revoked_at, concurrency
             FROM api_keys ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(KeyRow::read).collect()
    }

    /// Ends the use of the key that has this name. A running gate refuses it within a second.
    pub async fn revoke_key(&self, name: &str, now: Timestamp) -> Result<ApiKey, RevokeKeyError> {
        let mut transaction = self.pool.begin().await?;
        raise_version(&mut transaction).await?;
        let row: Option<KeyRow> = sqlx::query_as(
            "UPDATE api_keys SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL
             RETURNING id, name, hash, prefix, created_at, expires_at, revoked_at, concurrency",
        )
        .bind(name)
        .bind(now.as_second())
        .fetch_optional(&mut *transaction)
        .await?;
        let row = row.ok_or_else(|| RevokeKeyError::NoSuchKey {
            name: name.to_owned(),
        })?;
        transaction.commit().await?;
        Ok(row.read()?)
    }

    /// The key with this hash, and the version of the table that says so.
    pub(crate) async fn find_key(&self, hash: &KeyHash) -> Result<(KeysVersion, Option<ApiKey>), StoreError> {
        // One statement, hence one state of the database.
        let found: FoundRow = sqlx::query_as(
            "SELECT versions.value AS version, api_keys.id, api_keys.name, api_keys.hash,
                    api_keys.prefix, api_keys.created_at, api_keys.expires_at,
                    api_keys.revoked_at, api_keys.concurrency
             FROM versions LEFT JOIN api_keys ON api_keys.hash = $1
             WHERE versions.name = 'api_keys'",
        )
        .bind(hash.as_bytes().as_slice())
        .fetch_one(&self.pool)
        .await?;
        let key = found.key.map(KeyRow::read).transpose()?;
        Ok((KeysVersion(found.version), key))
    }

    /// The version of the table at this moment.
    pub(crate) async fn keys_version(&self) -> Result<KeysVersion, StoreError> {
        let version = sqlx::query_scalar("SELECT value FROM versions WHERE name = 'api_keys'")
            .fetch_one(&self.pool)
            .await?;
        Ok(KeysVersion(version))
    }
}

async fn raise_version(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE versions SET value = value + 1 WHERE name = 'api_keys'")
        .execute(connection)
        .await?;
    Ok(())
}

/// A row as the database gives it.
#[derive(FromRow)]
struct KeyRow {
    id: i64,
    name: String,
    hash: Vec<u8>,
    prefix: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    concurrency: Option<i64>,
}

impl KeyRow {
    fn read(self) -> Result<ApiKey, StoreError> {
        let damaged = |column| StoreError::Damaged {
            table: "api_keys",
            id: self.id,
            column,
        };
        let time = |seconds: i64, column| Timestamp::from_second(seconds).map_err(|_| damaged(column));
        let concurrency = self
            .concurrency
            .map(|limit| {
                u32::try_from(limit)
                    .ok()
                    .and_then(NonZeroU32::new)
                    .ok_or(damaged("concurrency"))
            })
            .transpose()?;
        Ok(ApiKey {
            id: KeyId::new(self.id),
            hash: KeyHash::from_bytes(self.hash.try_into().map_err(|_| damaged("hash"))?),
            created: time(self.created_at, "created_at")?,
            expires: self
                .expires_at
                .map(|seconds| time(seconds, "expires_at"))
                .transpose()?,
            revoked: self
                .revoked_at
                .map(|seconds| time(seconds, "revoked_at"))
                .transpose()?,
            name: self.name,
            prefix: KeyPrefix::from_stored(self.prefix),
            concurrency,
        })
    }
}

/// The answer to [`Store::find_key`]: always a version, and a key where there is one.
struct FoundRow {
    version: i64,
    key: Option<KeyRow>,
}

impl<'r> FromRow<'r, sqlx::sqlite::SqliteRow> for FoundRow {
    fn from_row(row: &'r sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
        use sqlx::Row as _;

        let id: Option<i64> = row.try_get("id")?;
        Ok(Self {
            version: row.try_get("version")?,
            key: id.map(|_| KeyRow::from_row(row)).transpose()?,
        })
    }
}

/// Why a key cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    #[error("there is a key named `{name}` already")]
    NameTaken { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a key cannot be revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeKeyError {
    #[error("there is no key named `{name}` that is not revoked already")]
    NoSuchKey { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateKeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for RevokeKeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
pub(crate) mod tests;
