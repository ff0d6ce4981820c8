//! Reads events out of bytes that arrive in any pieces.
//!
//! Providers frame freely: LF, CRLF or CR, no space after `data:`, comments, `event:` lines, data
//! over several lines, a byte order mark, no blank line at the end (wire notes, section 15). A
//! line that lies in one piece is not copied.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr2};
use thiserror::Error;

/// One dispatched event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The value of the `event:` line, where there was one.
    pub name: Option<Bytes>,
    /// The `data:` lines, joined by LF.
    pub data: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SseError {
    #[error("an event is longer than {limit} bytes")]
    TooLong { limit: usize },
}

/// The reader's state between two pieces.
#[derive(Debug)]
pub struct SseReader {
    limit: usize,
    /// The beginning of a line whose end has not come yet.
    line: BytesMut,
    /// The last piece ended with CR: an LF that comes next belongs to it.
    after_cr: bool,
    at_start: bool,
    name: Option<Bytes>,
    data: Data,
}

#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    One(Bytes),
    Joined(BytesMut),
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(line) => line.len(),
            Self::Joined(lines) => lines.len(),
        }
    }

    fn push(&mut self, line: Bytes) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(line),
            Self::One(first) => {
                let mut lines = BytesMut::with_capacity(first.len() + 1 + line.len());
                lines.extend_from_slice(&first);
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
                Self::Joined(lines)
            }
            Self::Joined(mut lines) => {
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
                Self::Joined(lines)
            }
        };
    }
}

impl SseReader {
    /// A reader that takes events of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: BytesMut::new(),
            after_cr: false,
            at_start: true,
            name: None,
            data: Data::None,
        }
    }

    /// Takes the next piece and puts every event that it completes into `events`.
    ///
    /// Fails with [`SseError::TooLong`] as soon as an event outgrows the limit; the reader is of no
    /// use after that.
    pub fn read(&mut self, mut piece: Bytes, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        while !piece.is_empty() {
            if std::mem::take(&mut self.after_cr) && piece[0] == b'\n' {
                piece.advance(1);
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', &piece) else {
                self.line.extend_from_slice(&piece);
                return self.check_size(self.line.len());
            };
            let head = piece.split_to(end);
            self.after_cr = piece[0] == b'\r';
            piece.advance(1);
            let line = if self.line.is_empty() {
                head
            } else {
                self.line.extend_from_slice(&head);
                self.line.split().freeze()
            };
            self.check_size(line.len())?;
            self.take_line(line, events);
        }
        Ok(())
    }

    /// The end of the input. An event that lacks only its blank line is an event all the same:
    /// some hosts leave the last one out. A last line without an end counts too.
    pub fn end(mut self, events: &mut Vec<SseEvent>) {
        if !self.line.is_empty() {
            let line = self.line.split().freeze();
            self.take_line(line, events);
        }
        self.dispatch(events);
    }

    fn check_size(&self, line: usize) -> Result<(), SseError> {
        if line + self.data.len() > self.limit {
            return Err(SseError::TooLong { limit: self.limit });
        }
        Ok(())
    }

    fn take_line(&mut self, mut line: Bytes, events: &mut Vec<SseEvent>) {
        if std::mem::take(&mut self.at_start) && line.starts_with(b"\xef\xbb\xbf") {
            line.advance(3);
        }
        if line.is_empty() {
            return self.dispatch(events);
        }
        let (name, mut value) = match memchr(b':', &line) {
            Some(colon) => (line.slice(..colon), line.slice(colon + 1..)),
            None => (line, Bytes::new()),
        };
        if value.first() == Some(&b' ') {
            value.advance(1);
        }
        match &name[..] {
            b"data" => self.data.push(value),
            b"event" => self.name = Some(value),
            // Comments (an empty name), `id`, `retry` and unknown fields say nothing to us.
            _ => {}
        }
    }

    fn dispatch(&mut self, events: &mut Vec<SseEvent>) {
        let name = self.name.take();
        let data = match std::mem::take(&mut self.data) {
            Data::None => return,
            Data::One(line) => line,
            Data::Joined(lines) => lines.freeze(),
        };
        events.push(SseEvent { name, data });
    }
}

#[cfg(test)]
mod tests;
