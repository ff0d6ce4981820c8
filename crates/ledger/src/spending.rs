//! What one API key, or all keys of one account, have spent: ever, today and this month.
//!
//! All three are counted whether or not a budget bounds them, so that a budget that is set or changed later knows
//! what was spent before it. A charge belongs to the day and month in which its request came.
//! Not here: what may be spent ([`crate::limits::funds`]).

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{Timestamp, tz::TimeZone};
use tollgate_catalog::money::Money;

use crate::{limits::Period, period::Span, purse::Purse};

/// What was spent before a gate counts for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    pub ever: Money,
    pub today: Money,
    pub this_month: Money,
}

/// What is spent and held by one owner.
#[derive(Debug)]
pub struct Spending {
    ever: Purse,
    day: Mutex<Current>,
    month: Mutex<Current>,
    zone: TimeZone,
}

/// The day or month that is counted, and its purse.
#[derive(Debug)]
struct Current {
    per: Period,
    span: Span,
    purse: Purse,
}

impl Spending {
    /// Goes on from what was spent, of which the parts of the day and month that `now` lies in are known.
    pub fn new(spent: Spent, now: Timestamp, zone: TimeZone) -> Self {
        let current = |per: Period, spent| {
            Mutex::new(Current {
                span: per.span(now, &zone),
                per,
                purse: Purse::new(spent),
            })
        };
        Self {
            ever: Purse::new(spent.ever),
            day: current(Period::Day, spent.today),
            month: current(Period::Month, spent.this_month),
            zone,
        }
    }

    /// What requests that come `now` draw on.
    pub fn purse(&self, per: Period, now: Timestamp) -> Purse {
        match per {
            Period::Total => self.ever.clone(),
            Period::Day => locked(&self.day).at(now, &self.zone).purse.clone(),
            Period::Month => locked(&self.month).at(now, &self.zone).purse.clone(),
        }
    }

    /// Counts the charge of a request that came at `came`.
    pub fn spend(&self, charge: Money, came: Timestamp) {
        if charge == Money::ZERO {
            return;
        }
        self.ever.spend(charge);
        for current in [&self.day, &self.month] {
            let mut current = locked(current);
            let current = current.at(came, &self.zone);
            // Of an earlier day or month nobody asks any more.
            if current.span.contains(came) {
                current.purse.spend(charge);
            }
        }
    }
}

impl Current {
    /// The same, or the next one with nothing spent where this one is over.
    fn at(&mut self, now: Timestamp, zone: &TimeZone) -> &Self {
        if self.span.until.is_some_and(|until| until <= now) {
            self.span = self.per.span(now, zone);
            self.purse = Purse::default();
        }
        self
    }
}

fn locked(current: &Mutex<Current>) -> MutexGuard<'_, Current> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
