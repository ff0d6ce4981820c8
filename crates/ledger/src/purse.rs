//! What is spent, and what requests under way hold, counted together, so that the two never exceed an amount.
//!
//! A request holds before it is sent, and gives back what it held when its charge is counted as spent. Holding
//! is one compare-and-swap, so that two requests never hold the same money. What is spent is taken whether or not it was
//! held: an overrun leaves more used up than there is, and nothing more is held until that is covered.
//! Where several gates share the money, a request is held within this gate's slice of it as well ([`Lease`]).
//! Not here: how much is held ([`crate::reservation`]), and what the amount is that bounds it ([`crate::limits::funds`]).

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tollgate_catalog::money::Money;

use crate::lease::Lease;

/// Money that is used up. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Purse(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// What is spent or held, in nano-dollars: what bounds a hold.
    used: AtomicI64,
    /// What is spent. It tells one refusal from another, and is written so that it is never too high for a
    /// moment: whoever takes spent money for held comes again for nothing, the other way round it would give up.
    spent: AtomicI64,
    /// `None`: nobody else holds of this money.
    lease: Option<Lease>,
}

/// Money held for one request. It is free again when this is dropped.
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
    /// This gate's slice is used up; the database may have more.
    #[error("the money is not leased")]
    Unleased,
}

impl Purse {
    /// A purse of which so much is spent.
    pub fn new(spent: Money) -> Self {
        Self(Arc::new(Inner {
            used: AtomicI64::new(spent.nanos()),
            spent: AtomicI64::new(spent.nanos()),
            lease: None,
        }))
    }

    /// A purse of which so much is spent, and of which this gate holds what is leased to it: nothing at first.
    pub fn leased(spent: Money) -> Self {
        Self(Arc::new(Inner {
            used: AtomicI64::new(spent.nanos()),
            spent: AtomicI64::new(spent.nanos()),
            lease: Some(Lease::default()),
        }))
    }

    /// Holds `amount`, which is not negative, where no more than `most` is used up with it. Where more is used
    /// up than that, nothing is held, be it for nothing.
    pub fn hold(&self, amount: Money, most: Money) -> Result<Hold, Short> {
        let (wanted, most) = (amount.nanos(), most.nanos());
        let with_it = |used: i64| used.checked_add(wanted).filter(|used| *used <= most);
        match self
            .0
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, with_it)
        {
            Ok(_) if self.0.lease.as_ref().is_none_or(|lease| lease.take(amount)) => Ok(Hold {
                purse: Arc::clone(&self.0),
                amount,
            }),
            Ok(_) => {
                add(&self.0.used, wanted.saturating_neg());
                Err(Short::Unleased)
            }
            Err(_) if with_it(self.0.spent.load(Ordering::Acquire)).is_none() => Err(Short::Spent),
            Err(_) => Err(Short::Held),
        }
    }

    /// Counts a charge, which is not negative, as spent, be it held or not.
    pub fn spend(&self, charge: Money) {
        self.spend_elsewhere(charge);
        if let Some(lease) = &self.0.lease {
            lease.overdraw(charge);
        }
    }

    /// Counts a charge of another gate as spent, which is not of this one's slice.
    pub fn spend_elsewhere(&self, charge: Money) {
        add(&self.0.used, charge.nanos());
        add(&self.0.spent, charge.nanos());
    }

    /// This gate's slice. `None`: nobody else holds of this money.
    pub fn lease(&self) -> Option<&Lease> {
        self.0.lease.as_ref()
    }

    /// Whether both count together.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether nobody else counts with it, nor holds of it.
    pub fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub fn spent(&self) -> Money {
        Money::from_nanos(self.0.spent.load(Ordering::Acquire))
    }

    /// What is spent or held.
    pub fn used(&self) -> Money {
        Money::from_nanos(self.0.used.load(Ordering::Acquire))
    }
}

impl Hold {
    pub fn amount(&self) -> Money {
        self.amount
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        add(&self.purse.used, self.amount.nanos().saturating_neg());
        if let Some(lease) = &self.purse.lease {
            lease.add_money(self.amount);
        }
    }
}

fn add(to: &AtomicI64, nanos: i64) {
    let added = |before: i64| Some(before.saturating_add(nanos));
    let _ = to.fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
}

#[cfg(test)]
mod tests;
