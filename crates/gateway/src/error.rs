//! Everything that can go wrong with a request, and the only table to status, type and code.

mod failure;
mod limit;
mod shown;

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use thiserror::Error;
use tollgate_catalog::contract::Violations;
use tollgate_chat::{error::ErrorBody, request::BodyError};
use tollgate_dialects::{Fault, Missing, Unsupported};
use tollgate_ledger::{
    limits::{Fund, Limit, NoMoney, Owner, Refusal},
    purse::Short,
};
use tollgate_store::StoreError;

pub use self::{
    failure::{AttemptFailure, Failure},
    shown::{BLOT, shown_code},
};
use self::{
    limit::{limit_reached, no_price, too_little_money, unbounded},
    shown::{shown, shown_param},
};
use crate::{
    attempt::fetch::NotFetched,
    body::{Response, whole},
};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Why a request has no answer. The text is what the client reads.
#[derive(Debug, Error)]
pub enum GateError {
    #[error("no API key: send `Authorization: Bearer sk-…`")]
    MissingKey,
    #[error("the Authorization header is not of the form `Bearer sk-…`")]
    MalformedKey,
    #[error("this API key is not known here; check it for typing errors, or ask the operator for a new one")]
    UnknownKey,
    #[error("this API key was revoked; ask the operator for a new one")]
    RevokedKey,
    #[error("this API key has expired; ask the operator for a new one")]
    ExpiredKey,
    #[error("this API key is switched off; ask the operator to switch it on again")]
    DisabledKey,
    #[error("another API key took this one's place; ask the operator for it")]
    ReplacedKey,
    #[error("this API key may not be used from {client}; ask the operator to allow that address")]
    AddressNotAllowed { client: IpAddr },
    #[error("this API key may not call the model `{model}`; GET /v1/models lists what it may call")]
    ModelNotAllowed { model: String },
    #[error("no channel that this API key may use serves the model `{model}`; ask the operator to allow one")]
    ChannelNotAllowed { model: String },
    #[error("{} {} is not a route here{}", method, path, nearest.as_ref().map(|route| format!("; did you mean {route}?")).unwrap_or_default())]
    UnknownRoute {
        method: String,
        path: String,
        nearest: Option<String>,
    },
    #[error("no request with this ID is known here: it is still under way, or no longer kept")]
    UnknownRequest,
    #[error("{path} takes {allowed}, not {method}")]
    WrongMethod {
        method: String,
        path: String,
        allowed: &'static str,
    },
    #[error("path and headers are larger than {} KiB together, the limit here", limit / 1024)]
    HeadersTooLarge { limit: usize },
    #[error("the body must be JSON: send `Content-Type: application/json`, not `{0}`")]
    ContentType(String),
    #[error("the body must not be compressed: send it without `Content-Encoding: {0}`")]
    ContentEncoding(String),
    #[error("the body is larger than {} MiB, the limit here", limit / (1024 * 1024))]
    BodyTooLarge { limit: usize },
    #[error("the body paused for too long before it was complete")]
    BodyTimeout,
    #[error("the connection broke before the body was complete")]
    BodyCut,
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{}", .0.message())]
    Invalid(Violations),
    #[error(
        "the model `{model}` does not exist or is not served here{}",
        nearest_models(nearest)
    )]
    UnknownModel { model: String, nearest: Vec<String> },
    #[error(
        "the model `{model}` was retired by its provider on {date}; see /v1/models for what can be called"
    )]
    RetiredModel { model: String, date: String },
    #[error("{0}")]
    Unsupported(Unsupported),
    #[error("{0}")]
    NotFetched(NotFetched),
    #[error("no channel serves the model `{model}`; the operator has to configure one")]
    NoChannel { model: String },
    #[error(
        "no channel that `x-tollgate-channel` and `x-tollgate-exclude` leave serves the model `{model}`; name another, or leave the headers out"
    )]
    NoSuchChannel { model: String },
    #[error("the header Idempotency-Key must come once, with 1 to {limit} visible ASCII characters")]
    IdempotencyKey { limit: usize },
    #[error("this Idempotency-Key was sent with another body; send each request with a key of its own")]
    IdempotencyKeyReused,
    #[error(
        "the answer to this Idempotency-Key was too large to be kept; to ask again, and to pay again, send another key"
    )]
    AnswerNotKept,
    #[error("{}", limit_reached(.0))]
    Limit(Refusal),
    #[error("the parameter `{param}` in the address {problem}")]
    Query { param: String, problem: &'static str },
    #[error("{}", too_little_money(.0))]
    NoMoney(NoMoney),
    #[error("{}", no_price(model, field.as_deref()))]
    NoPrice { model: String, field: Option<String> },
    #[error("{}", unbounded(*by_url))]
    UnboundedPrompt { by_url: bool },
    #[error(
        "the gate's books are at their limit of requests that are not in the database yet; try again shortly"
    )]
    NoRoom,
    #[error("the gate is at its limit of requests under way; try again shortly")]
    TooManyInFlight,
    #[error("the gate is at its limit of memory for requests under way; try again shortly")]
    MemoryFull,
    #[error("API keys cannot be looked up at the moment; try again shortly")]
    Database(#[from] StoreError),
    #[error("what this API key may still spend cannot be looked up at the moment; try again shortly")]
    NoLease(StoreError),
    #[error("the request was not answered within its deadline of {} s", limit.as_secs())]
    Deadline { limit: Duration },
    #[error("the gate shut down before the answer was complete; try again shortly")]
    ShutDown,
    /// The provider refuses what the client sent.
    #[error("{}", shown(&fault.message, "the provider refused the request"))]
    Refused { fault: Fault },
    #[error("{}", shown(&fault.message, "prompt and output limit do not fit the model's context"))]
    ContextLength { fault: Fault },
    #[error("the provider's content filter blocked this request")]
    ContentFilter,
    #[error("the providers of this model are at their rate limit; try again later")]
    RateLimited { retry_after: Option<Duration> },
    #[error("the providers of this model are overloaded; try again shortly")]
    Overloaded { retry_after: Option<Duration> },
    /// By the operator's own limit, so no provider is overloaded.
    #[error("the channels of this model have as many requests under way as they may have; try again shortly")]
    ChannelsFull,
    /// Credential, quota, address or model name of a channel: the operator's trouble.
    #[error("the provider cannot be used at the moment; the operator can find the cause by the request ID")]
    Misconfigured,
    #[error("the provider failed to answer")]
    ProviderFailed { retry_after: Option<Duration> },
    #[error("the provider sent an answer that cannot be read")]
    ProviderMalformed,
    #[error("the model's answer is not what was asked: it {0}")]
    NotAsAsked(Missing),
    #[error("the provider's answer broke off before its end")]
    StreamCut,
    #[error("the provider cannot be reached")]
    Unreachable,
    #[error("the provider did not answer in time")]
    ProviderTimeout,
    #[error("the provider's answer is larger than the limit here")]
    AnswerTooLarge,
    #[error("the embedded model is not installed; run `tollgate models pull` and send the request again")]
    SandboxMissing,
    #[error("the embedded model cannot be loaded; the operator can find the cause by the request ID")]
    SandboxBroken,
    #[error("the embedded model has too many requests waiting; try again shortly")]
    SandboxBusy,
    #[error("the embedded model failed to answer")]
    SandboxFailed,
}

/// A row of the table.
struct Row {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
}

const fn row(status: StatusCode, kind: &'static str, code: &'static str) -> Row {
    Row {
        status,
        kind,
        code: Some(code),
    }
}

const INVALID: &str = "invalid_request_error";
const AUTHENTICATION: &str = "authentication_error";
const PERMISSION: &str = "permission_error";
const QUOTA: &str = "insufficient_quota";
const RATE_LIMIT: &str = "rate_limit_error";
const SERVER: &str = "server_error";

impl GateError {
    fn row(&self) -> Row {
        match self {
            Self::MissingKey
            | Self::MalformedKey
            | Self::UnknownKey
            | Self::RevokedKey
            | Self::ReplacedKey => row(StatusCode::UNAUTHORIZED, AUTHENTICATION, "invalid_api_key"),
            Self::ExpiredKey => row(StatusCode::UNAUTHORIZED, AUTHENTICATION, "api_key_expired"),
            Self::DisabledKey => row(StatusCode::UNAUTHORIZED, AUTHENTICATION, "api_key_disabled"),
            Self::AddressNotAllowed { .. } => row(StatusCode::FORBIDDEN, PERMISSION, "address_not_allowed"),
            Self::ModelNotAllowed { .. } => row(StatusCode::FORBIDDEN, PERMISSION, "model_not_allowed"),
            Self::ChannelNotAllowed { .. } => row(StatusCode::FORBIDDEN, PERMISSION, "channel_not_allowed"),
            Self::UnknownRoute { .. } => row(StatusCode::NOT_FOUND, INVALID, "unknown_route"),
            Self::UnknownRequest => row(StatusCode::NOT_FOUND, INVALID, "request_not_found"),
            Self::WrongMethod { .. } => row(StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed"),
            Self::ContentType(_) => row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "unsupported_media_type",
            ),
            Self::ContentEncoding(_) => row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "unsupported_content_encoding",
            ),
            Self::HeadersTooLarge { .. } => row(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                INVALID,
                "headers_too_large",
            ),
            Self::BodyTooLarge { .. } => row(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "request_too_large"),
            Self::BodyTimeout => row(StatusCode::REQUEST_TIMEOUT, INVALID, "request_timeout"),
            Self::BodyCut => row(StatusCode::BAD_REQUEST, INVALID, "incomplete_body"),
            Self::Body(_) => row(StatusCode::BAD_REQUEST, INVALID, "invalid_json"),
            Self::Invalid(violations) => row(StatusCode::BAD_REQUEST, INVALID, violations.code().as_str()),
            Self::UnknownModel { .. } | Self::RetiredModel { .. } => {
                row(StatusCode::NOT_FOUND, INVALID, "model_not_found")
            }
            Self::Unsupported(_) => row(StatusCode::BAD_REQUEST, INVALID, "unsupported_parameter"),
            Self::NotFetched(_) => row(StatusCode::BAD_REQUEST, INVALID, "media_not_fetched"),
            Self::NoChannel { .. } => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "no_channel"),
            Self::NoSuchChannel { .. } => row(StatusCode::BAD_REQUEST, INVALID, "channel_not_found"),
            Self::IdempotencyKey { .. } => row(StatusCode::BAD_REQUEST, INVALID, "invalid_idempotency_key"),
            Self::IdempotencyKeyReused => row(StatusCode::BAD_REQUEST, INVALID, "idempotency_key_reused"),
            Self::AnswerNotKept => row(StatusCode::CONFLICT, INVALID, "answer_not_kept"),
            Self::Limit(refusal) => match (refusal.owner, refusal.limit) {
                (Owner::Key, Limit::RequestsPerMinute) => row(
                    StatusCode::TOO_MANY_REQUESTS,
                    RATE_LIMIT,
                    "requests_per_minute_exceeded",
                ),
                (Owner::Key, Limit::TokensPerMinute) => row(
                    StatusCode::TOO_MANY_REQUESTS,
                    RATE_LIMIT,
                    "tokens_per_minute_exceeded",
                ),
                (Owner::Key, Limit::Concurrency) => row(
                    StatusCode::TOO_MANY_REQUESTS,
                    RATE_LIMIT,
                    "concurrency_limit_exceeded",
                ),
                (Owner::Account, Limit::RequestsPerMinute) => row(
                    StatusCode::TOO_MANY_REQUESTS,
                    RATE_LIMIT,
                    "account_requests_per_minute_exceeded",
                ),
                (Owner::Account, Limit::TokensPerMinute) => row(
                    StatusCode::TOO_MANY_REQUESTS,
                    RATE_LIMIT,
                    "account_tokens_per_minute_exceeded",
                ),
                (Owner::Account, Limit::Concurrency) => row(
                    StatusCode::TOO_MANY_REQUESTS,
                    RATE_LIMIT,
                    "account_concurrency_limit_exceeded",
                ),
            },
            Self::NoMoney(refusal) => match (refusal.short, refusal.owner, refusal.fund) {
                (Short::Spent, Owner::Key, _) => row(StatusCode::PAYMENT_REQUIRED, QUOTA, "budget_exceeded"),
                (Short::Spent, Owner::Account, Fund::Budget(_)) => {
                    row(StatusCode::PAYMENT_REQUIRED, QUOTA, "account_budget_exceeded")
                }
                (Short::Spent, Owner::Account, Fund::Credit) => {
                    row(StatusCode::PAYMENT_REQUIRED, QUOTA, "account_credit_exceeded")
                }
                (Short::Held | Short::Unleased, Owner::Key, _) => {
                    row(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT, "budget_held")
                }
                (Short::Held | Short::Unleased, Owner::Account, Fund::Budget(_)) => {
                    row(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT, "account_budget_held")
                }
                (Short::Held | Short::Unleased, Owner::Account, Fund::Credit) => {
                    row(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT, "account_credit_held")
                }
            },
            Self::NoPrice { .. } => row(StatusCode::FORBIDDEN, PERMISSION, "model_price_missing"),
            Self::Query { .. } => row(StatusCode::BAD_REQUEST, INVALID, "invalid_query"),
            Self::UnboundedPrompt { .. } => row(StatusCode::BAD_REQUEST, INVALID, "unbounded_prompt"),
            Self::NoRoom => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "spool_full"),
            Self::TooManyInFlight | Self::MemoryFull => {
                row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "overloaded")
            }
            Self::Database(_) | Self::NoLease(_) => {
                row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "database_unavailable")
            }
            Self::Deadline { .. } => row(StatusCode::GATEWAY_TIMEOUT, SERVER, "deadline_exceeded"),
            Self::ShutDown => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "shut_down"),
            Self::Refused { .. } => Row {
                status: StatusCode::BAD_REQUEST,
                kind: INVALID,
                code: None,
            },
            Self::ContextLength { .. } => row(StatusCode::BAD_REQUEST, INVALID, "context_length_exceeded"),
            Self::ContentFilter => row(StatusCode::BAD_REQUEST, INVALID, "content_filter"),
            Self::RateLimited { .. } => row(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT, "rate_limit_exceeded"),
            Self::Overloaded { .. } => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "provider_overloaded"),
            Self::ChannelsFull => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "channels_full"),
            Self::Misconfigured => row(StatusCode::BAD_GATEWAY, SERVER, "provider_unavailable"),
            Self::ProviderFailed { .. } => row(StatusCode::BAD_GATEWAY, SERVER, "provider_error"),
            Self::ProviderMalformed => row(StatusCode::BAD_GATEWAY, SERVER, "provider_malformed_answer"),
            Self::NotAsAsked(_) => row(StatusCode::BAD_GATEWAY, SERVER, "answer_not_as_asked"),
            Self::StreamCut => row(StatusCode::BAD_GATEWAY, SERVER, "provider_stream_cut"),
            Self::Unreachable => row(StatusCode::BAD_GATEWAY, SERVER, "provider_unreachable"),
            Self::ProviderTimeout => row(StatusCode::GATEWAY_TIMEOUT, SERVER, "provider_timeout"),
            Self::AnswerTooLarge => row(StatusCode::BAD_GATEWAY, SERVER, "provider_answer_too_large"),
            Self::SandboxMissing => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "embedded_model_missing"),
            Self::SandboxBroken => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "embedded_model_damaged"),
            Self::SandboxBusy => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "embedded_model_busy"),
            Self::SandboxFailed => row(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "embedded_model_failed"),
        }
    }

    pub fn status(&self) -> StatusCode {
        self.row().status
    }

    /// The body that the client reads.
    pub fn body(&self) -> ErrorBody {
        let row = self.row();
        let (param, code) = match self {
            Self::Invalid(violations) => (Some(violations.param().to_owned()), None),
            Self::UnknownModel { .. }
            | Self::RetiredModel { .. }
            | Self::ModelNotAllowed { .. }
            | Self::ChannelNotAllowed { .. } => (Some("model".to_owned()), None),
            Self::Query { param, .. } => (Some(param.clone()), None),
            Self::NoPrice { field, .. } => (Some(field.clone().unwrap_or_else(|| "model".to_owned())), None),
            Self::UnboundedPrompt { .. } => (Some("messages".to_owned()), None),
            Self::Unsupported(unsupported) => (Some(unsupported.param.clone()), None),
            Self::NotFetched(failed) => (Some(failed.param.clone()), None),
            Self::Refused { fault } => {
                let param = fault.param.as_deref().and_then(shown_param);
                let code = fault.code.as_deref().and_then(shown_code);
                (param.map(str::to_owned), code.map(str::to_owned))
            }
            Self::ContextLength { .. } => (Some("messages".to_owned()), None),
            _ => (None, None),
        };
        ErrorBody {
            message: self.to_string(),
            kind: row.kind,
            param: param.filter(|param| !param.is_empty()),
            code: code.or_else(|| row.code.map(str::to_owned)),
        }
    }

    /// The code for logs and metrics: from a closed set.
    pub fn code(&self) -> &'static str {
        self.row().code.unwrap_or("provider_refused")
    }

    /// The answer with status, headers and body.
    pub fn into_response(self) -> Response {
        let mut response = http::Response::new(whole(Bytes::from(self.body().to_json())));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.write_advice(headers);
        response
    }

    /// When to come back, and whether at all; the SDKs obey both.
    fn write_advice(&self, headers: &mut HeaderMap) {
        if let Some(wait) = self.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(wait.as_millis() as u64));
        }
        if self.is_final() {
            headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if let Self::WrongMethod { allowed, .. } = self {
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        const SHORTLY: Duration = Duration::from_secs(1);
        match self {
            Self::RateLimited { retry_after } => Some(retry_after.unwrap_or(Duration::from_secs(5))),
            Self::Overloaded { retry_after } => Some(retry_after.unwrap_or(SHORTLY)),
            Self::ProviderFailed { retry_after } => *retry_after,
            Self::Limit(refusal) => refusal.wait,
            Self::NoMoney(NoMoney {
                short: Short::Held | Short::Unleased,
                ..
            })
            | Self::NoRoom => Some(SHORTLY),
            Self::TooManyInFlight
            | Self::MemoryFull
            | Self::Database(_)
            | Self::NoLease(_)
            | Self::SandboxBusy
            | Self::ChannelsFull
            | Self::ShutDown => Some(SHORTLY),
            Self::NoChannel { .. } => Some(Duration::from_secs(30)),
            _ => None,
        }
    }

    /// Whether an SDK should not send the same request again although its status invites it to: it would
    /// fail again, or it was paid for.
    fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Misconfigured
                | Self::NotAsAsked(_)
                | Self::Deadline { .. }
                | Self::SandboxMissing
                | Self::SandboxBroken
                | Self::AnswerTooLarge
                | Self::AnswerNotKept
                | Self::Limit(Refusal { wait: None, .. })
                | Self::NoMoney(NoMoney {
                    short: Short::Spent,
                    ..
                })
        )
    }

    /// Whether the same request would meet the same end, or was paid for: then its retry gets this error again,
    /// and asks nobody.
    pub fn would_come_again(&self) -> bool {
        matches!(
            self,
            Self::Unsupported(_)
                | Self::Refused { .. }
                | Self::ContextLength { .. }
                | Self::ContentFilter
                | Self::NotAsAsked(_)
                | Self::AnswerTooLarge
        )
    }
}

fn nearest_models(nearest: &[String]) -> String {
    match nearest {
        [] => "; GET /v1/models lists what can be called".to_owned(),
        ids => format!(
            "; did you mean {}?",
            ids.iter()
                .map(|id| format!("`{id}`"))
                .collect::<Vec<_>>()
                .join(" or ")
        ),
    }
}

#[cfg(test)]
mod tests;
