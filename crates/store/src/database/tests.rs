#![allow(clippy::unwrap_used)]

use std::{future::poll_fn, num::NonZeroU32, pin::pin, task::Poll};

use jiff::Timestamp;
use sqlx::SqliteConnection;
use tempfile::TempDir;
use tokio::task::{JoinSet, yield_now};
use tollgate_ledger::{Account, KeyHash, KeySettings, RequestId};
use tollgate_testkit::postgres::Postgres;

use super::*;
use crate::{
    test_database::{TestDatabase, tamper},
    usage::{UsageBy, UsageFilter},
};

#[tokio::test]
async fn a_new_database_is_made_with_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(dir.path().join("a/b/tollgate.db"));

    let store = Store::open(&url).await.unwrap();

    assert!(store.ping().await.is_ok());
}

#[tokio::test]
async fn several_processes_may_open_a_new_database_at_once() {
    let database = TestDatabase::new().await;
    let mut opened = JoinSet::new();
    for _ in 0..8 {
        let url = database.url.clone();
        opened.spawn(async move { Store::open(&url).await.map(|_| ()) });
    }

    for result in opened.join_all().await {
        result.unwrap();
    }
}

/// A file of a gate whose newest migration was this one.
async fn of_version(version: i64, dir: &TempDir) -> (DatabaseUrl, SqliteConnection) {
    let path = dir.path().join("tollgate.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    OF_SQLITE
        .run_direct(Some(version), &mut connection, false)
        .await
        .unwrap();
    (DatabaseUrl::Sqlite(path), connection)
}

#[tokio::test]
async fn keys_of_the_first_version_go_on_working_in_the_account_that_is_always_there() {
    let dir = tempfile::tempdir().unwrap();
    let (url, mut connection) = of_version(1, &dir).await;
    sqlx::query(
        "INSERT INTO api_keys (id, name, hash, prefix, created_at, expires_at, revoked_at, concurrency)
         VALUES (1, 'app', $1, 'sk-aaaaaa', 1000, 5000, NULL, 7),
                (2, 'old', $2, 'sk-bbbbbb', 1000, NULL, 2000, NULL)",
    )
    .bind([1_u8; 32].as_slice())
    .bind([2_u8; 32].as_slice())
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();

    let store = Store::open(&url).await.unwrap();

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

/// A record and its day, as gates wrote them that did not know of audio from a cache.
const WITHOUT_CACHED_AUDIO: [&str; 2] = [
    "INSERT INTO usage_records (request_id, gate, account_id, key_id, started_at_us, duration_us, model, served_model,
         provider, channel, stream, outcome, prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens,
         cache_write_1h_tokens, prompt_audio_tokens, prompt_image_tokens, prompt_video_tokens, reasoning_tokens,
         completion_audio_tokens, completion_image_tokens, accepted_prediction_tokens, rejected_prediction_tokens,
         estimated, held_nanos, charge_nanos, cost_nanos, lost_cost_nanos)
     VALUES ($1, 'gate-1', 1, 1, 1000, 1000, 'm', 'm', 'p', 'c', 0, 'ok', 100, 10, 40, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0,
         0, 0, 7, 7, 0)",
    "INSERT INTO usage_days (key_id, day, account_id, model, channel, requests, failed, estimated, unpriced,
         prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, cache_write_1h_tokens,
         prompt_audio_tokens, prompt_image_tokens, prompt_video_tokens, reasoning_tokens, completion_audio_tokens,
         completion_image_tokens, accepted_prediction_tokens, rejected_prediction_tokens, charge_nanos, cost_nanos)
     VALUES (1, $1, 1, 'm', 'c', 1, 0, 0, 0, 100, 10, 40, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 7, 7)",
];

#[tokio::test]
async fn records_from_before_audio_of_a_cache_was_kept_stay_as_they_are_and_go_on_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let (url, mut connection) = of_version(8, &dir).await;
    let [before, after] = [1, 2].map(|millis| RequestId::new(millis, 1, 1));
    let [record, day] = WITHOUT_CACHED_AUDIO;
    let write = [(record, before.to_string()), (day, "2026-11-18".to_owned())];
    for (text, name) in write {
        sqlx::query(text)
            .bind(name)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();

    let store = Store::open(&url).await.unwrap();
    // A gate that has not been started anew yet goes on.
    for (text, name) in [(record, after.to_string()), (day, "2026-11-19".to_owned())] {
        store.pool.query(text).bind(name).execute().await.unwrap();
    }

    for request in [before, after] {
        let usage = store.usage_record(request).await.unwrap().unwrap().record.usage;
        assert_eq!(
            (usage.prompt_audio, usage.cached, usage.cached_audio),
            (30, 40, 0)
        );
    }
    let all = store.usage(&UsageFilter::default(), UsageBy::default(), 1).await;
    let usage = all.unwrap()[0].sums.usage;
    assert_eq!((usage.prompt_audio, usage.cached_audio), (60, 0));
}

#[tokio::test]
async fn a_trial_run_finds_a_database_as_it_is_or_not_at_all() {
    let database = TestDatabase::new().await;
    database.open().await;
    let trial = Store::open_for_trial(&database.url).await.unwrap();
    let newest = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    tamper(&trial, newest).await;

    for _ in 0..2 {
        let older = Store::open_for_trial(&database.url).await.unwrap_err();
        assert!(matches!(older, OpenError::Older { .. }), "{older}");
    }
}

#[tokio::test]
async fn a_trial_run_where_no_database_is_has_an_empty_one_and_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(dir.path().join("data/tollgate.db"));

    let trial = Store::open_for_trial(&url).await.unwrap();

    let accounts = trial.accounts().await.unwrap();
    let names: Vec<_> = accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, [Account::DEFAULT]);
    assert!(trial.keys().await.unwrap().is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_database_made_by_a_newer_version_is_refused_as_such() {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    tamper(
        &store,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', TRUE, '00', 0)",
    )
    .await;

    let error = Store::open(&database.url).await.unwrap_err();

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

/// Every column of every table, and what it holds; in the order of their names.
async fn columns(store: &Store) -> Vec<(String, String, String, i64)> {
    let text = match store.pool {
        Pool::Sqlite(_) => {
            "SELECT tables.name, columns.name, columns.type, columns.\"notnull\"
             FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND tables.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
             ORDER BY tables.name, columns.name"
        }
        Pool::Postgres(_) => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), upper(CAST(data_type AS TEXT)),
                    CAST(CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS BIGINT)
             FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%' ESCAPE '\\'
             ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\""
        }
    };
    store.pool.query(text).fetch_all().await.unwrap()
}

/// The names of all indexes that a migration names.
async fn indexes(store: &Store) -> Vec<(String,)> {
    let text = match store.pool {
        Pool::Sqlite(_) => {
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        }
        Pool::Postgres(_) => {
            "SELECT CAST(indexname AS TEXT) FROM pg_indexes
             WHERE schemaname = current_schema() AND indexname NOT LIKE '%\\_pkey' ESCAPE '\\'
               AND indexname NOT LIKE '%\\_key' ESCAPE '\\'
             ORDER BY indexname COLLATE \"C\""
        }
    };
    store.pool.query(text).fetch_all().await.unwrap()
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let Some(server) = Postgres::start("the tables of the two databases are not compared") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = DatabaseUrl::Sqlite(dir.path().join("tollgate.db"));
    let of_sqlite = Store::open(&file).await.unwrap();
    let of_postgres = Store::open(&server.url("postgres").parse().unwrap())
        .await
        .unwrap();

    let same = |(table, column, kind, required): (String, String, String, i64)| {
        let kind = kind.replace("BLOB", "BYTEA").replace("INTEGER", "BIGINT");
        (table, column, kind, required)
    };
    let expected: Vec<_> = columns(&of_sqlite).await.into_iter().map(same).collect();
    assert!(expected.len() > 90, "{expected:?}");
    assert_eq!(columns(&of_postgres).await, expected);
    assert_eq!(indexes(&of_postgres).await, indexes(&of_sqlite).await);
    let versions = |migrations: &Migrator| migrations.iter().map(|one| one.version).max();
    assert_eq!(versions(&OF_POSTGRES), versions(&OF_SQLITE));
}

#[tokio::test]
async fn what_keeps_a_server_from_being_used_is_said_without_the_password() {
    let Some(mut server) = Postgres::start("errors of a PostgreSQL server are not looked at") else {
        return;
    };
    let open = async |url: String| Store::open(&url.parse().unwrap()).await.map(|_| ());
    let url = server.url("postgres");
    open(url.clone()).await.unwrap();

    let missing = open(server.url("other")).await.unwrap_err();
    let wrong = open(url.replace("pa%2Fss", "secret-and-wrong"))
        .await
        .unwrap_err();
    let no_tls = open(format!("{url}?sslmode=require")).await.unwrap_err();
    server.stop();
    let away = open(url.clone()).await.unwrap_err();

    let wanted = [
        (&missing, "there is no database `other` at 127.0.0.1:"),
        (&wrong, "does not let `tollgate` in: "),
        (&no_tls, "TLS"),
        (&away, "cannot be reached: "),
    ];
    for (error, part) in wanted {
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(part), "{shown}");
        for secret in [server.password(), "pa%2Fss", "w@rd", "w%40rd", "secret-and-wrong"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    server.start_again();
    open(url).await.unwrap();
}

/// SQLite does so by itself where the disk is full, and in other trouble.
#[tokio::test]
async fn after_a_transaction_that_the_database_ended_others_are_written_all_the_same() {
    const COUNT: &str = "UPDATE versions SET value = value + 1 WHERE name = 'ledger_entries'";
    const SEEN: &str = "SELECT value FROM versions WHERE name = 'ledger_entries'";
    let database = TestDatabase::new().await;
    let store = database.open().await;
    // As whoever applies the spool has it: one connection, again and again.
    let pool = store.pool.for_one(ACQUIRE_TIMEOUT);
    let before: i64 = store.pool.query(SEEN).fetch_scalar().await.unwrap();

    let mut ended = pool.begin().await.unwrap();
    ended.query(COUNT).execute().await.unwrap();
    ended.query("ROLLBACK").execute().await.unwrap();
    drop(ended);
    let mut given_up = pool.begin().await.unwrap();
    given_up.query(COUNT).execute().await.unwrap();
    drop(given_up);
    let mut kept = pool.begin().await.unwrap();
    kept.query(COUNT).execute().await.unwrap();
    kept.commit().await.unwrap();

    let others = database.open().await;
    let after: i64 = others.pool.query(SEEN).fetch_scalar().await.unwrap();
    assert_eq!(after, before + 1);
    pool.close().await;
}

#[tokio::test]
async fn what_is_written_after_a_transaction_that_was_given_up_at_its_begin_is_kept() {
    const COUNT: &str = "UPDATE versions SET value = value + 1 WHERE name = 'ledger_entries'";
    const SEEN: &str = "SELECT value FROM versions WHERE name = 'ledger_entries'";
    let database = TestDatabase::new().await;
    let store = database.open().await;
    let pool = store.pool.for_one(ACQUIRE_TIMEOUT);
    let before: i64 = store.pool.query(SEEN).fetch_scalar().await.unwrap();

    for looks in 0..40 {
        {
            let mut begin = pin!(pool.begin());
            for _ in 0..looks {
                let has_begun = poll_fn(|context| Poll::Ready(begin.as_mut().poll(context).is_ready()));
                if has_begun.await {
                    break;
                }
                yield_now().await;
            }
        }
        pool.query(COUNT).execute().await.unwrap();
    }

    pool.close().await;
    let after: i64 = store.pool.query(SEEN).fetch_scalar().await.unwrap();
    assert_eq!(after, before + 40);
}

#[tokio::test]
async fn what_is_committed_lasts_and_is_seen_whatever_the_server_is_set_to() {
    for (is_set, lasts) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        let database = TestDatabase::new().await;
        let DatabaseUrl::Postgres(url) = &database.url else {
            return;
        };
        let name = url.database();
        tamper(
            &database.open().await,
            &format!(
                "ALTER DATABASE {name} SET synchronous_commit = {is_set};
                 ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"
            ),
        )
        .await;

        let store = database.open().await;

        for store in [store.for_applier(), store] {
            let seen: Vec<(String, String)> = store
                .pool
                .query(
                    "SELECT current_setting('synchronous_commit'), current_setting('default_transaction_isolation')",
                )
                .fetch_all()
                .await
                .unwrap();
            assert_eq!(
                seen,
                [(lasts.to_owned(), "read committed".to_owned())],
                "{is_set}"
            );
        }
    }
}
