//! Gemini's finish reasons as OpenAI's.

use tollgate_chat::event::FinishReason;

use super::fault;
use crate::fault::{Fault, FaultKind};

/// Stands for what is no word at all.
const UNKNOWN: &str = "FINISH_REASON_UNSPECIFIED";

/// What is said of a candidate's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub reason: FinishReason,
    /// Gemini's word, where ours says less.
    pub word: Option<String>,
}

/// Reads `finishReason`, given as JSON. `says_something`: whether the candidate has output.
///
/// A call that came out malformed, or of a tool that nobody offered, is no answer: it fails, so that
/// another try may do better (wire notes, section 4). So does a reason that nobody knows without any
/// output; with output it counts as a stop.
pub(super) fn read(json: &str, message: &str, says_something: bool) -> Result<Ended, Fault> {
    let word = name(json);
    let reason = match word.as_str() {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "NO_IMAGE"
        | "MODEL_ARMOR" | "ESCALATION" => FinishReason::ContentFilter,
        image if image.starts_with("IMAGE_") => FinishReason::ContentFilter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "OTHER" => return Err(broken_off(&word, message)),
        _ if !says_something => return Err(broken_off(&word, message)),
        _ => FinishReason::Stop,
    };
    let word = (!matches!(word.as_str(), "STOP" | "MAX_TOKENS")).then_some(word);
    Ok(Ended { reason, word })
}

/// The word, also where enums are written as numbers; those are told apart as far as they are the same
/// in all versions of the API.
fn name(json: &str) -> String {
    let by_number = match json {
        "1" => "STOP",
        "2" => "MAX_TOKENS",
        "3" => "SAFETY",
        "4" => "RECITATION",
        "5" => "OTHER",
        "6" => "BLOCKLIST",
        "7" => "PROHIBITED_CONTENT",
        "8" => "SPII",
        "9" => "MALFORMED_FUNCTION_CALL",
        _ => Some(json.trim_matches('"'))
            .filter(|word| fault::is_word(word))
            .unwrap_or(UNKNOWN),
    };
    by_number.to_owned()
}

fn broken_off(word: &str, message: &str) -> Fault {
    let mut fault = Fault::new(FaultKind::Server, format!("finishReason {word}: {message}"));
    fault.code = Some(word.to_owned());
    fault
}
