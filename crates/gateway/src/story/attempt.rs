//! The attempts of a story.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tollgate_catalog::{provider::Provider, serving::Serving};

use super::{CallMade, Pages, Story};
use crate::{
    attempt::outcome::{for_log, label},
    channel::{Served, Server},
    error::{Failure, GateError},
};

/// What an attempt is called that came to no end: the client went, the time was over, or another was quicker.
pub const CANCELLED: &str = "cancelled";
/// What one is called that answered.
pub const OK: &str = "ok";

/// One attempt. Moments count from the request's arrival.
#[derive(Debug)]
pub struct Attempt {
    pub served: Arc<Served>,
    /// As it was used for this request; `None`: the embedded model.
    pub serving: Option<Arc<Serving>>,
    /// The most tokens that one choice can have.
    pub most_output: u64,
    pub began: Duration,
    /// When it went to the provider, where something had to be fetched before.
    pub sent: Option<Duration>,
    pub head: Option<Head>,
    /// The first output, or the whole answer.
    pub output: Option<Duration>,
    pub ended: Option<Duration>,
    pub outcome: Option<&'static str>,
    /// Why it failed, without a word of the provider's own.
    pub error: Option<String>,
    /// Whether it was read on when the client had gone, and is what the request is settled with.
    pub is_paid_for: bool,
    /// Its calls that its provider may bill, but for the one that gave an answer by itself. Where the attempt is not what
    /// the request is settled with, they are lost. Until the request is over.
    pub calls: Vec<CallMade>,
}

/// The head of the provider's answer.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    pub at: Duration,
    pub status: u16,
}

impl Attempt {
    /// Of how many of its calls the count of the whole answer is, where several were made for it.
    pub fn told_calls(&self) -> u64 {
        self.calls.iter().filter(|call| call.is_told).count() as u64
    }

    /// `None`: the embedded model.
    pub fn provider(&self) -> Option<&Provider> {
        self.served.provider.as_deref()
    }

    /// What the provider calls the model.
    pub fn provider_model(&self) -> &str {
        let serving = self.serving.as_ref();
        serving.map_or(self.served.model.as_str(), |serving| &serving.upstream_id)
    }
}

/// Writes down one attempt. Dropping it says that the attempt was cancelled.
#[derive(Debug)]
pub struct AttemptPen {
    mark: AttemptMark,
    served: Arc<Served>,
    is_done: bool,
}

/// Where an attempt stands in its story. Several requests may be made for one attempt.
#[derive(Debug, Clone)]
pub struct AttemptMark {
    story: Arc<Story>,
    /// Which of the request's attempts it is, from 1.
    number: usize,
    /// `None`: the story has no place left.
    place: Option<usize>,
}

impl Story {
    /// Begins an attempt on this channel. `most_output`: the most tokens that one choice can have there.
    pub fn attempt(self: &Arc<Self>, server: &Server, most_output: u64) -> AttemptPen {
        self.begin_attempt(&server.served, Some(&server.serving), most_output)
    }

    /// Begins an attempt with the embedded model.
    pub fn attempt_embedded(self: &Arc<Self>, served: &Arc<Served>) -> AttemptPen {
        self.begin_attempt(served, None, u64::MAX)
    }

    fn begin_attempt(
        self: &Arc<Self>,
        served: &Arc<Served>,
        serving: Option<&Arc<Serving>>,
        most_output: u64,
    ) -> AttemptPen {
        let began = self.since_arrival();
        let mut pages = self.pages();
        pages.begun += 1;
        let (number, place) = (pages.begun, pages.attempts.len());
        let place = pages.has_place(place).then_some(place);
        if place.is_some() {
            if pages.attempts.is_empty() {
                // Most requests need one.
                pages.attempts.reserve_exact(1);
            }
            pages.attempts.push(Attempt {
                served: Arc::clone(served),
                serving: serving.cloned(),
                most_output,
                began,
                sent: None,
                head: None,
                output: None,
                ended: None,
                outcome: None,
                error: None,
                is_paid_for: false,
                calls: Vec::new(),
            });
        }
        AttemptPen {
            mark: AttemptMark {
                story: Arc::clone(self),
                number,
                place,
            },
            served: Arc::clone(served),
            is_done: false,
        }
    }

    /// The attempt that had answered broke after its first output. It is warned of.
    pub fn broke(&self, failure: &Failure) {
        let ended = self.since_arrival();
        let mut pages = self.pages();
        let answering = |attempt: &Attempt| attempt.outcome == Some(OK);
        let Some(place) = pages.attempts.iter().rposition(answering) else {
            return;
        };
        let attempt = &mut pages.attempts[place];
        attempt.outcome = Some(label(failure));
        attempt.error = Some(for_log(failure).to_string());
        attempt.ended = Some(ended);
        attempt.served.count_outcome(label(failure));
        self.log_broken(place + 1, attempt);
    }
}

impl Pages {
    /// The attempt whose answer reached the client, or began to.
    pub fn answering(&self) -> Option<&Attempt> {
        self.attempts.iter().rfind(|attempt| attempt.output.is_some())
    }

    /// The attempt that the tokens are of: an answer that is read on when its client has gone has some, and reached
    /// nobody.
    pub fn paid(&self) -> Option<&Attempt> {
        let read_on = self.attempts.iter().find(|attempt| attempt.is_paid_for);
        read_on.or(self.answering()).or(self.attempts.last())
    }

    /// Counts what answered, now that the request is over.
    pub(super) fn count_answer(&self, arrived: Instant) {
        let Some(end) = &self.end else { return };
        if let (Some(usage), Some(paid)) = (&end.usage, self.paid()) {
            paid.served.count_tokens(usage);
        }
        let Some(answer) = self.answering() else { return };
        let served = &answer.served;
        if answer.outcome == Some(OK) {
            served.count_ok();
        }
        if self.stream {
            if let Some(output) = answer.output {
                served.observe_first_output(output.saturating_sub(answer.began));
            }
            let first = end.first_output.map(|at| at.saturating_duration_since(arrived));
            let intervals = u32::try_from(end.sent.pieces.saturating_sub(1)).unwrap_or(u32::MAX);
            if let (Some(first), 1..) = (first, intervals) {
                served.observe_piece_interval(self.took.saturating_sub(first) / intervals);
            }
        }
    }

    /// The request is over, and so is what has not ended by itself. `answered`: its client has the whole answer; else a
    /// stream that was going on came to no end.
    pub(super) fn close_attempts(&mut self, now: Duration, answered: bool) {
        for attempt in &mut self.attempts {
            if !answered && self.stream && attempt.outcome == Some(OK) && attempt.ended.is_none() {
                attempt.outcome = Some(CANCELLED);
                attempt.served.count_outcome(CANCELLED);
            }
            attempt.outcome.get_or_insert(CANCELLED);
            attempt.ended.get_or_insert(now);
            // Nobody asks any more.
            attempt.calls = Vec::new();
        }
    }
}

impl AttemptMark {
    /// The head of the provider's answer came; the first one counts, and none after the attempt's end: it may be
    /// read on when its client has gone.
    pub(super) fn head(&self, status: u16) {
        let at = self.story.since_arrival();
        self.write(|attempt| {
            if attempt.ended.is_none() {
                attempt.head.get_or_insert(Head { at, status });
            }
        });
    }

    /// It goes to the provider, now that what had to be fetched is there.
    pub fn sent(&self) {
        let at = self.story.since_arrival();
        self.write(|attempt| attempt.sent = Some(at));
    }

    /// The attempt is what the request is settled with, though it reached nobody.
    pub fn is_paid_for(&self) {
        self.write(|attempt| attempt.is_paid_for = true);
    }

    /// A call of the attempt is over. Nobody asks any more once the request is.
    pub(super) fn made(&self, call: CallMade) {
        let mut pages = self.story.pages();
        if pages.end.is_none()
            && let Some(attempt) = self.place.and_then(|place| pages.attempts.get_mut(place))
        {
            attempt.calls.push(call);
        }
    }

    fn write(&self, write: impl FnOnce(&mut Attempt)) {
        let mut pages = self.story.pages();
        if let Some(attempt) = self.place.and_then(|place| pages.attempts.get_mut(place)) {
            write(attempt);
        }
    }
}

impl AttemptPen {
    /// For those who make the attempt's requests.
    pub fn mark(&self) -> AttemptMark {
        self.mark.clone()
    }

    /// The answer is there, or its first output. A stream's end is that of the request.
    pub fn answered(mut self) {
        self.is_done = true;
        let at = self.mark.story.since_arrival();
        self.mark.write(|attempt| {
            attempt.outcome = Some(OK);
            attempt.output = Some(at);
        });
    }

    /// Which of the request's attempts it is, from 1, in the log as in the story.
    pub fn number(&self) -> usize {
        self.mark.number
    }

    /// It failed, and the same channel is asked in another way. It is warned of.
    pub fn again(&mut self, failure: &Failure) {
        let last = &self.mark;
        let (serving, most_output) = last
            .place
            .and_then(|place| {
                let pages = last.story.pages();
                let attempt = pages.attempts.get(place)?;
                Some((attempt.serving.clone(), attempt.most_output))
            })
            .unwrap_or((None, u64::MAX));
        last.story.log_failed(last.number, &self.served, failure);
        let next = last
            .story
            .begin_attempt(&self.served, serving.as_ref(), most_output);
        std::mem::replace(self, next).failed(failure);
    }

    pub fn failed(mut self, failure: &Failure) {
        self.is_done = true;
        self.end(label(failure), Some(for_log(failure).to_string()));
    }

    /// The embedded model does not answer.
    pub fn refused(mut self, error: &GateError) {
        self.is_done = true;
        self.end(error.code(), None);
    }

    fn end(&self, outcome: &'static str, error: Option<String>) {
        let at = self.mark.story.since_arrival();
        self.served.count_outcome(outcome);
        self.mark.write(|attempt| {
            attempt.outcome = Some(outcome);
            attempt.error = error;
            attempt.ended = Some(at);
        });
    }
}

impl Drop for AttemptPen {
    fn drop(&mut self) {
        if !self.is_done {
            self.end(CANCELLED, None);
        }
    }
}
