#![allow(clippy::unwrap_used)]

use std::{future::poll_fn, task::Poll};

use tollgate_ledger::{Account, KeySettings};

use super::*;
use crate::{
    keys::tests::{new_key, text},
    test_database::store,
};

fn of_account(name: &str, seed: u8, account: &str, balance: Option<i64>) -> ImportedKey {
    ImportedKey {
        key: NewKey {
            settings: KeySettings::of_account(account),
            ..new_key(name, &text(seed))
        },
        balance: balance.map(Money::from_nanos),
    }
}

#[tokio::test]
async fn keys_bring_their_accounts_and_what_these_have() {
    let (_dir, store) = store().await;

    let done = store
        .import_keys(
            vec![
                of_account("app", 1, "team", Some(25_000_000_000)),
                of_account("batch", 2, "team", None),
                of_account("free", 3, Account::DEFAULT, None),
                of_account("owes", 4, "late", Some(-1)),
            ],
            true,
        )
        .await
        .unwrap();

    let made: Vec<bool> = done
        .iter()
        .map(|done| done.as_ref().unwrap().made_account)
        .collect();
    assert_eq!(made, [true, false, false, true]);
    assert_eq!(
        store.account("team").await.unwrap().balance,
        Money::from_nanos(25_000_000_000)
    );
    assert_eq!(
        store.account("late").await.unwrap().balance,
        Money::from_nanos(-1)
    );
    let (_, found) = store.find_key(&text(2).hash()).await.unwrap();
    assert_eq!(found.unwrap().key.settings.account, "team");
    let verified = store.verify_ledger().await.unwrap();
    assert!(verified.holds() && verified.entries == 2, "{verified:?}");
}

#[tokio::test]
async fn one_that_is_at_fault_keeps_all_out() {
    let (_dir, store) = store().await;
    store.create_key(new_key("here", &text(9))).await.unwrap();
    let keys = vec![
        of_account("app", 1, "team", Some(1)),
        of_account("app", 2, "team", None),
        of_account("again", 1, "team", None),
        of_account("here", 3, "team", None),
        of_account("there", 9, "team", None),
        of_account("rich", 4, "team", Some(1)),
        of_account("fine", 5, "team", None),
    ];

    let done = store.import_keys(keys, true).await.unwrap();

    let taken = |name: &str| {
        Err(ImportFault::TextTaken {
            name: name.to_owned(),
        })
    };
    let faults: Vec<Result<(), ImportFault>> = done.into_iter().map(|done| done.map(drop)).collect();
    assert_eq!(
        faults,
        [
            Ok(()),
            Err(ImportFault::NameTaken),
            taken("app"),
            Err(ImportFault::NameTaken),
            taken("here"),
            Err(ImportFault::BalanceOfKnownAccount {
                account: "team".to_owned()
            }),
            Ok(()),
        ]
    );
    assert_eq!(store.keys().await.unwrap().len(), 1);
    assert_eq!(store.accounts().await.unwrap().len(), 1, "`default` alone");
}

#[tokio::test]
async fn a_trial_says_the_same_of_what_is_at_fault() {
    let (_dir, store) = store().await;
    store.create_key(new_key("here", &text(9))).await.unwrap();
    let keys = vec![
        of_account("app", 1, "team", Some(1)),
        of_account("app", 2, "team", None),
        of_account("again", 1, "team", None),
        of_account("there", 9, "team", None),
        of_account("rich", 4, "team", Some(1)),
    ];

    let tried = store.import_keys(keys.clone(), false).await.unwrap();

    assert_eq!(store.import_keys(keys, true).await.unwrap(), tried);
}

#[tokio::test]
async fn nobody_waits_for_a_trial() {
    let (_dir, store) = store().await;
    let keys = (0..200_u8).map(|seed| of_account(&format!("key-{seed}"), seed, "team", None));
    let mut trial = Box::pin(store.import_keys(keys.collect(), false));

    // It has begun, and is not asked again before somebody else has written. However quickly the database answers, a task
    // goes only so far each time it is asked.
    for _ in 0..4 {
        let poll = poll_fn(|context| Poll::Ready(trial.as_mut().poll(context).is_pending()));
        assert!(poll.await, "it has much to ask");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    store.create_key(new_key("key-199", &text(255))).await.unwrap();
    let tried = trial.await.unwrap();

    assert_eq!(tried.len(), 200);
    assert_eq!(store.keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_trial_says_the_same_and_writes_nothing() {
    let (_dir, store) = store().await;
    let keys = vec![
        of_account("app", 1, "team", Some(1)),
        of_account("bot", 2, "team", None),
    ];

    let tried = store.import_keys(keys.clone(), false).await.unwrap();
    assert!(store.keys().await.unwrap().is_empty());

    assert_eq!(store.import_keys(keys, true).await.unwrap(), tried);
    assert_eq!(store.keys().await.unwrap().len(), 2);
}
