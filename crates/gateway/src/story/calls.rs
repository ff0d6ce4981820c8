//! The calls of an attempt: what its provider counts of each, and what had come of it.

use std::sync::atomic::{AtomicBool, Ordering};

use tollgate_chat::{event::Event, service_tier::ServiceTier, usage::Usage};

use super::{AttemptMark, Story, attempt::CANCELLED, attempt::OK};
use crate::{
    attempt::outcome::{label, may_be_billed},
    count::heard::Heard,
    error::Failure,
};

/// A call that its provider may bill, and whose answer nobody was given by itself: it broke, was left, or gave a part of
/// an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallMade {
    /// What its provider has counted.
    pub usage: Option<Usage>,
    /// The tier of service that answered; `None`: the standard one.
    pub service_tier: Option<ServiceTier>,
    /// What had come of it as a stream.
    pub heard: Option<Heard>,
    /// Whether its provider broke it off.
    pub is_broken: bool,
    /// Whether its provider may ask something for it.
    pub is_billed: bool,
    /// Whether what came of it is in the count of the whole answer. It is lost where that is not what the request is
    /// settled with.
    pub is_told: bool,
}

impl CallMade {
    /// Whether something had come of it when it was given up. What its provider did not finish by a fault of its own, no
    /// client pays.
    fn is_begun(&self) -> bool {
        self.heard.is_some() && !self.is_broken
    }
}

/// One call under way. Dropping it writes down what has become of it.
#[derive(Debug)]
pub struct Followed {
    mark: AttemptMark,
    /// Whether anything of it may have gone out: a connection was there for it.
    went_out: AtomicBool,
    made: CallMade,
}

impl AttemptMark {
    /// Follows one call of the attempt, in case it comes to nothing.
    pub fn follow(&self) -> Followed {
        Followed {
            mark: self.clone(),
            went_out: AtomicBool::new(false),
            made: CallMade {
                is_billed: true,
                ..CallMade::default()
            },
        }
    }
}

impl Followed {
    /// A connection is there, and the request goes out on it.
    pub fn goes_out(&self) {
        self.went_out.store(true, Ordering::Relaxed);
    }

    /// The head of the provider's answer came.
    pub fn head(&self, status: u16) {
        self.mark.head(status);
    }

    /// It came to nothing.
    pub fn failed(&mut self, failure: &Failure) {
        self.made.is_billed = may_be_billed(label(failure));
        self.made.is_broken = true;
    }

    /// Takes what a stream says; the last count and the last tier hold.
    pub fn hear(&mut self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let heard = self.made.heard.get_or_insert_default();
        for event in events {
            heard.hear(&event.kind);
        }
        self.made.usage = heard.usage.or(self.made.usage);
        if let Some(tier) = &heard.service_tier {
            self.made.service_tier = Some(tier.clone());
        }
    }

    /// The provider has counted this, at this tier.
    pub fn counted(&mut self, usage: Option<Usage>, tier: Option<ServiceTier>) {
        self.made.usage = usage.or(self.made.usage);
        self.made.service_tier = tier.or(self.made.service_tier.take());
    }

    /// What came of it is told to whoever puts the answer together.
    pub fn told(&mut self) {
        self.made.is_told = true;
    }

    /// Somebody is given its output as the whole answer, and has its count.
    pub fn handed_on(mut self) {
        self.made = CallMade::default();
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let mut made = std::mem::take(&mut self.made);
        // Nobody asks anything for what never reached a provider.
        made.is_billed = made.usage.is_some() || made.is_billed && *self.went_out.get_mut();
        if !made.is_billed && !made.is_told {
            return;
        }
        made.service_tier = made
            .service_tier
            .filter(|tier| !ServiceTier::is_standard(tier.as_str()));
        self.mark.made(made);
    }
}

impl Story {
    /// The client has left a stream that had not reached it: the attempt is paid for whose answer had begun then, of
    /// several the one that was to be handed on, else the first. Gives what each of its calls had begun.
    pub fn pay_for_begun(&self) -> Option<Vec<Heard>> {
        let mut pages = self.pages();
        // Any other had come to an end before: of its own fault, or since it took too long.
        let place = [OK, CANCELLED].into_iter().find_map(|outcome| {
            pages.attempts.iter().position(|attempt| {
                let has_begun = || attempt.calls.iter().any(CallMade::is_begun);
                attempt.outcome == Some(outcome) && has_begun()
            })
        })?;
        let attempt = &mut pages.attempts[place];
        attempt.is_paid_for = true;
        let begun = attempt.calls.iter_mut().filter_map(|call| {
            call.is_told = call.is_begun();
            call.heard.take_if(|_| call.is_told)
        });
        Some(begun.collect())
    }
}
