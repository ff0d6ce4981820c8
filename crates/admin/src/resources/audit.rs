//! The audit log: who changed what, and when.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_store::{AuditEntry, AuditFilter, Resource};
use utoipa::{IntoParams, ToSchema};

use super::{ErrorShown, ok};
use crate::{
    error::AdminError,
    field::{Second, Text},
    page::{Cursor, Limit, Page, after, limit},
    query::Query,
    roles::Reader,
};

/// One change.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct EntryShown {
    id: i64,
    at: String,
    /// An operator's name, or `command line`.
    operator: String,
    /// `account`, `key`, `operator`, `channel` or `price`.
    resource: String,
    /// Of the thing that was changed.
    name: String,
    /// Such as `create`, `update` or `revoke`.
    action: String,
    /// Without secrets; null: there was nothing.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// The request to this API that asked for it.
    request_id: Option<String>,
}

impl From<AuditEntry> for EntryShown {
    fn from(entry: AuditEntry) -> Self {
        let state = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            id: entry.id,
            at: entry.at.to_string(),
            operator: entry.operator,
            resource: entry.resource,
            name: entry.name,
            action: entry.action,
            before: state(entry.before),
            after: state(entry.after),
            request_id: entry.request,
        }
    }
}

/// Which changes.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// How many at most; 50 where nothing is said.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Text<Limit>>,
    /// `next` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    after: Option<Text<Cursor>>,
    operator: Option<String>,
    /// `account`, `key`, `operator`, `channel` or `price`.
    #[serde(default)]
    resource: Option<String>,
    /// Of the thing that was changed.
    name: Option<String>,
    action: Option<String>,
    /// First moment.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    from: Option<Text<Second>>,
    /// First moment that is too late.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    until: Option<Text<Second>>,
}

/// List changes, the newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", operation_id = "list_audit", params(AuditQuery),
    responses((status = 200, body = Page<EntryShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list(reader: Reader, Query(asked): Query<AuditQuery>) -> Result<Response, AdminError> {
    let limit = limit(&asked.limit);
    let filter = AuditFilter {
        operator: asked.operator,
        resource: asked.resource.as_deref().map(resource).transpose()?,
        name: asked.name,
        action: asked.action,
        from: asked.from.map(|Text(Second(moment))| moment),
        until: asked.until.map(|Text(Second(moment))| moment),
    };
    let found = reader
        .store()
        .audit_entries(&filter, after(&asked.after), limit + 1)
        .await?;
    Ok(ok(&Page::of(found, limit, |entry| entry.id, EntryShown::from)))
}

fn resource(text: &str) -> Result<Resource, AdminError> {
    let known = Resource::ALL;
    let found = known.into_iter().find(|resource| resource.as_str() == text);
    found.ok_or_else(|| {
        let known = known.map(Resource::as_str).join(", ");
        AdminError::value("resource", format!("expected one of {known}"))
    })
}
