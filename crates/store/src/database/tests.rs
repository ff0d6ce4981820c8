#![allow(clippy::unwrap_used)]

use tokio::task::JoinSet;

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
