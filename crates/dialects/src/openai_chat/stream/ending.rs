//! How one streamed choice ends: said as late as the stream does, whenever the host says it.
//!
//! Clients stop reading at a finish. Some hosts write one into every chunk, others go on behind it, so it waits
//! for the end of the stream, and the last one counts. A chunk that is a finish and nothing else is kept as it
//! came; where the finish came with content, or content came behind it, the relay writes one.

use bytes::Bytes;
use tollgate_chat::event::{Event, EventKind, Finish, FinishReason, Wire};

use crate::openai_chat::finish;

/// What is known of a choice's end.
#[derive(Debug, Default)]
pub struct Ending {
    finish: Option<Told>,
    /// The ready chunk that says it.
    chunk: Option<Bytes>,
    /// Whether content has come since.
    goes_on: bool,
    /// Whether a finish came that says nothing.
    blank: bool,
}

#[derive(Debug)]
struct Told {
    reason: FinishReason,
    matched_stop: Option<String>,
}

impl Ending {
    pub fn has_come(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether the finish is the last that came.
    pub fn is_last(&self) -> bool {
        self.has_come() && !self.goes_on
    }

    pub fn reason(&self) -> Option<FinishReason> {
        self.finish.as_ref().map(|told| told.reason)
    }

    /// Content came: a finish before it was none yet.
    pub fn goes_on(&mut self) {
        self.goes_on = self.has_come();
        self.chunk = None;
    }

    /// A finish came. Returns whether its chunk may stand for the end: it says something new.
    ///
    /// A cut is taken back by what comes after it, not by a `stop` alone.
    pub fn comes(&mut self, reason: FinishReason, matched_stop: Option<String>) -> bool {
        if let Some(told) = &self.finish {
            let is_repeated = told.reason == reason && told.matched_stop == matched_stop;
            let is_less = reason == FinishReason::Stop && told.reason != reason;
            if !self.goes_on && (is_less || (is_repeated && self.chunk.is_some())) {
                return false;
            }
        }
        self.finish = Some(Told { reason, matched_stop });
        self.chunk = None;
        self.goes_on = false;
        true
    }

    /// A finish came that says nothing: as a rule "not yet".
    pub fn comes_blank(&mut self) {
        self.blank = true;
    }

    /// The host has said that the stream is over, and there are calls: xAI may end them with a finish that says
    /// nothing.
    pub fn ends_calls(&mut self) {
        if self.blank && !self.has_come() {
            self.comes(FinishReason::ToolCalls, None);
        }
    }

    /// The chunk that says the finish that came last, and nothing else.
    pub fn keep(&mut self, chunk: Bytes) {
        self.chunk = Some(chunk);
    }

    /// Another chunk says the choice's role: that of the finish, which did too, is not shown.
    pub fn opens(&mut self) {
        self.chunk = None;
    }

    /// The finish, for the end of the stream, as it fits the tool calls, or the forerunner of one, that are in
    /// the choice.
    pub fn finish(mut self, choice: u32, has_tool_calls: bool, has_function_call: bool) -> Option<Event> {
        let mut told = self.finish?;
        let fitting = finish::fitting(told.reason, has_tool_calls, has_function_call);
        if fitting != told.reason {
            told.reason = fitting;
            self.chunk = None;
        }
        Some(Event {
            kind: EventKind::Finish(Finish {
                choice,
                reason: told.reason,
                matched_stop: told.matched_stop,
                provider_reason: None,
            }),
            wire: self.chunk.map_or(Wire::Unwritten, Wire::Chunk),
        })
    }
}
