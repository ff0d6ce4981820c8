//! Which channel a request tries next, and when: each one of its route once, then those again whose failure
//! may have passed.

use std::time::Duration;

use super::{outcome::Verdict, retry_budget::RetryBudget};

/// The wait before a channel is tried again; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait; a provider that asks for a longer one is not asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Tries of one request that no retry pays for, over all channels and models that it goes to.
#[derive(Debug)]
pub struct FreeTries(u32);

impl Default for FreeTries {
    /// The first try, and the first failover: that is what a second channel is for.
    fn default() -> Self {
        Self(2)
    }
}

/// The tries of one request on the channels of one model.
#[derive(Debug)]
pub struct Tries<'f> {
    /// Places in the route that are to be tried in this round, the next one last.
    round: Vec<usize>,
    /// Those to be tried in the next round, with the wait that the provider asked for.
    again: Vec<(usize, Duration)>,
    /// Further tries, beyond the first round.
    left: u32,
    rounds: u32,
    /// Until this round may begin.
    wait: Duration,
    free: &'f mut FreeTries,
    /// Tries under way that a retry paid for.
    paid: Vec<usize>,
    /// Whether the same would happen everywhere: nobody is tried any more, whatever becomes of those under way.
    given_up: bool,
}

/// One try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Place in the route.
    pub candidate: usize,
    /// To wait before it.
    pub wait: Duration,
}

impl<'f> Tries<'f> {
    /// Tries on so many channels, and at most `retries` more.
    pub fn new(candidates: usize, retries: u32, free: &'f mut FreeTries) -> Self {
        Self {
            round: (0..candidates).rev().collect(),
            again: Vec::new(),
            left: retries,
            rounds: 0,
            wait: Duration::ZERO,
            free,
            paid: Vec::new(),
            given_up: false,
        }
    }

    /// Tries on so many channels that were not tried yet, and, with what is left of the retries, on so many behind
    /// them that were.
    pub fn resumed(new: usize, tried: usize, retries: u32, free: &'f mut FreeTries) -> Self {
        let mut tries = Self::new(new, retries, free);
        let tried = new..new + tried;
        match new {
            // Their wait has gone by.
            0 => (tries.rounds, tries.round) = (1, tried.rev().collect()),
            _ => tries.again = tried.map(|candidate| (candidate, Duration::ZERO)).collect(),
        }
        tries
    }

    /// Further tries that are left, beyond the first round.
    pub fn retries_left(&self) -> u32 {
        self.left
    }

    /// Whether those that are tried now were tried before.
    pub fn is_repeating(&self) -> bool {
        self.rounds > 0
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
        match self.free.0.checked_sub(1).filter(|_| self.rounds == 0) {
            Some(left) => self.free.0 = left,
            None => self.pay_for(candidate, budget)?,
        }
        Some(Next {
            candidate,
            wait: std::mem::take(&mut self.wait),
        })
    }

    /// Who is tried next in the first round, should the one that is being tried fail.
    pub fn waiting(&self) -> Option<usize> {
        (self.rounds == 0).then(|| self.round.last().copied()).flatten()
    }

    /// Whether somebody may still be tried after the one that is being tried.
    pub fn others_remain(&self) -> bool {
        let in_later_rounds = self.left > 0 && !self.again.is_empty();
        let in_this_one = !self.round.is_empty() && (self.rounds == 0 || self.left > 0);
        in_this_one || in_later_rounds
    }

    /// The next one of this round, to be tried beside the one that is being tried; `None` where there is none, or
    /// the gate as a whole has retried too much.
    pub fn beside(&mut self, budget: &RetryBudget) -> Option<usize> {
        let candidate = self.waiting()?;
        self.pay_for(candidate, budget)?;
        self.round.pop()
    }

    fn pay_for(&mut self, candidate: usize, budget: &RetryBudget) -> Option<()> {
        budget.spend().then(|| self.paid.push(candidate))
    }

    /// The try failed; `wait` is what the provider asked for.
    pub fn failed(&mut self, candidate: usize, verdict: Verdict, wait: Option<Duration>) {
        self.paid.retain(|paid| *paid != candidate);
        match verdict {
            Verdict::Again if !self.given_up && wait.is_none_or(|wait| wait <= LONGEST_WAIT) => {
                self.again.push((candidate, wait.unwrap_or_default()));
            }
            Verdict::Again | Verdict::Elsewhere => {}
            Verdict::GiveUp => {
                self.given_up = true;
                self.round.clear();
                self.again.clear();
            }
        }
    }

    /// It was no try: the channel had no place, or is to be left alone.
    pub fn skipped(&mut self, candidate: usize, budget: &RetryBudget) {
        match self.paid.iter().position(|paid| *paid == candidate) {
            Some(place) => {
                self.paid.swap_remove(place);
                budget.give_back();
            }
            None => self.free.0 += 1,
        }
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
