//! What is said of a request that has ended: a line of the log, and counts in the metrics.

use std::time::Duration;

use tollgate_catalog::{channel::ChannelName, money::Money};
use tracing::{debug, info, warn};

use super::{OK, Settlement};
use crate::books::Bill;

impl Settlement {
    pub(super) fn tell(&self, bill: &Bill, took: Duration) {
        let (story, end, outcome) = (&self.story, &self.end, self.end.outcome);
        let seconds = took.as_secs_f64();
        self.gate.metrics.request_ended(outcome, seconds);
        let usage = end.usage.unwrap_or_default();
        let attempts = story.log_attempts(outcome == OK, took);
        let first = end
            .first_output
            .map(|at| at.duration_since(story.arrived).as_millis() as u64);
        info!(
            request_id = story.id.as_str(),
            client = %story.client,
            key_prefix = self.key.key.prefix.as_str(),
            model = self.model.id.as_str(),
            served_model = end.served.as_ref().map(|model| model.id.as_str()),
            channel = end.channel.as_ref().map_or("", ChannelName::as_str),
            stream = self.stream,
            attempts = (attempts != 1).then_some(attempts),
            outcome,
            prompt_tokens = usage.prompt,
            cached_tokens = some(usage.cached),
            cache_write_tokens = some(usage.cache_write),
            cache_write_1h_tokens = some(usage.cache_write_1h),
            completion_tokens = usage.completion,
            reasoning_tokens = some(usage.reasoning),
            first_output_ms = first,
            charge = bill.charge.filter(|charge| *charge != Money::ZERO).map(tracing::field::display),
            duration_ms = (seconds * 1_000.0) as u64,
            "request ended"
        );
        if !end.notes.is_empty() {
            let notes: Vec<String> = end.notes.iter().map(ToString::to_string).collect();
            debug!(request_id = story.id.as_str(), notes = %notes.join(", "), "request changed on its way");
        }
        self.tell_of_unbelieved();
    }

    /// Says where a provider's count is none that an answer can have.
    fn tell_of_unbelieved(&self) {
        let Some(usage) = self.tally.unbelieved() else {
            return;
        };
        let channel = self.end.channel.as_ref().map_or("", ChannelName::as_str);
        self.gate.metrics.count_unbelieved(channel);
        warn!(
            request_id = self.story.id.as_str(),
            channel,
            model = self.model.id.as_str(),
            prompt_tokens = usage.prompt,
            completion_tokens = usage.completion,
            "a provider's count is none that its answer can have, and is not believed"
        );
    }
}

/// A count that is shown only where there is one.
fn some(tokens: u64) -> Option<u64> {
    (tokens > 0).then_some(tokens)
}
