//! Tool calls and their results, in an order that every provider can take: right after the assistant's
//! message comes a result for each of its calls, and no result comes without a call.

use std::collections::HashMap;

use tollgate_chat::json::Json;

use super::{expect_object, require_object, require_string};
use crate::contract::violation::{Code, Found, Path, Word};

/// Calls of the latest assistant message.
#[derive(Default)]
pub(super) struct Turns<'m> {
    /// Index of that message.
    message: usize,
    calls: HashMap<&'m str, Call>,
}

struct Call {
    index: usize,
    answered: bool,
}

impl<'m> Turns<'m> {
    /// Takes the calls of an assistant's message, whose shapes are checked here.
    pub(super) fn calls(&mut self, calls: &'m [Json<'_>], message: usize, at: Path<'_>, found: &mut Found) {
        self.message = message;
        let list = at.member("tool_calls");
        for (index, call) in calls.iter().enumerate() {
            let at = list.item(index);
            if !matches!(call, Json::Object(_)) {
                found.add(
                    at,
                    Code::InvalidType,
                    format_args!("must be an object, not {}", call.kind()),
                );
                continue;
            }
            match require_string(call, "type", at, found) {
                None | Some("function") => {}
                Some(other) => found.add(
                    at.member("type"),
                    Code::UnsupportedValue,
                    format_args!("must be \"function\", not {}", Word(other)),
                ),
            }
            if let Some(inner) = require_object(call, "function", at, found) {
                function(inner, at.member("function"), found);
            }
            if let Some(extra) = call.present("extra_content") {
                expect_object(extra, at.member("extra_content"), found);
            }
            let Some(id) = require_string(call, "id", at, found) else {
                continue;
            };
            let known = self.calls.insert(
                id,
                Call {
                    index,
                    answered: false,
                },
            );
            if known.is_some() {
                found.add(
                    at.member("id"),
                    Code::InvalidValue,
                    format_args!("repeats {}; each call needs an id of its own", Word(id)),
                );
            }
        }
    }

    /// Takes a message of role `tool`.
    pub(super) fn result(&mut self, message: &Json<'_>, at: Path<'_>, found: &mut Found) {
        let Some(id) = require_string(message, "tool_call_id", at, found) else {
            return;
        };
        match self.calls.get_mut(id) {
            Some(call) if call.answered => found.add(
                at.member("tool_call_id"),
                Code::InvalidValue,
                format_args!("answers {} a second time", Word(id)),
            ),
            Some(call) => call.answered = true,
            None => found.add(
                at.member("tool_call_id"),
                Code::InvalidValue,
                format_args!(
                    "answers {}, which is no call of the assistant's message right before",
                    Word(id)
                ),
            ),
        }
    }

    /// A message of another role: whatever has no result now stays without.
    pub(super) fn close(&mut self, found: &mut Found) {
        if self.calls.is_empty() {
            return;
        }
        let mut open: Vec<(usize, &str)> = self
            .calls
            .drain()
            .filter_map(|(id, call)| (!call.answered).then_some((call.index, id)))
            .collect();
        open.sort_unstable();
        let messages = Path::Member("messages");
        let message = messages.item(self.message);
        let list = message.member("tool_calls");
        for (index, id) in open {
            found.add(
                list.item(index),
                Code::InvalidValue,
                format_args!(
                    "has no result: send a message of role `tool` with `tool_call_id` {} right after this one",
                    Word(id)
                ),
            );
        }
    }

    /// The end of the messages.
    pub(super) fn end(mut self, found: &mut Found) {
        self.close(found);
    }
}

/// Between an ID and a signature, as another gateway puts the two together.
const SIGNATURE_MARK: &str = "__thought__";

/// Whether a call carries state of its provider.
pub(super) fn has_state(call: &Json<'_>) -> bool {
    call.present("extra_content").is_some() || has_signature(call, "id")
}

/// Whether the ID `name` of `holder` has a signature in it.
pub(super) fn has_signature(holder: &Json<'_>, name: &str) -> bool {
    let id = holder.present(name).and_then(Json::as_str);
    id.is_some_and(|id| id.contains(SIGNATURE_MARK))
}

/// `{"name": "…", "arguments": "…"}`; arguments that were cut off are no JSON, and pass.
pub(super) fn function(function: &Json<'_>, at: Path<'_>, found: &mut Found) {
    if !matches!(function, Json::Object(_)) {
        return found.add(
            at,
            Code::InvalidType,
            format_args!("must be an object, not {}", function.kind()),
        );
    }
    require_string(function, "name", at, found);
    match function.present("arguments") {
        Some(Json::String(_)) => {}
        Some(other) => found.add(
            at.member("arguments"),
            Code::InvalidType,
            format_args!("must be a string that holds JSON, not {}", other.kind()),
        ),
        None => found.add(
            at.member("arguments"),
            Code::MissingRequiredParameter,
            format_args!("is missing"),
        ),
    }
}
