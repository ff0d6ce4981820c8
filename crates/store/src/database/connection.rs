//! One way to ask either database: the same text and the same values, given to the driver of the one that is open.
//!
//! Each variant holds the driver's own statement and its own rows, so nothing is converted on the way
//! (docs/decisions/0015-two-databases-one-text.md). Texts may say `$1`, and know integers, texts and bytes only.
//! Not here: which databases there are to open ([`super`]).

use std::{future::Future, io, time::Duration};

use sqlx::{
    Connection as _, Database, Encode, FromRow, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection,
    SqlitePool, Type,
    pool::PoolOptions,
    postgres::{PgArguments, PgRow},
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use tokio::time;

use super::session;

/// How long a statement may take at a server, which may be gone without a word. `ledger verify` adds up everything.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections to the database that is open. Clones share them.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Dropped without [`Transaction::commit`], nothing of it happened.
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// A text with its values, and where it is asked.
#[must_use = "nothing is asked before one of its ends"]
pub(crate) enum Statement<'c> {
    Sqlite(
        Query<'static, Sqlite, SqliteArguments>,
        On<&'c SqlitePool, &'c mut SqliteConnection>,
    ),
    Postgres(
        Query<'static, Postgres, PgArguments>,
        On<&'c PgPool, &'c mut PgConnection>,
    ),
}

/// Where a statement is asked.
pub(crate) enum On<P, C> {
    Pool(P),
    Transaction(C),
}

/// What both databases take as a value.
pub(crate) trait Value<'v>:
    Encode<'v, Sqlite> + Type<Sqlite> + Encode<'v, Postgres> + Type<Postgres>
{
}

impl<'v, T> Value<'v> for T where T: Encode<'v, Sqlite> + Type<Sqlite> + Encode<'v, Postgres> + Type<Postgres> {}

/// What can be read from a row of both.
pub(crate) trait Readable: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}

impl<T> Readable for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}

impl Pool {
    /// Asks by itself, at the state of the database at that moment.
    pub(crate) fn query(&self, text: &'static str) -> Statement<'_> {
        match self {
            Self::Sqlite(pool) => Statement::Sqlite(sqlx::query(text), On::Pool(pool)),
            Self::Postgres(pool) => Statement::Postgres(sqlx::query(text), On::Pool(pool)),
        }
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => {
                let pool = pool.clone();
                // By a task, since whoever asks may give up: the driver forgets a BEGIN that is dropped on its way, and
                // what the next one wrote by itself on that connection would be within a transaction that nobody commits.
                let begun = tokio::spawn(async move { pool.begin().await });
                let begun = within_time(async { begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)) });
                Transaction::Postgres(begun.await?)
            }
        })
    }

    /// The same database by one connection of its own, which is made by whoever asks it first, on their thread.
    pub(crate) fn for_one(&self, acquire_timeout: Duration) -> Self {
        match self {
            Self::Sqlite(pool) => {
                let options = (*pool.connect_options()).clone();
                Self::Sqlite(closes_unended(one(acquire_timeout)).connect_lazy_with(options))
            }
            Self::Postgres(pool) => {
                let options = (*pool.connect_options()).clone();
                Self::Postgres(session::set(one(acquire_timeout)).connect_lazy_with(options))
            }
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Without a task that would look after it.
fn one<D: Database>(acquire_timeout: Duration) -> PoolOptions<D> {
    PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// Closes connections that come back with a transaction that could not be ended, as where SQLite has ended it by itself,
/// which it does when the disk is full: for the driver it would go on, and what follows would be written inside of
/// something that nobody commits.
pub(super) fn closes_unended(options: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    options.after_release(|connection, _| {
        Box::pin(async move {
            if connection.is_in_transaction() {
                // Behind what is still to be done, the end of a dropped transaction among it.
                connection.ping().await?;
            }
            Ok(!connection.is_in_transaction())
        })
    })
}

impl Transaction {
    pub(crate) fn query(&mut self, text: &'static str) -> Statement<'_> {
        match self {
            Self::Sqlite(transaction) => {
                Statement::Sqlite(sqlx::query(text), On::Transaction(&mut **transaction))
            }
            Self::Postgres(transaction) => {
                Statement::Postgres(sqlx::query(text), On::Transaction(&mut **transaction))
            }
        }
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => within_time(transaction.commit()).await,
        }
    }
}

/// Asks the statement wherever it is to be asked, and does the same with whatever comes.
macro_rules! ask {
    ($statement:expr, $method:ident, $came:ident => $done:expr) => {
        match $statement {
            Statement::Sqlite(query, On::Pool(pool)) => {
                let $came = query.$method(pool).await?;
                $done
            }
            Statement::Sqlite(query, On::Transaction(connection)) => {
                let $came = query.$method(connection).await?;
                $done
            }
            Statement::Postgres(query, On::Pool(pool)) => {
                let $came = within_time(query.$method(pool)).await?;
                $done
            }
            Statement::Postgres(query, On::Transaction(connection)) => {
                let $came = within_time(query.$method(connection)).await?;
                $done
            }
        }
    };
}

impl Statement<'_> {
    /// Gives the next of the text's values.
    pub(crate) fn bind<'v>(self, value: impl Value<'v>) -> Self {
        match self {
            Self::Sqlite(query, on) => Self::Sqlite(query.bind(value), on),
            Self::Postgres(query, on) => Self::Postgres(query.bind(value), on),
        }
    }

    /// Gives how many rows were changed.
    pub(crate) async fn execute(self) -> Result<u64, sqlx::Error> {
        ask!(self, execute, result => Ok(result.rows_affected()))
    }

    pub(crate) async fn fetch_all<T: Readable>(self) -> Result<Vec<T>, sqlx::Error> {
        ask!(self, fetch_all, rows => rows.iter().map(T::from_row).collect())
    }

    pub(crate) async fn fetch_optional<T: Readable>(self) -> Result<Option<T>, sqlx::Error> {
        ask!(self, fetch_optional, row => row.as_ref().map(T::from_row).transpose())
    }

    /// [`sqlx::Error::RowNotFound`] where there is none.
    pub(crate) async fn fetch_one<T: Readable>(self) -> Result<T, sqlx::Error> {
        self.fetch_optional().await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// The first column of the first row.
    pub(crate) async fn fetch_scalar<T>(self) -> Result<T, sqlx::Error>
    where
        (T,): Readable,
    {
        let (value,) = self.fetch_one().await?;
        Ok(value)
    }
}

/// Gives up on a server that says nothing for too long.
pub(crate) async fn within_time<T>(
    asking: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    time::timeout(STATEMENT_TIMEOUT, asking)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
