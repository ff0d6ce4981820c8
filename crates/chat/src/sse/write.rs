//! Writes events for clients: `data: <json>` and a blank line, comments, and the end mark.

use bytes::{BufMut, BytesMut};

/// Ends a complete stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// A comment that keeps connections alive; clients pass over it.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// Appends one event. Line ends between JSON tokens, as pretty-printing providers write them, are
/// left out: they would break the event in two.
pub fn event(out: &mut BytesMut, json: &[u8]) {
    out.reserve(json.len() + 8);
    out.put_slice(b"data: ");
    if memchr::memchr2(b'\n', b'\r', json).is_some() {
        out.extend(json.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    } else {
        out.put_slice(json);
    }
    out.put_slice(b"\n\n");
}
