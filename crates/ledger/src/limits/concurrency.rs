//! How many requests of one API key or account are under way at once.
//!
//! One atomic number; what took a place gives it back by its drop, so a request that ends in any way (an answer, a
//! fault, a client that goes) frees its place.
//!
//! Where several gates count together, a request takes a place of those that its gate has of the limit, without asking
//! anybody ([`shared`]); a gate by itself has all of them.
//! Not here: which key has which limit ([`crate::key::ApiKey::concurrency`]).

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use self::shared::Shared;
use super::Sharing;

pub mod shared;

pub use shared::{AskedPlaces, GrantedPlaces, LeasedPlaces, PlaceBook};

/// The requests of one owner that are under way. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: AtomicU64,
    /// `None`: nobody else counts.
    shared: Option<Shared>,
}

/// What is read and changed at once, so that no request comes between.
#[derive(Debug, Clone, Copy)]
struct State {
    /// Places that requests have.
    taken: u32,
    /// Places that this gate has.
    leased: u32,
}

impl State {
    fn of(number: u64) -> Self {
        Self {
            taken: u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX),
            leased: u32::try_from(number >> u32::BITS).unwrap_or(u32::MAX),
        }
    }

    fn number(self) -> u64 {
        u64::from(self.leased) << u32::BITS | u64::from(self.taken)
    }
}

impl Default for Inner {
    fn default() -> Self {
        let all = State {
            taken: 0,
            leased: u32::MAX,
        };
        Self {
            state: AtomicU64::new(all.number()),
            shared: None,
        }
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// As many requests as the limit says are under way.
    Full,
    /// This gate's places are taken; others may have some that they do not need.
    Unleased,
}

impl InFlight {
    /// One that is counted together with other gates.
    pub fn shared(sharing: Arc<Sharing>) -> Self {
        Self(Arc::new(Inner {
            state: AtomicU64::new(0),
            shared: Some(Shared::new(sharing)),
        }))
    }

    /// Takes a place for one request, or nothing.
    ///
    /// Without a limit there is always a place, and it is counted all the same, so that a limit set later holds at
    /// once. `now`: the time since any fixed moment, the same one for all calls on one counter.
    pub fn enter(&self, limit: Option<NonZeroU32>, now: Duration) -> Result<InFlightGuard, NoPlace> {
        let limit = limit.map(NonZeroU32::get);
        let most = |state: State| match (limit, &self.0.shared) {
            (None, _) => u32::MAX,
            (Some(limit), None) => limit,
            (Some(limit), Some(shared)) => shared.most(limit, state.leased, now),
        };
        let taken = self
            .0
            .state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| {
                let state = State::of(number);
                (state.taken < most(state)).then(|| number + 1)
            });
        match taken {
            Ok(_) => Ok(InFlightGuard(Arc::clone(&self.0))),
            Err(number) => match &self.0.shared {
                Some(shared) if shared.others_may_have(State::of(number).taken, limit) => {
                    Err(NoPlace::Unleased)
                }
                _ => Err(NoPlace::Full),
            },
        }
    }

    /// How many places are taken at this moment.
    pub fn count(&self) -> u32 {
        self.0.state().taken
    }

    /// Whether nobody else holds this counter: no request is under way and no clone is left.
    pub fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Whether both count together.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Inner {
    fn state(&self) -> State {
        State::of(self.state.load(Ordering::Relaxed))
    }
}

/// One taken place; dropping it gives the place back.
#[derive(Debug)]
#[must_use = "the place is given back as soon as this is dropped"]
pub struct InFlightGuard(Arc<Inner>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        // The low half is at least one, by this guard.
        self.0.state.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
