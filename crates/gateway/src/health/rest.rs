//! A rest: until when somebody is left alone.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Moment;

#[derive(Debug, Default)]
pub struct Rest(AtomicU64);

impl Rest {
    /// The end of the latest rest; it may have passed.
    pub fn until(&self) -> Moment {
        self.0.load(Ordering::Relaxed)
    }

    /// A rest never gets shorter by another one.
    pub fn extend(&self, until: Moment) {
        self.0.fetch_max(until, Ordering::Relaxed);
    }
}
