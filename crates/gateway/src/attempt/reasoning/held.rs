//! State of earlier turns that a request's money is held with.
//!
//! A key may hold the most that its requests can cost. What goes out with them in their client's stead has to be known
//! then, so it is looked up before they are let in, and nothing else goes out: state of a turn that ends afterwards, or of
//! a channel that nobody has looked at, stays where it is. What a provider refuses goes out no more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tollgate_catalog::{contract::ValidRequest, quirks::Quirks};
use tollgate_dialects::turn_state::TurnStates;
use tollgate_ledger::Holder;

use super::{Owner, ReasoningStore, wants_state};
use crate::channel::Server;

/// What may go out with one request, by whom it belongs to.
#[derive(Debug, Default)]
pub struct HeldStates(Mutex<Vec<(Owner, TurnStates)>>);

impl HeldStates {
    /// Looks up what would go out with each of these requests at its server, here and, in one question, at other gates.
    pub async fn look_up(store: &ReasoningStore, holder: Holder, asked: &[(&ValidRequest, &Server)]) -> Self {
        let mut looked: Vec<Looked<'_>> = Vec::new();
        let mut elsewhere = Vec::new();
        for (request, server) in asked {
            let server = server.for_request(request);
            let owner = Owner::of(holder, &server);
            let quirks = &server.serving.quirks;
            let is_known = looked.iter().any(|known| known.owner == owner);
            if is_known || !wants_state(owner.dialect, quirks) {
                continue;
            }
            let (states, wanted) = store.look(&owner, request, quirks);
            let lacks_some = !wanted.is_empty();
            elsewhere.extend(wanted);
            looked.push(Looked {
                owner,
                states,
                again: lacks_some.then_some((*request, server)),
            });
        }
        if !elsewhere.is_empty() && store.fetch(elsewhere).await {
            for looked in &mut looked {
                if let Some((request, server)) = &looked.again {
                    looked.states = store.states(&looked.owner, request, &server.serving.quirks);
                }
            }
        }
        let states = looked.into_iter().map(|looked| (looked.owner, looked.states));
        Self(Mutex::new(states.collect()))
    }

    /// What may go out there.
    pub fn of(&self, owner: &Owner, quirks: &Quirks) -> TurnStates {
        let states = self.states();
        let found = states.iter().find(|(known, _)| known == owner);
        let wanted = found.filter(|_| wants_state(owner.dialect, quirks));
        wanted.map(|(_, states)| states.clone()).unwrap_or_default()
    }

    /// Nothing goes out there any more.
    pub(super) fn forget(&self, owner: &Owner) {
        self.states().retain(|(known, _)| known != owner);
    }

    fn states(&self) -> MutexGuard<'_, Vec<(Owner, TurnStates)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was found of one owner.
struct Looked<'a> {
    owner: Owner,
    states: TurnStates,
    /// By what to look again, where other gates may know more.
    again: Option<(&'a ValidRequest, Server)>,
}
