//! What can be seen and changed, a file each.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::server::{Shared, json};

mod accounts;
mod audit;
mod channels;
mod keys;
mod ledger;
mod limits;
mod models;
mod operators;
mod prices;
mod requests;
mod sessions;
mod settings;
mod usage;

pub(crate) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(sessions::sign_in))
        .routes(routes!(sessions::current, sessions::sign_out))
        .routes(routes!(operators::list, operators::create))
        .routes(routes!(operators::get, operators::update, operators::remove))
        .routes(routes!(operators::list_tokens, operators::create_token))
        .routes(routes!(operators::revoke_token))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::get, accounts::update))
        .routes(routes!(ledger::credit))
        .routes(routes!(ledger::assign))
        .routes(routes!(ledger::of_account))
        .routes(routes!(ledger::list))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::get, keys::update, keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(usage::get))
        .routes(routes!(requests::get))
        .routes(routes!(models::list))
        .routes(routes!(models::get))
        .routes(routes!(models::list_prices))
        .routes(routes!(prices::list, prices::create))
        .routes(routes!(prices::get, prices::update, prices::delete))
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(channels::get, channels::update, channels::delete))
        .routes(routes!(settings::get))
        .routes(routes!(audit::list))
}

/// An answer that is this.
fn answer<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let body = serde_json::to_vec(value).expect("our own types always have a JSON form");
    json(status, body)
}

fn ok<T: Serialize>(value: &T) -> Response {
    answer(StatusCode::OK, value)
}

/// What every error is.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorShown {
    error: ErrorObject,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ErrorObject {
    message: String,
    #[serde(rename = "type")]
    kind: String,
    /// The field that it is about.
    param: Option<String>,
    code: String,
}
