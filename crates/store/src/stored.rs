//! Values as the database holds them, and the way back to ours.
//!
//! A value that this version never writes is a [`StoreError::Damaged`] that names its place.

use std::num::NonZeroU32;

use jiff::Timestamp;
use sqlx::FromRow;
use tollgate_catalog::money::Money;
use tollgate_ledger::{Budget, Limits, PerMinute};

use crate::error::StoreError;

/// When an account or a key was made, in microseconds: by the column that says so, else by the one in seconds, which the
/// account that came with the database does not have either.
pub(crate) fn made_us(micros: Option<i64>, seconds: Option<i64>) -> i64 {
    micros.unwrap_or_else(|| seconds.unwrap_or(0).saturating_mul(1_000_000))
}

/// Reads the values of one row.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) table: &'static str,
    pub(crate) id: i64,
}

impl Reader {
    pub(crate) fn damaged(self, column: &'static str) -> StoreError {
        StoreError::Damaged {
            table: self.table,
            id: self.id.to_string(),
            column,
        }
    }

    pub(crate) fn time(self, column: &'static str, seconds: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_second(seconds).map_err(|_| self.damaged(column))
    }

    pub(crate) fn moment(self, column: &'static str, micros: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_microsecond(micros).map_err(|_| self.damaged(column))
    }

    pub(crate) fn maybe_time(
        self,
        column: &'static str,
        seconds: Option<i64>,
    ) -> Result<Option<Timestamp>, StoreError> {
        seconds.map(|seconds| self.time(column, seconds)).transpose()
    }

    pub(crate) fn flag(self, column: &'static str, flag: i64) -> Result<bool, StoreError> {
        match flag {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged(column)),
        }
    }

    pub(crate) fn count(
        self,
        column: &'static str,
        count: Option<i64>,
    ) -> Result<Option<NonZeroU32>, StoreError> {
        let read = |count: i64| NonZeroU32::new(u32::try_from(count).ok()?);
        count
            .map(|count| read(count).ok_or(self.damaged(column)))
            .transpose()
    }

    pub(crate) fn text<T: std::str::FromStr>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| text.parse().map_err(|_| self.damaged(column)))
            .transpose()
    }

    pub(crate) fn required<T: std::str::FromStr>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<T, StoreError> {
        text.parse().map_err(|_| self.damaged(column))
    }

    pub(crate) fn limits(self, columns: &LimitColumns) -> Result<Limits, StoreError> {
        let per_minute = |column, count| Ok::<_, StoreError>(self.count(column, count)?.map(PerMinute::new));
        let budget = match (columns.budget_nanos, &columns.budget_per) {
            (None, None) => None,
            (Some(nanos), Some(per)) => Some(Budget {
                amount: Money::from_nanos(nanos),
                per: per.parse().map_err(|_| self.damaged("budget_per"))?,
            }),
            _ => return Err(self.damaged("budget_nanos")),
        };
        Ok(Limits {
            requests_per_minute: per_minute("requests_per_minute", columns.requests_per_minute)?,
            tokens_per_minute: per_minute("tokens_per_minute", columns.tokens_per_minute)?,
            concurrency: self.count("concurrency", columns.concurrency)?,
            budget,
        })
    }
}

/// The limits of a key or an account, in columns of these names.
#[derive(FromRow)]
pub(crate) struct LimitColumns {
    pub(crate) requests_per_minute: Option<i64>,
    pub(crate) tokens_per_minute: Option<i64>,
    pub(crate) concurrency: Option<i64>,
    pub(crate) budget_nanos: Option<i64>,
    pub(crate) budget_per: Option<String>,
}

impl From<&Limits> for LimitColumns {
    fn from(limits: &Limits) -> Self {
        let per_minute = |limit: Option<PerMinute>| limit.map(|limit| i64::from(limit.get()));
        Self {
            requests_per_minute: per_minute(limits.requests_per_minute),
            tokens_per_minute: per_minute(limits.tokens_per_minute),
            concurrency: limits.concurrency.map(|limit| i64::from(limit.get())),
            budget_nanos: limits.budget.map(|budget| budget.amount.nanos()),
            budget_per: limits.budget.map(|budget| budget.per.as_str().to_owned()),
        }
    }
}
