//! How many requests of one API key are under way at once.
//!
//! One atomic counter a key; what took a place gives it back by its drop, so a request that ends in
//! any way (an answer, a fault, a client that goes) frees its place.
//! Not here: which key has which limit ([`crate::key::ApiKey::concurrency`]).

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// The requests of one key that are under way. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<AtomicU32>);

impl InFlight {
    /// Takes a place for one request.
    ///
    /// `None`: `limit` requests are under way already, nothing is taken. Without a limit there is
    /// always a place, and it is counted all the same, so that a limit set later holds at once.
    pub fn enter(&self, limit: Option<NonZeroU32>) -> Option<InFlightGuard> {
        let most = limit.map_or(u32::MAX, NonZeroU32::get);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < most).then(|| count + 1)
            })
            .ok()
            .map(|_| InFlightGuard(Arc::clone(&self.0)))
    }

    /// How many places are taken at this moment.
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether nobody else holds this counter: no request is under way and no clone is left.
    pub fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// One taken place; dropping it gives the place back.
#[derive(Debug)]
#[must_use = "the place is given back as soon as this is dropped"]
pub struct InFlightGuard(Arc<AtomicU32>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
