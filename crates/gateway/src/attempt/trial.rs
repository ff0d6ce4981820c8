//! One try of a request on one channel of its route.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};
use tollgate_catalog::contract::ValidRequest;
use tollgate_dialects::{Note, Presentation};

use super::{
    Asked, Attempted, Outcome,
    asking::{Failed, try_channel},
    fetch::Media,
    open_stream::Watch,
};
use crate::{
    channel::Server,
    gate::Gate,
    health::{NoPlace, Place, Probe, RestsBy, Sign, Witness},
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
    /// Whether somebody is asked beyond these candidates, should all of them fail.
    pub has_more_behind: bool,
}

/// A try that came to nothing.
pub struct Lost {
    /// Place in the route.
    pub candidate: usize,
    /// Where it probed a channel whose breaker was open; nobody else does until it is known what it found.
    pub probe: Option<Probe>,
    pub by: LostBy,
    /// What was done in another way than asked, as far as it came to that.
    pub notes: Vec<Note>,
}

/// What a try came to nothing by.
pub enum LostBy {
    Failed(Failed),
    /// Nothing was sent: no place was free there.
    Full,
    /// The request's time is over.
    Late,
    /// Nothing was sent: the channel is to be left alone for so long, which was not so when the route was made.
    LeftAlone {
        left: Duration,
        by: RestsBy,
    },
}

impl Trial<'_> {
    pub fn server(&self, candidate: usize) -> &Server {
        &self.candidates[candidate].server
    }

    /// Whether the attempt may make several calls, or leave one behind, so that each has to have a place of its own.
    fn shares_place(&self, server: &Server) -> bool {
        self.request.n > 1 || (self.asked.departure.is_some() && server.bills_on())
    }

    /// Tries the channel at this place of the route, within its own time and the request's. Where others may be
    /// tried after it (`others_remain`), half of what is left of the request's time is theirs.
    ///
    /// Cancel safety: dropping it ends the try, and says nothing of the channel.
    pub async fn on(
        &self,
        candidate: usize,
        others_remain: bool,
        media: &mut Media,
    ) -> Result<Attempted, Lost> {
        let place = match self.place(candidate) {
            Ok(place) => place,
            Err(why) => return Err(self.has_no_place(candidate, why)),
        };
        self.with_place(candidate, place, others_remain, media).await
    }

    /// A place on that channel; dropping it gives it back.
    pub fn place(&self, candidate: usize) -> Result<Place, NoPlace> {
        let Candidate { server, forced } = &self.candidates[candidate];
        server.channel.health.begin(*forced)
    }

    /// What becomes of a try that found no place.
    pub fn has_no_place(&self, candidate: usize, why: NoPlace) -> Lost {
        Lost {
            candidate,
            probe: None,
            by: match why {
                NoPlace::Full => LostBy::Full,
                NoPlace::LeftAlone { left, by } => LostBy::LeftAlone { left, by },
            },
            notes: Vec::new(),
        }
    }

    /// As [`Self::on`], with a place there.
    ///
    /// Cancel safety: as there.
    pub async fn with_place(
        &self,
        candidate: usize,
        mut place: Place,
        others_remain: bool,
        media: &mut Media,
    ) -> Result<Attempted, Lost> {
        let Candidate { server, .. } = &self.candidates[candidate];
        let health = &server.channel.health;
        let lost = |probe, by, notes| Lost {
            candidate,
            probe,
            by,
            notes,
        };
        let mut notes = Vec::new();
        let (began, probe) = (Instant::now(), place.probe.take());
        let left = self.deadline.saturating_duration_since(began);
        let share = match others_remain || self.has_more_behind {
            true => left / 2,
            false => left,
        };
        let limit = server.timeouts.total.min(share);
        let (place, shared) = match self.shares_place(server) {
            true => (None, Some(Arc::new(place))),
            false => (Some(place), None),
        };
        let trying = try_channel(
            self.gate,
            self.asked.asker(shared.as_ref()),
            self.request,
            server,
            self.presentation,
            (media, &mut notes),
            (limit < left).then_some(limit),
        );
        let tried = match limit < left {
            true => Ok(trying.await),
            false => timeout_at(self.deadline, trying).await,
        };
        match tried {
            Ok(Ok(attempted)) => {
                health.took(&server.health, began.elapsed());
                if self.gate.settings.routing.hedge.is_some() {
                    server
                        .health
                        .history(self.request.stream)
                        .observe(began.elapsed());
                }
                let witness = || Witness::roughly(self.asked.caller.holder.key, self.request.request.body());
                Ok(attempted.at(&self.candidates[candidate], probe, place, witness))
            }
            Ok(Err(failed)) => Err(lost(probe, LostBy::Failed(failed), notes)),
            Err(_) => {
                // Most of the time went by here.
                if began.elapsed() > self.gate.settings.request_deadline / 2 {
                    let standing = probe.as_ref().map(Probe::standing);
                    health.note(Sign::Failing, standing, Some(self.asked.witness()));
                }
                Err(lost(probe, LostBy::Late, notes))
            }
        }
    }
}

impl Attempted {
    /// The answer of this channel, which keeps its place there while it streams.
    fn at(
        mut self,
        candidate: &Candidate,
        probe: Option<Probe>,
        place: Option<Place>,
        witness: impl FnOnce() -> Witness,
    ) -> Self {
        let Candidate { server, forced } = candidate;
        let health = &server.channel.health;
        match &mut self.outcome {
            Outcome::Whole { .. } => health.answered(&server.health),
            Outcome::Stream(stream) => {
                let standing = probe.as_ref().map(Probe::standing);
                health.stream_began(&server.health, standing.is_some() || *forced, standing);
                stream.watched_by(Watch {
                    channel: Arc::clone(&server.channel),
                    model: Arc::clone(&server.health),
                    probe: standing,
                    _place: place,
                    witness: witness(),
                });
            }
        }
        self
    }
}
