//! What client and gate say to each other: request, answer, chunk, usage, error, SSE framing.
//!
//! Pure: bytes in, values out. Nothing here knows a model, a provider or a socket.

pub mod answer;
pub mod assemble;
pub mod chunk;
pub mod edit;
pub mod error;
pub mod event;
pub mod hold_back;
pub mod json;
pub mod object;
pub mod request;
mod scan;
pub mod service_tier;
pub mod sse;
pub mod surrogates;
pub mod usage;
