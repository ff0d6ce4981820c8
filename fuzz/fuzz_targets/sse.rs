//! The SSE reader: where the bytes are cut changes nothing, and nothing makes it panic.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tollgate_chat::sse::{SseEvent, SseReader};

const LIMIT: usize = 4_096;

/// Events, or nothing where one was too long.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<Vec<SseEvent>> {
    let mut reader = SseReader::new(LIMIT);
    let mut events = Vec::new();
    for piece in pieces {
        reader.read(Bytes::copy_from_slice(piece), &mut events).ok()?;
    }
    reader.end(&mut events);
    Some(events)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = read(std::iter::once(bytes));
    let pieces = read(bytes.chunks(usize::from(size).max(1)));
    // Both may find an event too long at different moments; what both read must be the same.
    if let (Some(whole), Some(pieces)) = (whole, pieces) {
        assert_eq!(whole, pieces);
    }
});
