//! Finish reasons of many hosts, as OpenAI's.

use tollgate_chat::event::FinishReason;

use crate::fault::{Fault, FaultKind};

/// Reads a provider's word. `None`: not finished yet (some hosts write `""`). Fails where the word
/// means that the provider broke off.
pub fn read(word: &str, has_tool_calls: bool) -> Result<Option<FinishReason>, Fault> {
    let reason = match word {
        "" => return Ok(None),
        "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_calls" | "tool_use" | "tool_call" => FinishReason::ToolCalls,
        "function_call" => FinishReason::FunctionCall,
        "content_filter" | "sensitive" | "safety" | "refusal" => FinishReason::ContentFilter,
        "insufficient_system_resource" => {
            return Err(Fault::new(FaultKind::Overloaded, format!("finish_reason {word}")));
        }
        "error" | "network_error" | "abort" => {
            return Err(Fault::new(FaultKind::Server, format!("finish_reason {word}")));
        }
        // "stop", and words for it that hosts made up (`eos`, `end_turn`, `stop_sequence`, …).
        _ if has_tool_calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    Ok(Some(reason))
}
