//! Server-sent events, both ways (WHATWG HTML, "Server-sent events").

pub mod read;
pub mod write;

pub use read::{SseError, SseEvent, SseReader};
