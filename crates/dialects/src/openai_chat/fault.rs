//! Error answers of hosts that speak chat completions, read into one table.
//!
//! Shapes seen: OpenAI's `{"error": {…}}`, xAI's `{"code", "error": "text"}`, DashScope's own
//! `{"code", "message"}`, MiniMax's `{"base_resp": {…}}` with status 200, plain text and HTML
//! (wire notes, sections 1 and 7 to 13).

use tollgate_chat::object::Object;

use crate::fault::{Fault, FaultKind, blames_the_request};

/// Longest provider message that is kept, in bytes.
const MESSAGE_LIMIT: usize = 2_000;
/// Longest code that is kept, in bytes; longer ones are no codes.
const CODE_LIMIT: usize = 64;
/// Longest name of a parameter that is kept, in bytes: a path into a schema may be long.
const PARAM_LIMIT: usize = 128;

/// What an answer with another status than 200 means.
pub fn of_status(status: u16, body: &[u8]) -> Fault {
    let text = String::from_utf8_lossy(body);
    let said = Said::read(&text).unwrap_or_else(|| Said::plain(&text));
    said.fault(Some(status))
}

/// The fault in a body or stream event that came with status 200; `None` where it is no error.
pub fn in_answer(object: &Object<'_>) -> Option<Fault> {
    Said::of_object(object).map(|said| said.fault(None))
}

/// What a host said, whatever the shape.
#[derive(Debug, Default)]
struct Said {
    message: String,
    kind: String,
    code: String,
    param: Option<String>,
    /// Whose numbers the code is from, where it is a number.
    numbers: Numbers,
}

/// Hosts whose codes are numbers. The same number means different things.
#[derive(Debug, Default, Clone, Copy)]
enum Numbers {
    #[default]
    Zhipu,
    Minimax,
}

impl Numbers {
    /// What a code means (wire notes, sections 11 and 13).
    fn meaning(self, code: &str) -> Option<FaultKind> {
        Some(match (self, code) {
            (Self::Zhipu, "1000" | "1001" | "1002" | "1003" | "1004") => FaultKind::Credential,
            (Self::Zhipu, "1113") => FaultKind::Quota,
            (Self::Zhipu, "1210" | "1212" | "1213" | "1214") => FaultKind::BadRequest,
            (Self::Zhipu, "1211") => FaultKind::ModelUnknown,
            (Self::Zhipu, "1261") => FaultKind::ContextLength,
            (Self::Zhipu, "1301") => FaultKind::ContentFilter,
            (Self::Zhipu, "1302" | "1303") => FaultKind::RateLimited,
            (Self::Zhipu, "1305") => FaultKind::Overloaded,
            (Self::Minimax, "1000" | "1001" | "1013") => FaultKind::Server,
            (Self::Minimax, "1002") => FaultKind::RateLimited,
            (Self::Minimax, "1004") => FaultKind::Credential,
            (Self::Minimax, "1008") => FaultKind::Quota,
            (Self::Minimax, "1026" | "1027") => FaultKind::ContentFilter,
            (Self::Minimax, "1039") => FaultKind::ContextLength,
            (Self::Minimax, "2013") => FaultKind::BadRequest,
            _ => return None,
        })
    }
}

impl Said {
    fn read(text: &str) -> Option<Self> {
        let object = match Object::parse(text) {
            Ok(object) => object,
            // Google's compatible endpoint wraps its error in an array.
            Err(_) => Object::parse(tollgate_chat::object::items(text).ok()?.first()?).ok()?,
        };
        Self::of_object(&object)
    }

    fn of_object(object: &Object<'_>) -> Option<Self> {
        if let Some(error) = object.present("error") {
            let Ok(error) = Object::parse(error) else {
                return Some(Self {
                    message: words(error),
                    code: word(object, "code"),
                    ..Self::default()
                });
            };
            return Some(Self {
                message: word(&error, "message"),
                kind: word(&error, "type"),
                code: word(&error, "code"),
                param: Some(word(&error, "param")).filter(|param| !param.is_empty()),
                ..Self::default()
            });
        }
        if let Some(Ok(base)) = object.present("base_resp").map(Object::parse) {
            let code = word(&base, "status_code");
            return (!matches!(&*code, "" | "0")).then(|| Self {
                message: word(&base, "status_msg"),
                code,
                numbers: Numbers::Minimax,
                ..Self::default()
            });
        }
        let is_answer = object.get("choices").is_some() || object.get("usage").is_some();
        let message = ["message", "msg", "detail"]
            .into_iter()
            .find_map(|name| object.present(name))?;
        (!is_answer).then(|| Self {
            message: words(message),
            code: word(object, "code"),
            kind: word(object, "type"),
            ..Self::default()
        })
    }

    fn plain(text: &str) -> Self {
        Self {
            message: clip(text),
            ..Self::default()
        }
    }

    fn fault(self, status: Option<u16>) -> Fault {
        Fault {
            kind: self.classify(status),
            message: self.message,
            param: self
                .param
                .filter(|param| is_name(param, PARAM_LIMIT, b"_.:-[]\"'")),
            code: Some(self.code).filter(|code| is_name(code, CODE_LIMIT, b"_.:-")),
            status,
            retry_after: None,
            should_retry: None,
        }
    }

    /// The table: codes first, since statuses lie (xAI's bad key is a 400, OpenAI's empty purse a
    /// 429); then the statuses that do not; then a message, unless the code says that the request
    /// itself is wrong, since a message may repeat the client's words; then the status.
    fn classify(&self, status: Option<u16>) -> FaultKind {
        let told = self
            .numbers
            .meaning(&self.code)
            .or_else(|| meaning_of(&self.code))
            .or_else(|| meaning_of(&self.kind));
        if let Some(kind) = told {
            return self.rather(kind);
        }
        let status = status.or_else(|| {
            // An error inside a 200 may name the status that it should have had.
            let code = self.code.parse().ok();
            code.filter(|code| (400..600).contains(code))
        });
        match status {
            Some(401) => FaultKind::Credential,
            Some(402) => FaultKind::Quota,
            // OpenAI calls it an unsupported value of `stream`.
            _ if starts_with_any(&self.message, OPERATORS_BEGINNINGS) => FaultKind::Credential,
            _ if self.refuses_a_parameter() => by_status(status.or(Some(400))),
            _ => self
                .meaning_of_message(status)
                .unwrap_or_else(|| by_status(status.or(self.is_vague_refusal().then_some(400)))),
        }
    }

    /// What a message says that a code does not: xAI denies permission for a blocked prompt, and Zhipu calls an
    /// overlong one a wrong parameter.
    fn rather(&self, kind: FaultKind) -> FaultKind {
        let said = || self.meaning_of_message(Some(400));
        match kind {
            FaultKind::Credential => said().filter(|said| *said == FaultKind::ContentFilter),
            FaultKind::BadRequest => {
                said().filter(|said| matches!(said, FaultKind::ContentFilter | FaultKind::ContextLength))
            }
            _ => None,
        }
        .unwrap_or(kind)
    }

    /// Whether the code says that some parameter is wrong, and not just that something is.
    fn refuses_a_parameter(&self) -> bool {
        starts_with_any(&self.code, PARAMETER_CODES) && !starts_with_any(&self.code, VAGUE_CODES)
    }

    /// Whether the host calls the request wrong without saying how.
    fn is_vague_refusal(&self) -> bool {
        let mut words = [&self.code, &self.kind].into_iter();
        words.any(|word| starts_with_any(word, VAGUE_CODES) || starts_with_any(word, PARAMETER_CODES))
    }

    fn meaning_of_message(&self, status: Option<u16>) -> Option<FaultKind> {
        let message = self.message.to_ascii_lowercase();
        let refused = matches!(status, Some(400 | 404 | 413 | 415 | 422));
        let found = PHRASES
            .iter()
            .find(|(_, phrases)| phrases.iter().any(|phrase| message.contains(phrase)))?;
        match found.0 {
            // With a status that blames the request, these are words of the request.
            FaultKind::RateLimited | FaultKind::Overloaded if refused => None,
            kind => Some(kind),
        }
    }
}

/// Where no word helps.
fn by_status(status: Option<u16>) -> FaultKind {
    match status {
        Some(403) => FaultKind::Credential,
        Some(404 | 405) => FaultKind::ModelUnknown,
        Some(429) => FaultKind::RateLimited,
        Some(503 | 529) => FaultKind::Overloaded,
        // Redirects are not followed: a base URL that answers with one is wrong.
        Some(300..=399) => FaultKind::ModelUnknown,
        Some(status) if blames_the_request(status) => FaultKind::BadRequest,
        _ => FaultKind::Server,
    }
}

/// What a code or a type means, by how it begins.
fn meaning_of(word: &str) -> Option<FaultKind> {
    // Ark names medium and direction before it: `InputImageSensitiveContentDetected`.
    if word.to_ascii_lowercase().contains("sensitivecontent") {
        return Some(FaultKind::ContentFilter);
    }
    let found = CODES.iter().find(|(_, codes)| starts_with_any(word, codes));
    found.map(|(kind, _)| *kind)
}

/// Beginnings of codes and types, the first that fits counts.
const CODES: &[(FaultKind, &[&str])] = &[
    (
        FaultKind::Quota,
        &[
            "insufficient_quota",
            "billing_",
            "exceeded_current_quota",
            "arrearage",
            "accountoverdue",
            "insufficient_balance",
        ],
    ),
    (
        FaultKind::Credential,
        &[
            "invalid_api_key",
            "invalid-api-key",
            "authentication",
            "invalid_authentication",
            "unauthorized",
            "permission_denied",
            "accessdenied",
        ],
    ),
    (
        FaultKind::ContextLength,
        &[
            "context_length_exceeded",
            "model_context_window_exceeded",
            // llama.cpp's.
            "exceed_context_size_error",
        ],
    ),
    (
        FaultKind::ContentFilter,
        &[
            "content_filter",
            "content_policy_violation",
            "data_inspection_failed",
            "datainspectionfailed",
            "inputtextsensitive",
            "inputimagesensitive",
            "outputtextsensitive",
            "moderation_blocked",
            // OpenAI's, for a prompt that was flagged.
            "invalid_prompt",
        ],
    ),
    (
        FaultKind::ModelUnknown,
        &[
            "model_not_found",
            "model_not_exist",
            "invalid_model",
            "invalidendpointormodel",
            "modelnotopen",
            "unsupportedmodel",
            "deploymentnotfound",
        ],
    ),
    (
        FaultKind::Overloaded,
        &["serveroverloaded", "engine_overloaded", "overloaded"],
    ),
    (
        FaultKind::RateLimited,
        &[
            "rate_limit",
            "ratelimit",
            "limit_requests",
            "modelaccountrpm",
            "modelaccounttpm",
            "quotaexceeded",
            "too_many_requests",
        ],
    ),
];

/// Beginnings of codes for a parameter that is wrong (OpenAI and those who follow it).
const PARAMETER_CODES: &[&str] = &[
    "invalid_",
    "unsupported_",
    "unknown_parameter",
    "missing_required_parameter",
    "string_above_",
    "array_above_",
    "empty_",
    "tool_use_failed",
];

/// Beginnings of codes and types for any refusal, an overlong prompt and a bad key among them.
const VAGUE_CODES: &[&str] = &[
    "invalid_request",
    "invalid_parameter",
    "invalid_argument",
    "invalid-argument",
    "invalidparameter",
    "missingparameter",
    "badrequest",
    "bad_request",
];

/// Beginnings of messages about what the operator's account may not do, whatever the code: nothing that a
/// client changes helps.
const OPERATORS_BEGINNINGS: &[&str] = &[
    "your organization must be verified",
    // Google's, at its compatible endpoint.
    "user location is not supported",
    "gemini api free tier is not available",
];

/// Phrases of messages in lower case, the first that fits counts.
const PHRASES: &[(FaultKind, &[&str])] = &[
    (
        FaultKind::Quota,
        &[
            "insufficient balance",
            "exceeded your current quota",
            "check your plan and billing details",
            "used all available credits",
            "monthly spending limit",
        ],
    ),
    (
        FaultKind::Credential,
        &["incorrect api key", "invalid api key", "api key not valid"],
    ),
    (
        FaultKind::ContextLength,
        &[
            "maximum context length",
            "context length",
            "context window",
            "prompt is too long",
            "input token count",
            "range of input length",
            "maximum prompt length",
            "exceeded model token limit",
            "available context size",
            "context size has been exceeded",
            "input is too long for requested model",
            "exceed context limit",
            "reduce the length of the messages",
        ],
    ),
    (
        FaultKind::ContentFilter,
        &[
            "considered high risk",
            "content management policy",
            // xAI's and OpenRouter's, with status 403.
            "content violates usage guidelines",
            "your input was flagged",
        ],
    ),
    (
        FaultKind::ModelUnknown,
        &[
            "model not exist",
            "model not found",
            "the model does not exist",
            "supported api model names",
        ],
    ),
    (FaultKind::Overloaded, &["overloaded"]),
    (FaultKind::RateLimited, &["rate limit"]),
];

fn starts_with_any(word: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| {
        word.get(..beginning.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(beginning))
    })
}

/// Whether `text` is a code or a path, so that it may be kept: anything else may be the client's
/// words, or harm a log.
fn is_name(text: &str, limit: usize, marks: &[u8]) -> bool {
    !text.is_empty()
        && text.len() <= limit
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

/// A member as text, numbers included; empty where it is absent.
fn word(object: &Object<'_>, name: &str) -> String {
    object.present(name).map_or_else(String::new, words)
}

/// A JSON value as text: what a string says, anything else as it stands.
fn words(json: &str) -> String {
    match serde_json::from_str::<String>(json) {
        Ok(text) => clip(&text),
        Err(_) => clip(json),
    }
}

/// The beginning of a text, on one line.
fn clip(text: &str) -> String {
    let text = text.trim();
    let end = text.floor_char_boundary(MESSAGE_LIMIT);
    // A control character may take two bytes; a space takes one, so the bound holds.
    text[..end].replace(char::is_control, " ")
}
