//! How fast a model answers on a channel, as a moving average.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The share that the latest answer has in the average.
const SHARE: u64 = 8;

/// Microseconds; 0: nothing known.
#[derive(Debug, Default)]
pub struct Speed(AtomicU64);

impl Speed {
    /// Adds one answer.
    pub fn observe(&self, took: Duration) {
        let took = (took.as_micros() as u64).max(1);
        // Where two write at once one observation may be lost: it is an average.
        let before = self.0.load(Ordering::Relaxed);
        let after = match before {
            0 => took,
            before => before - before / SHARE + took / SHARE,
        };
        self.0.store(after.max(1), Ordering::Relaxed);
    }

    /// The average; `None` before the first answer.
    pub fn average(&self) -> Option<Duration> {
        let micros = self.0.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }
}
