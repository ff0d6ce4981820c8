//! The values of a statement with many rows.
//!
//! Most texts of a batch are the same few names, and a request's ID is written twice: the database library takes a
//! text that is shared as it is, and makes two copies of any other.

use std::sync::Arc;

use sqlx::{Arguments, Encode, Sqlite, SqliteConnection, Type, sqlite::SqliteArguments};

/// Values, in the order of the statement's question marks.
pub(super) struct Values(SqliteArguments);

impl Values {
    pub(super) fn for_as_many(count: usize) -> Self {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(count, 0);
        Self(arguments)
    }

    pub(super) fn add<'v>(
        &mut self,
        value: impl Encode<'v, Sqlite> + Type<Sqlite>,
    ) -> Result<(), sqlx::Error> {
        self.0.add(value).map_err(sqlx::Error::Encode)
    }

    /// How many rows were changed.
    pub(super) async fn execute(
        self,
        text: &'static str,
        connection: &mut SqliteConnection,
    ) -> Result<u64, sqlx::Error> {
        let result = sqlx::query_with(text, self.0).execute(connection).await?;
        Ok(result.rows_affected())
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
        let name: Arc<str> = text.into();
        if self.0.len() < Self::MOST {
            self.0.push(Arc::clone(&name));
        }
        name
    }
}
