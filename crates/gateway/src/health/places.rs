//! Calls under way on one channel.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::Probe;

#[derive(Debug)]
pub struct Places {
    limit: u32,
    taken: AtomicU32,
}

/// A place among the calls of a channel. Dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    /// Where the attempt probes a channel whose breaker was open.
    pub probe: Option<Probe>,
}

impl Places {
    /// `limit`: most at once.
    pub fn new(limit: Option<NonZeroU32>) -> Self {
        Self {
            limit: limit.map_or(u32::MAX, NonZeroU32::get),
            taken: AtomicU32::new(0),
        }
    }

    /// Takes a place, where one is free.
    pub fn take(places: &Arc<Self>) -> Option<Place> {
        let one_more = |taken: u32| (taken < places.limit).then(|| taken + 1);
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
