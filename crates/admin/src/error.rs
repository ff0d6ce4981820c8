//! Everything that can go wrong with a request to the admin API, and the only table to status, type and code.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tollgate_chat::error::ErrorBody;
use tollgate_store::{
    AssignError, ChangeAccountError, ChangeChannelError, ChangeKeyError, ChangeOperatorError,
    ChangePriceError, CreateAccountError, CreateKeyError, CreateOperatorError, StoreError, sealed::SealError,
};
use tracing::error;

use crate::server::json;

const INVALID: &str = "invalid_request_error";
const AUTHENTICATION: &str = "authentication_error";
const PERMISSION: &str = "permission_error";
const RATE_LIMIT: &str = "rate_limit_error";
const SERVER: &str = "server_error";

/// Why a request is not done. The text is what the operator reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    #[error(
        "there is no operator yet, so nobody may use the admin API; make one with: tollgate operators create --name NAME --role admin"
    )]
    NoOperator,
    #[error("no credential: send `Authorization: Bearer tgo_…`, a token of: tollgate operators token")]
    MissingToken,
    #[error(
        "this token is not known here, has ended or was revoked; another comes of: tollgate operators token"
    )]
    UnknownToken,
    #[error("the name or the password is wrong")]
    WrongPassword,
    #[error("too many attempts failed for this name or from this address; try again later")]
    TooManyAttempts { wait: Duration },
    #[error("as many sign-ins for this name or from this address are under way as may be; try again shortly")]
    AttemptsUnderWay,
    #[error("other operators are signing in at this moment; try again shortly")]
    SignInBusy,
    #[error("`{operator}` has the role `viewer`, which changes nothing; an admin can do it")]
    ViewerMayNot { operator: String },
    #[error("{method} {path} is not a route here; GET /admin/v1/openapi.json describes them all")]
    UnknownRoute { method: String, path: String },
    #[error("{path} does not take {method}")]
    WrongMethod { method: String, path: String },
    #[error("the body must be JSON: send `Content-Type: application/json`")]
    ContentType,
    #[error("the body is larger than 1 MiB, or was not sent whole")]
    BodyUnreadable,
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error("the body is not an object: its fields stand in `{{}}`")]
    NotObject,
    #[error("`{param}`: {problem}")]
    Value { param: String, problem: String },
    #[error("`{param}` is not known here: {problem}")]
    UnknownField { param: String, problem: String },
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String },
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    #[error("{0}")]
    IdTaken(String),
    #[error("the channel `{0}` stands in the configuration file, which is where it is changed")]
    ManagedByFile(String),
    #[error(
        "what can be set here was changed since it was seen: get it again, and see whether it is still to be changed"
    )]
    ChangedMeanwhile,
    #[error("{0}")]
    LastAdmin(String),
    #[error("{0}")]
    HasPrices(String),
    #[error("the channel's secrets cannot be kept: {0}")]
    Sealing(SealError),
    #[error("{0}")]
    TooMany(String),
    #[error("the database cannot be asked at the moment; try again shortly")]
    Database(StoreError),
    #[error("the system gave no random bytes")]
    Random,
    #[error("this took too long")]
    Timeout,
}

struct Row {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
}

fn row(status: StatusCode, kind: &'static str, code: &'static str) -> Row {
    Row { status, kind, code }
}

impl AdminError {
    /// A value that does not fit, at a field of the request.
    pub(crate) fn value(param: impl Into<String>, problem: impl ToString) -> Self {
        Self::Value {
            param: param.into(),
            problem: problem.to_string(),
        }
    }

    fn row(&self) -> Row {
        match self {
            Self::NoOperator => row(StatusCode::UNAUTHORIZED, AUTHENTICATION, "no_operator"),
            Self::MissingToken => row(StatusCode::UNAUTHORIZED, AUTHENTICATION, "missing_token"),
            Self::UnknownToken => row(StatusCode::UNAUTHORIZED, AUTHENTICATION, "invalid_token"),
            Self::WrongPassword => row(StatusCode::UNAUTHORIZED, AUTHENTICATION, "wrong_password"),
            Self::TooManyAttempts { .. } | Self::AttemptsUnderWay => {
                row(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT, "too_many_attempts")
            }
            Self::SignInBusy => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "sign_in_busy"),
            Self::ViewerMayNot { .. } => row(StatusCode::FORBIDDEN, PERMISSION, "role_not_sufficient"),
            Self::UnknownRoute { .. } => row(StatusCode::NOT_FOUND, INVALID, "unknown_route"),
            Self::WrongMethod { .. } => row(StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed"),
            Self::ContentType => row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "unsupported_content_type",
            ),
            Self::BodyUnreadable => row(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "body_too_large"),
            Self::NotJson(_) | Self::NotObject => row(StatusCode::BAD_REQUEST, INVALID, "invalid_json"),
            Self::Value { .. } => row(StatusCode::BAD_REQUEST, INVALID, "invalid_value"),
            Self::UnknownField { .. } => row(StatusCode::BAD_REQUEST, INVALID, "unknown_field"),
            Self::NotFound { .. } => row(StatusCode::NOT_FOUND, INVALID, "not_found"),
            Self::NameTaken(_) => row(StatusCode::CONFLICT, INVALID, "name_taken"),
            Self::IdTaken(_) => row(StatusCode::CONFLICT, INVALID, "id_taken"),
            Self::ManagedByFile(_) => row(StatusCode::CONFLICT, INVALID, "managed_by_file"),
            Self::LastAdmin(_) => row(StatusCode::CONFLICT, INVALID, "last_admin"),
            Self::HasPrices(_) => row(StatusCode::CONFLICT, INVALID, "channel_has_prices"),
            Self::ChangedMeanwhile => row(StatusCode::PRECONDITION_FAILED, INVALID, "changed_meanwhile"),
            Self::Sealing(SealError::NoKey) => row(StatusCode::CONFLICT, INVALID, "sealing_key_missing"),
            Self::Sealing(SealError::OtherKey | SealError::Damaged | SealError::Random) => {
                row(StatusCode::CONFLICT, INVALID, "secrets_unreadable")
            }
            Self::TooMany(_) => row(StatusCode::CONFLICT, INVALID, "too_many"),
            Self::Database(_) => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "database_unavailable"),
            Self::Random => row(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "no_random_bytes"),
            Self::Timeout => row(StatusCode::GATEWAY_TIMEOUT, SERVER, "timeout"),
        }
    }

    fn body(&self) -> Bytes {
        let row = self.row();
        let param = match self {
            Self::Value { param, .. } | Self::UnknownField { param, .. } => Some(param.clone()),
            _ => None,
        };
        let body = ErrorBody {
            message: self.to_string(),
            kind: row.kind,
            param,
            code: Some(row.code.to_owned()),
        };
        body.to_json().into()
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyAttempts { wait } => Some(wait.as_secs() + 1),
            Self::AttemptsUnderWay | Self::SignInBusy | Self::Database(_) => Some(1),
            _ => None,
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        if let Self::Database(error) = &self {
            error!(%error, "a request to the admin API failed");
        }
        let mut response = json(self.row().status, self.body());
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.row().status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::Database(error)
    }
}

impl From<CreateAccountError> for AdminError {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::NameTaken { name } => Self::NameTaken(name),
            CreateAccountError::Store(error) => Self::Database(error),
        }
    }
}

impl From<ChangeAccountError> for AdminError {
    fn from(error: ChangeAccountError) -> Self {
        match error {
            ChangeAccountError::NoSuchAccount { name } => Self::NotFound {
                what: "account",
                name,
            },
            error @ ChangeAccountError::BeyondReach { .. } => Self::value("amount", error),
            error @ ChangeAccountError::IdTaken { .. } => Self::IdTaken(error.to_string()),
            ChangeAccountError::Store(error) => Self::Database(error),
        }
    }
}

impl From<AssignError> for AdminError {
    fn from(error: AssignError) -> Self {
        match error {
            error @ AssignError::NothingMissing { .. } => Self::value("lost", error),
            AssignError::Account(error) => error.into(),
        }
    }
}

impl From<CreateKeyError> for AdminError {
    fn from(error: CreateKeyError) -> Self {
        match error {
            CreateKeyError::NameTaken { name } => Self::NameTaken(name),
            error @ CreateKeyError::NoSuchAccount { .. } => Self::value("account", error),
            CreateKeyError::Store(error) => Self::Database(error),
        }
    }
}

impl From<ChangeKeyError> for AdminError {
    fn from(error: ChangeKeyError) -> Self {
        match error {
            ChangeKeyError::NoSuchKey { name } | ChangeKeyError::NoKeyCalled { word: name } => {
                Self::NotFound { what: "key", name }
            }
            error @ ChangeKeyError::NoSuchAccount { .. } => Self::value("account", error),
            ChangeKeyError::Store(error) => Self::Database(error),
        }
    }
}

impl From<CreateOperatorError> for AdminError {
    fn from(error: CreateOperatorError) -> Self {
        match error {
            CreateOperatorError::NameTaken { name } => Self::NameTaken(name),
            CreateOperatorError::Store(error) => Self::Database(error),
        }
    }
}

impl From<ChangeChannelError> for AdminError {
    fn from(error: ChangeChannelError) -> Self {
        match error {
            ChangeChannelError::NoSuchChannel { name } => Self::NotFound {
                what: "channel",
                name,
            },
            ChangeChannelError::NameTaken { name } => Self::NameTaken(name),
            error @ ChangeChannelError::TooMany => Self::TooMany(error.to_string()),
            error @ ChangeChannelError::HasPrices { .. } => Self::HasPrices(error.to_string()),
            ChangeChannelError::Store(error) => Self::Database(error),
        }
    }
}

impl From<ChangePriceError> for AdminError {
    fn from(error: ChangePriceError) -> Self {
        match error {
            ChangePriceError::NoSuchPrice { id } => Self::NotFound {
                what: "price",
                name: id.to_string(),
            },
            error @ ChangePriceError::TooMany => Self::TooMany(error.to_string()),
            ChangePriceError::Store(error) => Self::Database(error),
        }
    }
}

impl From<ChangeOperatorError> for AdminError {
    fn from(error: ChangeOperatorError) -> Self {
        match error {
            ChangeOperatorError::NoSuchOperator { name } => Self::NotFound {
                what: "operator",
                name,
            },
            error @ ChangeOperatorError::LastAdmin { .. } => Self::LastAdmin(error.to_string()),
            ChangeOperatorError::NoSuchToken { prefix, .. } => Self::NotFound {
                what: "token",
                name: prefix.to_string(),
            },
            ChangeOperatorError::Store(error) => Self::Database(error),
        }
    }
}
