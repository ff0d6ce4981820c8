//! What an account or a budget may still spend, as one number that many requests draw on at once.
//!
//! A request holds an amount before it is sent, and puts its charge in the place of that when it has
//! ended. Holding is one compare-and-swap, so that two requests never hold the same money. What is charged
//! beyond a hold is an overrun: it is taken all the same, and nothing more is held until it is covered.
//! Not here: how much is held ([`crate::reservation`]), and where charges are booked.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tollgate_catalog::money::Money;

/// Money that may be spent. Clones draw on the same.
#[derive(Debug, Clone)]
pub struct Purse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What is neither spent nor held, in nano-dollars: what holds are taken from.
    free: AtomicI64,
    /// What is not spent. It tells one refusal from another, and is written so that it is never too low for a
    /// moment: whoever takes spent money for held comes again for nothing, the other way round it would give up.
    balance: AtomicI64,
}

/// Money held for one request. Dropped without [`Hold::settle`], all of it comes back.
#[derive(Debug)]
#[must_use = "the money is free again as soon as this is dropped"]
pub struct Hold {
    purse: Arc<Inner>,
    amount: Money,
}

/// Why nothing was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Short {
    /// There is not as much, whatever becomes of the requests under way.
    #[error("the money is spent")]
    Spent,
    /// There is as much, and other requests hold it.
    #[error("the money is held by other requests")]
    Held,
}

/// What became of a request's hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub charged: Money,
    /// The part of the charge that nothing was held for.
    pub overrun: Money,
}

impl Purse {
    pub fn new(balance: Money) -> Self {
        Self(Arc::new(Inner {
            free: AtomicI64::new(balance.nanos()),
            balance: AtomicI64::new(balance.nanos()),
        }))
    }

    /// Holds `amount`, which is not negative. Nothing, be it for nothing, is held of a purse that is overdrawn.
    pub fn hold(&self, amount: Money) -> Result<Hold, Short> {
        let wanted = amount.nanos();
        let rest = |free: i64| free.checked_sub(wanted).filter(|rest| *rest >= 0);
        match self
            .0
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, rest)
        {
            Ok(_) => Ok(Hold {
                purse: Arc::clone(&self.0),
                amount,
            }),
            Err(_) if self.0.balance.load(Ordering::Acquire) < wanted => Err(Short::Spent),
            Err(_) => Err(Short::Held),
        }
    }

    /// Puts money in, or takes some out where `amount` is negative, whatever is held of it.
    pub fn credit(&self, amount: Money) {
        add(&self.0.balance, amount.nanos());
        add(&self.0.free, amount.nanos());
    }

    /// What is neither spent nor held; below zero after an overrun.
    pub fn free(&self) -> Money {
        Money::from_nanos(self.0.free.load(Ordering::Acquire))
    }
}

impl Hold {
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// Puts the true charge, which is not negative, in the place of what was held.
    pub fn settle(mut self, charge: Money) -> Settled {
        let (held, charged) = (self.amount.nanos(), charge.nanos());
        self.amount = Money::ZERO;
        add(&self.purse.free, held.saturating_sub(charged));
        add(&self.purse.balance, charged.saturating_neg());
        Settled {
            charged: charge,
            overrun: Money::from_nanos(charged.saturating_sub(held).max(0)),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        add(&self.purse.free, self.amount.nanos());
    }
}

fn add(to: &AtomicI64, nanos: i64) {
    let added = |before: i64| Some(before.saturating_add(nanos));
    let _ = to.fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
}

#[cfg(test)]
mod tests;
