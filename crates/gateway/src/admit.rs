//! Whether a request may run now: the gate's own bound and the key's concurrency limit.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tollgate_ledger::InFlightGuard;
use tollgate_store::WarmKey;

use crate::{error::GateError, gate::Gate};

/// A place among the requests under way. Dropping it gives it back.
#[derive(Debug)]
pub struct Admission {
    _of_gate: OwnedSemaphorePermit,
    _of_key: InFlightGuard,
}

/// Whether there is a place now. Asked before anything of the body is read: an overloaded gate has to refuse at less
/// cost than it answers.
pub fn has_room(gate: &Gate) -> Result<(), GateError> {
    match gate.in_flight.available_permits() {
        0 => Err(GateError::TooManyInFlight),
        _ => Ok(()),
    }
}

/// Takes a place, without waiting for one.
pub fn admit(gate: &Gate, key: &WarmKey) -> Result<Admission, GateError> {
    let of_gate = Arc::clone(&gate.in_flight)
        .try_acquire_owned()
        .map_err(|_| GateError::TooManyInFlight)?;
    let limit = key.key.concurrency;
    let of_key = key.in_flight.enter(limit).ok_or(GateError::KeyConcurrency {
        limit: limit.map_or(0, std::num::NonZeroU32::get),
    })?;
    Ok(Admission {
        _of_gate: of_gate,
        _of_key: of_key,
    })
}
