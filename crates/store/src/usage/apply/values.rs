//! The values of a statement with many rows.
//!
//! Most texts of a batch are the same few names, and a request's ID is written twice: the database library takes a
//! text that is shared as it is, and makes two copies of any other.

use std::{borrow::Cow, sync::Arc};

use sqlx::{Arguments, PgConnection, SqliteConnection, postgres::PgArguments, sqlite::SqliteArguments};

use crate::database::connection::{Transaction, Value, within_time};

/// Values, in the order in which the statement wants them, and where it is asked.
pub(super) enum Values<'c> {
    Sqlite(SqliteArguments, &'c mut SqliteConnection),
    Postgres(PgArguments, &'c mut PgConnection),
}

impl<'c> Values<'c> {
    pub(super) fn for_as_many(count: usize, transaction: &'c mut Transaction) -> Self {
        match transaction {
            Transaction::Sqlite(transaction) => {
                let mut arguments = SqliteArguments::default();
                arguments.reserve(count, 0);
                Self::Sqlite(arguments, transaction)
            }
            Transaction::Postgres(transaction) => {
                let mut arguments = PgArguments::default();
                // Numbers have eight bytes and their length, and most texts few more.
                arguments.reserve(count, count * 16);
                Self::Postgres(arguments, transaction)
            }
        }
    }

    pub(super) fn add<'v>(&mut self, value: impl Value<'v>) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(arguments, _) => arguments.add(value),
            Self::Postgres(arguments, _) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)
    }

    /// How many rows were changed.
    pub(super) async fn execute(self, text: &'static str) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(arguments, connection) => {
                let result = sqlx::query_with(text, arguments).execute(connection).await?;
                Ok(result.rows_affected())
            }
            Self::Postgres(arguments, connection) => {
                let asking = sqlx::query_with(text, arguments).execute(connection);
                Ok(within_time(asking).await?.rows_affected())
            }
        }
    }
}

/// A text as it is stored. PostgreSQL has no place for NUL, and a provider's word with one in it must not keep a batch
/// from being booked, now and for ever.
pub(super) fn stored_text(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// Texts that are there once, however often they are bound.
#[derive(Default)]
pub(super) struct Names(Vec<Arc<str>>);

impl Names {
    /// As many as are looked through; a gate has few models and channels.
    const MOST: usize = 32;

    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(name) = self.0.iter().find(|name| ***name == *text) {
            return Arc::clone(name);
        }
        let name: Arc<str> = stored_text(text).into();
        if self.0.len() < Self::MOST {
            self.0.push(Arc::clone(&name));
        }
        name
    }
}
