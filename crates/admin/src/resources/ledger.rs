//! The ledger: credit that is given or taken back, requests that are charged in the stead of a lost account, and every
//! entry.

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollgate_catalog::money::Money;
use tollgate_ledger::{AccountId, name::note};
use tollgate_store::{LedgerEntry, NewCredit, Store};
use utoipa::{IntoParams, ToSchema};

use super::{ErrorShown, answer, ok};
use crate::{
    body::Body,
    error::AdminError,
    field::{Text, seconds, set},
    page::{Cursor, Limit, Page, PageQuery, after, limit},
    query::{Name, Query},
    roles::{Reader, Writer},
};

/// Most characters of a client's own ID.
const ID_MAX: usize = 100;

/// An entry of the ledger. Entries are never changed.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
pub(crate) struct EntryShown {
    id: i64,
    created: String,
    account: String,
    /// `top_up`, `correction` or `charge`.
    kind: String,
    /// Dollars that were added to the balance; negative: taken from it.
    amount: String,
    /// The request that was charged for.
    request_id: Option<String>,
    note: Option<String>,
}

impl From<LedgerEntry> for EntryShown {
    fn from(entry: LedgerEntry) -> Self {
        Self {
            id: entry.id,
            created: seconds(entry.created),
            account: entry.account,
            kind: entry.kind,
            amount: entry.amount.to_string(),
            request_id: entry.request,
            note: entry.note,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credit {
    /// Dollars; negative: they are taken back.
    #[schema(value_type = String, example = "25.00")]
    amount: Text<Money>,
    /// `top_up` or `correction`; without it, what is taken back is a correction.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = CreditKind)]
    kind: Option<CreditKind>,
    /// For whoever reads the ledger; a correction has to have one.
    note: Option<String>,
    /// An ID of your own, such as an invoice's: however often it is sent, the entry is made once.
    id: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CreditKind {
    TopUp,
    Correction,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Credited {
    entry: EntryShown,
    /// Of the account, after it.
    balance: String,
    /// Whether the entry was there already.
    repeated: bool,
}

impl Credit {
    fn checked(&self) -> Result<NewCredit<'_>, AdminError> {
        let Text(amount) = self.amount;
        if amount == Money::ZERO {
            return Err(AdminError::value("amount", "nothing would change"));
        }
        if amount < Money::ZERO && self.kind == Some(CreditKind::TopUp) {
            return Err(AdminError::value("kind", "what is taken back is a correction"));
        }
        let is_correction = amount < Money::ZERO || self.kind == Some(CreditKind::Correction);
        if let Some(text) = &self.note {
            note(text).map_err(|error| AdminError::value("note", error))?;
        }
        if is_correction && self.note.as_deref().is_none_or(|text| text.trim().is_empty()) {
            return Err(AdminError::value("note", "a correction has to say why"));
        }
        if let Some(id) = &self.id {
            let fits = (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
            if !fits {
                let problem = format!("an ID has 1 to {ID_MAX} visible ASCII characters");
                return Err(AdminError::value("id", problem));
            }
        }
        Ok(NewCredit {
            amount,
            is_correction,
            note: self.note.as_deref(),
            id: self.id.as_deref(),
        })
    }
}

/// Give an account credit, or take some back. Running gates know within a second.
#[utoipa::path(post, path = "/accounts/{name}/credit", tag = "accounts", operation_id = "credit_account",
    params(("name" = String, Path)), request_body = Credit,
    responses((status = 201, body = Credited), (status = 200, description = "The entry was there already", body = Credited),
        (status = "4XX", body = ErrorShown)))]
pub(crate) async fn credit(
    writer: Writer,
    Name(name): Name,
    Body(asked): Body<Credit>,
) -> Result<Response, AdminError> {
    let credit = asked.checked()?;
    let done = writer.store.credit_once(&name, &credit, Timestamp::now()).await?;
    let status = match done.is_repeated {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    let shown = Credited {
        entry: done.entry.into(),
        balance: done.account.balance.to_string(),
        repeated: done.is_repeated,
    };
    Ok(answer(status, &shown))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LostRequests {
    /// The number that the lost account had: below zero it is the `account_id` of its requests.
    #[schema(example = 7)]
    lost: u64,
    /// For whoever reads the ledger.
    note: Option<String>,
}

/// What an account was charged for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Assigned {
    requests: u64,
    /// Dollars.
    charge: String,
    entry: EntryShown,
    /// Of the account, after it.
    balance: String,
}

/// Charge an account for the requests of one that was lost with a restore, for which nobody is charged yet.
#[utoipa::path(post, path = "/accounts/{name}/lost-requests", tag = "accounts", operation_id = "assign_lost_requests",
    params(("name" = String, Path)), request_body = LostRequests,
    responses((status = 201, body = Assigned), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn assign(
    writer: Writer,
    Name(name): Name,
    Body(asked): Body<LostRequests>,
) -> Result<Response, AdminError> {
    if let Some(text) = &asked.note {
        note(text).map_err(|error| AdminError::value("note", error))?;
    }
    let done = writer
        .store
        .assign_missing(asked.lost, &name, asked.note.as_deref(), Timestamp::now())
        .await?;
    let shown = Assigned {
        requests: done.requests,
        charge: done.charge.to_string(),
        balance: done.credited.account.balance.to_string(),
        entry: done.credited.entry.into(),
    };
    Ok(answer(StatusCode::CREATED, &shown))
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntryQuery {
    /// How many at most; 50 where nothing is said.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Text<Limit>>,
    /// `next` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    after: Option<Text<Cursor>>,
    /// Only this account's.
    account: Option<String>,
}

/// List the entries of the ledger, the newest first.
#[utoipa::path(get, path = "/ledger", tag = "ledger", operation_id = "list_ledger", params(EntryQuery),
    responses((status = 200, body = Page<EntryShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list(reader: Reader, Query(asked): Query<EntryQuery>) -> Result<Response, AdminError> {
    let store = reader.store();
    let account = match &asked.account {
        Some(name) => Some(store.account(name).await?.id),
        None => None,
    };
    let page = entries(store, account, limit(&asked.limit), after(&asked.after)).await?;
    Ok(ok(&page))
}

/// List an account's entries of the ledger, the newest first.
#[utoipa::path(get, path = "/accounts/{name}/ledger", tag = "accounts", operation_id = "list_ledger_of_account",
    params(("name" = String, Path), PageQuery),
    responses((status = 200, body = Page<EntryShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn of_account(
    reader: Reader,
    Name(name): Name,
    Query(page): Query<PageQuery>,
) -> Result<Response, AdminError> {
    let store = reader.store();
    let account = store.account(&name).await?.id;
    let page = entries(store, Some(account), limit(&page.limit), after(&page.after)).await?;
    Ok(ok(&page))
}

async fn entries(
    store: &Store,
    account: Option<AccountId>,
    limit: u32,
    before: Option<i64>,
) -> Result<Page<EntryShown>, AdminError> {
    let found = store.newest_entries(account, before, limit + 1).await?;
    Ok(Page::of(found, limit, |entry| entry.id, EntryShown::from))
}
