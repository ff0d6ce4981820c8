//! Anthropic's stop reasons as OpenAI's finish reasons.

use tollgate_chat::event::{Finish, FinishReason};

use crate::fault::{Fault, malformed};

/// How an answer ended, as far as the provider has said it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Stop {
    /// `stop_reason`.
    pub reason: Option<String>,
    /// `stop_sequence`: the stop string that was met.
    pub sequence: Option<String>,
    /// Why the model or a filter before it refused, in the provider's words.
    pub explanation: Option<String>,
}

impl Stop {
    /// Fails where an answer that is at its end does not say why it ended: nobody knows whether more was to
    /// come (wire notes, section 15).
    pub fn said(self) -> Result<Self, Fault> {
        match self.reason {
            Some(_) => Ok(self),
            None => Err(malformed("the answer does not say why it ended")),
        }
    }

    /// The finish of the only choice. `called`: some tool was called.
    pub fn finish(self, called: bool) -> Finish {
        let word = self.reason.as_deref().unwrap_or_default();
        let (reason, same_word) = match word {
            "max_tokens" => (FinishReason::Length, true),
            "model_context_window_exceeded" => (FinishReason::Length, false),
            "refusal" => (FinishReason::ContentFilter, false),
            "tool_use" | "end_turn" | "" if called => (FinishReason::ToolCalls, true),
            "end_turn" | "" => (FinishReason::Stop, true),
            // A hosted tool took a pause (`pause_turn`), a call that never came, and words that are new.
            _ if called => (FinishReason::ToolCalls, false),
            _ => (FinishReason::Stop, false),
        };
        Finish {
            choice: 0,
            reason,
            matched_stop: self.sequence,
            provider_reason: self.reason.filter(|_| !same_word),
        }
    }
}
