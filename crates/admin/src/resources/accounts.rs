//! Accounts: who owns keys, and pays for what they do.

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollgate_ledger::{Account, Multiplier, name::name};
use tollgate_store::{AccountSettings, NewAccount};
use utoipa::ToSchema;

use super::{
    ErrorShown,
    limits::{LimitsChange, LimitsShown, limits},
    ok,
};
use crate::{
    body::Body,
    error::AdminError,
    field::{Text, seconds, set},
    page::{Page, PageQuery, after, limit},
    query::{Name, Query},
    roles::{Reader, Writer},
    seen::{IfMatch, IfNoneMatch, Seen, tagged},
};

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountShown {
    id: i64,
    name: String,
    /// Whether it may spend what it does not have.
    unlimited: bool,
    /// Dollars; below zero where more was used up than could be foreseen.
    #[schema(example = "24.98")]
    balance: String,
    /// How many times the price it pays.
    #[schema(example = "1.15")]
    price_multiplier: String,
    /// Null: it came with the database.
    created: Option<String>,
    /// Of all of its keys together.
    limits: LimitsShown,
}

impl From<Account> for AccountShown {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.get(),
            unlimited: account.unlimited,
            balance: account.balance.to_string(),
            price_multiplier: account.multiplier.to_string(),
            created: account.created.map(seconds),
            limits: LimitsShown::from(&account.limits),
            name: account.name,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountCreate {
    /// No two accounts have one name.
    name: String,
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = bool)]
    unlimited: Option<bool>,
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String, example = "1.15")]
    price_multiplier: Option<Text<Multiplier>>,
    #[serde(default, deserialize_with = "limits")]
    limits: LimitsChange,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountUpdate {
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = bool)]
    unlimited: Option<bool>,
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String, example = "1.15")]
    price_multiplier: Option<Text<Multiplier>>,
    #[serde(default, deserialize_with = "limits")]
    limits: LimitsChange,
}

impl AccountUpdate {
    fn change(&self, settings: &mut AccountSettings) -> Result<(), AdminError> {
        if let Some(unlimited) = self.unlimited {
            settings.unlimited = unlimited;
        }
        if let Some(Text(multiplier)) = &self.price_multiplier {
            settings.multiplier = *multiplier;
        }
        self.limits.change(&mut settings.limits)
    }
}

/// List accounts, the oldest first.
#[utoipa::path(get, path = "/accounts", tag = "accounts", operation_id = "list_accounts", params(PageQuery),
    responses((status = 200, body = Page<AccountShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list(reader: Reader, Query(page): Query<PageQuery>) -> Result<Response, AdminError> {
    let limit = limit(&page.limit);
    let from = after(&page.after).unwrap_or_default();
    let found = reader.store().accounts_after(from, limit + 1).await?;
    let number = |account: &Account| account.id.get();
    Ok(ok(&Page::of(found, limit, number, AccountShown::from)))
}

/// Make an account. It has no credit yet.
#[utoipa::path(post, path = "/accounts", tag = "accounts", operation_id = "create_account",
    request_body = AccountCreate,
    responses((status = 201, body = AccountShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn create(writer: Writer, Body(asked): Body<AccountCreate>) -> Result<Response, AdminError> {
    let update = AccountUpdate {
        unlimited: asked.unlimited,
        price_multiplier: asked.price_multiplier,
        limits: asked.limits,
    };
    let mut settings = AccountSettings::default();
    update.change(&mut settings)?;
    let new = NewAccount {
        name: name(&asked.name).map_err(|error| AdminError::value("name", error))?,
        created: Timestamp::now(),
        settings,
    };
    let account = writer.store.create_account(new).await?;
    Ok(tagged(
        StatusCode::CREATED,
        &settings,
        &AccountShown::from(account),
    ))
}

/// Get an account.
#[utoipa::path(get, path = "/accounts/{name}", tag = "accounts", operation_id = "get_account",
    params(("name" = String, Path), IfNoneMatch),
    responses((status = 200, body = AccountShown, headers(("ETag" = String))), (status = 304),
        (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader, seen: Seen, Name(name): Name) -> Result<Response, AdminError> {
    let account = reader.store().account(&name).await?;
    Ok(seen.tell(&AccountSettings::from(&account), &AccountShown::from(account)))
}

/// Change what is set at an account, and leave the rest. Running gates know within a second.
#[utoipa::path(patch, path = "/accounts/{name}", tag = "accounts", operation_id = "update_account",
    params(("name" = String, Path), IfMatch), request_body = AccountUpdate,
    responses((status = 200, body = AccountShown, headers(("ETag" = String))), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn update(
    writer: Writer,
    seen: Seen,
    Name(name): Name,
    Body(asked): Body<AccountUpdate>,
) -> Result<Response, AdminError> {
    let change = |settings: &mut AccountSettings| {
        seen.still(settings)?;
        asked.change(settings)
    };
    let account = writer.store.update_account(&name, change).await?;
    let settings = AccountSettings::from(&account);
    Ok(tagged(StatusCode::OK, &settings, &AccountShown::from(account)))
}
