//! Error answers of hosts that speak chat completions, read into one table.
//!
//! Shapes seen: OpenAI's `{"error": {…}}`, xAI's `{"code", "error": "text"}`, DashScope's own
//! `{"code", "message"}`, MiniMax's `{"base_resp": {…}}` with status 200, plain text and HTML
//! (wire notes, sections 1 and 7 to 13).

use tollgate_chat::object::Object;

use crate::fault::{Fault, FaultKind};

/// Longest provider message that is kept, in bytes.
const MESSAGE_LIMIT: usize = 2_000;

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
            (Self::Zhipu, "1301") => FaultKind::ContentFilter,
            (Self::Zhipu, "1302" | "1303") => FaultKind::RateLimited,
            (Self::Zhipu, "1305") => FaultKind::Overloaded,
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
                    message: serde_json::from_str(error).unwrap_or_else(|_| clip(error)),
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
            message: serde_json::from_str(message).unwrap_or_else(|_| clip(message)),
            code: word(object, "code"),
            kind: word(object, "type"),
            ..Self::default()
        })
    }

    fn plain(text: &str) -> Self {
        Self {
            message: clip(text.trim()),
            ..Self::default()
        }
    }

    fn fault(self, status: Option<u16>) -> Fault {
        Fault {
            kind: self.classify(status),
            message: clip(&self.message),
            param: self.param,
            code: Some(self.code).filter(|code| !code.is_empty()),
            retry_after: None,
        }
    }

    /// The table: numbers and words first, since statuses lie (xAI's bad key is a 400, OpenAI's empty
    /// purse a 429), then the status.
    fn classify(&self, status: Option<u16>) -> FaultKind {
        let code_is = |codes: &[&str]| {
            codes.iter().any(|code| {
                let starts = |word: &str| {
                    word.get(..code.len())
                        .is_some_and(|head| head.eq_ignore_ascii_case(code))
                };
                starts(&self.code) || starts(&self.kind)
            })
        };
        let message = self.message.to_ascii_lowercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));

        if let Some(kind) = self.numbers.meaning(&self.code) {
            kind
        } else if code_is(QUOTA_CODES) || says(QUOTA_PHRASES) || status == Some(402) {
            FaultKind::Quota
        } else if code_is(CREDENTIAL_CODES) || says(CREDENTIAL_PHRASES) || status == Some(401) {
            FaultKind::Credential
        } else if code_is(CONTEXT_CODES) || says(CONTEXT_PHRASES) {
            FaultKind::ContextLength
        } else if code_is(FILTER_CODES) || says(FILTER_PHRASES) {
            FaultKind::ContentFilter
        } else if code_is(MODEL_CODES) || says(MODEL_PHRASES) {
            FaultKind::ModelUnknown
        } else if code_is(OVERLOAD_CODES) || says(&["overloaded"]) {
            FaultKind::Overloaded
        } else if code_is(RATE_CODES) || says(&["rate limit"]) {
            FaultKind::RateLimited
        } else {
            by_status(status)
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
        Some(400 | 409 | 413 | 415 | 422 | 424) => FaultKind::BadRequest,
        // Redirects are not followed: a base URL that answers with one is wrong.
        Some(300..=399) => FaultKind::ModelUnknown,
        Some(401..=499) => FaultKind::BadRequest,
        _ => FaultKind::Server,
    }
}

const QUOTA_CODES: &[&str] = &[
    "insufficient_quota",
    "billing_",
    "exceeded_current_quota",
    "arrearage",
    "accountoverdue",
    "insufficient_balance",
];
const QUOTA_PHRASES: &[&str] = &["insufficient balance", "exceeded your current quota", "billing"];
const CREDENTIAL_CODES: &[&str] = &[
    "invalid_api_key",
    "invalid-api-key",
    "authentication",
    "invalid_authentication",
    "unauthorized",
    "permission_denied",
    "accessdenied",
];
const CREDENTIAL_PHRASES: &[&str] = &["incorrect api key", "invalid api key", "api key not valid"];
const CONTEXT_CODES: &[&str] = &["context_length_exceeded", "model_context_window_exceeded"];
const CONTEXT_PHRASES: &[&str] = &[
    "maximum context length",
    "context length",
    "context window",
    "prompt is too long",
    "input token count",
    "range of input length",
    "maximum prompt length",
    "exceeded model token limit",
];
const FILTER_CODES: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "data_inspection_failed",
    "datainspectionfailed",
    "sensitivecontentdetected",
    "inputtextsensitive",
    "inputimagesensitive",
    "outputtextsensitive",
    "moderation_blocked",
];
const FILTER_PHRASES: &[&str] = &["considered high risk", "content management policy"];
const MODEL_CODES: &[&str] = &[
    "model_not_found",
    "model_not_exist",
    "invalidendpointormodel",
    "modelnotopen",
    "unsupportedmodel",
    "deploymentnotfound",
];
const MODEL_PHRASES: &[&str] = &["model not exist", "model not found", "the model does not exist"];
const OVERLOAD_CODES: &[&str] = &["serveroverloaded", "engine_overloaded", "overloaded"];
const RATE_CODES: &[&str] = &[
    "rate_limit",
    "ratelimit",
    "limit_requests",
    "modelaccountrpm",
    "modelaccounttpm",
    "quotaexceeded",
    "too_many_requests",
];

/// A member as text, numbers included; empty where it is absent.
fn word(object: &Object<'_>, name: &str) -> String {
    object.present(name).map_or_else(String::new, |value| {
        serde_json::from_str::<String>(value).unwrap_or_else(|_| clip(value))
    })
}

fn clip(text: &str) -> String {
    let end = text.floor_char_boundary(MESSAGE_LIMIT);
    text[..end].to_owned()
}
