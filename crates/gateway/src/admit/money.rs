//! What is held of a budget or of credit before a request is sent.
//!
//! Not here: the arithmetic ([`tollgate_ledger::reservation`]), the longest prompt ([`prompt`]), and what is charged at the end ([`crate::settle`]).

mod prompt;

use std::time::Instant;

use jiff::Timestamp;
use tollgate_catalog::{contract::ValidRequest, money::Money};
use tollgate_dialects::serving_for;
use tollgate_ledger::{
    Reserve,
    limits::{NoMoney, funds},
    purse::{Hold, Short},
    reservation::{self, Request},
};
use tollgate_store::WarmKey;

use crate::{
    attempt::reasoning::HeldStates,
    channel::Server,
    count::{limit::most_output, tally},
    error::GateError,
    gate::Gate,
    route::{self, Candidate, Pin, Route, payable},
    story::Story,
};

/// A key has a budget, its account another one and credit; beyond that other requests were faster in holding what was
/// leased for this one.
const LEASES_MAX: usize = 6;

/// Money that is held for a request.
#[derive(Debug, Default)]
pub struct HeldMoney {
    /// By key and account, wherever they are bounded.
    _holds: Vec<Hold>,
    pub amount: Money,
}

/// Holds, at the prices of `now`, what the request may cost on the dearest of the channels that may be used, which are left in `route`.
/// Nothing is held for those whose money is not counted, nor for the embedded model. Where the most is held, this comes with
/// what earlier turns may add to what is sent.
pub async fn hold(
    gate: &Gate,
    key: &WarmKey,
    request: &ValidRequest,
    route: &mut Route,
    pin: &Pin,
    story: &Story,
    now: Timestamp,
) -> Result<(HeldMoney, Option<HeldStates>), GateError> {
    let Route::Channels(candidates) = route else {
        return Ok(Default::default());
    };
    if !key.counts_money() {
        return Ok(Default::default());
    }
    let has_channels = !candidates.is_empty();
    payable::keep(candidates, request, story, now);
    if has_channels && candidates.is_empty() {
        return Err(no_price(gate, request, now));
    }
    let mut behind: Vec<_> = route::may_lead_to(gate, request, &key.key.settings.models, pin).collect();
    for (request, servers) in &mut behind {
        servers.retain(|server| payable::is_payable(server, request, now));
    }
    let states = match key.key.settings.reserve {
        Reserve::Expected => None,
        Reserve::Full => {
            let asked: Vec<_> = may_be_asked(request, candidates, &behind).collect();
            // Boxed, since few keys want it.
            Some(Box::pin(kept_states(gate, key, &asked)).await?)
        }
    };
    let mut amount = Money::ZERO;
    for (request, server) in may_be_asked(request, candidates, &behind) {
        amount = amount.max(on(gate, server, key, request, states.as_ref(), now)?);
    }
    gate.keys.catch_up(now);
    let holds = match funds::hold(&key.funds(), amount, now) {
        Err(refused) if refused.short == Short::Unleased => {
            // Boxed, since it is seldom and its future would make that of every request larger.
            Box::pin(hold_what_is_leased(gate, key, amount, refused, now)).await?
        }
        held => held.map_err(GateError::NoMoney)?,
    };
    let held = HeldMoney {
        _holds: holds,
        amount,
    };
    Ok((held, states))
}

/// The servers that may come to be asked, and what: the request itself, or the same of a model to fall back on.
fn may_be_asked<'a>(
    request: &'a ValidRequest,
    candidates: &'a [Candidate],
    behind: &'a [(ValidRequest, Vec<Server>)],
) -> impl Iterator<Item = (&'a ValidRequest, &'a Server)> {
    let own = candidates
        .iter()
        .map(move |candidate| (request, &candidate.server));
    let behind = behind
        .iter()
        .flat_map(|(request, servers)| servers.iter().map(move |server| (request, server)));
    own.chain(behind)
}

/// What is kept of the conversation's earlier turns for each server that may be asked. Nothing is looked up for a prompt
/// that nobody can hold the most for, since its media are named by URL: it fails.
async fn kept_states(
    gate: &Gate,
    key: &WarmKey,
    asked: &[(&ValidRequest, &Server)],
) -> Result<HeldStates, GateError> {
    let has_no_bound = |(request, server): &(&ValidRequest, &Server)| {
        server.serving.price.is_some() && prompt::is_named_by_url(request)
    };
    if asked.iter().any(has_no_bound) {
        return Err(GateError::UnboundedPrompt { by_url: true });
    }
    Ok(HeldStates::look_up(&gate.reasoning, key.holder(), asked).await)
}

/// Leases what this gate lacks, and holds it then.
async fn hold_what_is_leased(
    gate: &Gate,
    key: &WarmKey,
    amount: Money,
    mut refused: NoMoney,
    now: Timestamp,
) -> Result<Vec<Hold>, GateError> {
    let since = Instant::now();
    for _ in 0..LEASES_MAX {
        let leased = gate.keys.lease(key, &refused, now, since).await;
        if let Err(short) = leased.map_err(GateError::NoLease)? {
            return Err(GateError::NoMoney(NoMoney { short, ..refused }));
        }
        match funds::hold(&key.funds(), amount, now) {
            Err(again) if again.short == Short::Unleased => refused = again,
            held => return held.map_err(GateError::NoMoney),
        }
    }
    let short = Short::Held;
    Err(GateError::NoMoney(NoMoney { short, ..refused }))
}

/// Why none of the model's channels can be paid.
fn no_price(gate: &Gate, request: &ValidRequest, now: Timestamp) -> GateError {
    let channels = gate.channels.load();
    let field = channels.servers(&request.model.id).iter().find_map(|server| {
        let price = server.serving.price.as_ref()?;
        payable::unpriced_field(server, price, request, now)
    });
    GateError::NoPrice {
        model: request.model.id.to_string(),
        field,
    }
}

/// What is held for the request of one model on one channel; nothing where that may be used for nothing. `states`: what
/// earlier turns may add to what is sent, where the most is held.
fn on(
    gate: &Gate,
    server: &Server,
    key: &WarmKey,
    request: &ValidRequest,
    states: Option<&HeldStates>,
    now: Timestamp,
) -> Result<Money, GateError> {
    let Some(price) = &server.serving.price else {
        return Ok(Money::ZERO);
    };
    let choices = u64::from(request.n);
    let serving = serving_for(request, &server.serving);
    let reserve = key.key.settings.reserve;
    let asked = Request {
        prompt_tokens: tally::about(request),
        prompt_most: match states {
            None => 0,
            Some(states) => prompt::most(gate, key.holder(), request, server, states)?,
        },
        output_limit: most_output(request, &serving),
        output_expected: key.histories.of(&request.model.id).expected(),
        choices,
        readings: choices.div_ceil(u64::from(serving.quirks.n_max.max(1))),
    };
    let tokens = match reserve {
        Reserve::Expected => asked.expected(),
        Reserve::Full => asked.full(),
    };
    let multiplier = key.multiplier;
    reservation::most(price, tokens, now)
        .and_then(|most| multiplier.of(most))
        .ok_or_else(|| GateError::NoMoney(funds::beyond_all_money(&key.funds())))
}
