//! The database: opening it, and bringing its tables up to date.
//!
//! SQLite in WAL mode, so that a running gate reads while the command line writes; or PostgreSQL, which several
//! gates may share. A few connections are enough: the hot path does not come here (see [`crate::warm`]).
//!
//! Writers wait for each other at a row of `versions`, which each of them changes first: the rows of
//! `ledger_entries`, `api_keys`, `channels`, `operators` and `audit_entries`, in this order where several are changed. So no two wait for each other, and what a
//! writer reads after that is what the one before it left, at PostgreSQL's usual level (read committed) as well.

use std::{
    cmp::Ordering,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use sqlx::{
    Connection as _, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time;

use self::connection::{Pool, closes_unended};
pub use self::lock::{DatabaseLock, DatabaseLockError};
use crate::{
    audit::Actor,
    error::{DatabaseFault, StoreError},
    url::{DatabaseUrl, PostgresUrl},
};

pub(crate) mod connection;
mod lock;
mod session;

static OF_SQLITE: Migrator = sqlx::migrate!("src/migration/sqlite");
static OF_POSTGRES: Migrator = sqlx::migrate!("src/migration/postgres");

/// Each connection is a thread and up to 2 MB of page cache.
const SQLITE_CONNECTIONS: u32 = 3;
/// The applier, the look at versions, and keys that are looked up.
const POSTGRES_CONNECTIONS: u32 = 5;
/// How long a statement waits while another process writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the start waits before it asks again for a new file that another process turns to WAL.
const LOCKED_REST: Duration = Duration::from_millis(20);
/// How long a query waits for one of the connections.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the start waits for a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the start waits while another gate migrates.
const MIGRATE_TIMEOUT: Duration = Duration::from_secs(600);

/// The database, open. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: Pool,
    /// Whose changes the audit log says they are.
    pub(crate) actor: Arc<Actor>,
    /// Whether another gate has the name of this one ([`crate::claim`]).
    pub(crate) name_is_taken: Arc<AtomicBool>,
}

impl Store {
    /// Opens the database and applies the migrations that it lacks. A file is made with its folder where it is
    /// missing. A server that is away is an error at once.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let pool = match url {
            DatabaseUrl::Sqlite(path) => Pool::Sqlite(open_sqlite(path).await?),
            DatabaseUrl::Postgres(url) => Pool::Postgres(open_postgres(url).await?),
        };
        Ok(Self {
            pool,
            actor: Arc::default(),
            name_is_taken: Arc::default(),
        })
    }

    /// As [`Self::open`] for those who want what is in it: a file that is not there is [`OpenError::NotThere`], and is not
    /// made.
    pub async fn open_existing(url: &DatabaseUrl) -> Result<Self, OpenError> {
        Self::is_there(url)?;
        Self::open(url).await
    }

    /// Fails with [`OpenError::NotThere`] where the database is a file that is not there. A server is not asked.
    pub fn is_there(url: &DatabaseUrl) -> Result<(), OpenError> {
        match url {
            DatabaseUrl::Sqlite(path) if !path.exists() => Err(OpenError::NotThere { path: path.clone() }),
            _ => Ok(()),
        }
    }

    /// Opens the database to look at it: nothing is made or migrated, so what this version has and the database lacks is
    /// an error of the query that asks for it. `None`: there is no such file.
    pub async fn open_as_it_is(url: &DatabaseUrl) -> Result<Option<Self>, OpenError> {
        let pool = match url {
            DatabaseUrl::Sqlite(path) if !path.exists() => return Ok(None),
            DatabaseUrl::Sqlite(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(BUSY_TIMEOUT);
                let pool = connect_sqlite(options).await;
                Pool::Sqlite(pool.map_err(|error| OpenError::unusable(&path.display().to_string(), error))?)
            }
            DatabaseUrl::Postgres(url) => {
                // What it was asked is done; whether it can say goodbye does not matter.
                let _ = connect_postgres(url).await?.close().await;
                Pool::Postgres(postgres_pool(url))
            }
        };
        Ok(Some(Self {
            pool,
            actor: Arc::default(),
            name_is_taken: Arc::default(),
        }))
    }

    /// Opens the database for a trial run, which asks for all that this version has and leaves nothing behind: nothing is
    /// made or migrated. Where there is no such file, an empty database in memory stands for it.
    ///
    /// Fails with [`OpenError::Older`] where tables are lacking.
    pub async fn open_for_trial(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let Some(store) = Self::open_as_it_is(url).await? else {
            return Self::in_memory().await;
        };
        let name = match url {
            DatabaseUrl::Sqlite(path) => path.display().to_string(),
            DatabaseUrl::Postgres(url) => url.to_string(),
        };
        let judged = store.has_this_version(&name).await;
        if judged.is_err() {
            store.close().await;
        }
        judged.map(|()| store)
    }

    async fn has_this_version(&self, name: &str) -> Result<(), OpenError> {
        let migrator = match self.pool {
            Pool::Sqlite(_) => &OF_SQLITE,
            Pool::Postgres(_) => &OF_POSTGRES,
        };
        let newest = migrator.iter().map(|migration| migration.version).max();
        let found: i64 = self
            .pool
            .query("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_scalar()
            .await
            .map_err(|error| OpenError::unusable(name, error))?;
        let database = name.to_owned();
        match found.cmp(&newest.unwrap_or_default()) {
            Ordering::Less => Err(OpenError::Older { database }),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(OpenError::Newer { database }),
        }
    }

    /// A new database that nobody else sees and that is gone when it is closed.
    async fn in_memory() -> Result<Self, OpenError> {
        let unusable = |error| OpenError::unusable("in memory", error);
        // It is gone with its connection as well.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(SqliteConnectOptions::new().in_memory(true).foreign_keys(true))
            .await
            .map_err(unusable)?;
        migrate_sqlite(&pool)
            .await
            .map_err(|error| OpenError::not_migrated("in memory", error))?;
        Ok(Self {
            pool: Pool::Sqlite(pool),
            actor: Arc::default(),
            name_is_taken: Arc::default(),
        })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.query("SELECT 1").execute().await?;
        Ok(())
    }

    /// Whether it answers, and takes what is written: a server that stands by for another one does not.
    pub async fn is_writable(&self) -> Result<bool, StoreError> {
        const ASK: &str = "SELECT CAST(CASE current_setting('transaction_read_only') WHEN 'on' THEN 0 ELSE 1 END AS BIGINT)";
        match self.pool {
            Pool::Sqlite(_) => self.ping().await.map(|()| true),
            Pool::Postgres(_) => {
                let is_writable: i64 = self.pool.query(ASK).fetch_scalar().await?;
                Ok(is_writable == 1)
            }
        }
    }

    /// The same database by a connection of its own, which is made by whoever asks it first, on their thread.
    pub(crate) fn for_applier(&self) -> Self {
        Self {
            pool: self.pool.for_one(ACQUIRE_TIMEOUT),
            actor: Arc::clone(&self.actor),
            name_is_taken: Arc::clone(&self.name_is_taken),
        }
    }

    /// Closes every connection; what is asked afterwards fails.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn open_sqlite(path: &Path) -> Result<SqlitePool, OpenError> {
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
    let name = path.display().to_string();
    let pool = connect_sqlite(options)
        .await
        .map_err(|error| OpenError::unusable(&name, error))?;
    migrate_sqlite(&pool)
        .await
        .map_err(|error| OpenError::not_migrated(&name, error))?;
    Ok(pool)
}

/// Where several processes meet at a new file, one of them turns it to WAL, and SQLite sends the others away without
/// waiting.
async fn connect_sqlite(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let began = Instant::now();
    loop {
        let pool = SqlitePoolOptions::new()
            .max_connections(SQLITE_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let connected = closes_unended(pool).connect_with(options.clone()).await;
        match connected {
            Err(error) if is_locked(&error) && began.elapsed() < BUSY_TIMEOUT => {
                time::sleep(LOCKED_REST).await;
            }
            connected => return connected,
        }
    }
}

fn is_locked(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: &str = "5";
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some(SQLITE_BUSY)
}

/// Applies what is missing, in one transaction that excludes other writers from its start: two
/// processes may open a new database at once.
async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), MigrateError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    // `Migrator::run` is this with an `Acquire` bound that makes the future not `Send`.
    OF_SQLITE.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    Ok(())
}

async fn open_postgres(url: &PostgresUrl) -> Result<sqlx::PgPool, OpenError> {
    let mut connection = connect_postgres(url).await?;
    let name = url.to_string();
    time::timeout(MIGRATE_TIMEOUT, migrate_postgres(&mut connection))
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::from(io::Error::from(io::ErrorKind::TimedOut)).into()))
        .map_err(|error| OpenError::not_migrated(&name, error))?;
    // What it was asked is done; whether it can say goodbye does not matter.
    let _ = connection.close().await;
    Ok(postgres_pool(url))
}

/// One by itself before the pool, which would try again and again and then say only that time is up.
async fn connect_postgres(url: &PostgresUrl) -> Result<PgConnection, OpenError> {
    time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&url.options()))
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        .map_err(|error| OpenError::refused(url, error))
}

fn postgres_pool(url: &PostgresUrl) -> sqlx::PgPool {
    let options = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT);
    session::set(options).connect_lazy_with(url.options())
}

/// Applies what is missing, in one transaction. The migrator takes an advisory lock of the database first, but
/// gives it back before the transaction ends; so there is one of ours around it.
async fn migrate_postgres(connection: &mut PgConnection) -> Result<(), MigrateError> {
    // Any number that no other program takes.
    const LOCK: i64 = 0x0070_6c6c_6761_7465;
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    OF_POSTGRES.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    Ok(())
}

/// Why the database cannot be opened. Never says a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database's folder {} cannot be made: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("there is no database at {}", path.display())]
    NotThere { path: PathBuf },
    #[error("the database {database} cannot be opened: {fault}")]
    Database { database: String, fault: DatabaseFault },
    #[error("the database server {server} cannot be reached: {fault}")]
    Unreachable { server: String, fault: DatabaseFault },
    #[error("the database server {server} does not let `{user}` in: {fault}")]
    Refused {
        server: String,
        user: String,
        fault: DatabaseFault,
    },
    #[error(
        "there is no database `{database}` at {server}; make it there with: CREATE DATABASE \"{database}\""
    )]
    Missing { server: String, database: String },
    #[error("the database {database} was made by a newer tollgate")]
    Newer { database: String },
    #[error("the database {database} is of an earlier version, and is left as it is")]
    Older { database: String },
}

impl OpenError {
    fn unusable(database: &str, error: sqlx::Error) -> Self {
        Self::Database {
            database: database.to_owned(),
            fault: error.into(),
        }
    }

    fn not_migrated(database: &str, error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => Self::Newer {
                database: database.to_owned(),
            },
            MigrateError::Execute(error) => Self::unusable(database, error),
            other => Self::unusable(database, sqlx::Error::from(other)),
        }
    }

    fn refused(url: &PostgresUrl, error: sqlx::Error) -> Self {
        let server = url.server();
        let code = error
            .as_database_error()
            .and_then(|fault| fault.code().map(String::from));
        match code.as_deref() {
            // PostgreSQL, "Error Codes": invalid_catalog_name, and class 28, invalid authorization.
            Some("3D000") => Self::Missing {
                server,
                database: url.database().to_owned(),
            },
            Some(code) if code.starts_with("28") => Self::Refused {
                server,
                user: url.user().to_owned(),
                fault: error.into(),
            },
            Some(_) => Self::unusable(&url.to_string(), error),
            None => Self::Unreachable {
                server,
                fault: error.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
