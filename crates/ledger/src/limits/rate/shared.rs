//! A rate that several gates count together.
//!
//! Its line is in one place that all gates ask. Each gate takes stretches of it before they are needed, and lets
//! requests through within these without asking anybody. No two gates have the same stretch, and none of it is worth
//! anything after its time, which is at most a minute ahead; so in no span of time pass more than the limit and a share
//! of it for its length, whoever lets them through. What a gate does not use needs no giving back: the limit gives it
//! to all anew at that time.
//!
//! While the line cannot be asked each gate counts by itself, with its part of the limit, and tells of it afterwards.
//! Not here: when a gate asks for how much (`store`), and the script that keeps the line there.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    MINUTE, Rate, nanos,
    stretch::{Pieces, Stretch, Stretches},
};

const MICRO: u64 = 1_000;

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

/// What a gate tells the line, and asks of it; in microseconds, which scripts can count exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// By the line's clock.
    pub now: u64,
    /// Up to where the line was taken when this gate last heard of it: that is where it goes on if it was lost.
    pub line: u64,
    /// What was used beyond what was granted.
    pub debt: u64,
    /// What was granted and is given back before its time.
    pub back: u64,
    /// So much at least is granted, or nothing.
    pub least: u64,
    pub most: u64,
}

/// What the line grants, in microseconds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    pub from: u64,
    /// The length of the stretch; 0: there is not as much.
    pub given: u64,
    /// Up to where the line is taken now.
    pub line: u64,
}

/// The line itself. The script that keeps one for several gates does the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line {
    /// Up to where it is taken; `None`: that is not known.
    taken_to: Option<u64>,
}

impl Line {
    /// How far ahead it may be taken: a minute, and what is rounded up where single ones are asked for.
    pub const FURTHEST: u64 = MINUTE / MICRO + 8;

    pub fn exchange(&mut self, asked: &Asked) -> Granted {
        let mut line = self.taken_to.unwrap_or(asked.line).saturating_sub(asked.back);
        if asked.debt > 0 {
            line = line.max(asked.now) + asked.debt;
        }
        let from = line.max(asked.now);
        let given = asked.most.min((asked.now + Self::FURTHEST).saturating_sub(from));
        let given = if given < asked.least { 0 } else { given };
        if given > 0 {
            line = from + given;
        }
        self.taken_to = Some(line);
        Granted { from, given, line }
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
    free: Stretches,
    /// All that was ever taken of stretches.
    used: u64,
    /// What was used beyond them, and is not told yet.
    debt: u64,
    /// What this gate counted by itself, and has not told yet.
    alone: u64,
    /// Up to where the line was taken when it was last heard of.
    line: u64,
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

    pub(super) fn take(&self, cost: u64, now: u64) -> Option<Pieces> {
        let now = self.sharing.on_the_line(now);
        let mut slice = self.slice();
        let taken = slice.free.take(cost, now)?;
        slice.used = slice.used.saturating_add(cost);
        Some(taken)
    }

    pub(super) fn note_alone(&self, cost: u64) {
        let mut slice = self.slice();
        slice.alone = slice.alone.saturating_add(cost);
    }

    /// Corrects what was noted.
    pub(super) fn correct_alone(&self, held: u64, truly: u64) {
        let mut slice = self.slice();
        slice.alone = slice.alone.saturating_add(truly).saturating_sub(held);
    }

    /// Corrects what was taken.
    pub(super) fn correct(&self, taken: Pieces, held: u64, truly: u64, now: u64) {
        let now = self.sharing.on_the_line(now);
        let mut slice = self.slice();
        match truly.checked_sub(held) {
            None => taken
                .cut(held - truly)
                .for_each(|stretch| slice.free.add(stretch)),
            Some(more) => {
                let free = slice.free.length(now).min(more);
                slice.free.take_up_to(free);
                slice.used = slice.used.saturating_add(free);
                slice.debt = slice.debt.saturating_add(more - free);
            }
        }
    }

    /// How much of the minute is taken, but by this gate for what comes.
    pub(super) fn ahead(&self, now: u64) -> u64 {
        let now = self.sharing.on_the_line(now);
        let mut slice = self.slice();
        let taken = slice.line.saturating_sub(now).saturating_add(slice.debt);
        taken.saturating_sub(slice.free.length(now))
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
            slice.debt > 0 || slice.alone > 0
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
        Some(Asked {
            now: now / MICRO,
            line: slice.line.div_ceil(MICRO),
            debt: debt.div_ceil(MICRO),
            back: slice.free.take_last(beyond) / MICRO,
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
