//! How long a model's answers took on a channel, as a bounded picture: enough for a percentile.
//!
//! Each bucket is a fifth wider than the one before it. When many were counted all counts are halved, so that what
//! was long ago weighs less and less.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// Buckets; the last one begins at about half an hour.
const BUCKETS: usize = 80;
/// The end of the first bucket, in milliseconds.
const FIRST: f64 = 1.0;
const GROWTH: f64 = 1.2;
/// Counts at which they are halved.
const MOST: u32 = 1_000;
/// Fewer answers have no percentile.
const LEAST: u32 = 20;

#[derive(Debug)]
pub struct History {
    buckets: [AtomicU32; BUCKETS],
    total: AtomicU32,
}

impl Default for History {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU32::new(0)),
            total: AtomicU32::new(0),
        }
    }
}

impl History {
    /// Adds one answer; one that was given up after so long, too, or only the quick ones would be known.
    pub fn observe(&self, took: Duration) {
        if let Some(bucket) = self.buckets.get(bucket_of(took)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        if self.total.fetch_add(1, Ordering::Relaxed) + 1 == MOST {
            self.halve();
        }
    }

    /// Two that come at once may lose a count or keep one too many: it is a picture.
    fn halve(&self) {
        let mut total = 0;
        for bucket in &self.buckets {
            let half = bucket.load(Ordering::Relaxed) / 2;
            bucket.store(half, Ordering::Relaxed);
            total += half;
        }
        self.total.store(total, Ordering::Relaxed);
    }

    /// So many of a hundred took no longer than this; `None`: too little is known.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let counts: Vec<u32> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .collect();
        let total: u32 = counts.iter().sum();
        if total < LEAST {
            return None;
        }
        let wanted = f64::from(total) * f64::from(percent) / 100.0;
        let mut seen = 0;
        let bucket = counts.iter().position(|count| {
            seen += count;
            f64::from(seen) >= wanted
        })?;
        let millis = FIRST * GROWTH.powi(i32::try_from(bucket).unwrap_or(i32::MAX));
        Some(Duration::from_secs_f64(millis / 1_000.0))
    }
}

fn bucket_of(took: Duration) -> usize {
    let millis = took.as_secs_f64() * 1_000.0;
    let exact = (millis / FIRST).max(1.0).ln() / GROWTH.ln();
    (exact.ceil() as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests;
