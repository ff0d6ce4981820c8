//! The meters of each key or account, whatever happens to its copy in memory.
//!
//! A key is read anew after each change, and may fall out of memory while its requests are under
//! way; with meters that went with the copy, its limits would be forgotten at that moment.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tollgate_ledger::Meters;

/// Meters below this number are not looked through for ones of no more use.
const SWEEP_FROM: usize = 1_024;

#[derive(Debug)]
pub(super) struct MeterBook<I>(Mutex<Held<I>>);

#[derive(Debug)]
struct Held<I> {
    meters: HashMap<I, Meters>,
    /// Number of meters at which the next sweep is due.
    sweep_at: usize,
}

impl<I> Default for MeterBook<I> {
    fn default() -> Self {
        Self(Mutex::new(Held {
            meters: HashMap::new(),
            sweep_at: SWEEP_FROM,
        }))
    }
}

impl<I: Eq + Hash> MeterBook<I> {
    /// The meters of one owner: the same ones as long as anybody holds them or something counts on them.
    ///
    /// Called when a key is read from the database, never on the hot path.
    pub(super) fn of(&self, id: I, now: Duration) -> Meters {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.meters.len() >= held.sweep_at {
            held.meters.retain(|_, meters| !meters.are_idle(now));
            // Twice what is in use, so that a sweep's cost is spread over as many new keys.
            held.sweep_at = SWEEP_FROM.max(held.meters.len() * 2);
        }
        held.meters.entry(id).or_default().clone()
    }
}

#[cfg(test)]
mod tests;
