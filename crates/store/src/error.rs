//! What can go wrong with a query.

use std::{error::Error, fmt, sync::Arc};

/// A query that could not be done. Clones share the cause, since several requests may wait for one
/// query.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database refused, did not answer in time or is not there.
    #[error("the database failed: {0}")]
    Database(#[from] DatabaseFault),
    /// A value was read that this version never writes.
    #[error("{table}, row {id}: {column} holds a value that cannot be")]
    Damaged {
        table: &'static str,
        id: String,
        column: &'static str,
    },
    /// More look-ups wait for the database than are let in.
    #[error("too many look-ups wait for the database")]
    Overloaded,
    /// Its data directory was copied, and nothing is leased to two gates by one name.
    #[error("another gate has the name of this one")]
    NameTaken,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What the database library said, for logs and people. There is nothing in it to decide by.
#[derive(Debug, Clone)]
pub struct DatabaseFault(Arc<sqlx::Error>);

impl fmt::Display for DatabaseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for DatabaseFault {}

impl From<sqlx::Error> for DatabaseFault {
    fn from(error: sqlx::Error) -> Self {
        Self(Arc::new(error))
    }
}
