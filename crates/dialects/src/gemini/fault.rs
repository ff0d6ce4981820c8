//! Google's errors, `{"error": {"code", "message", "status", "details"}}`, read into our words (wire
//! notes, section 4). Streams may wrap one in an array.

use std::{borrow::Cow, time::Duration};

use tollgate_chat::object::{Object, items};

use crate::{
    conversation::text,
    fault::{Fault, FaultKind, blames_the_request},
};

/// Longest provider message that is kept, in bytes.
const MESSAGE_LIMIT: usize = 2_000;
/// Longest code that is kept, in bytes.
const CODE_LIMIT: usize = 64;
/// Longest path to a parameter that is kept, in bytes.
const PATH_LIMIT: usize = 128;
/// Longest delay that is believed.
const DELAY_LIMIT: Duration = Duration::from_secs(86_400);

/// Says what an answer with another status than 200 means.
pub fn of_status(status: u16, body: &[u8]) -> Fault {
    let text = String::from_utf8_lossy(body);
    let fault = of_body(&text, status);
    fault.unwrap_or_else(|| Fault::new(by_status(status), clip(&text)))
}

/// The fault in a response that came with status 200; `None` where it is no error.
pub(super) fn in_answer(response: &Object<'_>) -> Option<Fault> {
    let error = response.present("error")?;
    Some(match Object::parse(error) {
        Ok(error) => of_error(&error, None),
        Err(_) => Fault::new(FaultKind::Server, clip(error)),
    })
}

fn of_body(text: &str, status: u16) -> Option<Fault> {
    let body = match Object::parse(text) {
        Ok(body) => body,
        Err(_) => Object::parse(items(text).ok()?.first()?).ok()?,
    };
    let error = Object::parse(body.present("error")?).ok()?;
    Some(of_error(&error, Some(status)))
}

fn of_error(error: &Object<'_>, status: Option<u16>) -> Fault {
    let message = text(error, "message").unwrap_or_default();
    let word: String = error.read("status").unwrap_or_default();
    let details = Details::read(error);
    let status = status.or_else(|| error.read("code"));
    let mut fault = Fault::new(
        classify(&word, status, &message, &details),
        clip(&message).into_owned(),
    );
    let code = details.reason.filter(|reason| !reason.is_empty()).unwrap_or(word);
    fault.code = Some(code).filter(|code| is_word(code));
    let param = details.field.as_deref().or_else(|| param_of(&message));
    fault.param = param.filter(|path| is_path(path)).map(str::to_owned);
    fault.retry_after = details.retry_after;
    fault
}

/// The table: what the details say, then Google's own word, then the HTTP status.
fn classify(word: &str, status: Option<u16>, message: &str, details: &Details) -> FaultKind {
    if let Some(kind) = details.reason.as_deref().and_then(by_reason) {
        return kind;
    }
    match word {
        // Said of the operator's project; words of the client come with the other two.
        "FAILED_PRECONDITION" if message.to_ascii_lowercase().contains("billing") => FaultKind::Credential,
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => refused(message),
        "UNAUTHENTICATED" => FaultKind::Credential,
        // Also said of a file that is not the credential's own, which the client named.
        "PERMISSION_DENIED" if message.contains(" access the File ") => FaultKind::BadRequest,
        "PERMISSION_DENIED" => FaultKind::Credential,
        "NOT_FOUND" if message.contains("CachedContent") => FaultKind::BadRequest,
        "NOT_FOUND" | "UNIMPLEMENTED" => FaultKind::ModelUnknown,
        "RESOURCE_EXHAUSTED" if details.out_of_quota || is_out_of_money(message) => FaultKind::Quota,
        "RESOURCE_EXHAUSTED" => FaultKind::RateLimited,
        "UNAVAILABLE" => FaultKind::Overloaded,
        "INTERNAL" | "UNKNOWN" | "DEADLINE_EXCEEDED" | "CANCELLED" | "ABORTED" | "DATA_LOSS" => {
            FaultKind::Server
        }
        _ => match status {
            Some(400) => refused(message),
            Some(429) if is_out_of_money(message) => FaultKind::Quota,
            status => by_status(status.unwrap_or(500)),
        },
    }
}

/// Reasons of `google.rpc.ErrorInfo`: the operator's trouble, whatever the status (a bad key is a 400).
fn by_reason(reason: &str) -> Option<FaultKind> {
    Some(match reason {
        "BILLING_DISABLED" | "BILLING_STATE_DISABLED" => FaultKind::Quota,
        "SERVICE_DISABLED"
        | "CONSUMER_INVALID"
        | "CONSUMER_SUSPENDED"
        | "ACCOUNT_STATE_INVALID"
        | "CREDENTIALS_MISSING"
        | "USER_PROJECT_DENIED" => FaultKind::Credential,
        key if key.starts_with("API_KEY_") || key.starts_with("ACCESS_TOKEN_") => FaultKind::Credential,
        _ => return None,
    })
}

/// Of requests that are refused as they are, those that are not the client's fault and those with a
/// name of their own. Only the beginning of a message is looked at where it may go on with the client's
/// words.
fn refused(message: &str) -> FaultKind {
    let lower = message.to_ascii_lowercase();
    let about_signatures = [
        "corrupted thought signature",
        "invalid thought signature",
        "thought signature is not valid",
        "is missing a thought_signature",
    ];
    let is_no_base64 = lower.starts_with("invalid value at 'contents[")
        && lower.contains(".thought_signature'")
        && lower.contains("base64 decoding failed");
    if is_no_base64 || about_signatures.iter().any(|words| lower.contains(words)) {
        return FaultKind::StateRefused;
    }
    let starts = |beginning: &str| {
        message
            .get(..beginning.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    };
    if starts("API key not valid") || starts("API key expired") || starts("API key not found") {
        return FaultKind::Credential;
    }
    // Of the operator's project: nobody's prompt helps.
    if starts("User location is not supported") || starts("Gemini API free tier is not available") {
        return FaultKind::Credential;
    }
    let too_long = [
        "exceeds the maximum number of tokens allowed",
        "but model only supports up to",
        "but the model only supports up to",
    ];
    if message.contains("input token count") && too_long.iter().any(|phrase| message.contains(phrase)) {
        return FaultKind::ContextLength;
    }
    if message.contains("Responsible AI practices") {
        return FaultKind::ContentFilter;
    }
    FaultKind::BadRequest
}

/// The path that a message speaks of: `… at 'generation_config': Cannot find field.`, `Invalid value at
/// 'contents[0]' (…)`, `* GenerateContentRequest.tools[0].…: …`; Vertex says `it has a topP value of 7`.
fn param_of(message: &str) -> Option<&str> {
    let between = |before: &str, after: &[char]| {
        let (_, rest) = message.split_once(before)?;
        rest.split(after).next()
    };
    between(" at '", &['\''])
        .or_else(|| between("GenerateContentRequest.", &[':', ' ', '\n']))
        .or_else(|| {
            let (rest, _) = message.split_once(" value of ")?;
            rest.rsplit(' ').next()
        })
}

fn is_path(text: &str) -> bool {
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"_.[]".contains(&byte);
    !text.is_empty() && text.len() <= PATH_LIMIT && text.bytes().all(in_path)
}

fn is_out_of_money(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["credits are depleted", "spending cap", "spend cap"]
        .iter()
        .any(|phrase| message.contains(phrase))
}

fn by_status(status: u16) -> FaultKind {
    match status {
        401 | 403 => FaultKind::Credential,
        402 => FaultKind::Quota,
        // Redirects are not followed: a base URL that answers with one is wrong.
        300..=399 | 404 | 405 => FaultKind::ModelUnknown,
        429 => FaultKind::RateLimited,
        503 | 529 => FaultKind::Overloaded,
        status if blames_the_request(status) => FaultKind::BadRequest,
        _ => FaultKind::Server,
    }
}

/// What `error.details` says.
#[derive(Debug, Default)]
struct Details {
    reason: Option<String>,
    /// The first field that is complained about.
    field: Option<String>,
    /// Waiting for a minute will not do.
    out_of_quota: bool,
    retry_after: Option<Duration>,
}

impl Details {
    fn read(error: &Object<'_>) -> Self {
        let mut told = Self::default();
        for detail in items(error.present("details").unwrap_or_default()).unwrap_or_default() {
            let Ok(detail) = Object::parse(detail) else {
                continue;
            };
            let kind: String = detail.read("@type").unwrap_or_default();
            match kind.rsplit('.').next().unwrap_or_default() {
                "ErrorInfo" => told.reason = told.reason.or_else(|| detail.read("reason")),
                "BadRequest" => {
                    let violations = items(detail.present("fieldViolations").unwrap_or_default());
                    let mut fields = violations.unwrap_or_default().into_iter();
                    let first = fields.find_map(|field| text(&Object::parse(field).ok()?, "field"));
                    let first = first.filter(|field| !field.is_empty()).map(Cow::into_owned);
                    told.field = told.field.or(first);
                }
                "RetryInfo" => {
                    told.retry_after = detail.read::<String>("retryDelay").and_then(|text| delay(&text))
                }
                "QuotaFailure" => {
                    let violations = items(detail.present("violations").unwrap_or_default());
                    told.out_of_quota |= violations.unwrap_or_default().into_iter().any(lasts);
                }
                _ => {}
            }
        }
        told
    }
}

/// Whether a violated quota is one of a day, or one that lets nothing pass at all.
fn lasts(violation: &str) -> bool {
    let Ok(violation) = Object::parse(violation) else {
        return false;
    };
    let id: String = violation.read("quotaId").unwrap_or_default();
    id.contains("PerDay") || matches!(violation.present("quotaValue"), Some("\"0\"" | "0"))
}

/// `34.4s`, as Google writes durations.
fn delay(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    let delay = Duration::try_from_secs_f64(seconds).ok()?;
    Some(delay.min(DELAY_LIMIT))
}

/// Whether `text` is one of Google's words: anything else may be the client's, or harm a log.
pub(super) fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !text.is_empty() && text.len() <= CODE_LIMIT && text.bytes().all(allowed)
}

/// The beginning of a text, on one line.
pub(super) fn clip(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let text = &text[..text.floor_char_boundary(MESSAGE_LIMIT)];
    match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, " ")),
        false => Cow::Borrowed(text),
    }
}
