//! State of earlier turns that a request's money is held with.
//!
//! A key may hold the most that its requests can cost. What goes out with them in their client's stead has to be known
//! then, so it is looked up before they are let in, and nothing else goes out: state of a turn that ends afterwards, or of
//! a channel that nobody has looked at, stays where it is.

use tollgate_catalog::{contract::ValidRequest, quirks::Quirks};
use tollgate_dialects::turn_state::TurnStates;

use super::{Owner, ReasoningStore, wants_state};

/// What may go out with one request, by whom it belongs to.
#[derive(Debug, Clone, Default)]
pub struct HeldStates(Vec<(Owner, TurnStates)>);

impl HeldStates {
    /// Looks up what would go out there; from now on it may.
    pub async fn look(
        &mut self,
        store: &ReasoningStore,
        owner: Owner,
        request: &ValidRequest,
        quirks: &Quirks,
    ) {
        let is_known = self.0.iter().any(|(known, _)| *known == owner);
        if !is_known && wants_state(owner.dialect, quirks) {
            let states = store.find(&owner, request, quirks).await;
            self.0.push((owner, states));
        }
    }

    /// What may go out there.
    pub fn of(&self, owner: &Owner, quirks: &Quirks) -> TurnStates {
        let found = self.0.iter().find(|(known, _)| known == owner);
        let wanted = found.filter(|_| wants_state(owner.dialect, quirks));
        wanted.map(|(_, states)| states.clone()).unwrap_or_default()
    }
}
