//! Who may spend how much: accounts, API keys and their limits, as arithmetic.
//!
//! Pure: `now` and random bytes are arguments, so that every rule can be tested without a clock.
//! Not here: where accounts and keys are kept and how they are found (`store`), and which status a
//! refusal gets (`gateway`).

pub mod account;
pub mod api_key;
pub mod charge;
pub mod day;
pub mod key;
pub mod lease;
pub mod limits;
pub mod name;
pub mod network;
pub mod output_history;
pub mod period;
pub mod purse;
pub mod reservation;
pub mod spending;
pub mod usage_record;

pub use account::{Account, AccountId};
pub use api_key::{AllowedChannels, AllowedModels, AllowedNetworks, ApiKey, KeySettings, Reserve, Unusable};
pub use charge::{Charge, Multiplier};
pub use key::{Holder, KeyHash, KeyId, KeyPrefix, KeyText, NotAKey, OperatorText};
pub use limits::{Budget, Limits, Meters, PerMinute, Period};
pub use output_history::Histories;
pub use usage_record::{Made, RequestId, UsageRecord};
