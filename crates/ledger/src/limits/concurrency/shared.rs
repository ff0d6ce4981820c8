//! Places among the requests under way that several gates have of one limit together.
//!
//! Who has how many is written down in one book that all gates ask. A gate has some places more than it needs, so that
//! requests ask nobody, and says each time how many it has in all: an answer that got lost changes nothing. What it has
//! ends by itself after a while, so that a gate that is gone leaves its places to the others; a gate uses none for
//! longer than that.
//!
//! While the book cannot be asked each gate has its part of the limit. Afterwards it says what is under way there.
//! Not here: when a gate asks for how much (`store`), and the script that keeps the book there.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{InFlight, State};
use crate::limits::Sharing;

/// Of what nobody has, a gate takes one part in so many beyond what it needs.
const PARTS_AHEAD: u32 = 8;

/// What a gate knows of places that others count too.
#[derive(Debug)]
pub(super) struct Shared {
    sharing: Arc<Sharing>,
    /// Until when its places are its own, in nanoseconds.
    until: AtomicU64,
    /// Whether places were taken that the book knows nothing of.
    owes: AtomicBool,
}

impl Shared {
    pub(super) fn new(sharing: Arc<Sharing>) -> Self {
        Self {
            sharing,
            until: AtomicU64::new(0),
            owes: AtomicBool::new(false),
        }
    }

    /// How many places requests of this gate may have.
    pub(super) fn most(&self, limit: u32, leased: u32, now: Duration) -> u32 {
        if self.sharing.is_away() {
            self.owes.store(true, Ordering::Relaxed);
            return (limit / self.sharing.gates().max(1)).max(1);
        }
        match self.until.load(Ordering::Relaxed) > nanos(now) {
            true => limit.min(leased),
            false => 0,
        }
    }

    /// Whether a request that found no place may find one if the book is asked.
    pub(super) fn others_may_have(&self, taken: u32, limit: Option<u32>) -> bool {
        !self.sharing.is_away() && limit.is_some_and(|limit| taken < limit)
    }
}

/// What a gate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasedPlaces {
    /// Those that requests have.
    pub taken: u32,
    /// All, those that requests have among them.
    pub leased: u32,
}

impl LeasedPlaces {
    pub fn spare(self) -> u32 {
        self.leased - self.taken
    }
}

/// What a gate tells the book, and asks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedPlaces {
    pub limit: u32,
    /// What the gate has, whatever the book says.
    pub kept: u32,
    /// So many more, or as many of them as there are.
    pub more: u32,
    /// Whether some are taken ahead of need.
    pub ahead: bool,
}

/// What the book says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantedPlaces {
    /// What the gate has now.
    pub leased: u32,
    /// What the others have.
    pub elsewhere: u32,
}

/// The book of one limit. The script that keeps one for several gates does the same.
#[derive(Debug, Clone, Default)]
pub struct PlaceBook {
    gates: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    leased: u32,
    ends: Duration,
}

impl PlaceBook {
    /// A gate's places end at `ends`, unless it speaks of them again.
    pub fn exchange(
        &mut self,
        gate: &str,
        asked: &AskedPlaces,
        now: Duration,
        ends: Duration,
    ) -> GrantedPlaces {
        self.gates.retain(|_, entry| entry.ends > now);
        let others = self.gates.iter().filter(|(name, _)| *name != gate);
        let elsewhere = others.map(|(_, entry)| entry.leased).sum::<u32>();
        let mut free = asked.limit.saturating_sub(elsewhere.saturating_add(asked.kept));
        let mut leased = asked.kept + asked.more.min(free);
        free -= asked.more.min(free);
        if asked.ahead {
            leased += free.div_ceil(PARTS_AHEAD);
        }
        match leased {
            0 => self.gates.remove(gate),
            _ => self.gates.insert(gate.to_owned(), Entry { leased, ends }),
        };
        GrantedPlaces { leased, elsewhere }
    }
}

/// For whoever speaks with the book; nothing changes in counters that nobody else counts.
impl InFlight {
    pub fn places(&self) -> LeasedPlaces {
        let State { taken, leased } = self.0.state();
        LeasedPlaces {
            taken,
            leased: leased.max(taken),
        }
    }

    /// Whether places were taken that the book knows nothing of.
    pub fn owes(&self) -> bool {
        let shared = self.0.shared.as_ref();
        shared.is_some_and(|shared| shared.owes.load(Ordering::Relaxed))
    }

    /// Leaves this gate what requests have, and at most `spare` of what it has beyond that; what goes is another gate's
    /// as soon as the book is told. Followed by [`Self::granted`].
    pub fn keep(&self, spare: u32, now: Duration) -> LeasedPlaces {
        let Some(shared) = &self.0.shared else {
            return self.places();
        };
        shared.owes.store(false, Ordering::Relaxed);
        // What has ended may be another's already.
        let spare = match shared.until.load(Ordering::Relaxed) > nanos(now) && !shared.sharing.is_away() {
            true => spare,
            false => 0,
        };
        self.change(|state| State {
            leased: state.leased.clamp(state.taken, state.taken.saturating_add(spare)),
            ..state
        });
        self.places()
    }

    /// The book has answered: so many are this gate's until then.
    pub fn granted(&self, granted: GrantedPlaces, until: Duration) {
        let Some(shared) = &self.0.shared else { return };
        shared.until.store(nanos(until), Ordering::Relaxed);
        self.change(|state| State {
            leased: granted.leased,
            ..state
        });
    }

    /// Its places may be others' by now: none is used before the book has answered again.
    pub fn end_lease(&self) {
        if let Some(shared) = &self.0.shared {
            shared.until.store(0, Ordering::Relaxed);
        }
    }

    fn change(&self, change: impl Fn(State) -> State) {
        let _ = self
            .0
            .state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| {
                Some(change(State::of(number)).number())
            });
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
