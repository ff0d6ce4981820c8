//! Tries the channels of a route, one after the other, under one deadline.
//!
//! An attempt succeeds with a whole answer, or with a stream from which the first real output has
//! come; until then its failure is invisible and the next channel is tried.

mod asking;
pub mod call;
pub mod caller;
pub mod entrance;
pub mod fan_out;
pub mod fetch;
mod headers;
mod hedge;
mod last_resort;
mod open_stream;
mod opening;
pub mod outcome;
mod pace;
mod private;
mod provider_stream;
pub mod reasoning;
pub mod retry_budget;
pub mod send;
mod trial;
mod tries;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};
use tollgate_catalog::{channel::ChannelName, contract::ValidRequest, model::Model};
use tollgate_chat::{
    answer::Answer,
    chunk::{AnswerShape, Head},
};
use tollgate_dialects::{Note, Presentation};

pub use self::{
    asking::{Failed, try_channel},
    open_stream::OpenStream,
};
use self::{
    caller::Caller,
    fetch::Media,
    last_resort::LeftAlone,
    outcome::Verdict,
    reasoning::HeldStates,
    trial::{Lost, LostBy, Trial},
    tries::{FreeTries, Tries},
};

use crate::{
    abandoned::Departure,
    buffered::Held,
    count::tally,
    error::{AttemptFailure, Failure, GateError},
    gate::Gate,
    health::{Place, Probe, Witness},
    route::{self, Candidate, Pin, Route},
    sandbox,
    story::{Story, Why},
};

/// What is asked of the channels, as long as it is needed: until an answer has begun.
pub struct Asked {
    pub request: ValidRequest,
    pub route: Route,
    pub head: Head,
    pub story: Arc<Story>,
    pub caller: Caller,
    /// The channels that the request may go to, whatever the model.
    pub pin: Pin,
    /// When it was let in, of which its prices are.
    pub let_in: Timestamp,
    /// Where calls are left when the client goes; `None`: no provider wants that.
    pub departure: Option<Arc<Departure>>,
    /// What earlier turns may add to what is sent; `None`: whatever is kept of them.
    pub states: Option<HeldStates>,
    /// The body's share of the memory.
    pub _body: Held,
}

impl Asked {
    fn asker<'a>(&'a self, place: Option<&'a Arc<Place>>) -> Asker<'a> {
        Asker {
            caller: &self.caller,
            departure: self.departure.as_ref(),
            place,
            states: self.states.as_ref(),
            story: &self.story,
        }
    }

    /// The request, as one that may itself be the cause of what it meets.
    fn witness(&self) -> Witness {
        Witness::of(self.caller.holder.key, self.request.request.body())
    }
}

/// Who asks a channel.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    pub caller: &'a Caller,
    /// Where calls are left when the client goes.
    pub departure: Option<&'a Arc<Departure>>,
    /// The attempt's place on its channel, for its calls; `None`: whoever asks keeps it.
    pub place: Option<&'a Arc<Place>>,
    /// What earlier turns may add to what is sent; `None`: whatever is kept of them.
    pub states: Option<&'a HeldStates>,
    /// Where it is written down.
    pub story: &'a Arc<Story>,
}

/// What came back, and from where.
pub struct Attempted {
    /// Name of the channel for the client's header and the log.
    pub channel: ChannelName,
    /// The model that answers, where it is another than the client asked for.
    pub model: Option<Arc<Model>>,
    pub notes: Vec<Note>,
    pub outcome: Outcome,
}

/// An answer, whole or begun.
pub enum Outcome {
    Whole { answer: Answer, held: Held },
    Stream(OpenStream),
}

/// Why there is no answer, and what was done in another way than asked in the attempt that the error is of.
#[derive(Debug)]
pub struct Unanswered {
    pub error: GateError,
    pub notes: Vec<Note>,
}

impl From<GateError> for Unanswered {
    fn from(error: GateError) -> Self {
        Self {
            error,
            notes: Vec::new(),
        }
    }
}

/// Tries the channels that are fit in their order until one answers, then those of the models that the operator
/// named to fall back on, and at last the one that should rest least. Fails with the error of the client's own model
/// that says most to it: its own mistakes first, then what waiting may mend.
pub async fn attempt(gate: &Arc<Gate>, asked: &Asked) -> Result<Attempted, Unanswered> {
    let Asked { request, story, .. } = asked;
    let limit = gate.settings.request_deadline;
    let deadline = Instant::now() + limit;
    let presentation = Arc::new(Presentation {
        head: asked.head.clone(),
        shape: shape_of(request),
        include_usage: request.include_usage,
        estimated_prompt_tokens: tally::about(request).saturating_add(tally::before_tools(request)),
    });
    let candidates = match &asked.route {
        Route::Sandbox => {
            let answered = timeout_at(
                deadline,
                sandbox::answer(gate, &asked.caller, request, &presentation, story),
            )
            .await
            .unwrap_or(Err(GateError::Deadline { limit }));
            return answered.map_err(Unanswered::from);
        }
        Route::Channels(candidates) => candidates,
    };
    gate.retries.earn();
    let (fit, resting) = route::fit_and_resting(candidates);
    let falls_back = route::may_fall_back(gate, request);
    let mut attempts = Attempts {
        gate,
        asked,
        presentation,
        media: Media::default(),
        failures: Vec::new(),
        late: Vec::new(),
        left_alone: Vec::new(),
        deadline,
        has_more_behind: falls_back || !resting.is_empty(),
    };
    let mut free = FreeTries::default();
    let retries = gate.settings.routing.retries;
    let mut tries = Tries::new(fit.len(), retries, &mut free);
    let tried = attempts.through(request, fit, &mut tries).await;
    let retries = tries.retries_left();
    let ended = match tried {
        Ok(attempted) => return Ok(attempted),
        Err(Ended::Exhausted) if attempts.has_more_behind => {
            let behind = Behind {
                falls_back,
                resting,
                // Where nobody else could be tried, it is as any other.
                retries: if fit.is_empty() { retries } else { 0 },
                retries_left: retries,
            };
            // Few requests come here, and the others need not make room for it.
            match Box::pin(attempts.beyond(request, behind, &mut free)).await {
                Ok(attempted) => return Ok(attempted),
                Err(ended) => ended,
            }
        }
        Err(ended) => ended,
    };
    Err(match ended {
        Ended::Deadline => Unanswered {
            error: GateError::Deadline { limit },
            notes: attempts.late,
        },
        Ended::GivenUp | Ended::Exhausted if candidates.is_empty() => {
            let model = request.model.id.to_string();
            GateError::NoChannel { model }.into()
        }
        Ended::GivenUp | Ended::Exhausted => outcome::to_client(attempts.failures, candidates, request),
    })
}

/// The attempts of one request.
struct Attempts<'a> {
    gate: &'a Arc<Gate>,
    asked: &'a Asked,
    presentation: Arc<Presentation>,
    media: Media,
    /// Of the model that the client asked for.
    failures: Vec<AttemptFailure>,
    /// What was done in another way than asked in the attempt that the request's time ended.
    late: Vec<Note>,
    /// Channels of the model that the client asked for which came to be left alone after its route was made.
    left_alone: Vec<LeftAlone>,
    deadline: Instant,
    /// Whether somebody is asked beyond the channels that are being tried.
    has_more_behind: bool,
}

/// Who is asked when nobody of the route that is fit has answered.
struct Behind<'a> {
    falls_back: bool,
    resting: &'a [Candidate],
    /// For those that should rest.
    retries: u32,
    /// For those that the request would have tried again.
    retries_left: u32,
}

/// Why there is no answer.
enum Ended {
    /// The same would happen everywhere.
    GivenUp,
    /// No channel is left.
    Exhausted,
    Deadline,
}

impl Attempts<'_> {
    /// Tries these channels with `request`: what was asked, or the same of another model.
    async fn through(
        &mut self,
        request: &ValidRequest,
        candidates: &[Candidate],
        tries: &mut Tries<'_>,
    ) -> Result<Attempted, Ended> {
        let gate = self.gate;
        let mut ended = Ended::Exhausted;
        while let Some(next) = tries.next(&gate.retries) {
            if !next.wait.is_zero() {
                if Instant::now() + next.wait >= self.deadline {
                    break;
                }
                sleep(next.wait).await;
            }
            let trial = Trial {
                gate,
                asked: self.asked,
                presentation: &self.presentation,
                request,
                candidates,
                deadline: self.deadline,
                has_more_behind: self.has_more_behind,
            };
            let mut lost = Vec::new();
            let tried = match hedge::after(&trial, next.candidate, tries) {
                None => {
                    trial
                        .on(next.candidate, tries.others_remain(), &mut self.media)
                        .await
                }
                Some(after) => {
                    let (media, lost) = (&mut self.media, &mut lost);
                    Box::pin(hedge::race(&trial, next.candidate, after, media, tries, lost)).await
                }
            };
            let answered = tried.map_err(|last| lost.push(last)).ok();
            let is_late = lost.iter().any(|lost| matches!(lost.by, LostBy::Late));
            for lost in lost {
                if self.failed(request, candidates, lost, tries) == Some(Verdict::GiveUp) {
                    ended = Ended::GivenUp;
                }
            }
            match answered {
                Some(attempted) => return Ok(attempted),
                None if is_late => return Err(Ended::Deadline),
                None => {}
            }
        }
        Err(ended)
    }

    /// Notes what a failed try means: for its channel, for the tries to come and for the client. `None`: nothing.
    fn failed(
        &mut self,
        request: &ValidRequest,
        candidates: &[Candidate],
        lost: Lost,
        tries: &mut Tries<'_>,
    ) -> Option<Verdict> {
        let server = &candidates[lost.candidate].server;
        let failure = match lost.by {
            LostBy::Failed(Failed { failure, attempt }) => {
                self.asked.story.log_failed(attempt, &server.served, &failure);
                failure
            }
            LostBy::Full => {
                tries.skipped(lost.candidate, &self.gate.retries);
                self.asked.story.passes_over(&server.served, Why::Full);
                // What failed before says more to the client than that there is no place now.
                if !self.failures.is_empty() {
                    return None;
                }
                Failure::ChannelFull
            }
            LostBy::Late => {
                self.late = lost.notes;
                return None;
            }
            LostBy::LeftAlone { left, by } => {
                tries.skipped(lost.candidate, &self.gate.retries);
                let is_repeated = tries.is_repeating();
                let why = Why::of_rest(by, left);
                self.leaves_alone(request, server, why, is_repeated);
                return None;
            }
        };
        let treatment = outcome::treatment(&failure);
        let health = &server.channel.health;
        let witness = treatment.blame.perhaps(|| self.asked.witness());
        health.note(treatment.sign, lost.probe.as_ref().map(Probe::standing), witness);
        if let Some((scope, rest)) = treatment.rest {
            health.rest(scope, &server.health, rest, witness);
        }
        tries.failed(lost.candidate, treatment.verdict, outcome::advised_wait(&failure));
        self.failures.push(AttemptFailure {
            channel: server.channel.settings.name.clone(),
            failure,
            notes: lost.notes,
        });
        Some(treatment.verdict)
    }
}

pub fn shape_of(request: &ValidRequest) -> AnswerShape {
    request.model.contract.answer.clone()
}

/// The wait that a provider asks for is believed up to this.
pub const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(3_600);
