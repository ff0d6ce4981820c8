//! The table of prices that operators put over those of the catalogue and of channels' own settings.
//!
//! A charge keeps the rates that it was made with, so nothing here changes one that is past.
//! Not here: what the rates mean (`tollgate_catalog::price`).

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Value, json};
use sqlx::FromRow;

use crate::{
    audit::{Change, Resource},
    channels::raise_channels_version,
    database::{Store, connection::Transaction},
    error::StoreError,
    stored::Reader,
};

/// Prices at most: all of them are looked through when channels change.
const MOST: i64 = 10_000;

/// A price as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPrice {
    pub id: i64,
    pub settings: PriceSettings,
    pub created: Timestamp,
}

/// What an operator sets.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceSettings {
    pub model: String,
    /// `None`: wherever it is served.
    pub channel: Option<String>,
    /// Dollars per million tokens by class, as JSON has them.
    pub rates: Map<String, Value>,
    /// First day (UTC) on which it holds.
    pub from: Option<Date>,
    /// Last day (UTC).
    pub until: Option<Date>,
}

impl PriceSettings {
    fn told(&self) -> Value {
        json!({
            "model": self.model,
            "channel": self.channel,
            "rates": self.rates,
            "from": self.from.map(|day| day.to_string()),
            "until": self.until.map(|day| day.to_string()),
        })
    }
}

impl Store {
    /// All prices, the oldest first.
    pub async fn stored_prices(&self) -> Result<Vec<StoredPrice>, StoreError> {
        let rows: Vec<Row> = self
            .pool
            .query(
                "SELECT id, model, channel, rates, first_day, last_day, created_at FROM prices ORDER BY id",
            )
            .fetch_all()
            .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The price with this number.
    pub async fn stored_price(&self, id: i64) -> Result<StoredPrice, ChangePriceError> {
        let mut transaction = self.pool.begin().await?;
        price(&mut transaction, id).await
    }

    /// Writes a new price. Running gates know within a second.
    pub async fn create_price(
        &self,
        settings: PriceSettings,
        now: Timestamp,
    ) -> Result<StoredPrice, ChangePriceError> {
        let mut transaction = self.pool.begin().await?;
        raise_channels_version(&mut transaction).await?;
        let count: i64 = transaction
            .query("SELECT count(*) FROM prices")
            .fetch_scalar()
            .await?;
        if count >= MOST {
            return Err(ChangePriceError::TooMany);
        }
        // The log names prices by their numbers, so one that is deleted keeps its own; the log knows all that there were.
        let id: i64 = transaction
            .query(
                "INSERT INTO prices (id, model, channel, rates, first_day, last_day, created_at)
             SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6 FROM (
                 SELECT id FROM prices
                 UNION ALL
                 SELECT CAST(name AS BIGINT) FROM audit_entries WHERE resource = 'price' AND action = 'create'
             ) AS given
             RETURNING id",
            )
            .bind(&settings.model)
            .bind(settings.channel.as_deref())
            .bind(Value::Object(settings.rates.clone()).to_string())
            .bind(settings.from.map(|day| day.to_string()))
            .bind(settings.until.map(|day| day.to_string()))
            .bind(now.as_second())
            .fetch_scalar()
            .await?;
        self.price_changed(&mut transaction, id, "create", None, Some(&settings))
            .await?;
        transaction.commit().await?;
        Ok(StoredPrice {
            id,
            settings,
            created: now,
        })
    }

    /// Changes a price; nothing changes where `change` fails. Running gates know within a second.
    pub async fn update_price<E: From<ChangePriceError>>(
        &self,
        id: i64,
        change: impl FnOnce(&mut PriceSettings) -> Result<(), E>,
    ) -> Result<StoredPrice, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangePriceError::from)?;
        raise_channels_version(&mut transaction)
            .await
            .map_err(ChangePriceError::from)?;
        let before = price(&mut transaction, id).await?;
        let mut after = before.clone();
        change(&mut after.settings)?;
        let settings = &after.settings;
        let writing = async {
            transaction
                .query(
                    "UPDATE prices SET model = $2, channel = $3, rates = $4, first_day = $5, last_day = $6
                 WHERE id = $1",
                )
                .bind(id)
                .bind(&settings.model)
                .bind(settings.channel.as_deref())
                .bind(Value::Object(settings.rates.clone()).to_string())
                .bind(settings.from.map(|day| day.to_string()))
                .bind(settings.until.map(|day| day.to_string()))
                .execute()
                .await?;
            self.price_changed(
                &mut transaction,
                id,
                "update",
                Some(&before.settings),
                Some(settings),
            )
            .await?;
            transaction.commit().await
        };
        writing.await.map_err(ChangePriceError::from)?;
        Ok(after)
    }

    /// Removes a price, unless `may` fails: what it was over holds again.
    pub async fn delete_price<E: From<ChangePriceError>>(
        &self,
        id: i64,
        may: impl FnOnce(&PriceSettings) -> Result<(), E>,
    ) -> Result<StoredPrice, E> {
        let mut transaction = self.pool.begin().await.map_err(ChangePriceError::from)?;
        raise_channels_version(&mut transaction)
            .await
            .map_err(ChangePriceError::from)?;
        let before = price(&mut transaction, id).await?;
        may(&before.settings)?;
        let writing = async {
            transaction
                .query("DELETE FROM prices WHERE id = $1")
                .bind(id)
                .execute()
                .await?;
            self.price_changed(&mut transaction, id, "delete", Some(&before.settings), None)
                .await?;
            transaction.commit().await
        };
        writing.await.map_err(ChangePriceError::from)?;
        Ok(before)
    }

    async fn price_changed(
        &self,
        transaction: &mut Transaction,
        id: i64,
        action: &'static str,
        before: Option<&PriceSettings>,
        after: Option<&PriceSettings>,
    ) -> Result<(), sqlx::Error> {
        if before == after {
            return Ok(());
        }
        let change = Change {
            resource: Resource::Price,
            name: &id.to_string(),
            action,
            before: before.map(PriceSettings::told),
            after: after.map(PriceSettings::told),
        };
        self.write_down(transaction, change).await
    }
}

async fn price(transaction: &mut Transaction, id: i64) -> Result<StoredPrice, ChangePriceError> {
    let row: Option<Row> = transaction
        .query("SELECT id, model, channel, rates, first_day, last_day, created_at FROM prices WHERE id = $1")
        .bind(id)
        .fetch_optional()
        .await?;
    let row = row.ok_or(ChangePriceError::NoSuchPrice { id })?;
    Ok(row.read()?)
}

#[derive(FromRow)]
struct Row {
    id: i64,
    model: String,
    channel: Option<String>,
    rates: String,
    first_day: Option<String>,
    last_day: Option<String>,
    created_at: i64,
}

impl Row {
    fn read(self) -> Result<StoredPrice, StoreError> {
        let reader = Reader {
            table: "prices",
            id: self.id,
        };
        Ok(StoredPrice {
            id: self.id,
            settings: PriceSettings {
                model: self.model,
                channel: self.channel,
                rates: serde_json::from_str(&self.rates).map_err(|_| reader.damaged("rates"))?,
                from: reader.text("first_day", self.first_day.as_deref())?,
                until: reader.text("last_day", self.last_day.as_deref())?,
            },
            created: reader.time("created_at", self.created_at)?,
        })
    }
}

/// Why a price is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangePriceError {
    #[error("there is no price with the number {id}")]
    NoSuchPrice { id: i64 },
    #[error("there are {MOST} prices already")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ChangePriceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests;
