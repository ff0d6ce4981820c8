//! What a model takes: the rules of a reference page, and a request that was checked against them.
//!
//! The rules are data (`catalog/contracts/<page>.toml`); the code knows kinds of rules
//! ([`rule`]), how to apply them ([`check`]) and how messages are built ([`messages`]).

pub mod check;
pub mod defaults;
pub mod messages;
pub mod rule;
pub mod valid_request;
pub mod violation;

pub use check::check;
pub use rule::Contract;
pub use valid_request::{MessageTraits, ResponseFormatAsked, ToolChoice, ValidRequest, estimated_tokens};
pub use violation::{Violation, Violations};
