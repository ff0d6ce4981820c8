//! How fast a model answers on a channel, of late.
//!
//! A moving average whose past fades with time, so that one slow moment is soon forgotten by a channel that answers;
//! and one that is too slow to be chosen is asked again now and then, or nobody would ever hear that it has mended.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use super::Moment;

/// The least share that the latest answer has in the average.
const SHARE: f64 = 0.125;
/// Milliseconds in which the past fades to about a third of its weight.
const FADES: f64 = 5_000.0;
/// Requests that pass a slow channel over before one asks it again.
const PASSES: u32 = 16;
/// Least milliseconds between two that ask a channel to see how fast it is.
const PROBE_EVERY: Moment = 5_000;

#[derive(Debug, Default)]
pub struct Speed {
    /// The average, in microseconds; 0: nothing known.
    micros: AtomicU64,
    /// When it was last added to.
    at: AtomicU64,
    probed_at: AtomicU64,
    passes: AtomicU32,
}

impl Speed {
    /// Adds one answer.
    pub fn observe(&self, took: Duration, now: Moment) {
        let took = took.as_micros() as f64;
        // Where two write at once one observation may be lost: it is an average.
        let age = now.saturating_sub(self.at.swap(now, Ordering::Relaxed)) as f64;
        let share = (1.0 - (-age / FADES).exp()).max(SHARE);
        let after = match self.micros.load(Ordering::Relaxed) {
            0 => took,
            before => before as f64 + (took - before as f64) * share,
        };
        self.micros.store((after as u64).max(1), Ordering::Relaxed);
    }

    /// Adds one that was given up after so long. It says nothing where answers mostly take longer.
    pub fn observe_at_least(&self, ran: Duration, now: Moment) {
        if self.average().is_none_or(|average| average < ran) {
            self.observe(ran, now);
        }
    }

    /// The average; `None` before the first answer.
    pub fn average(&self) -> Option<Duration> {
        let micros = self.micros.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// A request would pass the channel over. Whether it is the one that should ask it, to see how fast it is.
    pub fn wants_probe(&self, now: Moment) -> bool {
        let last = self
            .probed_at
            .load(Ordering::Relaxed)
            .max(self.at.load(Ordering::Relaxed));
        if last != 0 && now < last + PROBE_EVERY {
            return false;
        }
        let is_known = self.average().is_some();
        if is_known && self.passes.fetch_add(1, Ordering::Relaxed) + 1 < PASSES {
            return false;
        }
        let probed_at = self.probed_at.load(Ordering::Relaxed);
        let is_first = self
            .probed_at
            .compare_exchange(probed_at, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if is_first {
            self.passes.store(0, Ordering::Relaxed);
        }
        is_first
    }
}

#[cfg(test)]
mod tests;
