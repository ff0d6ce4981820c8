//! What a client pays that left a stream before any of it had reached it.
//!
//! Its provider had begun all the same: it has read the prompt, and may have thought for long. Whatever it had told until
//! then counts as it does behind the first word. What never began is not paid, nor is a whole answer: nobody knows how far
//! it was, and a provider that hangs is no client's fault.

use tollgate_chat::usage::Usage;

use super::Settlement;

impl Settlement {
    /// The client has left. Takes what its provider had begun, where the client was given nothing. Only when the calls
    /// have fallen, which write that down.
    pub fn pays_for_begun(&mut self) {
        if !self.stream || self.tally.has_begun() {
            return;
        }
        let Some(mut calls) = self.story.pay_for_begun() else {
            return;
        };
        for call in &mut calls {
            if let Some(tier) = call.service_tier.take() {
                self.served_at(tier);
            }
        }
        let said = calls.iter().map(|call| call.said).sum();
        let is_estimated = calls.iter().any(|call| call.is_estimated);
        if calls.iter().all(|call| call.usage.is_none()) {
            self.tally.is_read(calls.len() as u64);
            return self.tally.began(None, is_estimated, said);
        }
        let is_uncounted = calls.iter().any(|call| call.usage.is_none());
        let prompt = self.tally.about();
        let usages = calls.iter().map(|call| {
            call.usage.unwrap_or_else(|| Usage {
                prompt,
                ..Usage::default()
            })
        });
        let usage = usages.reduce(Usage::plus);
        self.tally.is_read(calls.len() as u64);
        self.tally.began(usage, is_estimated || is_uncounted, said);
    }
}
