//! So many a minute, by the generic cell rate algorithm (GCRA).
//!
//! One number is kept: the moment at which everything that was taken so far is paid off, were the
//! limit used evenly. Taking moves it on; it may lie at most a minute ahead, so that after a minute of
//! silence as many go through at once as the limit says, and then one for each further share of a
//! minute. There is no window that begins anew, at whose border twice the limit could pass.
//!
//! What something truly counts may be known only later, as the tokens of an answer are. Then an
//! estimate is held first and corrected afterwards.
//!
//! Where several gates count together, that number is a shared one, and each takes stretches of its line ahead of
//! need ([`shared`]). While it cannot be asked, each gate counts by itself up to its share of the limit.
//!
//! `now` is the time since any fixed moment, the same one for all calls on one rate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use self::{shared::Shared, stretch::Pieces};
use super::PerMinute;

pub mod shared;
mod stretch;

pub use shared::{Asked, Granted, Line, Sharing};

const MINUTE: u64 = 60_000_000_000;

/// What was taken of one limit so far. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Rate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// When what this gate counts by itself is paid off, in nanoseconds.
    paid_off: AtomicU64,
    /// `None`: nobody else counts.
    shared: Option<Shared>,
}

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// It is used up; after this time as many would go through.
    For(Duration),
    /// This gate's stretches are used up. So much of the shared line would do.
    Unleased(Duration),
}

/// Something taken, until it is known what it truly counted. Dropped without a correction, it counts as
/// it was taken.
#[derive(Debug)]
pub struct Held {
    rate: Rate,
    limit: PerMinute,
    cost: u64,
    of: HeldOf,
}

#[derive(Debug)]
enum HeldOf {
    /// What this gate counts by itself, of which the limit is one part in so many.
    Itself {
        parts: u64,
        /// When it was to be paid off.
        until: u64,
    },
    Shared(Pieces),
}

/// How a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub limit: u32,
    /// How many would go through at this moment.
    pub remaining: u32,
    /// Until all of the limit is there again.
    pub full_in: Duration,
}

impl Rate {
    /// One that is counted together with other gates.
    pub fn shared(sharing: Arc<Sharing>) -> Self {
        Self(Arc::new(Inner {
            paid_off: AtomicU64::default(),
            shared: Some(Shared::new(sharing)),
        }))
    }

    /// Takes `count` of the limit, or nothing.
    ///
    /// More than the limit never go through at once; the caller has to see to that.
    pub fn take(&self, count: u64, limit: PerMinute, now: Duration) -> Result<Held, Full> {
        let (now, cost) = (nanos(now), cost(count, limit));
        let of = match &self.0.shared {
            None => self.take_of_itself(cost, 1, now).map_err(Full::For)?,
            Some(shared) => match shared.parts() {
                None => {
                    let taken = shared.take(cost, now);
                    HeldOf::Shared(taken.ok_or(Full::Unleased(Duration::from_nanos(cost)))?)
                }
                Some(parts) => {
                    let held = self.take_of_itself(cost, parts, now).map_err(Full::For)?;
                    shared.note_alone(cost);
                    held
                }
            },
        };
        Ok(Held {
            rate: self.clone(),
            limit,
            cost,
            of,
        })
    }

    /// Counts by itself, as if the limit were one part in so many. Something at least goes through once all before it
    /// is paid off, be that part too small for it.
    fn take_of_itself(&self, cost: u64, parts: u64, now: u64) -> Result<HeldOf, Duration> {
        let cost = cost.saturating_mul(parts);
        let most = if parts > 1 { MINUTE.max(cost) } else { MINUTE };
        let furthest = now.saturating_add(most);
        let after = |paid_off: u64| paid_off.max(now).saturating_add(cost);
        let taken = self
            .0
            .paid_off
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_off| {
                Some(after(paid_off)).filter(|after| *after <= furthest)
            });
        match taken {
            Ok(before) => Ok(HeldOf::Itself {
                parts,
                until: after(before),
            }),
            Err(paid_off) => Err(Duration::from_nanos(after(paid_off) - furthest)),
        }
    }

    /// Where others count as well, it is as this gate knows it.
    pub fn standing(&self, limit: PerMinute, now: Duration) -> Standing {
        let now = nanos(now);
        let paid_off = self.0.paid_off.load(Ordering::Relaxed);
        let shared = self.0.shared.as_ref();
        let (ahead, parts) = match shared.map(|shared| (shared, shared.parts())) {
            None => (paid_off.saturating_sub(now), 1),
            Some((shared, None)) => (shared.ahead(now), 1),
            Some((_, Some(parts))) => (paid_off.saturating_sub(now), parts),
        };
        let room = u128::from(MINUTE.saturating_sub(ahead)) * u128::from(limit.get());
        let room = room / (u128::from(MINUTE) * u128::from(parts));
        Standing {
            limit: limit.get(),
            remaining: u32::try_from(room).unwrap_or(u32::MAX),
            full_in: Duration::from_nanos(ahead),
        }
    }

    /// Whether forgetting it would change nothing.
    pub fn is_paid_off(&self, now: Duration) -> bool {
        let now = nanos(now);
        self.0.paid_off.load(Ordering::Relaxed) <= now
            && self.0.shared.as_ref().is_none_or(|shared| shared.is_settled(now))
    }

    /// Whether both count together.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether nobody else counts with it.
    pub fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Held {
    /// Puts what it truly counted in the place of what was held.
    ///
    /// Too much held comes back as far as it was not paid off meanwhile, so that with one thing held at a
    /// time nothing goes through that would not have, had its count been known from the start. Several
    /// together may let through what they held too much, once. Too little held is made up for by whoever
    /// comes next, who waits longer.
    pub fn correct(self, truly: u64, now: Duration) {
        let now = nanos(now);
        let cost = cost(truly, self.limit);
        if cost == self.cost {
            return;
        }
        let Inner { paid_off, shared } = &*self.rate.0;
        match self.of {
            HeldOf::Shared(pieces) => {
                if let Some(shared) = shared {
                    shared.correct(pieces, self.cost, cost, now);
                }
            }
            HeldOf::Itself { parts, until } => {
                let corrected = |paid_off: u64| match cost.checked_sub(self.cost) {
                    Some(more) => paid_off.max(now).saturating_add(more.saturating_mul(parts)),
                    None => {
                        let unpaid = until.saturating_sub(now);
                        let less = (self.cost - cost).saturating_mul(parts);
                        paid_off.saturating_sub(less.min(unpaid))
                    }
                };
                let _ = paid_off.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_off| {
                    Some(corrected(paid_off))
                });
                if let Some(shared) = shared {
                    shared.correct_alone(self.cost, cost);
                }
            }
        }
    }
}

/// What `count` moves the moment on. Rounded down, so that the whole limit fits into a minute; up to a
/// limit of 200,000 no single one more does.
fn cost(count: u64, limit: PerMinute) -> u64 {
    let cost = u128::from(count) * u128::from(MINUTE) / u128::from(limit.get());
    u64::try_from(cost).unwrap_or(u64::MAX)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
