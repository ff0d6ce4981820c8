//! Finish reasons of many hosts, as OpenAI's.

use std::borrow::Cow;

use tollgate_chat::event::FinishReason;

use crate::fault::{Fault, FaultKind};

/// Reads a provider's word. `None`: not finished yet (some hosts write `""`). Fails where the word
/// means that the provider broke off.
pub fn read(word: &str, has_tool_calls: bool) -> Result<Option<FinishReason>, Fault> {
    let lower = match word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(word.to_ascii_lowercase()),
        false => Cow::Borrowed(word),
    };
    let reason = match &*lower {
        "" => return Ok(None),
        "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_calls" | "tool_use" | "tool_call" => FinishReason::ToolCalls,
        "function_call" => FinishReason::FunctionCall,
        "content_filter" | "sensitive" | "safety" | "refusal" | "recitation" | "blocklist"
        | "prohibited_content" | "spii" | "image_safety" => FinishReason::ContentFilter,
        "insufficient_system_resource" => return Err(broken_off(FaultKind::Overloaded, word)),
        "error"
        | "network_error"
        | "abort"
        | "malformed_function_call"
        | "unexpected_tool_call"
        | "malformed_response" => return Err(broken_off(FaultKind::Server, word)),
        // "stop", and words for it that hosts made up (`eos`, `end_turn`, `stop_sequence`, …).
        _ if has_tool_calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    Ok(Some(reason))
}

/// The finish that fits what a choice holds: tool calls, the forerunner of one, or neither.
pub fn fitting(reason: FinishReason, has_tool_calls: bool, has_function_call: bool) -> FinishReason {
    let ends_well = matches!(
        reason,
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::FunctionCall
    );
    match (has_tool_calls, has_function_call) {
        _ if !ends_well => reason,
        (true, _) => FinishReason::ToolCalls,
        (false, true) => FinishReason::FunctionCall,
        // Clients go through the calls of such an answer.
        (false, false) => FinishReason::Stop,
    }
}

fn broken_off(kind: FaultKind, word: &str) -> Fault {
    Fault::new(kind, format!("finish_reason {word}"))
}
