//! Google's Gemini API in its own protocol, `generateContent` (wire notes, section 4).
//!
//! Each event of a stream is a whole response with new parts only, so one reader ([`candidates`])
//! serves whole answers and streams. Vertex AI speaks the same, under other addresses.

pub mod answer;
mod body;
mod call;
mod candidates;
mod config;
pub mod fault;
mod finish;
mod framing;
mod grounding;
mod logprobs;
mod media;
mod messages;
mod names;
pub mod request;
pub mod stream;
mod thinking;
mod tools;
pub(crate) mod usage;

pub use media::fetches_itself;
