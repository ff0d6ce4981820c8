//! OpenAI's chat completions, as OpenAI and everybody who followed speak it.
//!
//! The raw path: the client's bytes go to the provider and the provider's bytes to the client, with
//! edited members only, so nothing that we do not know gets lost.

pub mod answer;
pub mod details;
pub mod fault;
mod finish;
mod message;
mod messages;
mod names;
mod nulls;
pub mod replay;
pub mod request;
mod shape;
pub mod stream;
mod thinking;
pub(crate) mod usage;

pub use messages::place_of_stored;
