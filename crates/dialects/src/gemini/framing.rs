//! Two framings of a stream: server-sent events, and one JSON array in pieces, which comes where
//! `alt=sse` got lost on the way (wire notes, section 4). An error comes as a bare object in either, or in
//! an array of its own, also behind events.

use bytes::{Bytes, BytesMut};
use tollgate_chat::sse::{SseEvent, SseReader};

use crate::fault::{Fault, FaultKind};

/// Cuts a stream into the JSON texts of its responses.
#[derive(Debug)]
pub(super) struct Framing {
    kind: Kind,
    limit: usize,
}

#[derive(Debug)]
enum Kind {
    /// Nothing has come but white space.
    Unknown,
    Events(Events),
    Json(Values),
}

impl Framing {
    /// `limit`: most bytes of one response.
    pub fn new(limit: usize) -> Self {
        Self {
            kind: Kind::Unknown,
            limit,
        }
    }

    /// Takes the next bytes; puts every response that they complete into `responses`.
    pub fn read(&mut self, bytes: Bytes, responses: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Kind::Unknown = self.kind {
            match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
                None => return Ok(()),
                Some(b'[' | b'{') => self.kind = Kind::Json(Values::new(self.limit)),
                Some(_) => self.kind = Kind::Events(Events::new(self.limit)),
            }
        }
        let json = match &mut self.kind {
            Kind::Json(_) => bytes,
            Kind::Unknown => return Ok(()),
            Kind::Events(events) => match events.read(bytes, self.limit, responses)? {
                None => return Ok(()),
                Some(json) => {
                    self.kind = Kind::Json(Values::new(self.limit));
                    json
                }
            },
        };
        match &mut self.kind {
            Kind::Json(values) => values.read(&json, responses),
            Kind::Events(_) | Kind::Unknown => Ok(()),
        }
    }

    /// Whether the array is closed. Server-sent events have no end of their own.
    pub fn is_complete(&self) -> bool {
        matches!(&self.kind, Kind::Json(values) if values.closed)
    }

    /// The end of the bytes. Fails with [`FaultKind::Cut`] inside an array or a response.
    pub fn end(&mut self, responses: &mut Vec<Bytes>) -> Result<(), Fault> {
        match &mut self.kind {
            Kind::Events(events) => events.end(self.limit, responses),
            Kind::Json(values) if !values.is_whole() => Err(cut()),
            Kind::Json(_) | Kind::Unknown => Ok(()),
        }
    }
}

/// Server-sent events, until a line begins like JSON: no line of theirs does.
#[derive(Debug)]
struct Events {
    /// `None` once they have ended.
    reader: Option<SseReader>,
    at_line_start: bool,
}

impl Events {
    fn new(limit: usize) -> Self {
        Self {
            reader: Some(SseReader::new(limit)),
            at_line_start: true,
        }
    }

    /// Takes the next bytes. Gives those from the first one on that is JSON by itself.
    fn read(
        &mut self,
        mut bytes: Bytes,
        limit: usize,
        responses: &mut Vec<Bytes>,
    ) -> Result<Option<Bytes>, Fault> {
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        let json = json_line(&bytes, self.at_line_start).map(|at| bytes.split_off(at));
        if let Some(last) = bytes.last() {
            self.at_line_start = is_line_end(last);
        }
        let mut events = Vec::new();
        let outcome = reader.read(bytes, &mut events);
        take_events(events, limit, responses)?;
        outcome.map_err(|error| Fault::new(FaultKind::TooLarge, error.to_string()))?;
        if json.is_some() {
            self.end(limit, responses)?;
        }
        Ok(json)
    }

    fn end(&mut self, limit: usize, responses: &mut Vec<Bytes>) -> Result<(), Fault> {
        let mut events = Vec::new();
        if let Some(reader) = self.reader.take() {
            reader.end(&mut events);
        }
        take_events(events, limit, responses)
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Where the first line begins that opens an object or an array.
fn json_line(bytes: &[u8], at_line_start: bool) -> Option<usize> {
    let opens = |at: &usize| matches!(bytes.get(*at), Some(b'{' | b'['));
    let ends = bytes.iter().zip(1..).filter(|(byte, _)| is_line_end(byte));
    let mut starts = at_line_start
        .then_some(0)
        .into_iter()
        .chain(ends.map(|(_, next)| next));
    starts.find(opens)
}

/// One event is one response. Some hosts leave out the blank line between events: then several stand
/// in one, line after line.
fn take_events(events: Vec<SseEvent>, limit: usize, responses: &mut Vec<Bytes>) -> Result<(), Fault> {
    for event in events {
        match event.data.trim_ascii() {
            // Not Gemini's, but proxies like to say it.
            b"" | b"[DONE]" => {}
            data if data.contains(&b'\n') => {
                let mut values = Values::new(limit);
                values.read(data, responses)?;
                if !values.is_whole() {
                    return Err(malformed());
                }
            }
            _ => responses.push(event.data),
        }
    }
    Ok(())
}

/// Cuts JSON values apart: those of an array, or bare ones behind each other.
#[derive(Debug)]
struct Values {
    limit: usize,
    /// The beginning of a value whose end has not come yet.
    held: BytesMut,
    /// Brackets open within the value.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether the array around the values has begun.
    opened: bool,
    closed: bool,
}

impl Values {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            held: BytesMut::new(),
            depth: 0,
            in_string: false,
            escaped: false,
            opened: false,
            closed: false,
        }
    }

    fn read(&mut self, bytes: &[u8], responses: &mut Vec<Bytes>) -> Result<(), Fault> {
        // Behind the end nothing counts.
        if self.closed {
            return Ok(());
        }
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if self.depth == 0 {
                from = at;
                match byte {
                    b'{' => self.depth = 1,
                    b'[' if !self.opened => self.opened = true,
                    b']' if self.opened => {
                        self.opened = false;
                        self.closed = true;
                        return Ok(());
                    }
                    b',' => {}
                    _ if byte.is_ascii_whitespace() => {}
                    _ => return Err(malformed()),
                }
                continue;
            }
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                self.hold(&bytes[from..=at])?;
                responses.push(self.held.split().freeze());
                from = at + 1;
            }
        }
        if self.depth > 0 {
            self.hold(&bytes[from..])?;
        }
        Ok(())
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.held.len() + bytes.len() > self.limit {
            let limit = self.limit;
            return Err(Fault::new(
                FaultKind::TooLarge,
                format!("a response is longer than {limit} bytes"),
            ));
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.depth == 0 && !self.opened
    }
}

fn cut() -> Fault {
    Fault::new(FaultKind::Cut, "the stream ended before the answer did")
}

fn malformed() -> Fault {
    Fault::new(FaultKind::Malformed, "the stream is not made of JSON objects")
}
