//! Operators. They are made and changed on the command line alone, where whoever does it has the machine anyway.

use axum::response::Response;
use serde::Serialize;
use tollgate_store::{ListedOperator, OperatorToken};
use utoipa::ToSchema;

use super::{ErrorShown, ok};
use crate::{error::AdminError, field::seconds, page::Page, roles::Reader};

/// An operator.
#[derive(Serialize, ToSchema)]
#[schema(as = Operator)]
pub(crate) struct OperatorShown {
    name: String,
    /// `admin` or `viewer`.
    role: &'static str,
    created: String,
    /// Whether they can sign in by password.
    has_password: bool,
    tokens: Vec<TokenShown>,
}

/// A token, without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = OperatorToken)]
pub(crate) struct TokenShown {
    name: String,
    prefix: String,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
}

impl From<ListedOperator> for OperatorShown {
    fn from(listed: ListedOperator) -> Self {
        let token = |token: OperatorToken| TokenShown {
            name: token.name,
            prefix: token.prefix.to_string(),
            created: seconds(token.created),
            expires: token.expires.map(seconds),
            revoked: token.revoked.map(seconds),
        };
        Self {
            name: listed.operator.name,
            role: listed.operator.role.as_str(),
            created: seconds(listed.operator.created),
            has_password: listed.operator.has_password,
            tokens: listed.tokens.into_iter().map(token).collect(),
        }
    }
}

/// List operators and their tokens, all in one page.
#[utoipa::path(get, path = "/operators", tag = "operators", operation_id = "list_operators",
    responses((status = 200, body = Page<OperatorShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list(reader: Reader) -> Result<Response, AdminError> {
    let found = reader.store().operators().await?;
    Ok(ok(&Page {
        data: found.into_iter().map(OperatorShown::from).collect(),
        next: None,
    }))
}
