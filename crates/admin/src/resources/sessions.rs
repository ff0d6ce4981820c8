//! Sessions: a name and a password for a token that ends soon.

use axum::{extract::State, response::Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tollgate_store::{NewOperatorToken, Operator};
use tracing::{info, warn};
use utoipa::ToSchema;

use super::{ErrorShown, answer, ok};
use crate::{
    body::Body,
    error::AdminError,
    field::seconds,
    roles::{Asked, Reader, nobody},
    secret,
    server::Shared,
};

/// A working day.
const LASTS: SignedDuration = SignedDuration::from_hours(12);
/// Names are shorter.
const NAME_BYTES: usize = 400;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    name: String,
    #[schema(format = Password)]
    password: String,
}

/// A session, with its token: shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// To be sent as `Authorization: Bearer tgs_…`.
    #[schema(example = "tgs_…")]
    token: String,
    expires: String,
    operator: Who,
}

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Who {
    name: String,
    /// `admin` or `viewer`.
    role: &'static str,
}

impl From<&Operator> for Who {
    fn from(operator: &Operator) -> Self {
        Self {
            name: operator.name.clone(),
            role: operator.role.as_str(),
        }
    }
}

/// Sign in with a name and a password. Wants no credential.
#[utoipa::path(post, path = "/sessions", tag = "sessions", operation_id = "sign_in", security(()), request_body = SignIn,
    responses((status = 201, body = Session), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    asked: Asked,
    Body(SignIn { name, password }): Body<SignIn>,
) -> Result<Response, AdminError> {
    if name.len() > NAME_BYTES {
        return Err(nobody(&shared, AdminError::WrongPassword).await?);
    }
    let attempt = shared.attempts.begin(&name, asked.client)?;
    let known = shared.store.operator_password(&name).await?;
    let hash = known.as_ref().map(|(_, hash)| hash.clone());
    let fits = shared.passwords.fit(password, hash, attempt).await?;
    let Some((operator, hash)) = known.filter(|_| fits) else {
        return Err(failed(&shared, &asked).await?);
    };
    let text = secret::session()?;
    let now = Timestamp::now();
    let expires = now.checked_add(LASTS).unwrap_or(Timestamp::MAX);
    let token = NewOperatorToken {
        name: "session".to_owned(),
        hash: text.hash(),
        prefix: text.prefix(),
        expires: Some(expires),
    };
    // The comparison takes its time, and the password that fitted may be none any more.
    let begun = shared
        .store
        .begin_session(operator.id, &hash, &token, now)
        .await?;
    let Some(operator) = begun else {
        return Err(failed(&shared, &asked).await?);
    };
    info!(operator = operator.name, client = %asked.client, "an operator signed in");
    let session = Session {
        token: text.reveal().to_owned(),
        expires: seconds(expires),
        operator: Who::from(&operator),
    };
    Ok(answer(StatusCode::CREATED, &session))
}

async fn failed(shared: &Shared, asked: &Asked) -> Result<AdminError, AdminError> {
    warn!(client = %asked.client, "an operator's sign-in failed");
    nobody(shared, AdminError::WrongPassword).await
}

/// Say who asks, by token or session.
#[utoipa::path(get, path = "/sessions/current", tag = "sessions", operation_id = "get_current",
    responses((status = 200, body = Who), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn current(reader: Reader) -> Response {
    ok(&Who::from(&reader.operator))
}

/// End the session that asks. A token is not ended by this.
#[utoipa::path(delete, path = "/sessions/current", tag = "sessions", operation_id = "sign_out",
    responses((status = 200, body = Who), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn sign_out(reader: Reader) -> Result<Response, AdminError> {
    reader.store().end_session(&reader.hash).await?;
    Ok(ok(&Who::from(&reader.operator)))
}
