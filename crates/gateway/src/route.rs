//! Which channels may answer a request, in the order in which they are tried.

mod affinity;
mod chance;
mod pin;

use std::{cmp::Ordering, collections::BTreeMap, num::NonZeroU8};

use jiff::Timestamp;
use tollgate_catalog::{
    contract::{self, ValidRequest},
    model::ModelId,
    money::Money,
    price::Spent,
};
use tollgate_chat::usage::Usage;
use tollgate_ledger::KeyId;

use crate::{
    attempt::caller::Caller,
    channel::Server,
    error::GateError,
    gate::Gate,
    health::{Fitness, HealthSettings},
    story::{Story, Why},
    validate::{check_limits, find_model},
};

pub use chance::jittered;
pub use pin::Pin;

/// How channels are chosen, and what becomes of those that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingSettings {
    pub strategy: Strategy,
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

/// The order of channels with the same priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// By weight.
    Weighted,
    /// The one that has answered fastest lately.
    Latency,
    /// The one that costs least by the catalogue.
    Price,
}

/// Where a request may go.
#[derive(Debug)]
pub enum Route {
    /// To these channels, the first one first; never empty.
    Channels(Vec<Candidate>),
    /// To the embedded model.
    Sandbox,
}

/// A channel in a route.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub server: Server,
    /// It should rest, and there is no other.
    pub forced: bool,
}

/// Finds the channels of the request's model that are well: by priority, and within one priority by the
/// strategy. Where all of them rest it is the one that is to rest least. A model without a channel goes to
/// the sandbox, where that is on. `pin`: which channels the client wants.
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
    for server in all {
        if !pin.takes(&server.channel.settings.name) {
            story.passes_over(&server.served, Why::Pinned);
            continue;
        }
        match server.fitness() {
            Fitness::Fit => candidates.push(Candidate {
                server: server.clone(),
                forced: false,
            }),
            Fitness::Resting { left, by } => {
                story.passes_over(&server.served, Why::of_rest(by, left));
                if least.is_none_or(|(least, _)| left < least) {
                    least = Some((left, server));
                }
            }
        }
    }
    if candidates.is_empty() {
        if let Some((_, server)) = least {
            story.tries_all_the_same(&server.served);
            candidates.push(Candidate {
                server: server.clone(),
                forced: true,
            });
        } else if !all.is_empty() {
            return Err(GateError::NoSuchChannel {
                model: request.model.id.to_string(),
            });
        } else if gate.sandbox_is_on() {
            return Ok(Route::Sandbox);
        } else {
            return Err(GateError::NoChannel {
                model: request.model.id.to_string(),
            });
        }
    }
    if candidates.len() > 1 {
        in_order(&mut candidates, request, key, &gate.settings.routing);
        story.may_go_to(candidates.iter().map(|candidate| &candidate.server.served));
    }
    Ok(Route::Channels(candidates))
}

/// What the operator wants asked where nobody answers `request`: the same of other models, each with its
/// channels. A model that the key may not call, whose contract does not allow the request, or that nobody
/// serves, is passed over.
pub fn fallbacks<'a>(
    gate: &'a Gate,
    request: &'a ValidRequest,
    caller: &'a Caller,
    story: &'a Story,
) -> impl Iterator<Item = (ValidRequest, Vec<Candidate>)> + 'a {
    let fallbacks = gate.settings.routing.fallbacks.get(&request.model.id);
    fallbacks.into_iter().flatten().filter_map(move |id| {
        let passed_over = |why| story.passes_over_model(id, why);
        let Ok(model) = find_model(gate, id.as_str()) else {
            passed_over(Why::NotServed);
            return None;
        };
        if !caller.models.permits(&model.id) {
            passed_over(Why::NotForKey);
            return None;
        }
        let limits = check_limits(gate);
        let Ok(request) = contract::check(request.request.clone(), model, &limits) else {
            passed_over(Why::NotAllowed);
            return None;
        };
        match route(gate, &request, caller.key, &Pin::default(), story) {
            Ok(Route::Channels(candidates)) => Some((request, candidates)),
            Ok(Route::Sandbox) | Err(_) => {
                passed_over(Why::NotServed);
                None
            }
        }
    })
}

/// Orders channels that come by priority.
fn in_order(candidates: &mut [Candidate], request: &ValidRequest, key: KeyId, settings: &RoutingSettings) {
    let lots: Vec<f64> = match settings.affinity {
        true => {
            let conversation = affinity::conversation(request, key);
            let lot =
                |candidate: &Candidate| conversation.lot(candidate.server.channel.settings.name.as_str());
            candidates.iter().map(lot).collect()
        }
        false => candidates.iter().map(|_| chance::draw()).collect(),
    };
    let now = Timestamp::now();
    let mut ranked: Vec<(Rank, Candidate)> = candidates
        .iter()
        .zip(lots)
        .map(|(candidate, lot)| {
            (
                Rank::of(candidate, lot, request, settings.strategy, now),
                candidate.clone(),
            )
        })
        .collect();
    ranked.sort_by(|(a, _), (b, _)| a.compare(b));
    for (place, (_, candidate)) in candidates.iter_mut().zip(ranked) {
        *place = candidate;
    }
}

/// What decides about a channel's place, most important first; the least comes first.
struct Rank {
    priority: u32,
    /// Microseconds, or nano-dollars; the same for all by weight.
    strategy: Measure,
    /// The larger the weight, the smaller on average.
    share: f64,
}

enum Measure {
    None,
    /// Who has never answered is tried, so that something gets known of it.
    Latency(Option<u128>),
    /// Whose price nobody knows comes last.
    Price(Option<Money>),
}

impl Rank {
    /// `lot`: a number above 0 and below 1, which decides by weight.
    fn of(
        candidate: &Candidate,
        lot: f64,
        request: &ValidRequest,
        strategy: Strategy,
        now: Timestamp,
    ) -> Self {
        let server = &candidate.server;
        let settings = &server.channel.settings;
        Self {
            priority: settings.priority,
            strategy: match strategy {
                Strategy::Weighted => Measure::None,
                Strategy::Latency => {
                    Measure::Latency(server.health.speed.average().map(|average| average.as_micros()))
                }
                Strategy::Price => {
                    Measure::Price(expected_cost(server, request.estimated_prompt_tokens(), now))
                }
            },
            // Weighted rendezvous: the least of -ln(lot) / weight is each one's as often as its weight says.
            share: -lot.ln() / f64::from(settings.weight),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let by_strategy = match (&self.strategy, &other.strategy) {
            (Measure::Latency(a), Measure::Latency(b)) => a.cmp(b),
            (Measure::Price(a), Measure::Price(b)) => (a.is_none(), a).cmp(&(b.is_none(), b)),
            _ => Ordering::Equal,
        };
        self.priority
            .cmp(&other.priority)
            .then(by_strategy)
            .then(self.share.total_cmp(&other.share))
    }
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
