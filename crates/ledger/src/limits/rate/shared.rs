//! A rate that several gates count together.
//!
//! Its line is in one place that all gates ask. Each gate takes stretches of it before they are needed, and lets
//! requests through within these without asking anybody. No two gates have the same stretch, and none of it is worth
//! anything after its time, which is at most a minute ahead; so in no span of time pass more than the limit and a share
//! of it for its length, whoever lets them through. What a gate does not use needs no giving back: the limit gives it
//! to all anew at that time.
//!
//! While the line cannot be asked each gate counts by itself, with its part of the limit, and tells of it afterwards.
//! When the limit changes, the line goes over to it once, with the first request that asks ([`super::line`]); a gate that
//! hears of it gives back what it has, since that was granted at the limit before.
//! Not here: when a gate asks for how much (`store`), and the script that keeps the line there.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    Asked, Granted, Rate, at_limit, cost,
    line::MICRO,
    nanos, rescaled,
    stretch::{Pieces, Stretch, Stretches},
};
use crate::limits::PerMinute;

/// What a gate knows of the others, for all its rates. Nobody can be asked at first.
#[derive(Debug)]
pub struct Sharing {
    is_away: AtomicBool,
    gates: AtomicU32,
    /// What the line's clock is ahead of this gate's, in nanoseconds.
    ahead: AtomicU64,
}

impl Default for Sharing {
    fn default() -> Self {
        Self {
            is_away: AtomicBool::new(true),
            gates: AtomicU32::new(1),
            ahead: AtomicU64::new(0),
        }
    }
}

impl Sharing {
    /// The lines' clock is so much ahead of this gate's. Said before they are told of anything.
    pub fn set_clock(&self, ahead: Duration) {
        self.ahead.store(nanos(ahead), Ordering::Relaxed);
    }

    /// Lines can be asked, and so many gates do, this one included.
    pub fn begin(&self, gates: u32) {
        self.gates.store(gates.max(1), Ordering::Relaxed);
        self.is_away.store(false, Ordering::Release);
    }

    /// Lines cannot be asked: each gate has one part of each limit, of as many as there were gates.
    pub fn end(&self) {
        self.is_away.store(true, Ordering::Release);
    }

    /// What the lines' clock is ahead of this gate's, as it was last said.
    pub fn ahead(&self) -> Duration {
        Duration::from_nanos(self.ahead.load(Ordering::Relaxed))
    }

    pub fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    /// How many gates there were when that was last known.
    pub fn gates(&self) -> u32 {
        self.gates.load(Ordering::Relaxed)
    }

    fn on_the_line(&self, now: u64) -> u64 {
        now.saturating_add(self.ahead.load(Ordering::Relaxed))
    }
}

/// This gate's part in a rate.
#[derive(Debug)]
pub(super) struct Shared {
    sharing: Arc<Sharing>,
    /// Held for a few additions, by the requests of one API key or account.
    slice: Mutex<Slice>,
}

#[derive(Debug, Default)]
struct Slice {
    /// The limit at which all of it is reckoned. `None`: nothing was taken yet.
    limit: Option<PerMinute>,
    free: Stretches,
    /// All that was ever taken of stretches.
    used: u64,
    /// What was used beyond them, and is not told yet.
    debt: u64,
    /// What this gate counted by itself, and has not told yet.
    alone: u64,
    /// What it had of the line and gives back, and has not told yet.
    back: u64,
    /// Up to where the line was taken when it was last heard of.
    line: u64,
}

impl Slice {
    /// Reckons at the limit that holds now. `now`: by the line's clock.
    fn heed(&mut self, limit: PerMinute, now: u64) {
        let Some(before) = self.limit.replace(limit).filter(|before| *before != limit) else {
            return;
        };
        let free = std::mem::take(&mut self.free).length(now);
        self.back = at_limit(self.back.saturating_add(free), before, limit);
        self.debt = rescaled(self.debt, before, limit);
        self.alone = rescaled(self.alone, before, limit);
        if let Some(ahead) = self.line.checked_sub(now) {
            self.line = now.saturating_add(rescaled(ahead, before, limit));
        }
    }
}

impl Shared {
    pub(super) fn new(sharing: Arc<Sharing>) -> Self {
        Self {
            sharing,
            slice: Mutex::default(),
        }
    }

    /// Of how many parts of the limit this gate has one; `None`: the line can be asked.
    pub(super) fn parts(&self) -> Option<u64> {
        self.sharing.is_away().then(|| u64::from(self.sharing.gates()))
    }

    pub(super) fn take(&self, cost: u64, limit: PerMinute, now: u64) -> Option<Pieces> {
        let now = self.sharing.on_the_line(now);
        let mut slice = self.slice();
        slice.heed(limit, now);
        let taken = slice.free.take(cost, now)?;
        slice.used = slice.used.saturating_add(cost);
        Some(taken)
    }

    pub(super) fn note_alone(&self, cost: u64, limit: PerMinute, now: u64) {
        let mut slice = self.slice();
        slice.heed(limit, self.sharing.on_the_line(now));
        slice.alone = slice.alone.saturating_add(cost);
    }

    /// Corrects what was noted.
    pub(super) fn correct_alone(&self, held: u64, truly: u64) {
        let mut slice = self.slice();
        slice.alone = slice.alone.saturating_add(truly).saturating_sub(held);
    }

    /// Corrects what was taken at `limit`.
    pub(super) fn correct(&self, taken: Pieces, limit: PerMinute, held: u64, truly: u64, now: u64) {
        let now = self.sharing.on_the_line(now);
        let mut slice = self.slice();
        let current = slice.limit.unwrap_or(limit);
        let (held, truly) = (cost(held, current), cost(truly, current));
        match truly.checked_sub(held) {
            None if current == limit => taken
                .cut(held - truly)
                .for_each(|stretch| slice.free.add(stretch)),
            None => {
                // It lay on the line as that was before.
                let unpaid = at_limit(taken.length_after(now), limit, current);
                slice.back = slice.back.saturating_add(unpaid.min(held - truly));
            }
            Some(more) => {
                let free = slice.free.length(now).min(more);
                slice.free.take_up_to(free);
                slice.used = slice.used.saturating_add(free);
                slice.debt = slice.debt.saturating_add(more - free);
            }
        }
    }

    /// How much of the minute is taken, but by this gate for what comes.
    pub(super) fn ahead(&self, limit: PerMinute, now: u64) -> u64 {
        let now = self.sharing.on_the_line(now);
        let mut slice = self.slice();
        slice.heed(limit, now);
        let taken = slice.line.saturating_sub(now).saturating_add(slice.debt);
        let spare = slice.free.length(now).saturating_add(slice.back);
        taken.saturating_sub(spare)
    }

    pub(super) fn is_settled(&self, now: u64) -> bool {
        let now = self.sharing.on_the_line(now);
        let slice = self.slice();
        slice.line <= now && slice.debt == 0 && slice.alone == 0
    }

    fn slice(&self) -> MutexGuard<'_, Slice> {
        self.slice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For whoever speaks with the line; nothing is there for rates that nobody else counts.
impl Rate {
    /// What this gate has of the line to let requests through.
    pub fn free(&self, now: Duration) -> Duration {
        let Some(shared) = &self.0.shared else {
            return Duration::MAX;
        };
        let now = shared.sharing.on_the_line(nanos(now));
        Duration::from_nanos(shared.slice().free.length(now))
    }

    /// All that was ever taken of it.
    pub fn used(&self) -> Duration {
        let shared = self.0.shared.as_ref();
        shared.map_or(Duration::ZERO, |shared| Duration::from_nanos(shared.slice().used))
    }

    /// How far the line was taken beyond `now` when it was last heard of.
    pub fn taken_ahead(&self, now: Duration) -> Duration {
        let Some(shared) = &self.0.shared else {
            return Duration::ZERO;
        };
        let now = shared.sharing.on_the_line(nanos(now));
        Duration::from_nanos(shared.slice().line.saturating_sub(now))
    }

    /// Whether there is something to tell.
    pub fn owes(&self) -> bool {
        self.0.shared.as_ref().is_some_and(|shared| {
            let slice = shared.slice();
            slice.debt > 0 || slice.alone > 0 || slice.back > 0
        })
    }

    /// What to tell, and to ask for: at least `least`, and at most `most`. Of what is free, what is beyond `keep` is
    /// given back. Followed by [`Self::granted`] or [`Self::not_told`].
    pub fn ask(&self, least: Duration, most: Duration, keep: Duration, now: Duration) -> Option<Asked> {
        let shared = self.0.shared.as_ref()?;
        let now = nanos(now);
        let paid_off = self.0.paid_off.load(Ordering::Relaxed);
        let unpaid = paid_off.saturating_sub(now) / u64::from(shared.sharing.gates());
        let now = shared.sharing.on_the_line(now);
        let mut slice = shared.slice();
        // What was counted alone a while ago is paid off.
        let alone = std::mem::take(&mut slice.alone).min(unpaid);
        let debt = std::mem::take(&mut slice.debt).saturating_add(alone);
        let beyond = slice.free.length(now).saturating_sub(nanos(keep));
        let beyond = slice.free.take_last(beyond);
        let back = std::mem::take(&mut slice.back).saturating_add(beyond);
        Some(Asked {
            limit: slice.limit.map_or(0, PerMinute::get),
            now: now / MICRO,
            line: slice.line.div_ceil(MICRO),
            debt: debt.div_ceil(MICRO),
            back: back / MICRO,
            least: nanos(least).div_ceil(MICRO),
            most: nanos(most).div_ceil(MICRO),
        })
    }

    /// The line has answered.
    pub fn granted(&self, granted: &Granted) {
        let Some(shared) = &self.0.shared else { return };
        let mut slice = shared.slice();
        slice.line = granted.line.saturating_mul(MICRO);
        slice.free.add(Stretch {
            from: granted.from.saturating_mul(MICRO),
            until: granted.from.saturating_add(granted.given).saturating_mul(MICRO),
        });
    }

    /// The line has not answered. What was given back stays given back: its time comes soon.
    pub fn not_told(&self, asked: &Asked) {
        if let Some(shared) = &self.0.shared {
            let mut slice = shared.slice();
            slice.debt = slice.debt.saturating_add(asked.debt.saturating_mul(MICRO));
        }
    }
}

#[cfg(test)]
mod tests;
