//! What has come of one call as a stream so far: what its provider has counted, and how much it said since.

use tollgate_catalog::contract::estimated_tokens;
use tollgate_chat::{
    event::{EventKind, Written},
    service_tier::ServiceTier,
    usage::Usage,
};

use super::belief::leaves_out;

/// What one call's stream has counted and said. Of its words only their length is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// The last count.
    pub usage: Option<Usage>,
    /// Whether something of that is an estimate.
    pub is_estimated: bool,
    /// Whether its provider broke off behind its end, before it had counted all of it.
    pub cut_off: bool,
    pub service_tier: Option<ServiceTier>,
    /// Bytes that were thought, and that were said, since the last count.
    thought: u64,
    said: u64,
    /// What of its completion had been said when it was counted.
    counted_of: u64,
}

impl Heard {
    /// A count of all.
    pub fn of(usage: Usage, is_estimated: bool) -> Self {
        Self {
            usage: Some(usage),
            is_estimated,
            ..Self::default()
        }
    }

    /// Takes what the stream says; the last count and the last tier hold.
    pub fn hear(&mut self, event: &EventKind) {
        match event {
            EventKind::Usage(usage) => self.count(*usage),
            EventKind::UsageEstimated => self.is_estimated = true,
            EventKind::UsageCutOff => self.cut_off = true,
            EventKind::ServiceTier(tier) => self.service_tier = Some(tier.clone()),
            other => {
                let Written {
                    thought,
                    said,
                    called,
                } = other.written();
                self.thought += thought.len() as u64;
                self.said += (said.len() + called.len()) as u64;
            }
        }
    }

    fn count(&mut self, usage: Usage) {
        let is_of_all = !leaves_out(&usage, true);
        if !is_of_all && self.usage.is_some_and(|before| !leaves_out(&before, true)) {
            return;
        }
        // A count that came before the first word is of the prompt, and of how the answer opens.
        self.counted_of = match self.since() == 0 && self.counted_of == 0 {
            true => 0,
            false => usage.completion,
        };
        (self.usage, self.is_estimated) = (Some(usage), false);
        // One without tokens is none of what was said.
        if is_of_all {
            (self.thought, self.said) = (0, 0);
        }
    }

    /// Whether there is a count that an answer can have.
    pub fn is_counted(&self) -> bool {
        self.usage.is_some_and(|usage| !leaves_out(&usage, false))
    }

    /// What of its completion had been said when it was counted.
    pub fn counted_of(&self) -> u64 {
        self.counted_of
    }

    /// Bytes that were thought and said since the last count.
    pub fn since(&self) -> u64 {
        self.thought + self.said
    }

    /// Whether there is a count, or anything to count.
    pub fn tells(&self) -> bool {
        self.usage.is_some() || self.since() > 0
    }

    /// What it used so far, and whether something of that is an estimate. `prompt`: about how many tokens it reads;
    /// `is_whole`: whether it has come to its end, so that its last count is of all.
    pub fn so_far(&self, prompt: u64, is_whole: bool) -> (Usage, bool) {
        let thought = estimated_tokens(self.thought);
        let since = thought + estimated_tokens(self.said);
        let Some(told) = self.usage.filter(|usage| !leaves_out(usage, false)) else {
            let estimated = Usage {
                prompt,
                completion: since,
                reasoning: thought,
                ..Usage::default()
            };
            return (estimated, true);
        };
        // One that came as it opened, and was the last, is none of a long answer. What came with a count may be behind
        // it here, so twice its tokens are.
        let is_behind = !is_whole || self.cut_off || since > told.completion.saturating_mul(2);
        if since == 0 || !is_behind {
            return (told, self.is_estimated);
        }
        let completion = told.completion.max(self.counted_of.saturating_add(since));
        let usage = Usage {
            completion,
            reasoning: told.reasoning.saturating_add(thought).min(completion),
            ..told
        };
        (usage, true)
    }
}

/// What several calls used, and whether something of that is an estimate.
pub fn together(calls: impl Iterator<Item = (Usage, bool)>) -> (Usage, bool) {
    calls.fold((Usage::default(), false), |(sum, any), (usage, is_estimated)| {
        (sum.plus(usage), any || is_estimated)
    })
}

/// Several calls as one, each with whether it has come to its end; `None`: there are none. `prompt`: about how many
/// tokens each of them reads. Where some were not counted, the count of all is an estimate; where none was, there is
/// none.
pub fn joined(calls: impl Iterator<Item = (Heard, bool)>, prompt: u64) -> Option<Heard> {
    let mut calls: Vec<(Heard, bool)> = calls.collect();
    if calls.len() <= 1 {
        return calls.pop().map(|(call, _)| call);
    }
    let service_tier = calls.iter().find_map(|(call, _)| call.service_tier.clone());
    let sum = |of: fn(&Heard) -> u64| calls.iter().map(|(call, _)| of(call)).sum();
    if !calls.iter().any(|(call, _)| call.is_counted()) {
        let told = calls.iter().filter_map(|(call, _)| call.usage);
        return Some(Heard {
            usage: told.reduce(Usage::plus),
            service_tier,
            thought: sum(|call| call.thought),
            said: sum(|call| call.said),
            cut_off: calls.iter().any(|(call, _)| call.cut_off),
            ..Heard::default()
        });
    }
    let (usage, is_estimated) = together(
        calls
            .iter()
            .map(|(call, is_whole)| call.so_far(prompt, *is_whole)),
    );
    Some(Heard {
        service_tier,
        ..Heard::of(usage, is_estimated)
    })
}

#[cfg(test)]
mod tests;
