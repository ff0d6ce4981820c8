//! The table of channels that operators made while gates run.
//!
//! Whoever changes one raises the version in the same transaction, so that running gates see it. What is secret of a
//! channel is sealed before it comes here ([`crate::sealed`]).
//! Not here: what the settings mean (the binary's configuration).

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::FromRow;

use crate::{
    audit::{Change, Resource},
    database::{Store, connection::Transaction},
    error::StoreError,
    stored::Reader,
};

/// Channels at most: each has connections of its own.
const MOST: i64 = 1_000;

/// A channel as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredChannel {
    pub name: String,
    /// What is no secret, by the names of `[[channels]]`.
    pub settings: Map<String, Value>,
    /// What is, sealed; `None`: nothing.
    pub sealed: Option<Vec<u8>>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl StoredChannel {
    fn told(&self) -> Value {
        json!({ "settings": self.settings, "secrets": if self.sealed.is_some() { "set" } else { "none" } })
    }
}

/// A state of the tables of channels and prices; any change gives another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelsVersion(i64);

impl Store {
    /// All channels, by name.
    pub async fn stored_channels(&self) -> Result<Vec<StoredChannel>, StoreError> {
        let rows: Vec<Row> = self
            .pool
            .query("SELECT name, settings, sealed, created_at, updated_at FROM channels ORDER BY name")
            .fetch_all()
            .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The version of channels and prices at this moment.
    pub async fn channels_version(&self) -> Result<ChannelsVersion, StoreError> {
        let version = self
            .pool
            .query("SELECT value FROM versions WHERE name = 'channels'")
            .fetch_scalar()
            .await?;
        Ok(ChannelsVersion(version))
    }

    /// Writes a new channel.
    pub async fn create_channel(&self, new: &StoredChannel) -> Result<(), ChangeChannelError> {
        let mut transaction = self.pool.begin().await?;
        raise_channels_version(&mut transaction).await?;
        let count: i64 = transaction
            .query("SELECT count(*) FROM channels")
            .fetch_scalar()
            .await?;
        if count >= MOST {
            return Err(ChangeChannelError::TooMany);
        }
        transaction
            .query(
                "INSERT INTO channels (name, settings, sealed, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(&new.name)
            .bind(Value::Object(new.settings.clone()).to_string())
            .bind(new.sealed.as_deref())
            .bind(new.created.as_second())
            .bind(new.updated.as_second())
            .execute()
            .await
            .map_err(|error| match error.as_database_error() {
                Some(fault) if fault.is_unique_violation() => ChangeChannelError::NameTaken {
                    name: new.name.clone(),
                },
                _ => error.into(),
            })?;
        let change = Change {
            resource: Resource::Channel,
            name: &new.name,
            action: "create",
            before: None,
            after: Some(new.told()),
        };
        self.write_down(&mut transaction, change).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Changes a channel; nothing changes where `change` fails. Running gates know within a second.
    pub async fn update_channel<E: From<ChangeChannelError>>(
        &self,
        name: &str,
        now: Timestamp,
        change: impl FnOnce(&mut StoredChannel) -> Result<(), E>,
    ) -> Result<StoredChannel, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangeChannelError::from)?;
        let before = channel_to_change(&mut transaction, name).await?;
        let mut after = before.clone();
        change(&mut after)?;
        if after == before {
            return Ok(after);
        }
        after.updated = now;
        let writing = async {
            transaction
                .query("UPDATE channels SET settings = $2, sealed = $3, updated_at = $4 WHERE name = $1")
                .bind(name)
                .bind(Value::Object(after.settings.clone()).to_string())
                .bind(after.sealed.as_deref())
                .bind(now.as_second())
                .execute()
                .await?;
            let mut told = after.told();
            if after.sealed.is_some() && after.sealed != before.sealed {
                told["secrets"] = json!("changed");
            }
            let change = Change {
                resource: Resource::Channel,
                name,
                action: "update",
                before: Some(before.told()),
                after: Some(told),
            };
            self.write_down(&mut transaction, change).await?;
            transaction.commit().await
        };
        writing.await.map_err(ChangeChannelError::from)?;
        Ok(after)
    }

    /// Removes a channel, unless `may` fails or prices name it: they would be those of whichever channel has the name next.
    /// Requests under way on it end as they would.
    pub async fn delete_channel<E: From<ChangeChannelError>>(
        &self,
        name: &str,
        may: impl FnOnce(&StoredChannel) -> Result<(), E>,
    ) -> Result<StoredChannel, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangeChannelError::from)?;
        let before = channel_to_change(&mut transaction, name).await?;
        may(&before)?;
        without_prices(&mut transaction, name).await?;
        let writing = async {
            transaction
                .query("DELETE FROM channels WHERE name = $1")
                .bind(name)
                .execute()
                .await?;
            let change = Change {
                resource: Resource::Channel,
                name,
                action: "delete",
                before: Some(before.told()),
                after: None,
            };
            self.write_down(&mut transaction, change).await?;
            transaction.commit().await
        };
        writing.await.map_err(ChangeChannelError::from)?;
        Ok(before)
    }
}

/// Tells running gates that channels or prices have changed.
pub(crate) async fn raise_channels_version(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    transaction
        .query("UPDATE versions SET value = value + 1 WHERE name = 'channels'")
        .execute()
        .await?;
    Ok(())
}

async fn channel_to_change(
    transaction: &mut Transaction,
    name: &str,
) -> Result<StoredChannel, ChangeChannelError> {
    raise_channels_version(transaction).await?;
    let row: Option<Row> = transaction
        .query("SELECT name, settings, sealed, created_at, updated_at FROM channels WHERE name = $1")
        .bind(name)
        .fetch_optional()
        .await?;
    let row = row.ok_or_else(|| ChangeChannelError::NoSuchChannel {
        name: name.to_owned(),
    })?;
    Ok(row.read()?)
}

/// Fails where a price is for the channel alone. Whoever makes one raises the same version.
async fn without_prices(transaction: &mut Transaction, name: &str) -> Result<(), ChangeChannelError> {
    let (prices, first): (i64, Option<i64>) = transaction
        .query("SELECT count(*), min(id) FROM prices WHERE channel = $1")
        .bind(name)
        .fetch_one()
        .await?;
    match first {
        None => Ok(()),
        Some(first) => Err(ChangeChannelError::HasPrices {
            name: name.to_owned(),
            prices,
            first,
        }),
    }
}

#[derive(FromRow)]
struct Row {
    name: String,
    settings: String,
    sealed: Option<Vec<u8>>,
    created_at: i64,
    updated_at: i64,
}

impl Row {
    fn read(self) -> Result<StoredChannel, StoreError> {
        let reader = Reader {
            table: "channels",
            id: 0,
        };
        let settings = serde_json::from_str(&self.settings).map_err(|_| StoreError::Damaged {
            table: "channels",
            id: self.name.clone(),
            column: "settings",
        })?;
        Ok(StoredChannel {
            settings,
            sealed: self.sealed,
            created: reader.time("created_at", self.created_at)?,
            updated: reader.time("updated_at", self.updated_at)?,
            name: self.name,
        })
    }
}

/// Why a channel is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeChannelError {
    #[error("no channel named `{name}` was made by the admin API")]
    NoSuchChannel { name: String },
    #[error("there is a channel named `{name}` already")]
    NameTaken { name: String },
    #[error("there are {MOST} channels already")]
    TooMany,
    #[error(
        "price overrides name the channel `{name}` ({prices} of them, the first has the number {first}), and would be those \
         of the next channel of that name: delete them first"
    )]
    HasPrices { name: String, prices: i64, first: i64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ChangeChannelError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests;
