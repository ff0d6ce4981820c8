//! A streamed answer.

use std::num::NonZeroU32;

use bytes::Bytes;
use tollgate_chat::event::EventKind;

use super::{candidates::Candidates, framing::Framing};
use crate::fault::{Fault, malformed};

/// Reads one streamed answer.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    candidates: Candidates,
}

impl Decoder {
    /// `choices`: how many were asked for, where that is known. `estimated_prompt`: tokens of the prompt, for
    /// an answer that does not count them. `id`: our own name for the answer. `event_limit`: most bytes of one event.
    pub fn new(choices: Option<NonZeroU32>, estimated_prompt: u64, id: String, event_limit: usize) -> Self {
        Self {
            framing: Framing::new(event_limit),
            candidates: Candidates::new(choices, estimated_prompt, id),
        }
    }

    /// Takes the next bytes and puts what they say into `events`. Bytes may be cut anywhere.
    pub fn read(&mut self, bytes: Bytes, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let mut responses = Vec::new();
        let outcome = self.framing.read(bytes, &mut responses);
        self.take(responses, events)?;
        outcome
    }

    /// Whether the provider has said that nothing more will come: only an array has an end of its own,
    /// and a finish reason may be followed by more.
    pub fn is_complete(&self) -> bool {
        self.framing.is_complete()
    }

    /// The end of the bytes. Fails where the answer is not whole.
    pub fn end(&mut self, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let mut responses = Vec::new();
        let outcome = self.framing.end(&mut responses);
        self.take(responses, events)?;
        outcome?;
        self.candidates.end(events)
    }

    fn take(&mut self, responses: Vec<Bytes>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        for response in responses {
            let text = std::str::from_utf8(&response).map_err(|_| malformed("an event is not UTF-8"))?;
            self.candidates.take(text, events)?;
        }
        Ok(())
    }
}
