//! The database of a test: a file of its own, or a database of its own on a server.
//!
//! Tests do not say which. `cargo test` runs them on SQLite, and [`everything_here_holds_on_postgres_as_well`] runs
//! this whole test program once more on a PostgreSQL server that it starts for that.

#![allow(clippy::unwrap_used)]

use std::{
    env,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tollgate_testkit::postgres::Postgres;

use crate::{DatabaseUrl, Store, database::connection::Pool};

/// The URL of a server's first database, with `postgres` as its name.
const SERVER: &str = "TOLLGATE_TEST_SERVER";

/// A database, empty at first, that lasts as long as this.
pub(crate) struct TestDatabase {
    dir: TempDir,
    pub(crate) url: DatabaseUrl,
}

impl TestDatabase {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match env::var(SERVER) {
            Ok(server) => postgres(&server).await,
            Err(_) => DatabaseUrl::Sqlite(dir.path().join("tollgate.db")),
        };
        Self { dir, url }
    }

    /// A folder of its own.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }
}

/// A database that is open.
pub(crate) async fn store() -> (TestDatabase, Store) {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    (database, store)
}

/// Does something behind the back of the store.
pub(crate) async fn tamper(store: &Store, text: &str) {
    let text = AssertSqlSafe(text.to_owned());
    match &store.pool {
        Pool::Sqlite(pool) => sqlx::raw_sql(text).execute(pool).await.map(|_| ()).unwrap(),
        Pool::Postgres(pool) => sqlx::raw_sql(text).execute(pool).await.map(|_| ()).unwrap(),
    }
}

async fn postgres(server: &str) -> DatabaseUrl {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("of_test_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let DatabaseUrl::Postgres(first) = server.parse().unwrap() else {
        panic!("{SERVER} names no server");
    };
    let mut connection = PgConnection::connect_with(&first.options()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    server
        .replace("/postgres?", &format!("/{name}?"))
        .parse()
        .unwrap()
}

#[test]
fn everything_here_holds_on_postgres_as_well() {
    let Some(server) = Postgres::start("the store is tested on SQLite alone") else {
        return;
    };

    let output = Command::new(env::current_exe().unwrap())
        .args(["--skip", "everything_here_holds_on_postgres_as_well"])
        .env(SERVER, server.url("postgres?sslmode=disable"))
        .output()
        .unwrap();

    assert!(
        output.status.success(),
        "on PostgreSQL:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
