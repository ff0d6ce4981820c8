//! One try of a request on one channel of its route.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tollgate_catalog::contract::ValidRequest;
use tollgate_dialects::Presentation;

use super::{Asked, Attempted, Outcome, fetch::Media, opening::Watch, try_channel};
use crate::{
    channel::Server,
    error::Failure,
    gate::Gate,
    health::{Place, Sign, Witness},
    route::Candidate,
};

/// What every try of a request on a route needs.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    pub gate: &'a Arc<Gate>,
    pub asked: &'a Asked,
    pub presentation: &'a Arc<Presentation>,
    /// What is asked: what the client asked, or the same of another model.
    pub request: &'a ValidRequest,
    pub candidates: &'a [Candidate],
    pub deadline: Instant,
}

/// A try that came to nothing.
pub struct Lost {
    /// Place in the route.
    pub candidate: usize,
    /// Whether it probed a channel whose breaker was open.
    pub probe: bool,
    /// `None`: the request's time is over.
    pub failure: Option<Failure>,
}

impl Trial<'_> {
    pub fn server(&self, candidate: usize) -> &Server {
        &self.candidates[candidate].server
    }

    /// Tries the channel at this place of the route, until the request's deadline.
    ///
    /// Cancel safety: dropping it ends the try, and says nothing of the channel.
    pub async fn on(&self, candidate: usize, media: &mut Media) -> Result<Attempted, Lost> {
        let Candidate { server, forced } = &self.candidates[candidate];
        let health = &server.channel.health;
        let lost = |probe, failure| Lost {
            candidate,
            probe,
            failure,
        };
        let Some(place) = health.begin(*forced) else {
            return Err(lost(false, Some(Failure::ChannelFull)));
        };
        let (began, probe) = (Instant::now(), place.probe);
        let trying = try_channel(
            self.gate,
            self.asked.asker(),
            self.request,
            server,
            self.presentation,
            media,
        );
        match timeout_at(self.deadline, trying).await {
            Ok(Ok(attempted)) => {
                health.answered(&server.health, probe);
                server.health.speed.observe(began.elapsed());
                if self.gate.settings.routing.hedge.is_some() {
                    server
                        .health
                        .history(self.request.stream)
                        .observe(began.elapsed());
                }
                let witness = Witness::roughly(self.asked.caller.key, self.request.request.body().len());
                Ok(attempted.at(server, place, witness))
            }
            Ok(Err(failure)) => Err(lost(probe, Some(failure))),
            Err(_) => {
                // Most of the time went by here.
                if began.elapsed() > self.gate.settings.request_deadline / 2 {
                    health.note(Sign::Failing, probe, Some(self.asked.witness()));
                }
                Err(lost(probe, None))
            }
        }
    }
}

impl Attempted {
    /// The answer of this channel, which keeps its place there while it streams.
    fn at(mut self, server: &Server, place: Place, witness: Witness) -> Self {
        if let Outcome::Stream(stream) = &mut self.outcome {
            stream.watched_by(Watch {
                channel: Arc::clone(&server.channel),
                _place: place,
                witness,
            });
        }
        self
    }
}
