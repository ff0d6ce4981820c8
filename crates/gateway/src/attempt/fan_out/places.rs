//! Places on the channel for the calls of one attempt: a call has one while it runs, and hands it on to the next.

use std::sync::{Arc, Mutex, PoisonError};

use super::UNDER_WAY;
use crate::{attempt::call::Call, health::Place};

/// Places that no call has at the moment, and the calls that wait for one.
#[derive(Debug)]
pub struct CallPlaces {
    most: usize,
    free: Mutex<Free>,
}

#[derive(Debug)]
struct Free {
    places: Vec<Arc<Place>>,
    waiting: usize,
}

impl CallPlaces {
    /// The attempt's own place, and as many further ones as `calls` may have at once and the channel has.
    pub fn of(call: &Call, calls: usize) -> Self {
        let most = calls.min(UNDER_WAY);
        let mut places: Vec<Arc<Place>> = call.place.iter().cloned().collect();
        while !places.is_empty() && places.len() < most {
            let Some(place) = call.server.channel.health.another_place() else {
                break;
            };
            places.push(Arc::new(place));
        }
        Self {
            // Nobody counts the calls of a channel's test.
            most: if places.is_empty() { most } else { places.len() },
            free: Mutex::new(Free {
                places,
                waiting: calls,
            }),
        }
    }

    /// Calls that may run at once.
    pub fn most(&self) -> usize {
        self.most
    }

    /// A place for a call that begins. At most [`Self::most`] run at once, so there is one, where places count.
    pub fn take(&self) -> Option<Arc<Place>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.waiting = free.waiting.saturating_sub(1);
        free.places.pop()
    }

    /// The call has ended: its place is for the next one, or for others where none waits.
    pub fn put_back(&self, place: Option<Arc<Place>>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.waiting > 0 {
            free.places.extend(place);
        }
    }
}
