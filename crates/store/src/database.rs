//! The database: opening it, and bringing its tables up to date.
//!
//! SQLite in WAL mode, so that a running gate reads while the command line writes. A few
//! connections are enough: the hot path does not come here (see [`crate::warm`]).

use std::{fs, io, path::PathBuf, time::Duration};

use sqlx::{
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    error::{DatabaseFault, StoreError},
    url::DatabaseUrl,
};

static MIGRATIONS: Migrator = sqlx::migrate!("src/migration");

/// Each connection is a thread and up to 2 MB of page cache.
const CONNECTIONS: u32 = 3;
/// How long a statement waits while another process writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a query waits for one of the connections.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The database, open. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: SqlitePool,
}

impl Store {
    /// Opens the database, made with its folder where it is missing, and applies the migrations
    /// that it lacks.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let DatabaseUrl::Sqlite(path) = url;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| OpenError::Folder {
                folder: folder.to_owned(),
                source,
            })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A key that was shown to its maker must be there after a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let failed = |fault| OpenError::Database {
            path: path.clone(),
            fault,
        };
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|error| failed(error.into()))?;
        migrate(&pool).await.map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
                OpenError::Newer { path: path.clone() }
            }
            MigrateError::Execute(error) => failed(error.into()),
            other => failed(sqlx::Error::from(other).into()),
        })?;
        Ok(Self { pool })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The same database by a connection of its own, which is made by whoever asks it first, on their thread.
    pub(crate) fn for_applier(&self) -> Self {
        let options = (*self.pool.connect_options()).clone();
        Self {
            pool: SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_lazy_with(options),
        }
    }

    /// Closes every connection; what is asked afterwards fails.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Applies what is missing, in one transaction that excludes other writers from its start: two
/// processes may open a new database at once.
async fn migrate(pool: &SqlitePool) -> Result<(), MigrateError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    // `Migrator::run` is this with an `Acquire` bound that makes the future not `Send`.
    MIGRATIONS.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    Ok(())
}

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database's folder {} cannot be made: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("the database {} cannot be opened: {fault}", path.display())]
    Database { path: PathBuf, fault: DatabaseFault },
    #[error("the database {} was made by a newer tollgate", path.display())]
    Newer { path: PathBuf },
}

#[cfg(test)]
mod tests;
