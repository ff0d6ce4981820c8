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
    /// Whether other gates spend of the same money.
    is_shared: bool,
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
        Self::of(spent, now, zone, false)
    }

    /// The same where other gates spend of the same money: what this one holds has to be leased to it.
    pub fn shared(spent: Spent, now: Timestamp, zone: TimeZone) -> Self {
        Self::of(spent, now, zone, true)
    }

    fn of(spent: Spent, now: Timestamp, zone: TimeZone, is_shared: bool) -> Self {
        let current = |per: Period, spent| {
            Mutex::new(Current {
                span: per.span(now, &zone),
                per,
                purse: purse(spent, is_shared),
            })
        };
        Self {
            ever: purse(spent.ever, is_shared),
            day: current(Period::Day, spent.today),
            month: current(Period::Month, spent.this_month),
            zone,
            is_shared,
        }
    }

    /// What requests that come `now` draw on.
    pub fn purse(&self, per: Period, now: Timestamp) -> Purse {
        match per {
            Period::Total => self.ever.clone(),
            Period::Day => self.current(&self.day, now).purse.clone(),
            Period::Month => self.current(&self.month, now).purse.clone(),
        }
    }

    /// Counts the charge of a request that came at `came`.
    pub fn spend(&self, charge: Money, came: Timestamp) {
        self.count(charge, came, Purse::spend);
    }

    /// Counts the charge of a request that came to another gate at `came`.
    pub fn spend_elsewhere(&self, charge: Money, came: Timestamp) {
        self.count(charge, came, Purse::spend_elsewhere);
    }

    fn count(&self, charge: Money, came: Timestamp, spend: impl Fn(&Purse, Money)) {
        if charge == Money::ZERO {
            return;
        }
        spend(&self.ever, charge);
        for current in [&self.day, &self.month] {
            let current = self.current(current, came);
            // Of an earlier day or month nobody asks any more.
            if current.span.contains(came) {
                spend(&current.purse, charge);
            }
        }
    }

    /// What is counted now: the same, or the next with nothing spent where that is over.
    fn current<'a>(&self, current: &'a Mutex<Current>, now: Timestamp) -> MutexGuard<'a, Current> {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.span.until.is_some_and(|until| until <= now) {
            current.span = current.per.span(now, &self.zone);
            current.purse = purse(Money::ZERO, self.is_shared);
        }
        current
    }
}

fn purse(spent: Money, is_shared: bool) -> Purse {
    match is_shared {
        false => Purse::new(spent),
        true => Purse::leased(spent),
    }
}

#[cfg(test)]
mod tests;
