//! The lines of the log that tell of attempts, and of requests that were refused or got another's answer.
//!
//! An attempt that fails is warned of when it does, be it after its first output. One that answered is told of in its
//! request's line, where it is the only one; beside others, and where it came to no end, it has a line of its own, so that
//! each attempt has one.

use std::time::Duration;

use tracing::{debug, info, warn};

use super::{
    Story,
    attempt::{Attempt, CANCELLED},
};
use crate::{
    attempt::outcome::{for_log, label},
    channel::Served,
    error::Failure,
};

impl Story {
    /// Closes the attempts, since the request is over, and logs those that nobody was warned of, unless it is the one
    /// that the request's own line tells of. Gives how many there were. `answered`: there is a whole answer.
    pub fn log_attempts(&self, answered: bool, took: Duration) -> usize {
        let mut pages = self.pages();
        pages.close_attempts(took, answered);
        let attempts = pages.begun;
        let is_untold = |attempt: &Attempt| attempt.outcome == Some(CANCELLED) && attempt.output.is_none();
        if attempts > 1 || pages.attempts.iter().any(is_untold) {
            for (number, attempt) in pages.attempts.iter().enumerate() {
                // What is cancelled beside an answer lost a race, and has its line.
                if !(answered && attempt.outcome == Some(CANCELLED)) {
                    self.log_attempt(number + 1, attempt);
                }
            }
        }
        attempts
    }

    /// Warns of an attempt that failed before it answered.
    pub fn log_failed(&self, number: usize, served: &Served, failure: &Failure) {
        warn!(
            request_id = self.id.as_str(),
            channel = %served.channel,
            model = %served.model,
            attempt = number,
            outcome = label(failure),
            error = %for_log(failure),
            "attempt failed"
        );
    }

    /// Warns of an attempt that broke after its first output.
    pub(super) fn log_broken(&self, number: usize, attempt: &Attempt) {
        warn!(
            request_id = self.id.as_str(),
            channel = %attempt.served.channel,
            model = %attempt.served.model,
            attempt = number,
            outcome = attempt.outcome,
            error = attempt.error,
            "stream broke after its first output"
        );
    }

    fn log_attempt(&self, number: usize, attempt: &Attempt) {
        if attempt.error.is_some() {
            return;
        }
        let since_began = |at: Duration| at.saturating_sub(attempt.began).as_millis() as u64;
        info!(
            request_id = self.id.as_str(),
            channel = %attempt.served.channel,
            model = %attempt.served.model,
            attempt = number,
            outcome = attempt.outcome,
            first_byte_ms = attempt.head.map(|head| since_began(head.at)),
            first_output_ms = attempt.output.map(since_began),
            duration_ms = attempt.ended.map(since_began),
            "attempt ended"
        );
    }

    /// Logs that the request got the answer of another one, which its end names.
    pub fn log_repeat(&self) {
        let pages = self.pages();
        let Some(end) = &pages.end else { return };
        info!(
            request_id = self.id.as_str(),
            client = %self.client,
            key_prefix = pages.key.as_ref().map(|key| key.key.prefix.as_str()),
            model = pages.model.as_ref().map(|model| model.id.as_str()),
            repeats = end.repeats.as_ref().map(|of| of.as_str()),
            status = end.status,
            outcome = end.outcome,
            "request repeated"
        );
    }

    /// Logs that the request was refused before it was let in. `asks`: whether it was for an answer of a model;
    /// what else strangers send is for those who look for it.
    pub fn log_refusal(&self, asks: bool) {
        let pages = self.pages();
        let Some(end) = &pages.end else { return };
        let key_prefix = pages.key.as_ref().map(|key| key.key.prefix.as_str());
        let model = pages.model.as_ref().map(|model| model.id.as_str());
        let (request_id, status, outcome) = (self.id.as_str(), end.status, end.outcome);
        let param = end.param.as_deref();
        let client = self.client;
        match asks {
            true => info!(request_id, %client, key_prefix, model, status, outcome, param, "request refused"),
            false => debug!(request_id, %client, status, outcome, "request refused"),
        }
    }
}
