//! Numbers that are spread evenly. Nobody has to be unable to guess them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A number above 0 and below 1: a counter through SplitMix64.
pub fn draw() -> f64 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    between_0_and_1(mixed(COUNTER.fetch_add(1, Ordering::Relaxed)))
}

/// A time between half of `duration` and all of it, so that those who failed together do not come back
/// together.
pub fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(0.5 + draw() / 2.0)
}

/// The upper bits of `bits` as a number above 0 and below 1.
pub fn between_0_and_1(bits: u64) -> f64 {
    const STEPS: f64 = (1_u64 << 52) as f64;
    ((bits >> 12) as f64 + 0.5) / STEPS
}

fn mixed(number: u64) -> u64 {
    let mut z = number
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
