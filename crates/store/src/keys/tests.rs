#![allow(clippy::unwrap_used)]

use std::num::NonZeroU32;

use tollgate_catalog::money::Money;
use tollgate_ledger::{Account, Budget, KeyText, Limits, PerMinute, Period, Reserve, Unusable};

use super::*;
use crate::test_database::store;

/// A key's text that differs for each `seed`.
pub(crate) fn text(seed: u8) -> KeyText {
    KeyText::from_random(&[seed; KeyText::RANDOM_BYTES])
}

pub(crate) fn text_of(seed: u8) -> NewText {
    let text = text(seed);
    NewText {
        hash: text.hash(),
        prefix: text.prefix(),
    }
}

pub(crate) fn new_key(name: &str, text: &KeyText) -> NewKey {
    NewKey {
        name: name.to_owned(),
        text: NewText {
            hash: text.hash(),
            prefix: text.prefix(),
        },
        created: at(1_000),
        settings: KeySettings::of_account(Account::DEFAULT),
    }
}

/// Settings that differ from the usual ones in everything but the account.
fn all_set() -> KeySettings {
    KeySettings {
        enabled: false,
        expires: Some(at(5_000)),
        models: "gpt-4o,claude-sonnet-4-6".parse().unwrap(),
        networks: "10.0.0.0/8,2001:db8::/32,192.0.2.7".parse().unwrap(),
        limits: Limits {
            requests_per_minute: NonZeroU32::new(60).map(PerMinute::new),
            tokens_per_minute: NonZeroU32::new(u32::MAX).map(PerMinute::new),
            concurrency: NonZeroU32::new(7),
            budget: Some(Budget {
                amount: Money::from_nanos(1),
                per: Period::Day,
            }),
        },
        reserve: Reserve::Full,
        strict_parameters: true,
        channels: tollgate_ledger::AllowedChannels {
            only: Some("a,b".parse().expect("names")),
            not: Some("c".parse().expect("a name")),
        },
        ..KeySettings::of_account(Account::DEFAULT)
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_as_it_was_made() {
    let (_dir, store) = store().await;
    let new = NewKey {
        settings: all_set(),
        ..new_key("app", &text(1))
    };

    let made = store.create_key(new).await.unwrap();
    let (_, found) = store.find_key(&text(1).hash()).await.unwrap();

    let found = found.unwrap();
    assert_eq!(found.key, made);
    assert_eq!(found.text_ends, None);
    assert_eq!(made.name, "app");
    assert_eq!(made.prefix, text(1).prefix());
    assert_eq!(made.created, at(1_000));
    assert_eq!(made.settings, all_set());
}

#[tokio::test]
async fn what_is_set_at_a_key_is_read_back_as_it_was_set_and_the_rest_stays() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();

    store
        .update_key("app", |settings| {
            *settings = all_set();
            Ok::<_, ChangeKeyError>(())
        })
        .await
        .unwrap();
    assert_eq!(store.key("app").await.unwrap().key.settings, all_set());

    let changed = store
        .update_key("app", |settings| {
            settings.limits.budget = None;
            Ok::<_, ChangeKeyError>(())
        })
        .await
        .unwrap();
    let mut expected = all_set();
    expected.limits.budget = None;
    assert_eq!(changed.settings, expected);
    assert_eq!(store.key("app").await.unwrap().key, changed);

    let plain = KeySettings::of_account(Account::DEFAULT);
    store
        .update_key("app", |settings| {
            *settings = plain.clone();
            Ok::<_, ChangeKeyError>(())
        })
        .await
        .unwrap();
    assert_eq!(store.key("app").await.unwrap().key.settings, plain);
}

#[tokio::test]
async fn a_key_belongs_to_an_account_that_there_is() {
    let (_dir, store) = store().await;
    let mut new = new_key("app", &text(1));
    new.settings.account = "nobody".to_owned();

    let error = store.create_key(new).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no account named `nobody`");

    store.create_key(new_key("app", &text(1))).await.unwrap();
    let moved = store
        .update_key("app", |settings| {
            settings.account = "nobody".to_owned();
            Ok::<_, ChangeKeyError>(())
        })
        .await;
    assert!(
        matches!(moved, Err(ChangeKeyError::NoSuchAccount { .. })),
        "{moved:?}"
    );
    let key = store.key("app").await.unwrap().key;
    assert_eq!(key.settings.account, Account::DEFAULT);
}

#[tokio::test]
async fn a_rotated_key_is_found_by_both_texts_and_a_leaked_one_ends_at_once() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();

    store
        .rotate_key("app", text_of(2), at(2_000), at(9_000))
        .await
        .unwrap();
    let rotated = store
        .rotate_key("app", text_of(3), at(3_000), at(3_000))
        .await
        .unwrap();

    let mut ends = Vec::new();
    for seed in 1..=3 {
        let (_, found) = store.find_key(&text(seed).hash()).await.unwrap();
        ends.push(found.unwrap().text_ends);
    }
    assert_eq!(
        ends,
        [Some(at(3_000)), Some(at(3_000)), None],
        "whoever has the leaked one may have the one before it too"
    );
    assert_eq!(rotated.prefix, text(3).prefix());
    let listed = store.keys().await.unwrap();
    assert_eq!(listed.len(), 1, "it is one key");
    assert_eq!(listed[0].key.prefix, text(3).prefix());
    assert_eq!(listed[0].replaced_until, Some(at(3_000)));
}

#[tokio::test]
async fn another_rotation_never_lengthens_the_time_of_earlier_texts() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();

    for (seed, now, until) in [(2, 2_000, 3_000), (3, 2_500, 9_000)] {
        store
            .rotate_key("app", text_of(seed), at(now), at(until))
            .await
            .unwrap();
    }

    let (_, first) = store.find_key(&text(1).hash()).await.unwrap();
    assert_eq!(first.unwrap().text_ends, Some(at(3_000)));
}

#[tokio::test]
async fn a_revoked_key_cannot_be_changed_any_more() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    store.revoke_key("app", at(2_000)).await.unwrap();

    let updated = store
        .update_key("app", |settings| {
            settings.enabled = true;
            Ok::<_, ChangeKeyError>(())
        })
        .await;
    let rotated = store
        .rotate_key("app", text_of(2), at(3_000), at(3_000))
        .await
        .map(|_| ());

    for result in [updated.map(|_| ()), rotated] {
        assert!(
            matches!(result, Err(ChangeKeyError::NoSuchKey { .. })),
            "{result:?}"
        );
    }
    let (_, found) = store.find_key(&text(1).hash()).await.unwrap();
    assert_eq!(found.unwrap().key.usable(at(1)), Err(Unusable::Revoked));
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
        .map(|listed| listed.key.revoked)
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
            matches!(error, ChangeKeyError::NoSuchKey { .. }),
            "{name}: {error}"
        );
    }
    let key = &store.keys().await.unwrap()[0].key;
    assert_eq!(
        key.revoked,
        Some(at(2_000)),
        "the moment of the first revocation stands"
    );
}

#[tokio::test]
async fn every_change_raises_the_version_and_a_failed_one_does_not() {
    let (_dir, store) = store().await;
    let mut versions = vec![store.keys_version().await.unwrap()];
    store.create_key(new_key("app", &text(1))).await.unwrap();
    versions.push(store.keys_version().await.unwrap());
    store
        .update_key("app", |_| Ok::<_, ChangeKeyError>(()))
        .await
        .unwrap();
    versions.push(store.keys_version().await.unwrap());
    store
        .rotate_key("app", text_of(2), at(2_000), at(2_000))
        .await
        .unwrap();
    versions.push(store.keys_version().await.unwrap());

    store.create_key(new_key("app", &text(3))).await.unwrap_err();
    store
        .update_key("other", |_| Ok::<_, ChangeKeyError>(()))
        .await
        .unwrap_err();
    let refused = store.keys_version().await.unwrap();
    store.revoke_key("app", at(2_000)).await.unwrap();

    assert_eq!(versions.last(), Some(&refused), "nothing changed");
    versions.push(store.keys_version().await.unwrap());
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

#[tokio::test]
async fn keys_made_by_several_processes_at_once_are_all_there() {
    let (database, first) = store().await;
    let second = database.open().await;
    let mut made = tokio::task::JoinSet::new();
    for seed in 0..8 {
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
    let ids: Vec<_> = keys.iter().map(|listed| listed.key.id.get()).collect();
    assert_eq!(ids, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    store
        .pool
        .query("UPDATE api_keys SET expires_at = $1")
        .bind(i64::MAX)
        .execute()
        .await
        .unwrap();

    let error = store.keys().await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "api_keys, row 1: expires_at holds a value that cannot be"
    );
}
