//! Retries of the whole gate as a share of its traffic: a provider that is down must not get several times
//! the requests that it could not bear.

use std::sync::atomic::{AtomicU32, Ordering};

/// Requests that pay for one retry: a fifth of the traffic.
const COST: u32 = 5;
/// Retries that can be saved up.
const MOST: u32 = 100;
/// Retries that a gate has at its start.
const AT_START: u32 = 10;

/// What is left, in requests.
#[derive(Debug)]
pub struct RetryBudget(AtomicU32);

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicU32::new(AT_START * COST))
    }
}

impl RetryBudget {
    /// A request came.
    pub fn earn(&self) {
        // Nearly always it is full, and then nobody writes.
        if self.0.load(Ordering::Relaxed) < MOST * COST {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A retry that was taken came to nothing.
    pub fn give_back(&self) {
        self.0.fetch_add(COST, Ordering::Relaxed);
    }

    /// Takes one retry, where one is left.
    pub fn spend(&self) -> bool {
        let less = |left: u32| left.checked_sub(COST);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}
