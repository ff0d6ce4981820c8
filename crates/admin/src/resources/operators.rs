//! Operators: who may use this API. The first admin is made on the command line; they make the others.

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollgate_ledger::{KeyPrefix, name::name};
use tollgate_store::{
    ListedOperator, NewOperatorToken, Operator, OperatorId, OperatorSettings, OperatorToken, PasswordMark,
    Role,
};
use utoipa::ToSchema;

use super::{ErrorShown, answer, ok};
use crate::{
    body::Body,
    error::AdminError,
    field::{Second, Text, given, seconds, set},
    page::Page,
    query::{Name, TwoNames},
    roles::{Reader, Writer},
    secret,
    seen::{IfMatch, IfNoneMatch, Seen, tagged},
};

/// What a token is for where nothing is said.
const LABEL: &str = "token";

/// An operator.
#[derive(Serialize, ToSchema)]
#[schema(as = Operator)]
pub(crate) struct OperatorShown {
    name: String,
    /// `admin` or `viewer`.
    role: &'static str,
    /// False: nothing that they have is of use.
    enabled: bool,
    created: String,
    /// Whether they can sign in by password.
    has_password: bool,
    tokens: Vec<TokenShown>,
}

/// A token, without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = OperatorToken)]
pub(crate) struct TokenShown {
    /// What it is for.
    name: String,
    prefix: String,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
}

impl From<OperatorToken> for TokenShown {
    fn from(token: OperatorToken) -> Self {
        Self {
            name: token.name,
            prefix: token.prefix.to_string(),
            created: seconds(token.created),
            expires: token.expires.map(seconds),
            revoked: token.revoked.map(seconds),
        }
    }
}

impl From<ListedOperator> for OperatorShown {
    fn from(listed: ListedOperator) -> Self {
        Self {
            role: listed.operator.role.as_str(),
            enabled: listed.operator.enabled,
            created: seconds(listed.operator.created),
            has_password: listed.operator.has_password(),
            name: listed.operator.name,
            tokens: listed.tokens.into_iter().map(TokenShown::from).collect(),
        }
    }
}

/// A token, and its text: shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewOperatorSecret {
    token: TokenShown,
    /// To be sent as `Authorization: Bearer tgo_…`.
    #[schema(example = "tgo_…")]
    secret: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorCreate {
    /// No two operators have one name.
    name: String,
    /// `admin` or `viewer`.
    #[schema(value_type = String, example = "viewer")]
    role: Text<Role>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorUpdate {
    /// `admin` or `viewer`.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String)]
    role: Option<Text<Role>>,
    /// False: sessions end, and neither tokens nor the password are of use until it is true again.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = bool)]
    enabled: Option<bool>,
    /// At least 12 characters; sessions before it end.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String, format = Password)]
    password: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenCreate {
    /// What it is for.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String, example = "ci")]
    name: Option<String>,
    /// First moment at which it is of no more use, in whole seconds; null: never.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "2026-12-31T00:00:00Z")]
    expires: Option<Option<Text<Second>>>,
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

/// Get an operator and their tokens.
#[utoipa::path(get, path = "/operators/{name}", tag = "operators", operation_id = "get_operator",
    params(("name" = String, Path), IfNoneMatch),
    responses((status = 200, body = OperatorShown, headers(("ETag" = String))), (status = 304),
        (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader, seen: Seen, Name(name): Name) -> Result<Response, AdminError> {
    let listed = reader.store().operator(&name).await?;
    let settings = settable(&listed.operator);
    Ok(seen.tell(&settings, &OperatorShown::from(listed)))
}

/// Make an operator, who has neither a token nor a password yet.
#[utoipa::path(post, path = "/operators", tag = "operators", operation_id = "create_operator",
    request_body = OperatorCreate,
    responses((status = 201, body = OperatorShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn create(
    writer: Writer,
    Body(asked): Body<OperatorCreate>,
) -> Result<Response, AdminError> {
    let name = name(&asked.name).map_err(|error| AdminError::value("name", error))?;
    let Text(role) = asked.role;
    let operator = writer
        .store
        .create_operator(&name, role, Timestamp::now())
        .await?;
    let settings = settable(&operator);
    let listed = ListedOperator {
        operator,
        tokens: Vec::new(),
    };
    Ok(tagged(
        StatusCode::CREATED,
        &settings,
        &OperatorShown::from(listed),
    ))
}

/// Change an operator's role or password, or switch them off or on, at once. The last admin in use stays one.
#[utoipa::path(patch, path = "/operators/{name}", tag = "operators", operation_id = "update_operator",
    params(("name" = String, Path), IfMatch), request_body = OperatorUpdate,
    responses((status = 200, body = OperatorShown, headers(("ETag" = String))), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn update(
    writer: Writer,
    seen: Seen,
    Name(name): Name,
    Body(asked): Body<OperatorUpdate>,
) -> Result<Response, AdminError> {
    let hash = match asked.password {
        Some(password) => Some(writer.shared.passwords.hash(password).await?),
        None => None,
    };
    let change = |operator: &Operator, settings: &mut OperatorSettings| {
        seen.still(&settable(operator))?;
        if let Some(Text(role)) = asked.role {
            settings.role = role;
        }
        if let Some(enabled) = asked.enabled {
            settings.enabled = enabled;
        }
        Ok::<_, AdminError>(())
    };
    writer
        .store
        .update_operator(&name, hash.as_deref(), Timestamp::now(), change)
        .await?;
    let listed = writer.store.operator(&name).await?;
    let settings = settable(&listed.operator);
    Ok(tagged(StatusCode::OK, &settings, &OperatorShown::from(listed)))
}

/// End the use of all that an operator has; the name is free again. The last admin in use stays.
#[utoipa::path(delete, path = "/operators/{name}", tag = "operators", operation_id = "remove_operator",
    params(("name" = String, Path), IfMatch),
    responses((status = 200, body = OperatorShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn remove(writer: Writer, seen: Seen, Name(name): Name) -> Result<Response, AdminError> {
    let tokens = writer.store.operator(&name).await?.tokens;
    let may = |operator: &Operator| seen.still(&settable(operator));
    let operator = writer
        .store
        .remove_operator_if(&name, Timestamp::now(), may)
        .await?;
    Ok(ok(&OperatorShown::from(ListedOperator { operator, tokens })))
}

/// List an operator's tokens, all in one page.
#[utoipa::path(get, path = "/operators/{name}/tokens", tag = "operators", operation_id = "list_operator_tokens",
    params(("name" = String, Path)),
    responses((status = 200, body = Page<TokenShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list_tokens(reader: Reader, Name(name): Name) -> Result<Response, AdminError> {
    let listed = reader.store().operator(&name).await?;
    Ok(ok(&Page {
        data: listed.tokens.into_iter().map(TokenShown::from).collect(),
        next: None,
    }))
}

/// Give an operator a token. Its text is in the answer, and never told again.
#[utoipa::path(post, path = "/operators/{name}/tokens", tag = "operators", operation_id = "create_operator_token",
    params(("name" = String, Path)), request_body = TokenCreate,
    responses((status = 201, body = NewOperatorSecret), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn create_token(
    writer: Writer,
    Name(operator): Name,
    Body(asked): Body<TokenCreate>,
) -> Result<Response, AdminError> {
    let label = asked.name.as_deref().unwrap_or(LABEL);
    let text = secret::operator_token()?;
    let new = NewOperatorToken {
        name: name(label).map_err(|error| AdminError::value("name", error))?,
        hash: text.hash(),
        prefix: text.prefix(),
        expires: asked.expires.flatten().map(|Text(Second(moment))| moment),
    };
    let now = Timestamp::now();
    writer.store.add_operator_token(&operator, &new, now).await?;
    let token = OperatorToken {
        name: new.name,
        prefix: new.prefix,
        created: now,
        expires: new.expires,
        revoked: None,
    };
    let shown = NewOperatorSecret {
        token: TokenShown::from(token),
        secret: text.reveal().to_owned(),
    };
    Ok(answer(StatusCode::CREATED, &shown))
}

/// End the use of an operator's token, which is named by how it begins. The last thing that an admin comes in with stays.
#[utoipa::path(delete, path = "/operators/{name}/tokens/{prefix}", tag = "operators",
    operation_id = "revoke_operator_token", params(("name" = String, Path), ("prefix" = String, Path)),
    responses((status = 200, body = OperatorShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn revoke_token(
    writer: Writer,
    TwoNames(name, prefix): TwoNames,
) -> Result<Response, AdminError> {
    let prefix = KeyPrefix::from_stored(prefix);
    writer
        .store
        .revoke_operator_token_unless_last(&name, &prefix, Timestamp::now())
        .await?;
    let listed = writer.store.operator(&name).await?;
    Ok(ok(&OperatorShown::from(listed)))
}

/// What can be set of an operator, and who it is: the next one of that name is another.
fn settable(operator: &Operator) -> (OperatorId, OperatorSettings, Option<PasswordMark>) {
    (operator.id, OperatorSettings::from(operator), operator.password)
}
