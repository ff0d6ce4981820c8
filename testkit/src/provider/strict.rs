//! What real providers refuse, refused here too.
//!
//! A gate that bends a conversation would otherwise pass its tests and fail at its customers. The
//! rules are those that providers are known to enforce (wire notes, sections 2 to 4, 7, 10 and 11);
//! signatures and encrypted thoughts are compared with the very ones that this provider gave.
//! Not here: limits of single models, which are data of the catalogue.

mod anthropic;
mod chat;
mod gemini;
mod responses;

use std::sync::Arc;

use serde_json::Value;

use super::protocol::{ChatHost, Protocol};
use super::script::{Reply, json_reply};
use super::speech::{Complaint, complaint_reply};
use super::{ReceivedRequest, Turn};

/// Why a request is refused.
pub(super) struct Refusal {
    status: u16,
    /// Anthropic's type, Gemini's status, OpenAI's type.
    kind: &'static str,
    message: String,
    /// OpenAI's `param` and `code`; for the others without meaning.
    param: Option<String>,
    code: Option<&'static str>,
}

type Checked = Result<(), Refusal>;

/// What has been given so far, and thus may come back.
pub(super) struct Given<'a>(pub(super) &'a [Arc<Turn>]);

impl Given<'_> {
    /// The turn with this call.
    fn with_call(&self, id: &str) -> Option<&Turn> {
        self.0
            .iter()
            .rev()
            .find(|turn| turn.has_call(id))
            .map(|turn| &**turn)
    }

    /// Every turn, the newest first.
    fn turns(&self) -> impl Iterator<Item = &Turn> {
        self.0.iter().rev().map(|turn| &**turn)
    }
}

/// The refusal as its provider words it; `None` where there is nothing to refuse.
pub(super) fn refusal(request: &ReceivedRequest, given: &[Arc<Turn>]) -> Option<Reply> {
    let protocol = Protocol::of(request.path_only())?;
    if protocol == Protocol::Chat(ChatHost::Any) {
        return None;
    }
    if !request.is_json() {
        let refusal = Refusal::new(400, "invalid_request_error", "The body is not JSON.");
        return Some(refusal.as_openai());
    }
    let given = Given(given);
    let refused = match protocol {
        Protocol::Anthropic => anthropic::check(request, &given),
        Protocol::Gemini => gemini::check(request, &given),
        Protocol::Responses => responses::check(request, &given),
        Protocol::Chat(host) => chat::check(request, host),
    };
    let refusal = refused.err()?;
    Some(match protocol {
        Protocol::Responses | Protocol::Chat(_) => refusal.as_openai(),
        Protocol::Anthropic | Protocol::Gemini => complaint_reply(
            request,
            &Complaint {
                status: refusal.status,
                kind: refusal.kind,
                message: &refusal.message,
            },
        ),
    })
}

impl Refusal {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            param: None,
            code: None,
        }
    }

    fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    fn as_openai(&self) -> Reply {
        let error = serde_json::json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }});
        json_reply(self.status, error.to_string())
    }
}

/// The members of an array; of anything else none.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A member that is a string; else "".
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The first member of `object` that is not among `known`.
fn unknown<'a>(object: &'a Value, known: &[&str]) -> Option<&'a str> {
    let members = object.as_object()?;
    members
        .keys()
        .map(String::as_str)
        .find(|name| !known.contains(name))
}
