//! Which channels may answer a request, in the order in which they are tried.

mod ability;
mod affinity;
mod chance;
mod order;
pub(crate) mod payable;
mod pin;

use std::{cell::LazyCell, collections::BTreeMap, num::NonZeroU8};

use jiff::Timestamp;
use tollgate_catalog::{
    channel::ChannelName,
    contract::{self, ValidRequest},
    model::ModelId,
    money::Money,
    price::Spent,
};
use tollgate_chat::usage::Usage;
use tollgate_ledger::{AllowedModels, KeyId};

use crate::{
    attempt::caller::Caller,
    channel::Server,
    error::GateError,
    gate::Gate,
    health::{Fitness, HealthSettings, Witness},
    sandbox::SANDBOX,
    story::{Story, Why},
    validate::{check_limits, find_model},
};

pub use ability::Lacks;
pub use chance::jittered;
pub use pin::Pin;

/// How channels are chosen, and what becomes of those that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingSettings {
    /// Of models without one of their own.
    pub strategy: Strategy,
    pub strategies: BTreeMap<ModelId, Strategy>,
    /// Whether the turns of one conversation stay on one channel.
    pub affinity: bool,
    /// Most further tries of one request, beyond one on each channel.
    pub retries: u32,
    /// Models that are asked when no channel of the first one answers, in this order.
    pub fallbacks: BTreeMap<ModelId, Vec<ModelId>>,
    /// Whether a request's headers may name channels.
    pub allow_pin: bool,
    /// The percentile of a channel's own answers after which another is tried beside it; `None`: never.
    pub hedge: Option<NonZeroU8>,
    pub health: HealthSettings,
}

impl RoutingSettings {
    fn strategy_of(&self, model: &ModelId) -> Strategy {
        self.strategies.get(model).copied().unwrap_or(self.strategy)
    }
}

/// The order of channels with the same priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// By weight.
    Weighted,
    /// One of those that have answered fastest lately.
    Latency,
    /// The one that costs least by the catalogue.
    Price,
}

/// Where a request may go.
#[derive(Debug)]
pub enum Route {
    /// To these channels, the first one first. Empty where nobody serves the model, and the operator names others
    /// to fall back on.
    Channels(Vec<Candidate>),
    /// To the embedded model.
    Sandbox,
}

/// A channel in a route.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub server: Server,
    /// It should rest, and is tried when nobody else has answered.
    pub forced: bool,
}

impl Candidate {
    fn fit(server: &Server) -> Self {
        Self {
            server: server.clone(),
            forced: false,
        }
    }
}

/// Finds the channels of the request's model that can serve it and are well: by priority, and within one priority by the
/// strategy. The last of them is the one that is to rest least, where any rests. A model without a channel goes to
/// the sandbox, where that is on. `pin`: which channels the request may go to.
pub fn route(
    gate: &Gate,
    request: &ValidRequest,
    key: KeyId,
    pin: &Pin,
    story: &Story,
) -> Result<Route, GateError> {
    let channels = gate.channels.load();
    let all = channels.servers(&request.model.id);
    let mut candidates = Vec::with_capacity(all.len());
    let mut least = None;
    let mut unable = Vec::new();
    let mut is_for_key = false;
    for server in all {
        let refused = pin.refuses(&server.channel.settings.name);
        is_for_key |= refused != Some(Why::NotForKey);
        if let Some(why) = refused {
            story.passes_over(&server.served, why);
            continue;
        }
        if all.len() > 1
            && let Some(what) = ability::lacks(server, request)
        {
            story.passes_over(&server.served, Why::Lacks(what));
            unable.push(server);
            continue;
        }
        match server.fitness() {
            Fitness::Fit => candidates.push(Candidate::fit(server)),
            Fitness::Resting { left, by } => {
                story.passes_over(&server.served, Why::of_rest(by, left));
                if least.is_none_or(|(least, _)| left < least) {
                    least = Some((left, server));
                }
            }
        }
    }
    if candidates.is_empty() && least.is_none() {
        // Whoever refuses the request says what it cannot do.
        candidates.extend(unable.into_iter().map(Candidate::fit));
    }
    if candidates.is_empty() && least.is_none() {
        if !all.is_empty() && !is_for_key {
            return Err(GateError::ChannelNotAllowed {
                model: request.model.id.to_string(),
            });
        } else if !all.is_empty() {
            return Err(GateError::NoSuchChannel {
                model: request.model.id.to_string(),
            });
        } else if gate.sandbox_is_on() {
            let model = || request.model.id.to_string();
            return match pin.refuses(&ChannelName::new(SANDBOX)) {
                None => Ok(Route::Sandbox),
                Some(Why::NotForKey) => Err(GateError::ChannelNotAllowed { model: model() }),
                Some(_) => Err(GateError::NoSuchChannel { model: model() }),
            };
        } else if may_fall_back(gate, request) {
            return Ok(Route::Channels(candidates));
        } else {
            return Err(GateError::NoChannel {
                model: request.model.id.to_string(),
            });
        }
    }
    if candidates.len() > 1 {
        order::put_in_order(&mut candidates, request, key, &gate.settings.routing);
        put_last_where_it_failed(&mut candidates, request, key);
        story.may_go_to(candidates.iter().map(|candidate| &candidate.server.served));
    }
    if let Some((_, server)) = least {
        candidates.push(Candidate {
            server: server.clone(),
            forced: true,
        });
    }
    Ok(Route::Channels(candidates))
}

/// Channels where this very request has failed a moment ago come last: whether they are down or cannot bear it, others
/// are the better choice, and a client that repeats itself does not use up retries.
fn put_last_where_it_failed(candidates: &mut [Candidate], request: &ValidRequest, key: KeyId) {
    let witness = LazyCell::new(|| Witness::of(key, request.request.body()));
    candidates.sort_by_key(|candidate| candidate.server.channel.health.has_failed(|| *witness));
}

/// The channels of a route that are fit, and the one that should rest.
pub fn fit_and_resting(candidates: &[Candidate]) -> (&[Candidate], &[Candidate]) {
    let fit = candidates
        .iter()
        .take_while(|candidate| !candidate.forced)
        .count();
    candidates.split_at(fit)
}

/// Whether the operator names other models for this request's.
pub fn may_fall_back(gate: &Gate, request: &ValidRequest) -> bool {
    let fallbacks = gate.settings.routing.fallbacks.get(&request.model.id);
    fallbacks.is_some_and(|models| !models.is_empty())
}

/// What the operator wants asked where nobody answers `request`: the same of other models, each with its
/// channels that are fit. A model that the key may not call, whose contract does not allow the request, or that nobody
/// serves, is passed over; and so are channels without a price at `let_in`, where the request's money is counted.
pub fn fallbacks<'a>(
    gate: &'a Gate,
    request: &'a ValidRequest,
    caller: &'a Caller,
    pin: &'a Pin,
    story: &'a Story,
    let_in: Timestamp,
) -> impl Iterator<Item = (ValidRequest, Vec<Candidate>)> + 'a {
    models_behind(gate, request).filter_map(move |id| {
        let passed_over = |why| story.passes_over_model(id, why);
        let asked = of_model(gate, request, id, &caller.models);
        let request = asked.map_err(passed_over).ok()?;
        let mut candidates = match route(gate, &request, caller.holder.key, pin, story) {
            Ok(Route::Channels(candidates)) => candidates,
            Ok(Route::Sandbox) | Err(_) => Vec::new(),
        };
        candidates.truncate(fit_and_resting(&candidates).0.len());
        if caller.pays {
            payable::keep(&mut candidates, &request, story, let_in);
        }
        if candidates.is_empty() {
            passed_over(Why::NotServed);
            return None;
        }
        Some((request, candidates))
    })
}

/// Where [`fallbacks`] may lead, whoever is fit by then: the same request of each other model, and the channels that
/// serve it and that the key and the request itself allow.
pub fn may_lead_to<'a>(
    gate: &'a Gate,
    request: &'a ValidRequest,
    models: &'a AllowedModels,
    pin: &'a Pin,
) -> impl Iterator<Item = (ValidRequest, Vec<Server>)> + 'a {
    models_behind(gate, request).filter_map(move |id| {
        let channels = gate.channels.load();
        let all = channels.servers(id).iter();
        let may_be_used = |server: &&Server| pin.refuses(&server.channel.settings.name).is_none();
        let servers: Vec<Server> = all.filter(may_be_used).cloned().collect();
        if servers.is_empty() {
            return None;
        }
        Some((of_model(gate, request, id, models).ok()?, servers))
    })
}

fn models_behind<'a>(gate: &'a Gate, request: &ValidRequest) -> impl Iterator<Item = &'a ModelId> + use<'a> {
    let fallbacks = gate.settings.routing.fallbacks.get(&request.model.id);
    fallbacks.into_iter().flatten()
}

/// The same request of another model. Fails with why that model is passed over.
fn of_model(
    gate: &Gate,
    request: &ValidRequest,
    id: &ModelId,
    models: &AllowedModels,
) -> Result<ValidRequest, Why> {
    let model = find_model(gate, id.as_str()).map_err(|_| Why::NotServed)?;
    if !models.permits(&model.id) {
        return Err(Why::NotForKey);
    }
    let limits = check_limits(gate);
    contract::check(request.request.clone(), model, &limits).map_err(|_| Why::NotAllowed)
}

/// What a prompt of so many tokens would cost there, were it answered by as many.
pub fn expected_cost(server: &Server, prompt: u64, now: Timestamp) -> Option<Money> {
    let usage = Usage {
        prompt,
        completion: prompt,
        ..Usage::default()
    };
    let spent = Spent {
        usage,
        service_tier: None,
    };
    server.serving.price.as_ref()?.cost(&spent, now).ok()
}
