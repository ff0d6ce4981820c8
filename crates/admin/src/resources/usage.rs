//! What was used and what it cost, added up.

use std::future::ready;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};
use tollgate_ledger::day::Day;
use tollgate_store::{Store, StoreError, UsageBy, UsageFilter, UsageGroup, UsageOf};
use tracing::error;
use utoipa::{IntoParams, ToSchema};

use super::{ErrorShown, ok};
use crate::{
    csv,
    error::AdminError,
    field::Text,
    query::Query,
    roles::Reader,
    server::json,
    usage_sums::{NotBy, UsageRow, by},
};

/// Days that are told where nothing is said.
const DAYS: i64 = 30;
/// Sums that are told at most as JSON, and read at once for CSV, which has all of them.
const ROWS_MAX: u32 = 10_000;

/// Which requests, and what to tell apart.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// `day`, `account`, `key`, `model`, `channel` with commas between them, or `nothing`; `account,key,model` where
    /// nothing is said.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "day,model")]
    by: Option<Text<By>>,
    /// Only what this account's keys used.
    account: Option<String>,
    /// Only what the keys of this name used, revoked ones too; or the key with this prefix.
    key: Option<String>,
    /// Only of this model.
    model: Option<String>,
    /// Only over this channel.
    channel: Option<String>,
    /// First day, in the time zone of the books; without it, 30 days are told.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "2026-11-01")]
    from: Option<Text<Day>>,
    /// Last day.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    until: Option<Text<Day>>,
    /// `json`, or `csv`, which has all there is.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Option<Text<Format>>,
}

struct By(UsageBy);

impl std::str::FromStr for By {
    type Err = NotBy;

    fn from_str(text: &str) -> Result<Self, NotBy> {
        by(text).map(Self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

impl std::str::FromStr for Format {
    type Err = NotFormat;

    fn from_str(text: &str) -> Result<Self, NotFormat> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            _ => Err(NotFormat),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("expected `json` or `csv`")]
struct NotFormat;

/// What was used.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageShown {
    from: String,
    until: String,
    /// Where days begin at midnight.
    time_zone: String,
    data: Vec<UsageRow>,
    /// Whether there is more than is told; fewer days or less to tell apart tell all of it.
    truncated: bool,
}

/// Add up what was used, by day, account, key, model and channel. What ended in the last second may be missing.
#[utoipa::path(get, path = "/usage", tag = "usage", operation_id = "get_usage", params(UsageQuery),
    responses((status = 200, content((UsageShown = "application/json"), (String = "text/csv"))),
        (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader, Query(asked): Query<UsageQuery>) -> Result<Response, AdminError> {
    let store = reader.store();
    let (of, key) = match (&asked.account, &asked.key) {
        (Some(_), Some(_)) => {
            return Err(AdminError::value(
                "key",
                "stands beside `account`; name one of them",
            ));
        }
        (Some(account), None) => (UsageOf::Account(store.account(account).await?.id), None),
        (None, Some(key)) => (UsageOf::Everyone, Some(store.key_called(key).await?)),
        (None, None) => (UsageOf::Everyone, None),
    };
    let zone = &reader.shared.settings.time_zone;
    let until = asked.until.map(|Text(Day(day))| day);
    let until = until.unwrap_or_else(|| zone.to_datetime(Timestamp::now()).date());
    let from = asked.from.map(|Text(Day(day))| day);
    let filter = UsageFilter {
        of,
        key,
        model: asked.model,
        channel: asked.channel,
        from: Some(from.unwrap_or_else(|| until.saturating_sub((DAYS - 1).days()))),
        until: Some(until),
    };
    let usual = UsageBy {
        account: true,
        key: true,
        model: true,
        ..UsageBy::default()
    };
    let by = asked.by.map_or(usual, |Text(By(by))| by);
    if asked.format.is_some_and(|Text(format)| format == Format::Csv) {
        return as_csv(store.clone(), filter, by).await;
    }
    let groups = store.usage(&filter, by, ROWS_MAX + 1).await?;
    let rows: Vec<UsageRow> = groups
        .iter()
        .take(ROWS_MAX as usize)
        .map(UsageRow::from)
        .collect();
    let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    Ok(ok(&UsageShown {
        from: day(filter.from),
        until: day(filter.until),
        time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        truncated: groups.len() > rows.len(),
        data: rows,
    }))
}

/// All of it, page by page: the books may have more than there is memory for. What fails behind the first page breaks
/// the answer off, so that nobody takes a part of it for a bill.
async fn as_csv(store: Store, filter: UsageFilter, by: UsageBy) -> Result<Response, AdminError> {
    let mut first = store.usage(&filter, by, ROWS_MAX).await?;
    let names_and_first = page_as_csv(&first, true);
    let rest = stream::try_unfold(
        (store, filter, first.pop()),
        move |(store, filter, last)| async move {
            let Some(last) = last else {
                return Ok(None);
            };
            let page = store.usage_after(&filter, by, Some(&last), ROWS_MAX).await;
            let mut page =
                page.inspect_err(|error| error!(%error, "a report to an operator was broken off"))?;
            let text = page_as_csv(&page, false);
            Ok::<_, StoreError>(page.pop().map(|last| (text, (store, filter, Some(last)))))
        },
    );
    let pages = stream::once(ready(Ok(names_and_first))).chain(rest);
    let mut response = json(StatusCode::OK, Bytes::new());
    *response.body_mut() = Body::from_stream(pages);
    let content_type = HeaderValue::from_static("text/csv; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

fn page_as_csv(page: &[UsageGroup], with_names: bool) -> String {
    let rows: Vec<UsageRow> = page.iter().map(UsageRow::from).collect();
    let mut text = String::new();
    for line in csv::lines(&rows, with_names) {
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text
}
