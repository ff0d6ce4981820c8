//! What the gate knows of a channel's health: from its own attempts, and from what the provider said of
//! coming back.
//!
//! Every request reads it and every attempt writes it, so it is made of atomics: nobody waits for anybody.
//! Not here: what a failure means ([`crate::attempt::outcome`]).

mod breaker;
mod history;
mod places;
mod rest;
mod speed;
mod witness;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tollgate_catalog::model::ModelId;

use breaker::Breaker;
pub use breaker::{BreakerState, Probe, Standing};
use history::History;
pub use places::{Place, Places};
use rest::Rest;
use speed::Speed;
pub use witness::Witness;
use witness::{Suspicion, Witnesses};

/// When a channel that fails is left alone, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSettings {
    /// `false`: every channel is tried, whatever happened before.
    pub enabled: bool,
    /// Failures in a row after which the breaker opens.
    pub breaker_failures: u32,
    /// How long it stays open the first time; twice as long after each probe that fails.
    pub breaker_open: Duration,
}

/// Health of one channel.
#[derive(Debug)]
pub struct Health {
    settings: HealthSettings,
    known: Arc<Known>,
    models: BTreeMap<ModelId, Arc<ModelHealth>>,
    places: Arc<Places>,
}

/// What is known of the server that a channel asks, with its credential.
#[derive(Debug)]
struct Known {
    /// What moments count from.
    began: Instant,
    breaker: Arc<Breaker>,
    /// Of the whole channel: its credential or its quota.
    rest: Rest,
    witnesses: Witnesses,
    /// That the whole channel should rest.
    suspicion: Suspicion,
}

impl Known {
    /// Nothing, so it is believed to be well.
    fn nothing() -> Self {
        Self {
            began: Instant::now(),
            breaker: Arc::default(),
            rest: Rest::default(),
            witnesses: Witnesses::default(),
            suspicion: Suspicion::default(),
        }
    }
}

/// Health of one model on one channel.
#[derive(Debug, Default)]
pub struct ModelHealth {
    /// Of this model alone: its rate limit.
    rest: Rest,
    /// Until the first output, or the whole answer.
    speed: Speed,
    /// The same, where requests are hedged.
    streamed: History,
    whole: History,
    /// That this model should rest.
    suspicion: Suspicion,
}

impl ModelHealth {
    /// How long answers took of late; `None`: there was none.
    pub fn latency(&self) -> Option<Duration> {
        self.speed.average()
    }

    /// How long answers took that are streamed, or not.
    pub fn history(&self, stream: bool) -> &History {
        match stream {
            true => &self.streamed,
            false => &self.whole,
        }
    }
}

/// Milliseconds since a channel's health began to be watched. Zero stands for never.
type Moment = u64;

/// Whether a channel may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fitness {
    Fit,
    /// Not for so long. Where nothing else is left the one with the shortest rest is tried all the same.
    Resting {
        left: Duration,
        by: RestsBy,
    },
}

/// What lets a channel rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestsBy {
    Breaker,
    /// Another request, which probes whether it is well again.
    Probe,
    /// Its credential or its quota.
    Channel,
    /// The model on it.
    Model,
}

/// Why an attempt cannot begin on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// As many calls are under way as it may have.
    Full,
    /// Its breaker opened after the request's route was made, or another request probes it.
    LeftAlone { left: Duration, by: RestsBy },
}

/// Whom a rest is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Channel,
    Model,
}

/// What an attempt says of the channel's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The provider is there and answers, be it with a refusal.
    Alive,
    /// It failed.
    Failing,
    /// Nothing can be said: it was not asked, or the client went away.
    Unknown,
}

impl Health {
    /// A channel that is believed to be well. `models`: those it serves. `places`: those of its calls.
    pub fn new<'m>(
        settings: HealthSettings,
        models: impl Iterator<Item = &'m ModelId>,
        places: Arc<Places>,
    ) -> Self {
        Self {
            settings,
            known: Arc::new(Known::nothing()),
            models: models.map(|model| (model.clone(), Arc::default())).collect(),
            places,
        }
    }

    /// The same channel with other models: what is known of it stays, and what is known of those models that are the
    /// same there as before (`true`).
    pub fn with_models<'m>(
        &self,
        models: impl Iterator<Item = (&'m ModelId, bool)>,
        places: Arc<Places>,
    ) -> Self {
        let kept = |(model, is_same): (&ModelId, bool)| {
            let before = self.models.get(model).filter(|_| is_same);
            (model.clone(), before.map(Arc::clone).unwrap_or_default())
        };
        Self {
            settings: self.settings.clone(),
            known: Arc::clone(&self.known),
            models: models.map(kept).collect(),
            places,
        }
    }

    /// The health of one of the channel's models.
    pub fn of_model(&self, model: &ModelId) -> Arc<ModelHealth> {
        self.models.get(model).map(Arc::clone).unwrap_or_default()
    }

    /// Whether a request for this model may go here now.
    pub fn fitness(&self, model: &ModelHealth) -> Fitness {
        if !self.settings.enabled {
            return Fitness::Fit;
        }
        let (channel, model) = (self.known.rest.until(), model.rest.until());
        if channel.max(model).max(self.known.breaker.closed_until_probe()) == 0 {
            return Fitness::Fit;
        }
        let now = self.now();
        let kept_away = self.known.breaker.keeps_away(now, self.settings.breaker_open);
        let rests = [(model, RestsBy::Model), (channel, RestsBy::Channel)];
        // Of two that end together the later one is told.
        let longest = kept_away.into_iter().chain(rests).max_by_key(|(until, _)| *until);
        match longest {
            Some((until, by)) if until > now => Fitness::Resting {
                left: Duration::from_millis(until - now),
                by,
            },
            _ => Fitness::Fit,
        }
    }

    /// Begins an attempt: takes one of the channel's places, and, after the breaker was open, the place of the
    /// one probe.
    ///
    /// `forced`: nothing else is left, so neither rest nor breaker counts.
    pub fn begin(&self, forced: bool) -> Result<Place, NoPlace> {
        let mut place = Places::take(&self.places).ok_or(NoPlace::Full)?;
        if self.settings.enabled && !forced && self.known.breaker.closed_until_probe() != 0 {
            let now = self.now();
            let admitted = self.known.breaker.admits(now, self.settings.breaker_open);
            place.probe = admitted.map_err(|(until, by)| NoPlace::LeftAlone {
                left: Duration::from_millis(until.saturating_sub(now)),
                by,
            })?;
        }
        Ok(place)
    }

    /// Notes how an attempt ended. `probe`: its standing, where it was one ([`Place::probe`]). `witness`: the request,
    /// where a failure may be its own fault; then it counts once in a while.
    pub fn note(&self, sign: Sign, probe: Option<Standing>, witness: Option<Witness>) {
        let now = self.now();
        match sign {
            Sign::Alive => self.known.breaker.succeeded(now),
            Sign::Failing if witness.is_none_or(|witness| self.known.witnesses.hear(witness, now)) => {
                self.known.breaker.failed(now, &self.settings, probe);
            }
            Sign::Failing | Sign::Unknown => {}
        }
    }

    /// Whether this very request has failed here within the last minute. It is asked for the request only where some
    /// request has.
    pub fn has_failed(&self, request: impl FnOnce() -> Witness) -> bool {
        if !self.settings.enabled {
            return false;
        }
        let now = self.now();
        self.known.witnesses.heard_lately(now) && self.known.witnesses.knows(request(), now)
    }

    /// Notes the first output of a stream: the provider is there, and knows credential and model. What becomes of the
    /// stream shows at its end. `although_open`: it was a probe (`probe`), or was tried since nothing else was left.
    pub fn stream_began(&self, model: &ModelHealth, although_open: bool, probe: Option<Standing>) {
        self.known.breaker.stream_began(self.now(), although_open, probe);
        self.known.suspicion.clear();
        model.suspicion.clear();
    }

    /// Notes that a stream has come to its end.
    pub fn stream_ended(&self) {
        self.known.breaker.stream_ended();
    }

    /// Notes that a stream broke after its first output; the arguments are those of [`Health::note`].
    pub fn stream_broke(&self, sign: Sign, probe: Option<Standing>, witness: Option<Witness>) {
        let now = self.now();
        match sign {
            Sign::Alive => self.known.breaker.stream_ended(),
            Sign::Failing if witness.is_none_or(|witness| self.known.witnesses.hear(witness, now)) => {
                self.known.breaker.stream_broke(now, &self.settings, probe);
            }
            Sign::Failing | Sign::Unknown => {}
        }
    }

    /// Notes an answer that is whole: nothing is the matter with the channel, nor with the model on it.
    pub fn answered(&self, model: &ModelHealth) {
        self.note(Sign::Alive, None, None);
        self.known.suspicion.clear();
        model.suspicion.clear();
    }

    /// Notes how long a model's answer took.
    pub fn took(&self, model: &ModelHealth, took: Duration) {
        model.speed.observe(took, self.now());
    }

    /// Notes that an answer was given up after so long, though nothing was wrong with it.
    pub fn took_at_least(&self, model: &ModelHealth, ran: Duration) {
        model.speed.observe_at_least(ran, self.now());
    }

    /// A request would pass a model's channel over, for others are faster. Whether it should ask it all the same.
    pub fn wants_probe_of_speed(&self, model: &ModelHealth) -> bool {
        model.speed.wants_probe(self.now())
    }

    /// Takes one more place for an attempt that makes several calls at once. `None`: the channel is full.
    pub fn another_place(&self) -> Option<Place> {
        Places::take(&self.places)
    }

    /// Leaves the channel, or the model on it, alone for a while. `witness`: the request, where that may be its own
    /// fault; then another has to say the same first.
    pub fn rest(&self, scope: Scope, model: &ModelHealth, duration: Duration, witness: Option<Witness>) {
        let now = self.now();
        let suspicion = match scope {
            Scope::Channel => &self.known.suspicion,
            Scope::Model => &model.suspicion,
        };
        if witness.is_some_and(|witness| !suspicion.is_confirmed_by(witness, now)) {
            return;
        }
        let until = now + duration.as_millis() as Moment;
        match scope {
            Scope::Channel => self.known.rest.extend(until),
            Scope::Model => model.rest.extend(until),
        }
    }

    /// How the breaker stands at this moment.
    pub fn breaker(&self) -> BreakerState {
        self.known.breaker.state(self.now())
    }

    /// How long the whole channel rests; zero where it does not.
    pub fn rests_for(&self) -> Duration {
        Duration::from_millis(self.known.rest.until().saturating_sub(self.now()))
    }

    /// The models by their IDs: how long each rests, and how fast it answers.
    pub fn models(&self) -> impl Iterator<Item = (&ModelId, Duration, Option<Duration>)> {
        let now = self.now();
        self.models.iter().map(move |(id, model)| {
            let rest = Duration::from_millis(model.rest.until().saturating_sub(now));
            (id, rest, model.speed.average())
        })
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u32 {
        self.places.taken()
    }

    /// Now; never zero.
    fn now(&self) -> Moment {
        self.known.began.elapsed().as_millis() as Moment + 1
    }
}

#[cfg(test)]
mod tests;
