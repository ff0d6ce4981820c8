//! Whether a request may run now: the gate's own bound, and the limits of the key and its account.

mod money;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use tollgate_catalog::contract::ValidRequest;
use tollgate_dialects::serving_for;
use tollgate_ledger::limits::{self, Expected, HeldTokens, Places, Refusal, Taken};
use tollgate_store::{WarmKey, spool::Room};

pub use self::money::HeldMoney;
use crate::{
    attempt::reasoning::HeldStates,
    count::{limit::most_output, tally},
    error::GateError,
    gate::Gate,
    route::{Pin, Route},
    story::Story,
};

/// A key and its account have three limits each of which gates have parts; beyond that other requests were faster in
/// taking what was got for this one.
const LEASES_MAX: usize = 12;

/// A place among the requests under way, and what is held of the limits. Dropping it gives the place back.
#[derive(Debug)]
pub struct Admission {
    pub let_in: LetIn,
    _of_gate: OwnedSemaphorePermit,
    _of_key: Places,
    held: HeldOfLimits,
    states: Option<HeldStates>,
}

/// When a request was let in. Its money is that of this moment from then on: of which day it is held, at which price it
/// is charged, and on which day the books have it. A client may take minutes for its body, so its arrival tells nothing
/// of that.
#[derive(Debug, Clone, Copy)]
pub struct LetIn {
    pub at: Timestamp,
    /// So long after it arrived.
    pub after: Duration,
}

/// What is held for a request until it is known what it used.
#[derive(Debug, Default)]
pub struct HeldOfLimits {
    pub tokens: HeldTokens,
    pub money: HeldMoney,
    /// For its record in the books; `None` where there are no books.
    pub room: Option<Room>,
}

/// Whether there is a place now. Asked before anything of the body is read: an overloaded gate has to refuse at less
/// cost than it answers.
pub fn has_room(gate: &Gate) -> Result<(), GateError> {
    match gate.in_flight.available_permits() {
        0 => Err(GateError::TooManyInFlight),
        _ => Ok(()),
    }
}

/// Takes a place and what is needed of each limit, without waiting for it, save for the database and for Redis where
/// other gates use the same money and rates and this one's part of them is used up. Channels that nobody could be charged for leave the
/// route where the key's money is counted.
///
/// Cancel safety: what was taken is given back; tokens count as they were expected.
pub async fn admit(
    gate: &Gate,
    key: &WarmKey,
    request: &ValidRequest,
    route: &mut Route,
    pin: &Pin,
    story: &Story,
) -> Result<Admission, GateError> {
    let of_gate = Arc::clone(&gate.in_flight)
        .try_acquire_owned()
        .map_err(|_| GateError::TooManyInFlight)?;
    let Taken {
        places,
        requests,
        tokens,
    } = match key.is_limited() {
        // It is counted, and nothing can refuse it, whatever it uses.
        false => {
            let taken = limits::admit(&key.owners(), Expected::default(), Duration::ZERO);
            taken.map_err(GateError::Limit)?
        }
        true => {
            let expected = expected(key, request, route);
            match limits::admit(&key.owners(), expected, gate.keys.now()) {
                Err(refused) if refused.unleased.is_some() => {
                    // Boxed, since it is seldom and its future would make that of every request larger.
                    Box::pin(take_what_is_leased(gate, key, expected, refused)).await?
                }
                taken => taken.map_err(GateError::Limit)?,
            }
        }
    };
    let mut held = HeldOfLimits {
        tokens,
        money: HeldMoney::default(),
        room: None,
    };
    let let_in = LetIn {
        at: Timestamp::now(),
        after: story.arrived.elapsed(),
    };
    let booked = match room(gate) {
        Ok(room) => {
            let money = money::hold(gate, key, request, route, pin, story, let_in.at).await;
            money.map(|money| (room, money))
        }
        Err(full) => Err(full),
    };
    let states = match booked {
        Ok((room, (money, states))) => {
            (held.room, held.money) = (room, money);
            states
        }
        Err(refusal) => {
            let now = gate.keys.now();
            requests.give_back(now);
            held.tokens.settle(0, now);
            return Err(refusal);
        }
    };
    Ok(Admission {
        let_in,
        _of_gate: of_gate,
        _of_key: places,
        held,
        states,
    })
}

/// Gets what this gate lacks of limits that others count too, and takes it then.
async fn take_what_is_leased(
    gate: &Gate,
    key: &WarmKey,
    expected: Expected,
    mut refused: Refusal,
) -> Result<Taken, GateError> {
    for _ in 0..LEASES_MAX {
        if let Err(wait) = gate.keys.lease_of_limit(key, &refused).await {
            refused.wait = Some(wait);
            break;
        }
        match limits::admit(&key.owners(), expected, gate.keys.now()) {
            Err(again) if again.unleased.is_some() => refused = again,
            taken => return taken.map_err(GateError::Limit),
        }
    }
    Err(GateError::Limit(refused))
}

/// Room for the request's record in the books, so that whatever is begun can be booked.
fn room(gate: &Gate) -> Result<Option<Room>, GateError> {
    let Some(spool) = &gate.spool else {
        return Ok(None);
    };
    spool.reserve().map(Some).ok_or(GateError::NoRoom)
}

impl Admission {
    /// What is held, for whoever will know what was used.
    pub fn take_held(&mut self) -> HeldOfLimits {
        std::mem::take(&mut self.held)
    }

    /// What earlier turns may add to what is sent, where that is held for; `None`: whatever is kept of them.
    pub fn take_states(&mut self) -> Option<HeldStates> {
        self.states.take()
    }
}

/// What the request will probably use, on the channel where that is most. A provider that gives fewer choices at once
/// reads the prompt for each of its answers, and one whose limit does not count thoughts may think beyond it.
fn expected(key: &WarmKey, request: &ValidRequest, route: &Route) -> Expected {
    let choices = u64::from(request.n);
    let said = request.max_tokens.or(request.model.max_output);
    let (mut readings, mut limit) = (1, said.unwrap_or(u64::MAX));
    if let Route::Channels(candidates) = route {
        for candidate in candidates.iter() {
            let serving = serving_for(request, &candidate.server.serving);
            readings = readings.max(choices.div_ceil(u64::from(serving.quirks.n_max.max(1))));
            limit = limit.max(most_output(request, &serving));
        }
    }
    let output = key.histories.of(&request.model.id).expected().min(limit);
    Expected {
        prompt: request.estimated_prompt_tokens().saturating_mul(readings),
        media: tally::media(request).saturating_mul(readings),
        output: output.saturating_mul(choices),
    }
}
