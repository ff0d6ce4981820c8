//! Which channels may answer a request, in the order in which they are tried.

use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_catalog::contract::ValidRequest;

use crate::{channel::Server, error::GateError, gate::Gate};

/// Where a request may go.
#[derive(Debug)]
pub enum Route {
    /// To these channels, the first one first; never empty.
    Channels(Vec<Server>),
    /// To the embedded model.
    Sandbox,
}

/// Finds the channels of the request's model: by priority, and within one priority by weight. A
/// model without a channel goes to the sandbox, where that is on.
pub fn route(gate: &Gate, request: &ValidRequest) -> Result<Route, GateError> {
    let channels = gate.channels.load();
    let servers = channels.servers(&request.model.id);
    if !servers.is_empty() {
        return Ok(Route::Channels(by_weight(servers)));
    }
    if gate.sandbox_is_on() {
        return Ok(Route::Sandbox);
    }
    Err(GateError::NoChannel {
        model: request.model.id.to_string(),
    })
}

/// Draws an order: each place goes to a channel of the lowest remaining priority, with a chance in
/// proportion to its weight.
fn by_weight(servers: &[Server]) -> Vec<Server> {
    let mut left: Vec<&Server> = servers.iter().collect();
    let mut order = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let priority = first.channel.settings.priority;
        let peers = left
            .iter()
            .take_while(|server| server.channel.settings.priority == priority)
            .count();
        let weight = |server: &Server| u64::from(server.channel.settings.weight);
        let total: u64 = left[..peers].iter().map(|server| weight(server)).sum();
        let mut drawn = if peers > 1 { draw() % total.max(1) } else { 0 };
        let place = left[..peers]
            .iter()
            .position(|server| match drawn.checked_sub(weight(server)) {
                None => true,
                Some(rest) => {
                    drawn = rest;
                    false
                }
            })
            .unwrap_or(0);
        order.push(left.remove(place).clone());
    }
    order
}

/// Numbers that are spread evenly: a counter through SplitMix64. Nobody has to be unable to guess
/// them.
fn draw() -> u64 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut z = COUNTER.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
