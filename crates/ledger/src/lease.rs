//! A gate's slice of money that several gates share.
//!
//! What all gates may spend stands in the database. Each takes a slice of it before it is needed, holds requests within
//! the slice, and gives back what it does not use; so no two gates hold the same money, and a request asks no database.
//! Not here: where slices are written down, and until when they count (`store`).

use std::sync::atomic::{AtomicI64, Ordering};

use tollgate_catalog::money::Money;

/// Of what is there, a slice is at most one part in so many, unless a request needs more: several gates find
/// something, and one that goes for good takes little with it.
const PART: i64 = 8;

/// What a gate may still hold of what it was given. Below zero after an overrun.
#[derive(Debug, Default)]
pub struct Lease {
    free: AtomicI64,
}

impl Lease {
    /// Takes `amount`, or nothing where less is there. Nothing can be taken of any lease.
    pub(crate) fn take(&self, amount: Money) -> bool {
        let wanted = amount.nanos();
        let after = |free: i64| free.checked_sub(wanted).filter(|left| *left >= 0);
        wanted == 0
            || self
                .free
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, after)
                .is_ok()
    }

    /// Takes `amount`, whether or not it is there: it is spent.
    pub(crate) fn overdraw(&self, amount: Money) {
        self.add(amount.nanos().saturating_neg());
    }

    /// Adds what comes back from a request, or was given by the database.
    pub fn add_money(&self, amount: Money) {
        self.add(amount.nanos());
    }

    /// Takes all that is free, to give it back to the database.
    pub fn empty(&self) -> Money {
        let nothing = |free: i64| (free > 0).then_some(0);
        let before = self
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, nothing);
        Money::from_nanos(before.unwrap_or(0))
    }

    pub fn free(&self) -> Money {
        Money::from_nanos(self.free.load(Ordering::Acquire))
    }

    fn add(&self, nanos: i64) {
        let added = |before: i64| Some(before.saturating_add(nanos));
        let _ = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
    }
}

/// How much a gate is given that needs `need` at once, of `there`, which no gate has; `None`: there is not as much.
pub fn slice(there: Money, need: Money) -> Option<Money> {
    let part = there.nanos().max(0) / PART;
    (need <= there || need <= Money::ZERO).then(|| need.max(Money::from_nanos(part)))
}

#[cfg(test)]
mod tests;
