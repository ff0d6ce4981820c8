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
//! `now` is the time since any fixed moment, the same one for all calls on one rate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::PerMinute;

const MINUTE: u64 = 60_000_000_000;

/// What was taken of one limit so far. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    /// When it is paid off, in nanoseconds.
    paid_off: Arc<AtomicU64>,
}

/// Something taken, until it is known what it truly counted. Dropped without a correction, it counts as
/// it was taken.
#[derive(Debug)]
pub struct Held {
    rate: Rate,
    limit: PerMinute,
    cost: u64,
    /// When it was to be paid off.
    until: u64,
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
    /// Takes `count` of the limit, or nothing. Fails with the time after which as many would go through.
    ///
    /// More than the limit never go through at once; the caller has to see to that.
    pub fn take(&self, count: u64, limit: PerMinute, now: Duration) -> Result<Held, Duration> {
        let now = nanos(now);
        let cost = cost(count, limit);
        let furthest = now.saturating_add(MINUTE);
        let after = |paid_off: u64| paid_off.max(now).saturating_add(cost);
        let taken = self
            .paid_off
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_off| {
                Some(after(paid_off)).filter(|after| *after <= furthest)
            });
        match taken {
            Ok(before) => Ok(Held {
                rate: self.clone(),
                limit,
                cost,
                until: after(before),
            }),
            Err(paid_off) => Err(Duration::from_nanos(after(paid_off) - furthest)),
        }
    }

    pub fn standing(&self, limit: PerMinute, now: Duration) -> Standing {
        let now = nanos(now);
        let ahead = self.paid_off.load(Ordering::Relaxed).saturating_sub(now);
        let room = u128::from(MINUTE.saturating_sub(ahead)) * u128::from(limit.get()) / u128::from(MINUTE);
        Standing {
            limit: limit.get(),
            remaining: u32::try_from(room).unwrap_or(u32::MAX),
            full_in: Duration::from_nanos(ahead),
        }
    }

    /// Whether forgetting it would change nothing.
    pub fn is_paid_off(&self, now: Duration) -> bool {
        self.paid_off.load(Ordering::Relaxed) <= nanos(now)
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
        let corrected = |paid_off: u64| match cost.checked_sub(self.cost) {
            Some(more) => paid_off.max(now).saturating_add(more),
            None => {
                let unpaid = self.until.saturating_sub(now);
                paid_off.saturating_sub((self.cost - cost).min(unpaid))
            }
        };
        if cost != self.cost {
            let _ = self
                .rate
                .paid_off
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_off| {
                    Some(corrected(paid_off))
                });
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
