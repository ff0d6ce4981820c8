//! Streams that go wrong. Each has lost something, so none may read as a proper answer.

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::event_ends;

/// The events of a stream with their blank lines; bytes after the last blank line are one more.
pub fn events(body: &Bytes) -> Vec<Bytes> {
    let mut events = Vec::new();
    let mut start = 0;
    for end in event_ends(body).into_iter().chain([body.len()]) {
        if end > start {
            events.push(body.slice(start..end));
        }
        start = end;
    }
    events
}

/// Only the first `count` events.
pub fn cut_after(body: &Bytes, count: usize) -> Bytes {
    joined(events(body).into_iter().take(count))
}

/// The same events with one of bad JSON before the one at `place`.
pub fn with_bad_json(body: &Bytes, place: usize) -> Bytes {
    spliced(body, place, Bytes::from_static(b"data: {\"id\":\"x\",\"cho\n\n"))
}

/// The same events, the one at `place` replaced by its first half: its content is lost.
pub fn with_event_halved(body: &Bytes, place: usize) -> Bytes {
    joined(events(body).into_iter().enumerate().map(|(at, event)| {
        if at == place {
            let half = event.slice(..event.len() / 2);
            joined([half, Bytes::from_static(b"\n\n")])
        } else {
            event
        }
    }))
}

/// The same events with an error object before the one at `place`.
pub fn with_error(body: &Bytes, place: usize, error: &Value) -> Bytes {
    spliced(body, place, Bytes::from(format!("data: {error}\n\n")))
}

fn spliced(body: &Bytes, place: usize, extra: Bytes) -> Bytes {
    let mut events = events(body);
    events.insert(place.min(events.len()), extra);
    joined(events)
}

fn joined(pieces: impl IntoIterator<Item = Bytes>) -> Bytes {
    let mut whole = BytesMut::new();
    for piece in pieces {
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
}
