//! How a response ended, in chat's words.

use tollgate_chat::{
    event::{Finish, FinishReason},
    object::Object,
};

use super::fault;
use crate::fault::{Fault, FaultKind, malformed};

/// Reads a response's `status`; `ended` is the word of the event that brought it, where one did. Fails
/// where the response did not end well, or not at all.
pub fn read(response: &Object<'_>, ended: &str, has_calls: bool) -> Result<Finish, Fault> {
    if let Some(fault) = fault::in_answer(response) {
        return Err(fault);
    }
    let status: String = response.read("status").unwrap_or_default();
    // Some hosts end a stream with the status that it began with.
    let is_open = matches!(&*status, "" | "queued" | "in_progress");
    let (reason, provider_reason) = match if is_open && !ended.is_empty() {
        ended
    } else {
        &*status
    } {
        // The second is how some hosts spell it.
        "completed" | "complete" if has_calls => (FinishReason::ToolCalls, None),
        "completed" | "complete" => (FinishReason::Stop, None),
        "incomplete" => incomplete(response),
        "" | "queued" | "in_progress" => {
            return Err(malformed("the response does not say that it is finished"));
        }
        // `failed`, `cancelled`.
        _ => {
            return Err(Fault::new(
                FaultKind::Server,
                "the response ended without a reason given",
            ));
        }
    };
    Ok(Finish {
        choice: 0,
        reason,
        matched_stop: None,
        provider_reason,
    })
}

fn incomplete(response: &Object<'_>) -> (FinishReason, Option<String>) {
    let details = response.present("incomplete_details");
    let reason = details.and_then(|details| Object::parse(details).ok()?.read::<String>("reason"));
    match reason.as_deref() {
        Some("content_filter") => (FinishReason::ContentFilter, None),
        Some("max_output_tokens") | None => (FinishReason::Length, None),
        Some(_) => (FinishReason::Length, reason),
    }
}
