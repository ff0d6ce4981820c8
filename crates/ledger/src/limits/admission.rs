//! Whether a request may begin, by all limits of its key and of the key's account.
//!
//! All or nothing: what one limit gave is given back when another refuses.
//! Not here: how much of its budget a key has left.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::{
    Limits, PerMinute,
    concurrency::{InFlight, InFlightGuard, NoPlace},
    rate::{Full, Held, Rate, Sharing, Standing},
};

/// How long a request should wait that came too many at once: nobody knows when another ends.
const SHORTLY: Duration = Duration::from_secs(1);

/// An answer that nobody has written yet holds at most the limit divided by this.
const MOST_OF_ANSWER: u64 = 10;

/// The limit divided by this is never held: what other gates count too is there a moment after it was asked for, and by
/// then a little of a whole minute's worth has passed.
const NEVER_HELD: u64 = 100;

/// What is counted of one key, or of one account. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meters {
    pub in_flight: InFlight,
    requests: Rate,
    tokens: Rate,
}

impl Meters {
    /// Meters that are counted together with other gates.
    pub fn shared(sharing: &Arc<Sharing>) -> Self {
        Self {
            in_flight: InFlight::shared(Arc::clone(sharing)),
            requests: Rate::shared(Arc::clone(sharing)),
            tokens: Rate::shared(Arc::clone(sharing)),
        }
    }

    /// What counts against this limit, where it is one on a rate.
    pub fn rate(&self, limit: Limit) -> Option<&Rate> {
        match limit {
            Limit::RequestsPerMinute => Some(&self.requests),
            Limit::TokensPerMinute => Some(&self.tokens),
            Limit::Concurrency => None,
        }
    }

    /// Whether nothing would be lost with them: nobody else holds them, and everything is paid off.
    pub fn are_idle(&self, now: Duration) -> bool {
        self.in_flight.is_unshared() && self.requests.is_paid_off(now) && self.tokens.is_paid_off(now)
    }
}

/// Who has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Key,
    Account,
}

/// Which limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    RequestsPerMinute,
    TokensPerMinute,
    Concurrency,
}

/// One owner's limits, and what is counted of it.
#[derive(Debug, Clone, Copy)]
pub struct Bounded<'a> {
    pub owner: Owner,
    pub limits: &'a Limits,
    pub meters: &'a Meters,
}

/// Tokens that a request will probably use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// Of the prompt's text.
    pub prompt: u64,
    /// Of images, videos and files: nobody knows before how many these are, so they alone make no request too large.
    pub media: u64,
    pub output: u64,
}

/// Why a request may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub owner: Owner,
    pub limit: Limit,
    pub most: u32,
    /// After how long it may be tried again; `None`: it is too large for this limit at any time.
    pub wait: Option<Duration>,
    /// What this gate lacks of a limit that it shares with others, and may have. `None`: there is no more of it.
    pub unleased: Option<Unleased>,
}

/// What a gate may get of a limit that others count too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unleased {
    /// So much of a rate's line.
    Stretch(Duration),
    /// A place among the requests under way.
    Place,
}

/// What a request took of its limits.
#[derive(Debug)]
#[must_use = "the places are given back as soon as they are dropped"]
pub struct Taken {
    pub places: Places,
    pub requests: HeldRequests,
    pub tokens: HeldTokens,
}

/// Places among the requests under way, of the key and of its account; dropping them gives them back.
pub type Places = [InFlightGuard; 2];

/// What a request took of the requests a minute. It counts, unless it is given back.
#[derive(Debug, Default)]
pub struct HeldRequests(Vec<Held>);

/// Tokens that are held for a request. They count as they were expected until [`HeldTokens::settle`], also
/// where they are dropped.
#[derive(Debug, Default)]
pub struct HeldTokens(Vec<Held>);

/// How the limits on rates stand, where there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standings {
    pub requests: Option<Standing>,
    pub tokens: Option<Standing>,
}

/// Takes what a request needs of every limit, or nothing at all.
///
/// Of the tokens, those of the prompt are held and a part of those of the answer ([`MOST_OF_ANSWER`]):
/// whoever may use little is not refused for what an answer might come to. What it truly came to is waited
/// for afterwards.
pub fn admit(owners: &[Bounded<'_>; 2], expected: Expected, now: Duration) -> Result<Taken, Refusal> {
    let [key, account] = owners;
    let places = [key.place(now)?, account.place(now)?];
    let mut requests = HeldRequests::default();
    let mut tokens = HeldTokens::default();
    match take_rates(owners, expected, now, &mut requests.0, &mut tokens.0) {
        Ok(()) => Ok(Taken {
            places,
            requests,
            tokens,
        }),
        Err(refusal) => {
            requests.give_back(now);
            tokens.settle(0, now);
            Err(refusal)
        }
    }
}

fn take_rates(
    owners: &[Bounded<'_>],
    expected: Expected,
    now: Duration,
    requests: &mut Vec<Held>,
    tokens: &mut Vec<Held>,
) -> Result<(), Refusal> {
    for bounded in owners {
        if let Some(limit) = bounded.limits.requests_per_minute {
            let held = bounded.meters.requests.take(1, limit, now);
            let refused = |full| bounded.full(Limit::RequestsPerMinute, limit.get(), full);
            requests.push(held.map_err(refused)?);
        }
    }
    for bounded in owners {
        if let Some(limit) = bounded.limits.tokens_per_minute {
            tokens.push(bounded.tokens(expected, limit, now)?);
        }
    }
    Ok(())
}

impl HeldRequests {
    /// For a request that does not begin after all, since something else refused it.
    pub fn give_back(self, now: Duration) {
        for held in self.0 {
            held.correct(0, now);
        }
    }
}

impl HeldTokens {
    /// Whether there is nothing to settle.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the tokens that were truly used in the place of those that were expected.
    pub fn settle(&mut self, tokens: u64, now: Duration) {
        for held in self.0.drain(..) {
            held.correct(tokens, now);
        }
    }
}

impl Bounded<'_> {
    /// A place among the requests under way. They are counted although there is no limit, so that one set later holds at
    /// once.
    fn place(&self, now: Duration) -> Result<InFlightGuard, Refusal> {
        let limit = self.limits.concurrency;
        let most = limit.map_or(u32::MAX, NonZeroU32::get);
        let place = self.meters.in_flight.enter(limit, now);
        place.map_err(|none| Refusal {
            unleased: (none == NoPlace::Unleased).then_some(Unleased::Place),
            ..self.refusal(Limit::Concurrency, most, Some(SHORTLY))
        })
    }

    fn tokens(&self, expected: Expected, limit: PerMinute, now: Duration) -> Result<Held, Refusal> {
        let most = u64::from(limit.get());
        if expected.prompt > most {
            return Err(self.refusal(Limit::TokensPerMinute, limit.get(), None));
        }
        let answer = expected.output.min(most / MOST_OF_ANSWER);
        let prompt = expected.prompt.saturating_add(expected.media);
        let most_held = (most - most.div_ceil(NEVER_HELD)).max(1);
        let held = prompt.saturating_add(answer).min(most_held);
        let taken = self.meters.tokens.take(held, limit, now);
        taken.map_err(|full| self.full(Limit::TokensPerMinute, limit.get(), full))
    }

    fn full(&self, limit: Limit, most: u32, full: Full) -> Refusal {
        let (wait, unleased) = match full {
            Full::For(wait) => (wait, None),
            Full::Unleased(wanting) => (SHORTLY, Some(Unleased::Stretch(wanting))),
        };
        Refusal {
            unleased,
            ..self.refusal(limit, most, Some(wait))
        }
    }

    fn refusal(&self, limit: Limit, most: u32, wait: Option<Duration>) -> Refusal {
        Refusal {
            owner: self.owner,
            limit,
            most,
            wait,
            unleased: None,
        }
    }
}

/// How the rates stand: of each kind the one that has least left.
pub fn standings(owners: &[Bounded<'_>], now: Duration) -> Standings {
    let least = |of: &dyn Fn(&Bounded<'_>) -> Option<Standing>| {
        let standings = owners.iter().filter_map(of);
        standings.min_by_key(|standing| standing.remaining)
    };
    Standings {
        requests: least(&|bounded| {
            let limit = bounded.limits.requests_per_minute?;
            Some(bounded.meters.requests.standing(limit, now))
        }),
        tokens: least(&|bounded| {
            let limit = bounded.limits.tokens_per_minute?;
            Some(bounded.meters.tokens.standing(limit, now))
        }),
    }
}

#[cfg(test)]
mod tests;
