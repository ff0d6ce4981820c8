//! Who may spend how much: API keys and their limits, as arithmetic.
//!
//! Pure: `now` and random bytes are arguments, so that every rule can be tested without a clock.
//! Not here: where keys are kept and how they are found (`store`), and which status a refusal gets
//! (`gateway`).

pub mod key;
pub mod limits;

pub use key::{ApiKey, KeyHash, KeyId, KeyPrefix, KeyText, NotAKey, Unusable};
pub use limits::concurrency::{InFlight, InFlightGuard};
