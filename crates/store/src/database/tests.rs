#![allow(clippy::unwrap_used)]

use std::num::NonZeroU32;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tollgate_ledger::{Account, KeyHash, KeySettings};

use super::*;

#[tokio::test]
async fn a_new_database_is_made_with_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(dir.path().join("a/b/tollgate.db"));

    let store = Store::open(&url).await.unwrap();

    assert!(store.ping().await.is_ok());
}

#[tokio::test]
async fn several_processes_may_open_a_new_database_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(dir.path().join("tollgate.db"));
    let mut opened = JoinSet::new();
    for _ in 0..8 {
        let url = url.clone();
        opened.spawn(async move { Store::open(&url).await.map(|_| ()) });
    }

    for result in opened.join_all().await {
        result.unwrap();
    }
}

#[tokio::test]
async fn keys_of_the_first_version_go_on_working_in_the_account_that_is_always_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tollgate.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    MIGRATIONS
        .run_direct(Some(1), &mut *connection, false)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO api_keys (id, name, hash, prefix, created_at, expires_at, revoked_at, concurrency)
         VALUES (1, 'app', $1, 'sk-aaaaaa', 1000, 5000, NULL, 7),
                (2, 'old', $2, 'sk-bbbbbb', 1000, NULL, 2000, NULL)",
    )
    .bind([1_u8; 32].as_slice())
    .bind([2_u8; 32].as_slice())
    .execute(&mut *connection)
    .await
    .unwrap();
    drop(connection);
    pool.close().await;

    let store = Store::open(&DatabaseUrl::Sqlite(path)).await.unwrap();

    let keys = store.keys().await.unwrap();
    let names: Vec<_> = keys.iter().map(|listed| listed.key.name.as_str()).collect();
    assert_eq!(names, ["app", "old"]);
    let (_, found) = store.find_key(&KeyHash::from_bytes([1; 32])).await.unwrap();
    let key = found.unwrap().key;
    assert_eq!(key.prefix.as_str(), "sk-aaaaaa");
    let mut settings = KeySettings::of_account(Account::DEFAULT);
    settings.expires = Timestamp::from_second(5_000).ok();
    settings.limits.concurrency = NonZeroU32::new(7);
    assert_eq!(key.settings, settings);
    assert!(keys[1].key.revoked.is_some());
}

#[tokio::test]
async fn a_database_made_by_a_newer_version_is_refused_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(dir.path().join("tollgate.db"));
    let store = Store::open(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .execute(&store.pool)
    .await
    .unwrap();

    let error = Store::open(&url).await.unwrap_err();

    assert!(matches!(error, OpenError::Newer { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tollgate.db");
    fs::write(
        &path,
        "this is a text, and a rather long one, so that it is no database at all",
    )
    .unwrap();

    let error = Store::open(&DatabaseUrl::Sqlite(path)).await.unwrap_err();

    assert!(
        error.to_string().contains("tollgate.db cannot be opened"),
        "{error}"
    );
}
