//! Anthropic's Messages, as Anthropic and hosts of its models speak it (wire notes, section 3).
//!
//! A request is written anew: turns become lists of blocks, and what chat completions say beside them
//! gets Anthropic's words. On the way back blocks become events again.
//! Not here: AWS Bedrock, which frames the same events in a format of its own.

pub mod answer;
mod blocks;
mod body;
mod cache;
mod citations;
mod earlier;
pub mod fault;
mod finish;
mod media;
mod messages;
mod names;
mod parameters;
pub mod request;
mod schema;
pub mod stream;
mod thinking;
mod tools;
mod turn;
pub(crate) mod usage;
