#![allow(clippy::unwrap_used)]

use tempfile::TempDir;
use tollgate_ledger::KeyText;

use super::*;
use crate::url::DatabaseUrl;

/// A database in a directory that lasts as long as the first value.
pub(crate) async fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(dir.path().join("tollgate.db"));
    let store = Store::open(&url).await.unwrap();
    (dir, store)
}

/// A key's text that differs for each `seed`.
pub(crate) fn text(seed: u8) -> KeyText {
    KeyText::from_random(&[seed; KeyText::RANDOM_BYTES])
}

pub(crate) fn new_key(name: &str, text: &KeyText) -> NewKey {
    NewKey {
        name: name.to_owned(),
        hash: text.hash(),
        prefix: text.prefix(),
        created: at(1_000),
        expires: None,
        concurrency: None,
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_as_it_was_made() {
    let (_dir, store) = store().await;
    let new = NewKey {
        expires: Some(at(5_000)),
        concurrency: NonZeroU32::new(7),
        ..new_key("app", &text(1))
    };

    let made = store.create_key(new).await.unwrap();
    let (_, found) = store.find_key(&text(1).hash()).await.unwrap();

    assert_eq!(found, Some(made.clone()));
    assert_eq!(made.name, "app");
    assert_eq!(made.prefix, text(1).prefix());
    assert_eq!(made.created, at(1_000));
    assert_eq!(made.expires, Some(at(5_000)));
    assert_eq!(made.concurrency, NonZeroU32::new(7));
}

#[tokio::test]
async fn a_hash_that_no_key_has_finds_nothing() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();

    let (_, found) = store.find_key(&text(2).hash()).await.unwrap();

    assert_eq!(found, None);
}

#[tokio::test]
async fn two_live_keys_never_have_one_name() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();

    let error = store.create_key(new_key("app", &text(2))).await.unwrap_err();

    assert!(matches!(error, CreateKeyError::NameTaken { name } if name == "app"));
    assert_eq!(store.keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_name_of_a_revoked_key_is_free_again() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    store.revoke_key("app", at(2_000)).await.unwrap();

    let second = store.create_key(new_key("app", &text(2))).await;

    assert!(second.is_ok());
    let revoked: Vec<_> = store
        .keys()
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.revoked)
        .collect();
    assert_eq!(revoked, [Some(at(2_000)), None], "the old one stays in the list");
}

#[tokio::test]
async fn revoking_what_is_not_there_or_revoked_already_says_so() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    store.revoke_key("app", at(2_000)).await.unwrap();

    for name in ["app", "other"] {
        let error = store.revoke_key(name, at(3_000)).await.unwrap_err();
        assert!(
            matches!(error, RevokeKeyError::NoSuchKey { .. }),
            "{name}: {error}"
        );
    }
    let key = &store.keys().await.unwrap()[0];
    assert_eq!(
        key.revoked,
        Some(at(2_000)),
        "the moment of the first revocation stands"
    );
}

#[tokio::test]
async fn every_change_raises_the_version_and_a_failed_one_does_not() {
    let (_dir, store) = store().await;
    let before = store.keys_version().await.unwrap();

    store.create_key(new_key("app", &text(1))).await.unwrap();
    let created = store.keys_version().await.unwrap();
    store.create_key(new_key("app", &text(2))).await.unwrap_err();
    let refused = store.keys_version().await.unwrap();
    store.revoke_key("app", at(2_000)).await.unwrap();
    let revoked = store.keys_version().await.unwrap();

    assert!(before < created);
    assert_eq!(created, refused, "nothing changed");
    assert!(refused < revoked);
}

#[tokio::test]
async fn keys_made_by_several_processes_at_once_are_all_there() {
    let (dir, first) = store().await;
    let second = Store::open(&DatabaseUrl::Sqlite(dir.path().join("tollgate.db")))
        .await
        .unwrap();
    let mut made = tokio::task::JoinSet::new();
    for seed in 0..20 {
        let store = if seed % 2 == 0 {
            first.clone()
        } else {
            second.clone()
        };
        made.spawn(async move {
            store
                .create_key(new_key(&format!("app {seed}"), &text(seed)))
                .await
        });
    }

    for result in made.join_all().await {
        result.unwrap();
    }

    let keys = first.keys().await.unwrap();
    let ids: Vec<_> = keys.iter().map(|key| key.id.get()).collect();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    sqlx::query("UPDATE api_keys SET expires_at = $1")
        .bind(i64::MAX)
        .execute(&store.pool)
        .await
        .unwrap();

    let error = store.keys().await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "api_keys, row 1: expires_at holds a value that cannot be"
    );
}
