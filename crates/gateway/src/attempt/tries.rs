//! Which channel a request tries next, and when: each one of its route once, then those again whose failure
//! may have passed.

use std::time::Duration;

use super::{outcome::Verdict, retry_budget::RetryBudget};

/// The wait before a channel is tried again; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait; a provider that asks for a longer one is not asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The tries of one request.
#[derive(Debug)]
pub struct Tries {
    /// Places in the route that are to be tried in this round, the next one last.
    round: Vec<usize>,
    /// Those to be tried in the next round, with the wait that the provider asked for.
    again: Vec<(usize, Duration)>,
    /// Further tries, beyond the first round.
    left: u32,
    made: u32,
    rounds: u32,
    /// Until this round may begin.
    wait: Duration,
}

/// One try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Place in the route.
    pub candidate: usize,
    /// To wait before it.
    pub wait: Duration,
}

impl Tries {
    /// Tries on so many channels, and at most `retries` more.
    pub fn new(candidates: usize, retries: u32) -> Self {
        Self {
            round: (0..candidates).rev().collect(),
            again: Vec::new(),
            left: retries,
            made: 0,
            rounds: 0,
            wait: Duration::ZERO,
        }
    }

    /// Tries with another model than was asked for: each channel once. Only the first one is free, as the first
    /// failover is.
    pub fn of_fallback(candidates: usize) -> Self {
        Self {
            made: 1,
            ..Self::new(candidates, 0)
        }
    }

    /// The next try; `None` when there is none left, or the gate as a whole has retried too much.
    pub fn next(&mut self, budget: &RetryBudget) -> Option<Next> {
        if self.round.is_empty() {
            self.begin_round();
        }
        let candidate = self.round.pop()?;
        if self.rounds > 0 {
            self.left = self.left.checked_sub(1)?;
        }
        // The first failover is what a second channel is for.
        if self.made >= 2 || self.rounds > 0 {
            budget.spend().then_some(())?;
        }
        self.made += 1;
        Some(Next {
            candidate,
            wait: std::mem::take(&mut self.wait),
        })
    }

    /// Who is tried next in the first round, should the one that is being tried fail.
    pub fn waiting(&self) -> Option<usize> {
        (self.rounds == 0).then(|| self.round.last().copied()).flatten()
    }

    /// The next one of this round, to be tried beside the one that is being tried; `None` where there is none, or
    /// the gate as a whole has retried too much.
    pub fn beside(&mut self, budget: &RetryBudget) -> Option<usize> {
        self.waiting()?;
        budget.spend().then_some(())?;
        self.made += 1;
        self.round.pop()
    }

    /// The try failed; `wait` is what the provider asked for.
    pub fn failed(&mut self, candidate: usize, verdict: Verdict, wait: Option<Duration>) {
        match verdict {
            Verdict::Again if wait.is_none_or(|wait| wait <= LONGEST_WAIT) => {
                self.again.push((candidate, wait.unwrap_or_default()));
            }
            Verdict::Again | Verdict::Elsewhere => {}
            Verdict::GiveUp => {
                self.round.clear();
                self.again.clear();
            }
        }
    }

    /// It was no try: the channel had no place.
    pub fn skipped(&mut self) {
        self.made = self.made.saturating_sub(1);
        if self.rounds > 0 {
            self.left += 1;
        }
    }

    fn begin_round(&mut self) {
        let asked = self.again.iter().map(|(_, wait)| *wait).max().unwrap_or_default();
        let backoff = FIRST_WAIT
            .saturating_mul(1 << self.rounds.min(16))
            .min(LONGEST_WAIT);
        self.wait = asked.max(crate::route::jittered(backoff));
        self.rounds += 1;
        self.round = self
            .again
            .drain(..)
            .rev()
            .map(|(candidate, _)| candidate)
            .collect();
    }
}

#[cfg(test)]
mod tests;
