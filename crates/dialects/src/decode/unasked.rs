//! A stream that comes where a whole answer was asked for: when it has said everything.
//!
//! Some servers stream always, and leave the connection open behind the end; whoever waits for the end of the
//! bytes would wait in vain, and throw away what was paid for.
//! Not here: what it says, which is read once it is there ([`Dialect::decode_answer`]).

use bytes::Bytes;
use tollgate_catalog::quirks::Quirks;

use super::{LINES, StreamDecoder, is_stream};
use crate::{Dialect, Presentation, request::Undo};

/// Follows the bytes of an answer.
#[derive(Debug)]
pub struct UnaskedStream<'a> {
    dialect: Dialect,
    quirks: &'a Quirks,
    presentation: &'a Presentation,
    undo: &'a Undo,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// The first bytes do not tell yet: fewer than a line of events begins with, and none of the white space before them,
    /// of which a provider may send any amount while the request waits there.
    Unknown(Vec<u8>),
    /// A whole answer, as was asked for: its bytes say nothing of its end.
    Whole,
    Stream(Box<StreamDecoder>),
}

impl<'a> UnaskedStream<'a> {
    pub fn new(dialect: Dialect, quirks: &'a Quirks, presentation: &'a Presentation, undo: &'a Undo) -> Self {
        Self {
            dialect,
            quirks,
            presentation,
            undo,
            kind: Kind::Unknown(Vec::new()),
        }
    }

    /// Takes the next bytes, of an answer of at most `limit`. Returns whether nothing that counts comes after them:
    /// it has ended, or cannot be read on.
    pub fn ends_with(&mut self, bytes: &Bytes, limit: usize) -> bool {
        if let Kind::Unknown(first) = &mut self.kind {
            let come = match first.is_empty() {
                true => bytes.trim_ascii_start(),
                false => &bytes[..],
            };
            if first.is_empty() && come.first() == Some(&b'{') {
                self.kind = Kind::Whole;
                return false;
            }
            first.extend_from_slice(come);
            if LINES
                .iter()
                .any(|line| line.len() > first.len() && line.starts_with(first))
            {
                return false;
            }
            if !is_stream(first) {
                self.kind = Kind::Whole;
                return false;
            }
            let first = Bytes::from(std::mem::take(first));
            let (presentation, undo) = (self.presentation.clone(), self.undo.clone());
            let decoder = (self.dialect).stream_decoder(self.quirks, presentation, undo, limit);
            self.kind = Kind::Stream(Box::new(decoder));
            return self.reads_to_the_end(first);
        }
        self.reads_to_the_end(bytes.clone())
    }

    fn reads_to_the_end(&mut self, bytes: Bytes) -> bool {
        let Kind::Stream(decoder) = &mut self.kind else {
            return false;
        };
        decoder.read(bytes, &mut Vec::new()).is_err() || decoder.is_complete()
    }

    /// Nothing more comes, and nobody has said so. Whether that takes nothing from the answer. To be asked once.
    pub fn has_said_all(&mut self) -> bool {
        match &mut self.kind {
            Kind::Unknown(_) | Kind::Whole => false,
            Kind::Stream(decoder) => decoder.end(&mut Vec::new()).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests;
