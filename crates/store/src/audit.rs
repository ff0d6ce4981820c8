//! The audit log: who changed what, and when.
//!
//! An entry is written in the transaction of the change, so that there is never one without the other; entries are
//! added, and never changed. What they say of a thing before and after has no secret in it, nor the hash of one.
//! Not here: who may change what (`tollgate-admin`).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::FromRow;

use crate::{
    database::{Store, connection::Transaction},
    error::StoreError,
};

pub(crate) mod state;

/// Who changes something by way of a [`Store`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// An operator's name, or [`Self::COMMAND_LINE`].
    pub operator: Arc<str>,
    /// The request that asked for it.
    pub request: Option<Arc<str>>,
}

impl Actor {
    /// Whoever works on the database without asking a gate. No operator may be called so.
    pub const COMMAND_LINE: &str = "command line";
}

impl Default for Actor {
    fn default() -> Self {
        Self {
            operator: Self::COMMAND_LINE.into(),
            request: None,
        }
    }
}

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Account,
    Key,
    Operator,
    Channel,
    Price,
}

impl Resource {
    pub const ALL: [Self; 5] = [
        Self::Account,
        Self::Key,
        Self::Operator,
        Self::Channel,
        Self::Price,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Key => "key",
            Self::Operator => "operator",
            Self::Channel => "channel",
            Self::Price => "price",
        }
    }
}

/// A change to be written down.
pub(crate) struct Change<'a> {
    pub(crate) resource: Resource,
    pub(crate) name: &'a str,
    pub(crate) action: &'static str,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: i64,
    pub at: Timestamp,
    pub operator: String,
    pub resource: String,
    /// Of the thing that was changed.
    pub name: String,
    pub action: String,
    /// JSON; `None`: there was nothing.
    pub before: Option<String>,
    pub after: Option<String>,
    pub request: Option<String>,
}

/// Which entries are told. The default is all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    pub operator: Option<String>,
    pub resource: Option<Resource>,
    pub name: Option<String>,
    pub action: Option<String>,
    /// First moment.
    pub from: Option<Timestamp>,
    /// First moment that is too late.
    pub until: Option<Timestamp>,
}

impl Store {
    /// The same database; what is changed by way of it is written down as this actor's.
    #[must_use]
    pub fn acting_for(&self, actor: Actor) -> Self {
        Self {
            actor: Arc::new(actor),
            ..self.clone()
        }
    }

    /// Entries before the one with this number (all where there is none), the newest first; at most `most` of them.
    pub async fn audit_entries(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        most: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows: Vec<Row> = self
            .pool
            .query(
                "SELECT id, at_us, operator, resource, name, action, state_before, state_after, request_id
             FROM audit_entries
             WHERE id < $1 AND ($2 IS NULL OR operator = $2) AND ($3 IS NULL OR resource = $3)
               AND ($4 IS NULL OR name = $4) AND ($5 IS NULL OR action = $5) AND at_us >= $6 AND at_us < $7
             ORDER BY id DESC LIMIT $8",
            )
            .bind(before.unwrap_or(i64::MAX))
            .bind(filter.operator.as_deref())
            .bind(filter.resource.map(Resource::as_str))
            .bind(filter.name.as_deref())
            .bind(filter.action.as_deref())
            .bind(filter.from.map_or(i64::MIN, Timestamp::as_microsecond))
            .bind(filter.until.map_or(i64::MAX, Timestamp::as_microsecond))
            .bind(i64::from(most))
            .fetch_all()
            .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Writes a change down. The last thing of its transaction but the end: the row that makes those wait who write
    /// here comes after all others.
    pub(crate) async fn write_down(
        &self,
        transaction: &mut Transaction,
        change: Change<'_>,
    ) -> Result<(), sqlx::Error> {
        transaction
            .query("UPDATE versions SET value = value + 1 WHERE name = 'audit_entries'")
            .execute()
            .await?;
        let Actor { operator, request } = &*self.actor;
        let text = |state: Option<Value>| state.map(|state| state.to_string());
        transaction
            .query(
                "INSERT INTO audit_entries (id, at_us, operator, resource, name, action, state_before, state_after,
                                        request_id)
             SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8 FROM audit_entries",
            )
            .bind(Timestamp::now().as_microsecond())
            .bind(&**operator)
            .bind(change.resource.as_str())
            .bind(change.name)
            .bind(change.action)
            .bind(text(change.before))
            .bind(text(change.after))
            .bind(request.as_deref())
            .execute()
            .await?;
        Ok(())
    }
}

#[derive(FromRow)]
struct Row {
    id: i64,
    at_us: i64,
    operator: String,
    resource: String,
    name: String,
    action: String,
    state_before: Option<String>,
    state_after: Option<String>,
    request_id: Option<String>,
}

impl Row {
    fn read(self) -> Result<AuditEntry, StoreError> {
        Ok(AuditEntry {
            id: self.id,
            at: Timestamp::from_microsecond(self.at_us).map_err(|_| StoreError::Damaged {
                table: "audit_entries",
                id: self.id.to_string(),
                column: "at_us",
            })?,
            operator: self.operator,
            resource: self.resource,
            name: self.name,
            action: self.action,
            before: self.state_before,
            after: self.state_after,
            request: self.request_id,
        })
    }
}

#[cfg(test)]
mod tests;
