//! Calls under way on one channel.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::Probe;

/// They belong to a channel's name: whatever becomes of its settings, calls under way are under way.
#[derive(Debug)]
pub struct Places {
    limit: AtomicU32,
    taken: AtomicU32,
}

/// A place among the calls of a channel. Dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    /// Where the attempt probes a channel whose breaker was open.
    pub probe: Option<Probe>,
}

impl Default for Places {
    /// As many as are wanted.
    fn default() -> Self {
        Self {
            limit: AtomicU32::new(u32::MAX),
            taken: AtomicU32::new(0),
        }
    }
}

impl Places {
    /// From now on there are so many at most; who has one keeps it.
    pub fn limit_to(&self, limit: Option<NonZeroU32>) {
        let limit = limit.map_or(u32::MAX, NonZeroU32::get);
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes a place, where one is free.
    pub fn take(places: &Arc<Self>) -> Option<Place> {
        let limit = places.limit.load(Ordering::Relaxed);
        let one_more = |taken: u32| (taken < limit).then(|| taken + 1);
        places
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more)
            .ok()?;
        Some(Place {
            places: Arc::clone(places),
            probe: None,
        })
    }

    pub fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Ordering::AcqRel);
    }
}
