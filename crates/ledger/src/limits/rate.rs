//! So many a minute, by the generic cell rate algorithm (GCRA).
//!
//! One number is kept: the moment at which everything that was taken so far is paid off, were the
//! limit used evenly. Taking moves it on; it may lie at most a minute ahead, so that after a minute of
//! silence as many go through at once as the limit says, and then one for each further share of a
//! minute. There is no window that begins anew, at whose border twice the limit could pass.
//!
//! That moment is reckoned at a limit. When another is set, what was taken stays as many, and takes the time of the new
//! limit ([`rescaled`]).
//!
//! What something truly counts may be known only later, as the tokens of an answer are. Then an
//! estimate is held first and corrected afterwards.
//!
//! Where several gates count together, that number is a shared one, and each takes stretches of its line ahead of
//! need ([`shared`]). While it cannot be asked, each gate counts by itself up to its share of the limit.
//!
//! `now` is the time since any fixed moment, the same one for all calls on one rate.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use self::{shared::Shared, stretch::Pieces};
use super::PerMinute;

mod line;
pub mod shared;
mod stretch;

pub use line::{Asked, Granted, Line};
pub use shared::Sharing;

const MINUTE: u64 = 60_000_000_000;

/// What was taken of one limit so far. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Rate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// When what this gate counts by itself is paid off, in nanoseconds.
    paid_off: AtomicU64,
    /// The limit at which that is reckoned; 0: none yet.
    reckoned_at: AtomicU32,
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
    count: u64,
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
            reckoned_at: AtomicU32::default(),
            shared: Some(Shared::new(sharing)),
        }))
    }

    /// Takes `count` of the limit, or nothing.
    ///
    /// More than the limit never go through at once; the caller has to see to that.
    pub fn take(&self, count: u64, limit: PerMinute, now: Duration) -> Result<Held, Full> {
        let (now, cost) = (nanos(now), cost(count, limit));
        self.heed(limit, now);
        let of = match &self.0.shared {
            None => self.take_of_itself(cost, 1, now).map_err(Full::For)?,
            Some(shared) => match shared.parts() {
                None => {
                    let taken = shared.take(cost, limit, now);
                    HeldOf::Shared(taken.ok_or(Full::Unleased(Duration::from_nanos(cost)))?)
                }
                Some(parts) => {
                    let held = self.take_of_itself(cost, parts, now).map_err(Full::For)?;
                    shared.note_alone(cost, limit, now);
                    held
                }
            },
        };
        Ok(Held {
            rate: self.clone(),
            limit,
            count,
            of,
        })
    }

    /// Reckons what this gate counts by itself at the limit that holds now.
    fn heed(&self, limit: PerMinute, now: u64) {
        let Inner {
            paid_off,
            reckoned_at,
            ..
        } = &*self.0;
        if reckoned_at.load(Ordering::Relaxed) == limit.get() {
            return;
        }
        // One of those who see the change is told what was before. What others take until it is done is off by the
        // proportion of the two limits, once.
        let before = reckoned_at.swap(limit.get(), Ordering::Relaxed);
        let Some(before) = per_minute(before).filter(|before| *before != limit) else {
            return;
        };
        let _ = paid_off.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_off| {
            let ahead = paid_off.checked_sub(now)?;
            Some(now.saturating_add(rescaled(ahead, before, limit)))
        });
    }

    /// The limit that holds now, as it was last told.
    fn limit(&self) -> Option<PerMinute> {
        per_minute(self.0.reckoned_at.load(Ordering::Relaxed))
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
        self.heed(limit, now);
        let paid_off = self.0.paid_off.load(Ordering::Relaxed);
        let shared = self.0.shared.as_ref();
        let (ahead, parts) = match shared.map(|shared| (shared, shared.parts())) {
            None => (paid_off.saturating_sub(now), 1),
            Some((shared, None)) => (shared.ahead(limit, now), 1),
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
    /// comes next, who waits longer. Where another limit holds meanwhile, it counts of that one.
    pub fn correct(self, truly: u64, now: Duration) {
        let now = nanos(now);
        if truly == self.count {
            return;
        }
        let Inner { paid_off, shared, .. } = &*self.rate.0;
        match self.of {
            HeldOf::Shared(pieces) => {
                if let Some(shared) = shared {
                    shared.correct(pieces, self.limit, self.count, truly, now);
                }
            }
            HeldOf::Itself { parts, until } => {
                let limit = self.rate.limit().unwrap_or(self.limit);
                let (held, truly) = (cost(self.count, limit), cost(truly, limit));
                let corrected = |paid_off: u64| match truly.checked_sub(held) {
                    Some(more) => paid_off.max(now).saturating_add(more.saturating_mul(parts)),
                    None => {
                        let unpaid = at_limit(until.saturating_sub(now), self.limit, limit);
                        let less = (held - truly).saturating_mul(parts);
                        paid_off.saturating_sub(less.min(unpaid))
                    }
                };
                let _ = paid_off.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_off| {
                    Some(corrected(paid_off))
                });
                if let Some(shared) = shared {
                    shared.correct_alone(held, truly);
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

/// As many of one limit, as time of another.
fn at_limit(time: u64, from: PerMinute, to: PerMinute) -> u64 {
    let time = u128::from(time) * u128::from(from.get()) / u128::from(to.get());
    u64::try_from(time).unwrap_or(u64::MAX)
}

/// How long what was taken is still to be waited for when another limit is set: as many stay taken. A lower limit makes
/// nobody wait longer than before, or than the minute in which all of it comes back: what was let through was allowed.
fn rescaled(ahead: u64, from: PerMinute, to: PerMinute) -> u64 {
    at_limit(ahead, from, to).min(ahead.max(MINUTE))
}

fn per_minute(count: u32) -> Option<PerMinute> {
    NonZeroU32::new(count).map(PerMinute::new)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
