//! One counter of requests under way for each key, whatever happens to the key's copy in memory.
//!
//! A key is read anew after each change, and may fall out of memory while its requests are under
//! way; with a counter that went with the copy, its limit would be forgotten at that moment.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tollgate_ledger::{InFlight, KeyId};

/// Counters below this number are not looked through for ones of no more use.
const SWEEP_FROM: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    counters: HashMap<KeyId, InFlight>,
    /// Number of counters at which the next sweep is due.
    sweep_at: usize,
}

impl Counters {
    /// The counter of one key: the same one as long as anybody holds it.
    ///
    /// Called when a key is read from the database, never on the hot path.
    pub(super) fn of(&self, id: KeyId) -> InFlight {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.counters.len() >= held.sweep_at.max(SWEEP_FROM) {
            held.counters.retain(|_, counter| !counter.is_unshared());
            // Twice what is in use, so that a sweep's cost is spread over as many new keys.
            held.sweep_at = held.counters.len() * 2;
        }
        held.counters.entry(id).or_default().clone()
    }
}

#[cfg(test)]
mod tests;
