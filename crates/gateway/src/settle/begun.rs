//! What a client pays that left a stream before any of it had reached it.
//!
//! Its provider had begun all the same: it has read the prompt, and may have thought for long. Whatever it had told until
//! then counts as it does behind the first word. What never began is not paid, nor is a whole answer: nobody knows how far
//! it was, and a provider that hangs is no client's fault.

use super::Settlement;

impl Settlement {
    /// The client has left. Takes what its provider had begun, where the client was given nothing. Only when the calls
    /// have fallen, which write that down.
    pub fn pays_for_begun(&mut self) {
        if !self.stream || self.tally.has_begun() {
            return;
        }
        let Some(calls) = self.story.pay_for_begun() else {
            return;
        };
        for tier in calls.iter().filter_map(|call| call.service_tier.clone()) {
            self.served_at(tier);
        }
        self.tally.began(&calls);
    }
}
