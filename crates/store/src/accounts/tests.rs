#![allow(clippy::unwrap_used)]

use std::num::NonZeroU32;

use tollgate_ledger::{Budget, PerMinute, Period};

use super::*;
use crate::{NewCredit, keys::tests::at, test_database::store};

pub(crate) fn new_account(name: &str) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        created: at(1_000),
        settings: AccountSettings::default(),
    }
}

fn some_limits() -> Limits {
    Limits {
        requests_per_minute: NonZeroU32::new(60).map(PerMinute::new),
        tokens_per_minute: NonZeroU32::new(u32::MAX).map(PerMinute::new),
        concurrency: NonZeroU32::new(7),
        budget: Some(Budget {
            amount: Money::from_nanos(25_000_000_001),
            per: Period::Month,
        }),
    }
}

#[tokio::test]
async fn there_is_always_an_unlimited_account() {
    let (_dir, store) = store().await;

    let accounts = store.accounts().await.unwrap();

    assert_eq!(accounts.len(), 1);
    let default = &accounts[0];
    assert_eq!(
        (default.name.as_str(), default.unlimited),
        (Account::DEFAULT, true)
    );
    assert_eq!(
        (default.balance, default.limits),
        (Money::ZERO, Limits::default())
    );
}

#[tokio::test]
async fn what_is_read_back_is_what_was_written() {
    let (_dir, store) = store().await;
    let settings = AccountSettings {
        unlimited: true,
        multiplier: "1.15".parse().unwrap(),
        limits: some_limits(),
    };

    let made = store
        .create_account(NewAccount {
            settings,
            ..new_account("team")
        })
        .await
        .unwrap();

    assert_eq!(store.account("team").await.unwrap(), made);
    assert_eq!((made.unlimited, made.limits), (true, some_limits()));
    assert_eq!(made.created, Some(at(1_000)));
}

#[tokio::test]
async fn a_change_leaves_the_rest_as_it_was() {
    let (_dir, store) = store().await;
    let mut new = new_account("team");
    new.settings.limits = some_limits();
    store.create_account(new).await.unwrap();

    let changed = store
        .update_account("team", |settings| {
            settings.limits.concurrency = None;
            Ok::<_, ChangeAccountError>(())
        })
        .await
        .unwrap();

    let expected = Limits {
        concurrency: None,
        ..some_limits()
    };
    assert_eq!(changed.limits, expected);
    assert_eq!(store.account("team").await.unwrap(), changed);
}

#[tokio::test]
async fn two_accounts_never_have_one_name_and_an_unknown_one_is_named() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();

    for name in ["team", Account::DEFAULT] {
        let error = store.create_account(new_account(name)).await.unwrap_err();
        assert!(matches!(error, CreateAccountError::NameTaken { .. }), "{error}");
    }
    let unknown = store
        .update_account("other", |_| Ok::<_, ChangeAccountError>(()))
        .await
        .unwrap_err();
    assert_eq!(unknown.to_string(), "there is no account named `other`");
}

#[tokio::test]
async fn an_account_is_without_credit_once_it_has_spent_some_and_not_before_it_was_given_any() {
    let (_dir, store) = store().await;
    let counted = async || {
        let counted = store.accounts_without_credit().await.unwrap();
        (counted.all, counted.overdrawn)
    };
    let give = async |name: &str, nanos: i64| {
        let credit = NewCredit {
            note: Some("test"),
            ..NewCredit::of(Money::from_nanos(nanos))
        };
        store.credit_once(name, &credit, at(5)).await.unwrap();
    };
    for name in ["new", "team", "late"] {
        store.create_account(new_account(name)).await.unwrap();
    }
    assert_eq!(counted().await, (0, 0), "nobody was given anything");

    give("team", 5).await;
    assert_eq!(counted().await, (0, 0));
    give("team", -5).await;
    assert_eq!(counted().await, (1, 0));
    give("late", -1).await;

    assert_eq!(counted().await, (2, 1));
}

#[tokio::test]
async fn gates_are_told_of_a_change_of_limits() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    let before = store.keys_version().await.unwrap();

    store
        .update_account("team", |settings| {
            settings.limits = some_limits();
            Ok::<_, ChangeAccountError>(())
        })
        .await
        .unwrap();

    assert!(before < store.keys_version().await.unwrap());
}
