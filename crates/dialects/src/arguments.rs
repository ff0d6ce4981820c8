//! What a tool call has to have in the end, in every dialect: a name, and arguments that are one JSON object.
//!
//! Not here: answers that were cut off, whose arguments stay as far as they came
//! ([`tollgate_chat::event::FinishReason::cuts`]).

use serde::de::IgnoredAny;

use crate::fault::{Fault, malformed};

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

/// What a call is that names no function: nobody can run it, and it could not come back with the next turn.
pub fn nameless() -> Fault {
    malformed("a tool call has no name")
}
