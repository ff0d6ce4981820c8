//! Anthropic's errors, and those of hosts before its models, in our words.
//!
//! `{"type": "error", "error": {"type", "message"}, "request_id"}`; Google's `{"error": {"code", "message",
//! "status"}}` where Vertex AI answers; plain text and HTML where something in between does.

use tollgate_chat::object::Object;

use crate::{
    conversation::text,
    fault::{Fault, FaultKind, blames_the_request},
};

/// Longest provider message that is kept, in bytes.
const MESSAGE_LIMIT: usize = 2_000;
/// Longest path to a parameter that is kept, in bytes.
const PATH_LIMIT: usize = 128;
/// Longest code that is kept, in bytes; longer ones are no codes.
const CODE_LIMIT: usize = 64;

/// What an answer with another status than 200 means.
pub fn of_status(status: u16, body: &[u8]) -> Fault {
    let body = String::from_utf8_lossy(body);
    let said = Object::parse(&body).ok().and_then(|body| Said::of(&body));
    let said = said.unwrap_or_else(|| Said {
        kind: String::new(),
        message: clip(&body),
    });
    said.fault(Some(status))
}

/// The fault in a body or an event that came with status 200; `None` where it is no error.
pub(super) fn in_answer(object: &Object<'_>) -> Option<Fault> {
    let is_error = text(object, "type").is_some_and(|kind| kind == "error");
    let has_error = object.present("error").is_some() && object.get("content").is_none();
    (is_error || has_error).then(|| in_event(object))
}

/// The fault that an event named `error` tells of.
pub(super) fn in_event(object: &Object<'_>) -> Fault {
    let said = Said::of(object).unwrap_or_else(|| Said {
        kind: String::new(),
        message: clip(object.text()),
    });
    said.fault(None)
}

struct Said {
    /// Anthropic's `type`, or Google's `status`.
    kind: String,
    message: String,
}

impl Said {
    fn of(object: &Object<'_>) -> Option<Self> {
        let error = object.present("error")?;
        let Ok(error) = Object::parse(error) else {
            return Some(Self {
                kind: String::new(),
                message: clip(error),
            });
        };
        let word = |name| text(&error, name).map(|text| clip(&text));
        Some(Self {
            kind: word("type").or_else(|| word("status")).unwrap_or_default(),
            message: word("message").unwrap_or_default(),
        })
    }

    fn fault(self, status: Option<u16>) -> Fault {
        let kind = self.classify(status);
        let is_code = |code: &String| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            !code.is_empty() && code.len() <= CODE_LIMIT && code.bytes().all(plain)
        };
        Fault {
            kind,
            param: (kind == FaultKind::BadRequest)
                .then(|| param_of(&self.message))
                .flatten()
                .map(str::to_owned),
            message: self.message,
            code: Some(self.kind).filter(is_code),
            status,
            retry_after: None,
            should_retry: None,
        }
    }

    /// What the type says, save where one type covers several troubles and only the words tell them
    /// apart; without a known type, the status.
    fn classify(&self, status: Option<u16>) -> FaultKind {
        let by_type = match &*self.kind {
            "invalid_request_error" | "INVALID_ARGUMENT" | "FAILED_PRECONDITION" => {
                return self.refusal();
            }
            "request_too_large" => Some(FaultKind::BadRequest),
            "authentication_error" | "permission_error" | "UNAUTHENTICATED" | "PERMISSION_DENIED" => {
                Some(FaultKind::Credential)
            }
            "billing_error" => Some(FaultKind::Quota),
            "not_found_error" | "NOT_FOUND" => Some(FaultKind::ModelUnknown),
            "rate_limit_error" | "RESOURCE_EXHAUSTED" => Some(FaultKind::RateLimited),
            "overloaded_error" | "UNAVAILABLE" => Some(FaultKind::Overloaded),
            "api_error" | "timeout_error" | "INTERNAL" | "DEADLINE_EXCEEDED" => Some(FaultKind::Server),
            _ => None,
        };
        by_type.unwrap_or_else(|| match status {
            Some(400 | 422) => self.refusal(),
            status => by_status(status),
        })
    }

    /// A refused request: thoughts of earlier turns, by the block that the message begins with, else by
    /// its words.
    fn refusal(&self) -> FaultKind {
        if is_about_thoughts(&self.message) {
            return FaultKind::StateRefused;
        }
        self.by_words().unwrap_or(FaultKind::BadRequest)
    }

    /// A refused request, by the words of its message.
    fn by_words(&self) -> Option<FaultKind> {
        let message = self.message.to_ascii_lowercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
        let found = PHRASES.iter().find(|(_, phrases)| says(phrases));
        found.map(|(kind, _)| *kind)
    }
}

/// Whether a block of the conversation is refused for its thought: a signature that does not fit, a thought
/// that is not as it was, or one that is missing (wire notes, section 3).
fn is_about_thoughts(message: &str) -> bool {
    const WORDS: [&str; 5] = [
        "`signature` in `thinking`",
        "`data` in `redacted_thinking`",
        "`thinking` or `redacted_thinking`",
        "thinking.signature",
        "each thinking block must contain thinking",
    ];
    message.starts_with("messages.") && WORDS.iter().any(|words| message.contains(words))
}

/// What `invalid_request_error` covers beside a wrong request. The phrases are long enough that a
/// message which repeats the client's words is not taken for one of them by chance.
const PHRASES: &[(FaultKind, &[&str])] = &[
    (
        FaultKind::ContextLength,
        &[
            "prompt is too long",
            "exceed context limit",
            "exceeds the maximum context",
            "input is too long for requested model",
        ],
    ),
    (
        FaultKind::Quota,
        &[
            "credit balance is too low",
            "reached your specified api usage limits",
            "reached your specified workspace api usage limits",
        ],
    ),
    (
        FaultKind::Credential,
        &[
            "organization has been disabled",
            "invalid x-api-key",
            "invalid bearer token",
        ],
    ),
    (FaultKind::ContentFilter, &["blocked by content filtering policy"]),
];

fn by_status(status: Option<u16>) -> FaultKind {
    match status {
        Some(401 | 403) => FaultKind::Credential,
        Some(402) => FaultKind::Quota,
        // Redirects are not followed: a base URL that answers with one is wrong.
        Some(300..=399 | 404 | 405) => FaultKind::ModelUnknown,
        Some(429) => FaultKind::RateLimited,
        Some(503 | 529) => FaultKind::Overloaded,
        Some(status) if blames_the_request(status) => FaultKind::BadRequest,
        _ => FaultKind::Server,
    }
}

/// The path with which a message begins: `temperature: range: 0..1`, `tools.0.custom: …`, `` `top_k` must … ``.
fn param_of(message: &str) -> Option<&str> {
    let path = match message.strip_prefix('`') {
        Some(named) => named.split_once('`')?.0,
        None => message.split_once(':')?.0,
    };
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"_.[]".contains(&byte);
    (!path.is_empty() && path.len() <= PATH_LIMIT && path.bytes().all(in_path)).then_some(path)
}

/// The beginning of a text, on one line.
fn clip(text: &str) -> String {
    let text = text.trim();
    text[..text.floor_char_boundary(MESSAGE_LIMIT)].replace(char::is_control, " ")
}
