//! A key's rows as the database gives and takes them.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use tollgate_catalog::money::Money;
use tollgate_ledger::{AccountId, AllowedChannels, ApiKey, KeyId, KeyPrefix, KeySettings, Made};

use super::{FoundKey, KeysVersion, ListedKey};
use crate::{
    error::StoreError,
    stored::{LimitColumns, Reader, made_us},
};

const TABLE: &str = "api_keys";

/// The columns of `key_columns!`, and until when an earlier text works where that was asked for.
#[derive(FromRow)]
pub(super) struct KeyRow {
    id: i64,
    name: String,
    account: String,
    prefix: String,
    created_at: i64,
    revoked_at: Option<i64>,
    enabled: i64,
    expires_at: Option<i64>,
    models: Option<String>,
    channels: Option<String>,
    not_channels: Option<String>,
    networks: Option<String>,
    #[sqlx(flatten)]
    limits: LimitColumns,
    reserve: String,
    strict_parameters: i64,
    #[sqlx(default)]
    replaced_until: Option<i64>,
}

impl KeyRow {
    fn read(self) -> Result<ApiKey, StoreError> {
        let reader = self.reader();
        Ok(ApiKey {
            id: KeyId::new(self.id),
            created: reader.time("created_at", self.created_at)?,
            revoked: reader.maybe_time("revoked_at", self.revoked_at)?,
            settings: KeySettings {
                enabled: reader.flag("enabled", self.enabled)?,
                expires: reader.maybe_time("expires_at", self.expires_at)?,
                models: reader.text("models", self.models.as_deref())?.unwrap_or_default(),
                channels: AllowedChannels {
                    only: reader.text("channels", self.channels.as_deref())?,
                    not: reader.text("not_channels", self.not_channels.as_deref())?,
                },
                networks: reader
                    .text("networks", self.networks.as_deref())?
                    .unwrap_or_default(),
                limits: reader.limits(&self.limits)?,
                reserve: self.reserve.parse().map_err(|_| reader.damaged("reserve"))?,
                strict_parameters: reader.flag("strict_parameters", self.strict_parameters)?,
                account: self.account,
            },
            name: self.name,
            prefix: KeyPrefix::from_stored(self.prefix),
        })
    }

    pub(super) fn listed(self) -> Result<ListedKey, StoreError> {
        let replaced_until = self.reader().maybe_time("ends_at", self.replaced_until)?;
        Ok(ListedKey {
            key: self.read()?,
            replaced_until,
        })
    }

    fn reader(&self) -> Reader {
        Reader {
            table: TABLE,
            id: self.id,
        }
    }
}

/// What is set at a key, but its account.
pub(super) struct SettingColumns {
    pub(super) enabled: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) models: Option<String>,
    pub(super) channels: Option<String>,
    pub(super) not_channels: Option<String>,
    pub(super) networks: Option<String>,
    pub(super) limits: LimitColumns,
    pub(super) reserve: &'static str,
    pub(super) strict_parameters: i64,
}

impl From<&KeySettings> for SettingColumns {
    fn from(settings: &KeySettings) -> Self {
        let networks = &settings.networks;
        Self {
            enabled: i64::from(settings.enabled),
            expires_at: settings.expires.map(jiff::Timestamp::as_second),
            models: settings.models.named().map(|_| settings.models.to_string()),
            channels: settings.channels.only.as_ref().map(ToString::to_string),
            not_channels: settings.channels.not.as_ref().map(ToString::to_string),
            networks: (!networks.named().is_empty()).then(|| networks.to_string()),
            limits: LimitColumns::from(&settings.limits),
            reserve: settings.reserve.as_str(),
            strict_parameters: i64::from(settings.strict_parameters),
        }
    }
}

/// The answer to [`crate::Store::find_key`]: always a version, and a key where there is one.
pub(super) struct FoundRow {
    version: i64,
    found: Option<Found>,
}

struct Found {
    key: KeyRow,
    text_ends: Option<i64>,
    /// In microseconds.
    made: i64,
    account: i64,
    account_made: i64,
    account_limits: LimitColumns,
    account_unlimited: i64,
    account_credit: i64,
    multiplier: String,
}

impl<'r, R: Row> FromRow<'r, R> for FoundRow
where
    KeyRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let version = row.try_get("version")?;
        let account: Option<i64> = row.try_get("account_id")?;
        let Some(account) = account else {
            return Ok(Self { version, found: None });
        };
        let account_limits = LimitColumns {
            requests_per_minute: row.try_get("account_requests_per_minute")?,
            tokens_per_minute: row.try_get("account_tokens_per_minute")?,
            concurrency: row.try_get("account_concurrency")?,
            budget_nanos: row.try_get("account_budget_nanos")?,
            budget_per: row.try_get("account_budget_per")?,
        };
        let found = Some(Found {
            key: KeyRow::from_row(row)?,
            text_ends: row.try_get("text_ends_at")?,
            made: made_us(row.try_get("created_at_us")?, row.try_get("created_at")?),
            account,
            account_made: made_us(
                row.try_get("account_created_at_us")?,
                row.try_get("account_created_at")?,
            ),
            account_limits,
            account_unlimited: row.try_get("account_unlimited")?,
            account_credit: row.try_get("account_credit_nanos")?,
            multiplier: row.try_get("account_price_multiplier")?,
        });
        Ok(Self { version, found })
    }
}

impl FoundRow {
    pub(super) fn read(self) -> Result<(KeysVersion, Option<FoundKey>), StoreError> {
        let key = self.found.map(Found::read).transpose()?;
        Ok((KeysVersion(self.version), key))
    }
}

impl Found {
    fn read(self) -> Result<FoundKey, StoreError> {
        let of_account = Reader {
            table: "accounts",
            id: self.account,
        };
        let made = Made {
            account: of_account.moment("created_at_us", self.account_made)?,
            key: self.key.reader().moment("created_at_us", self.made)?,
        };
        let is_unlimited = of_account.flag("unlimited", self.account_unlimited)?;
        Ok(FoundKey {
            text_ends: self.key.reader().maybe_time("ends_at", self.text_ends)?,
            key: self.key.read()?,
            account: AccountId::new(self.account),
            made,
            account_limits: of_account.limits(&self.account_limits)?,
            multiplier: of_account.required("price_multiplier", &self.multiplier)?,
            account_credit: (!is_unlimited).then(|| Money::from_nanos(self.account_credit)),
        })
    }
}
