//! The order in which channels are tried: by priority, then by the strategy, then by weight.

use std::{cmp::Ordering, time::Duration};

use jiff::Timestamp;
use tollgate_catalog::{contract::ValidRequest, money::Money};
use tollgate_ledger::KeyId;

use super::{Candidate, RoutingSettings, Strategy, affinity, chance, expected_cost};

/// Channels that are so much slower than the fastest one, or by so little, count as equally fast: what is gained by
/// less is lost again with the provider's prompt cache.
const EQUAL_RATIO: f64 = 1.2;
const EQUAL_MARGIN: Duration = Duration::from_millis(50);

/// Orders channels that come by priority.
pub fn put_in_order(
    candidates: &mut [Candidate],
    request: &ValidRequest,
    key: KeyId,
    settings: &RoutingSettings,
) {
    let lots: Vec<f64> = match settings.affinity {
        true => {
            let conversation = affinity::conversation(request, key);
            let lot =
                |candidate: &Candidate| conversation.lot(candidate.server.channel.settings.name.as_str());
            candidates.iter().map(lot).collect()
        }
        false => candidates.iter().map(|_| chance::draw()).collect(),
    };
    let ranks = candidates.iter().zip(lots).map(|(candidate, lot)| Rank {
        priority: candidate.server.channel.settings.priority,
        strategy: Measure::None,
        share: share(candidate, lot),
    });
    let mut ranked: Vec<(Rank, Candidate)> = ranks.zip(candidates.iter().cloned()).collect();
    match settings.strategy_of(&request.model.id) {
        Strategy::Weighted => {}
        Strategy::Price => by_price(&mut ranked, request.estimated_prompt_tokens()),
        Strategy::Latency => by_latency(&mut ranked),
    }
    ranked.sort_by(|(a, _), (b, _)| a.compare(b));
    for (place, (_, candidate)) in candidates.iter_mut().zip(ranked) {
        *place = candidate;
    }
}

/// What decides about a channel's place, most important first; the least comes first.
struct Rank {
    priority: u32,
    strategy: Measure,
    /// The larger the weight, the smaller on average.
    share: f64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Measure {
    /// The same for all.
    None,
    /// It is asked so that something gets known of it.
    Probe,
    /// Nobody is notably faster.
    Fast,
    Slower(Duration),
    Costs(Money),
    /// Comes last.
    Unknown,
}

impl Rank {
    fn compare(&self, other: &Self) -> Ordering {
        self.priority
            .cmp(&other.priority)
            .then_with(|| self.strategy.cmp(&other.strategy))
            .then(self.share.total_cmp(&other.share))
    }
}

/// Weighted rendezvous: the least of -ln(lot) / weight is each one's as often as its weight says. `lot`: a number
/// above 0 and below 1.
fn share(candidate: &Candidate, lot: f64) -> f64 {
    -lot.ln() / f64::from(candidate.server.channel.settings.weight)
}

fn by_price(ranked: &mut [(Rank, Candidate)], prompt: u64) {
    let now = Timestamp::now();
    for (rank, candidate) in ranked {
        let cost = expected_cost(&candidate.server, prompt, now);
        rank.strategy = cost.map_or(Measure::Unknown, Measure::Costs);
    }
}

fn by_latency(ranked: &mut [(Rank, Candidate)]) {
    for group in ranked.chunk_by_mut(|(a, _), (b, _)| a.priority == b.priority) {
        let latency = |candidate: &Candidate| candidate.server.health.latency();
        let fastest = group.iter().filter_map(|(_, candidate)| latency(candidate)).min();
        let as_fast = fastest.map(|fastest| fastest.mul_f64(EQUAL_RATIO).max(fastest + EQUAL_MARGIN));
        for (rank, candidate) in group {
            rank.strategy = match latency(candidate) {
                None => Measure::Unknown,
                latency if latency <= as_fast => Measure::Fast,
                Some(latency) => Measure::Slower(latency),
            };
        }
    }
    // Who is not among the fastest of the first ones is asked again now and then, one of them by one request.
    let Some(first) = ranked.first().map(|(rank, _)| rank.priority) else {
        return;
    };
    let mut others: Vec<&mut (Rank, Candidate)> = ranked
        .iter_mut()
        .filter(|(rank, _)| rank.priority == first && rank.strategy != Measure::Fast)
        .collect();
    others.sort_by(|(a, _), (b, _)| a.share.total_cmp(&b.share));
    let probe = others.into_iter().find(|(_, candidate)| {
        let server = &candidate.server;
        server.channel.health.wants_probe_of_speed(&server.health)
    });
    if let Some((rank, _)) = probe {
        rank.strategy = Measure::Probe;
    }
}
