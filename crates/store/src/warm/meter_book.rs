//! What is counted of each key or account, whatever happens to its copy in memory.
//!
//! A key is read anew after each change, and may fall out of memory while its requests are under
//! way; with counts that went with the copy, its limits would be forgotten at that moment.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::OnceCell;
use tollgate_ledger::{Histories, Meters, limits::Sharing, spending::Spending};

/// Counts below this number are not looked through for ones of no more use.
const SWEEP_FROM: usize = 1_024;

#[derive(Debug)]
pub(super) struct MeterBook<I> {
    /// What rates know of other gates that count them too.
    sharing: Option<Arc<Sharing>>,
    held: Mutex<Held<I>>,
}

/// What is counted of one owner. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    pub(super) meters: Meters,
    /// Read from the books once, and counted on from there.
    pub(super) spending: Arc<OnceCell<Arc<Spending>>>,
    pub(super) histories: Arc<Histories>,
}

#[derive(Debug)]
struct Held<I> {
    /// By number, with the moment at which the owner was made.
    counted: HashMap<I, (Timestamp, Counted)>,
    /// Number of owners at which the next sweep is due.
    sweep_at: usize,
}

impl<I> Default for MeterBook<I> {
    fn default() -> Self {
        Self::new(None)
    }
}

impl<I> MeterBook<I> {
    /// `sharing`: what is known of other gates, where they count the same rates.
    pub(super) fn new(sharing: Option<Arc<Sharing>>) -> Self {
        let held = Held {
            counted: HashMap::new(),
            sweep_at: SWEEP_FROM,
        };
        Self {
            sharing,
            held: Mutex::new(held),
        }
    }
}

impl<I: Eq + Hash> MeterBook<I> {
    /// What is counted of one owner: the same as long as anybody holds it or something depends on it. Where another one
    /// had its number, which the database has lost, it begins anew; `made` tells them apart.
    /// `are_booked`: all that was ever spent is in the books, so that it can be read there again.
    ///
    /// Called when a key is read from the database, never on the hot path.
    pub(super) fn of(
        &self,
        id: I,
        made: Timestamp,
        now: Duration,
        are_booked: impl FnOnce() -> bool,
    ) -> Counted {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.counted.len() >= held.sweep_at {
            let are_booked = are_booked();
            held.counted
                .retain(|_, (_, counted)| !counted.is_of_no_more_use(now, are_booked));
            // Twice what is in use, so that a sweep's cost is spread over as many new keys.
            held.sweep_at = SWEEP_FROM.max(held.counted.len() * 2);
        }
        let new = || Counted {
            meters: self.sharing.as_ref().map(Meters::shared).unwrap_or_default(),
            ..Counted::default()
        };
        let (of, counted) = held.counted.entry(id).or_insert_with(|| (made, new()));
        if *of != made {
            (*of, *counted) = (made, new());
        }
        counted.clone()
    }

    /// What is counted of all owners. Looks at each of them.
    pub(super) fn meters(&self) -> Vec<(I, Meters)>
    where
        I: Copy,
    {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = held.counted.iter();
        counted
            .map(|(id, (_, counted))| (*id, counted.meters.clone()))
            .collect()
    }

    /// What one owner has spent, where that is counted.
    pub(super) fn spending(&self, id: &I) -> Option<Arc<Spending>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, counted) = held.counted.get(id)?;
        counted.spending.get().cloned()
    }
}

impl Counted {
    fn is_of_no_more_use(&self, now: Duration, are_booked: bool) -> bool {
        // Whoever has a copy of the key holds its spending too.
        let spending_is_free = match self.spending.get() {
            Some(spending) => are_booked && Arc::strong_count(spending) == 1,
            None => Arc::strong_count(&self.spending) == 1,
        };
        spending_is_free && self.meters.are_idle(now)
    }
}

#[cfg(test)]
mod tests;
