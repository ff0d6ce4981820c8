//! What one API key, or all keys of one account, have spent: ever, today and this month.
//!
//! All three are counted whether or not a budget bounds them, so that a budget that is set or changed later knows
//! what was spent before it. A charge belongs to the day and month in which its request was let in, which may have
//! ended when it is known: the one before is counted on beside the present one, for requests that were let in at its
//! last moment and are still about to hold.
//! Not here: what may be spent ([`crate::limits::funds`]).

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

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
    /// The same of the one that was counted before. `None`: it ended before this gate counted.
    before: Option<(Span, Purse)>,
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
                before: None,
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

    /// What requests draw on that are let in at `at`: where that is of a time that nobody counts any more, what is
    /// counted now.
    pub fn purse(&self, per: Period, at: Timestamp) -> Purse {
        let of = |current: &Mutex<Current>| {
            let current = self.current(current, at);
            current.purse_of(at).unwrap_or(&current.purse).clone()
        };
        match per {
            Period::Total => self.ever.clone(),
            Period::Day => of(&self.day),
            Period::Month => of(&self.month),
        }
    }

    /// Counts the charge of a request that was let in at `at`.
    pub fn spend(&self, charge: Money, at: Timestamp) {
        self.count(charge, at, Purse::spend);
    }

    /// Counts the charge of a request that another gate let in at `at`.
    pub fn spend_elsewhere(&self, charge: Money, at: Timestamp) {
        self.count(charge, at, Purse::spend_elsewhere);
    }

    fn count(&self, charge: Money, at: Timestamp, spend: impl Fn(&Purse, Money)) {
        if charge == Money::ZERO {
            return;
        }
        spend(&self.ever, charge);
        for current in [&self.day, &self.month] {
            let current = self.current(current, at);
            // Of an earlier day or month nobody asks any more.
            if let Some(purse) = current.purse_of(at) {
                spend(purse, charge);
            }
        }
    }

    /// What is counted now: the same, or the next with nothing spent where that is over.
    fn current<'a>(&self, current: &'a Mutex<Current>, now: Timestamp) -> MutexGuard<'a, Current> {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.span.until.is_some_and(|until| until <= now) {
            let next = (
                current.per.span(now, &self.zone),
                purse(Money::ZERO, self.is_shared),
            );
            let Current { span, purse, .. } = &mut *current;
            let ended = (mem::replace(span, next.0), mem::replace(purse, next.1));
            current.before = Some(ended);
        }
        current
    }
}

impl Current {
    /// What was let in at `at` draws on, as far back as that is known.
    fn purse_of(&self, at: Timestamp) -> Option<&Purse> {
        let before = self.before.as_ref().map(|(span, purse)| (span, purse));
        let counted = [Some((&self.span, &self.purse)), before];
        let mut counted = counted.into_iter().flatten();
        counted.find_map(|(span, purse)| span.contains(at).then_some(purse))
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
