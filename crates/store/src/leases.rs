//! Slices of balances and budgets that gates hold, where several share a database.
//!
//! What is booked and what all gates hold is never more than there is to spend, save for overruns: a slice is granted
//! under a lock that all gates take, and loses what is booked of it in the transaction that books it.
//! A gate that lacks what others have says so beside it ([`wanted`]).
//! Not here: how much a gate asks for and when ([`crate::warm`]), and how large a slice is
//! ([`tollgate_ledger::lease::slice`]).

use std::sync::atomic::Ordering;

use jiff::{Timestamp, civil::Date};
use sqlx::FromRow;
use tollgate_catalog::money::Money;
use tollgate_ledger::{AccountId, KeyId, Period, lease::slice};

use crate::{
    database::{Store, connection::Pool},
    error::StoreError,
};

mod wanted;

/// How long a slice counts that its gate says nothing of: longer than a database may be away, during which gates go on
/// with what they hold. What a gate holds that is gone for good is nobody's for as long.
pub(crate) const COUNTS_FOR_SECONDS: i64 = 70 * 60;
/// How long after that it is remembered what a gate held and what was booked of it, for a gate that comes back with
/// charges that are not in the books.
const REMEMBERED_FOR_SECONDS: i64 = 30 * 24 * 3_600;

/// Who has a balance or a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Payer {
    Key(KeyId),
    Account(AccountId),
}

impl Payer {
    pub(crate) fn columns(self) -> (&'static str, i64) {
        match self {
            Self::Key(id) => ("key", id.get()),
            Self::Account(id) => ("account", id.get()),
        }
    }
}

/// What a slice is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Of {
    pub(crate) payer: Payer,
    pub(crate) per: Period,
    /// The first day of that time.
    pub(crate) since: Date,
}

/// What a gate asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// All that was granted so far and is to be kept, as its row counts. `None`: the gate holds nothing, and has no
    /// charge that is not booked.
    pub(crate) granted: Option<i64>,
    /// What is free of that or held by requests; below zero after an overrun. It counts where the row is gone, and
    /// nobody knows any more what was booked.
    pub(crate) holds: Money,
    /// What a request needs beyond that: so much at least is granted, or nothing. `None`: nothing is asked for.
    pub(crate) need: Option<Money>,
    /// More than is needed is granted up to this alone. `None`: money is not scarce.
    pub(crate) at_most: Option<Money>,
}

/// What a gate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    /// All that was granted so far, as its row counts now.
    pub(crate) granted: i64,
    /// All of it that was booked.
    pub(crate) booked: i64,
    /// What is new of it and was there; `None`: there was not as much.
    pub(crate) given: Option<Money>,
    /// What is new of it beside that: as much as overruns took that are in the books.
    pub(crate) made_up: Money,
    /// What is not spent, whoever holds it.
    pub(crate) unspent: Money,
    /// What other gates have of that, be it held by their requests or not.
    pub(crate) elsewhere: Money,
    /// Whether gates hold more than there is, since the amount was lowered or overrun.
    pub(crate) is_over: bool,
}

#[derive(FromRow)]
struct Row {
    /// What is left of the budget and of the balance by the books; no value: it is no bound.
    of_budget: Option<i64>,
    of_balance: Option<i64>,
    held_elsewhere: i64,
    booked: Option<i64>,
}

/// The columns of [`Row`], for `$1` of period `$2` since `$3`, `$4` being the gate and `$5` the moment.
macro_rules! select_row {
    ($table:literal, $owner:literal, $usage:literal, $balance:literal) => {
        concat!(
            "SELECT CASE WHEN budget_per = $2 THEN budget_nanos - (
                        SELECT CAST(coalesce(sum(charge_nanos), 0) AS BIGINT) FROM usage_days
                        WHERE ",
            $usage,
            " = $1 AND day >= $3) END AS of_budget, ",
            $balance,
            " AS of_balance,
                    (SELECT CAST(coalesce(sum(granted_nanos - booked_nanos), 0) AS BIGINT) FROM leases
                     WHERE owner = '",
            $owner,
            "' AND owner_id = $1 AND per = $2 AND since = $3 AND gate <> $4 AND ends_at > $5
                       AND granted_nanos > booked_nanos) AS held_elsewhere,
                    (SELECT booked_nanos FROM leases
                     WHERE owner = '",
            $owner,
            "' AND owner_id = $1 AND per = $2 AND since = $3 AND gate = $4) AS booked
             FROM ",
            $table,
            " WHERE id = $1"
        )
    };
}

impl Store {
    /// Whether gates on other machines may use it too.
    pub fn is_shared(&self) -> bool {
        matches!(self.pool, Pool::Postgres(_))
    }

    /// Notes what a gate keeps, and grants it more. `None`: there is no such payer.
    ///
    /// Fails with [`StoreError::NameTaken`] where another gate has this one's name.
    ///
    /// Clocks of gates may differ by minutes, which is little beside [`COUNTS_FOR_SECONDS`].
    ///
    /// Cancel safety: whether anything was granted is not known then; the next time says what is kept.
    pub(crate) async fn lease(
        &self,
        gate: &str,
        of: Of,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Option<Granted>, StoreError> {
        if self.name_is_taken.load(Ordering::Acquire) {
            return Err(StoreError::NameTaken);
        }
        let (owner, id) = of.payer.columns();
        let (per, since) = (of.per.as_str(), of.since.to_string());
        let now = now.as_second();
        let mut transaction = self.pool.begin().await?;
        // First, since this is the row that makes gates wait for each other.
        transaction
            .query("UPDATE versions SET value = value + 1 WHERE name = 'leases'")
            .execute()
            .await?;
        // One statement, hence one state of the books and of what was booked of slices.
        let text = match of.payer {
            Payer::Key(_) => select_row!("api_keys", "key", "key_id", "CAST(NULL AS BIGINT)"),
            Payer::Account(_) => select_row!(
                "accounts",
                "account",
                "account_id",
                "CASE WHEN unlimited = 0 AND $2 = 'total' THEN balance_nanos END"
            ),
        };
        let row: Option<Row> = transaction
            .query(text)
            .bind(id)
            .bind(per)
            .bind(since.clone())
            .bind(gate.to_owned())
            .bind(now)
            .fetch_optional()
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let granted = row.grant(asked);
        let wanted = match granted.is_elsewhere(asked) {
            true => wanted::raise(&mut transaction).await?,
            false => 0,
        };
        transaction
            .query(
                "INSERT INTO leases (owner, owner_id, per, since, gate, granted_nanos, booked_nanos, ends_at, wanted)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 ON CONFLICT (owner, owner_id, per, since, gate) DO UPDATE SET
                     granted_nanos = excluded.granted_nanos, ends_at = excluded.ends_at,
                     wanted = CASE WHEN excluded.wanted > 0 THEN excluded.wanted ELSE leases.wanted END",
            )
            .bind(owner)
            .bind(id)
            .bind(per)
            .bind(since.clone())
            .bind(gate.to_owned())
            .bind(granted.granted)
            .bind(granted.booked)
            .bind(now.saturating_add(COUNTS_FOR_SECONDS))
            .bind(wanted)
            .execute()
            .await?;
        // Of a time that still goes on, what is not booked may come yet, and has to find what it was granted.
        transaction
            .query(
                "DELETE FROM leases
                 WHERE owner = $1 AND owner_id = $2 AND per = $3 AND ends_at <= $4
                   AND (granted_nanos <= booked_nanos OR since < $5 OR ends_at <= $6)",
            )
            .bind(owner)
            .bind(id)
            .bind(per)
            .bind(now)
            .bind(since)
            .bind(now.saturating_sub(REMEMBERED_FOR_SECONDS))
            .execute()
            .await?;
        transaction.commit().await?;
        Ok(Some(granted))
    }

    /// Gives back all slices of a gate that holds nothing and has everything booked.
    ///
    /// Fails with [`StoreError::NameTaken`] where they are those of another gate by now.
    pub async fn give_back_leases(&self, gate: &str) -> Result<(), StoreError> {
        if self.name_is_taken.load(Ordering::Acquire) {
            return Err(StoreError::NameTaken);
        }
        self.pool
            .query("DELETE FROM leases WHERE gate = $1")
            .bind(gate.to_owned())
            .execute()
            .await?;
        Ok(())
    }
}

impl Granted {
    /// Whether what was asked for would be there if other gates had nothing.
    pub(crate) fn is_elsewhere(&self, asked: Asked) -> bool {
        let Some(need) = asked.need.filter(|_| self.given.is_none()) else {
            return false;
        };
        let kept = self.granted.saturating_sub(self.booked).max(0);
        let without_others = self.unspent.nanos().saturating_sub(kept);
        let overrun = self.booked.saturating_sub(self.granted).max(0);
        self.elsewhere > Money::ZERO && need.nanos().saturating_sub(overrun) <= without_others
    }
}

impl Row {
    fn grant(&self, asked: Asked) -> Granted {
        let booked = self.booked.unwrap_or_else(|| match asked.granted {
            Some(granted) => granted.saturating_sub(asked.holds.nanos()),
            None => 0,
        });
        let kept = asked.granted.unwrap_or(booked);
        let bounds = [self.of_budget, self.of_balance];
        // An overrun in the books lowered what is there, so it is not to be had once more.
        let overrun = booked.saturating_sub(kept).max(0);
        let need = asked.need.map(|need| need.nanos().saturating_sub(overrun));
        let held = self
            .held_elsewhere
            .saturating_add(kept.saturating_sub(booked).max(0));
        // Without a bound any more, there is what is needed.
        let unspent = bounds
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| held.saturating_add(need.unwrap_or(0).max(0)));
        let there = unspent.saturating_sub(held);
        let given = need.and_then(|need| {
            let need = Money::from_nanos(need);
            let given = slice(Money::from_nanos(there), need)?;
            Some(asked.at_most.map_or(given, |most| given.min(most).max(need)))
        });
        let made_up = given.map_or(0, |_| overrun);
        let new = given.map_or(0, Money::nanos).saturating_add(made_up);
        Granted {
            granted: kept.saturating_add(new),
            booked,
            given,
            made_up: Money::from_nanos(made_up),
            unspent: Money::from_nanos(unspent),
            elsewhere: Money::from_nanos(self.held_elsewhere),
            is_over: there < 0,
        }
    }
}

/// On which day the time began that this day is in.
pub(crate) fn first_day(per: Period, day: Date) -> Date {
    match per {
        Period::Total => Date::MIN,
        Period::Day => day,
        Period::Month => day.first_of_month(),
    }
}

#[cfg(test)]
mod tests;
