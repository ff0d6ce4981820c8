//! What arguments of a tool call have to be in the end, in every dialect: one JSON object.
//!
//! Not here: answers that were cut off, whose arguments stay as far as they came
//! ([`tollgate_chat::event::FinishReason::cuts`]).

use serde::de::IgnoredAny;

use crate::fault::{Fault, FaultKind};

/// Most bytes of all calls' arguments in one answer.
const LIMIT: usize = 16 * 1024 * 1024;

/// Fails where so many bytes of arguments are more than any call's.
pub fn check_bytes(bytes: usize) -> Result<(), Fault> {
    match bytes > LIMIT {
        true => Err(malformed("the arguments of tool calls are endless")),
        false => Ok(()),
    }
}

/// Fails unless the text of a call that has ended is a JSON object. What stands in it is not looked at.
pub fn check_object(text: &str) -> Result<(), Fault> {
    let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok();
    match is_object {
        true => Ok(()),
        false => Err(malformed("a tool call's arguments are not a JSON object")),
    }
}

fn malformed(message: &str) -> Fault {
    Fault::new(FaultKind::Malformed, message)
}
