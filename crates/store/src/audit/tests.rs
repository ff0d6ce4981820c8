#![allow(clippy::unwrap_used)]

use tokio::task::JoinSet;
use tollgate_catalog::money::Money;

use super::*;
use crate::{
    ChangeAccountError, ChangeKeyError, NewCredit,
    accounts::tests::new_account,
    keys::tests::{at, new_key, text, text_of},
    test_database::store,
};

async fn log(store: &Store) -> Vec<AuditEntry> {
    let mut log = store
        .audit_entries(&AuditFilter::default(), None, 100)
        .await
        .unwrap();
    log.reverse();
    log
}

#[tokio::test]
async fn every_change_is_written_down_with_what_was_before_and_after() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    store
        .update_account("team", |settings| {
            settings.unlimited = true;
            Ok::<_, ChangeAccountError>(())
        })
        .await
        .unwrap();
    store
        .credit("team", Money::from_nanos(5_000_000_000), Some("why"), at(5))
        .await
        .unwrap();
    store.create_key(new_key("app", &text(1))).await.unwrap();
    store.rotate_key("app", text_of(2), at(6), at(7)).await.unwrap();
    store.revoke_key("app", at(8)).await.unwrap();

    let log = log(&store).await;

    let told: Vec<_> = log
        .iter()
        .map(|entry| {
            (
                entry.resource.as_str(),
                entry.name.as_str(),
                entry.action.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("account", "team", "create"),
            ("account", "team", "update"),
            ("account", "team", "top_up"),
            ("key", "app", "create"),
            ("key", "app", "rotate"),
            ("key", "app", "revoke"),
        ]
    );
    let state = |text: &Option<String>| serde_json::from_str::<Value>(text.as_deref().unwrap()).unwrap();
    assert_eq!(log[0].before, None);
    assert_eq!(state(&log[1].before)["unlimited"], false);
    assert_eq!(state(&log[1].after)["unlimited"], true);
    assert_eq!(state(&log[2].after)["balance"], "5.00");
    assert_eq!(
        (log[0].operator.as_str(), &log[0].request),
        (Actor::COMMAND_LINE, &None)
    );
    let shown = format!("{log:?}");
    for secret in [text(1), text(2)] {
        assert!(!shown.contains(secret.reveal()));
    }
}

#[tokio::test]
async fn an_entry_names_who_changed_it_and_by_which_request() {
    let (_dir, store) = store().await;
    let anna = store.acting_for(Actor {
        operator: "anna".into(),
        request: Some("req_1".into()),
    });

    anna.create_account(new_account("team")).await.unwrap();
    store.create_account(new_account("other")).await.unwrap();

    let of_anna = AuditFilter {
        operator: Some("anna".to_owned()),
        ..AuditFilter::default()
    };
    let log = store.audit_entries(&of_anna, None, 10).await.unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(
        (log[0].name.as_str(), log[0].request.as_deref()),
        ("team", Some("req_1"))
    );
    let unknown = AuditFilter {
        resource: Some(Resource::Key),
        ..AuditFilter::default()
    };
    assert_eq!(store.audit_entries(&unknown, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_changes_nothing_or_fails_leaves_no_entry() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let before = log(&store).await.len();

    store
        .update_account("team", |_| Ok::<_, ChangeAccountError>(()))
        .await
        .unwrap();
    store
        .update_key("app", |_| Ok::<_, ChangeKeyError>(()))
        .await
        .unwrap();
    store.create_account(new_account("team")).await.unwrap_err();
    store.revoke_key("nobody", at(5)).await.unwrap_err();

    assert_eq!(log(&store).await.len(), before);
}

#[tokio::test]
async fn the_log_is_read_in_pages_the_newest_first() {
    let (_dir, store) = store().await;
    for name in ["a", "b", "c"] {
        store.create_account(new_account(name)).await.unwrap();
    }
    let all = AuditFilter::default();

    let first = store.audit_entries(&all, None, 2).await.unwrap();
    let rest = store.audit_entries(&all, Some(first[1].id), 2).await.unwrap();

    let names: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(names, ["c", "b", "a"]);
}

#[tokio::test]
async fn changes_at_once_are_all_written_down() {
    let (_dir, store) = store().await;
    let mut changes = JoinSet::new();
    for number in 0..20_u8 {
        let store = store.clone();
        changes.spawn(async move {
            match number % 2 {
                0 => store
                    .create_account(new_account(&format!("a{number}")))
                    .await
                    .map(drop)
                    .unwrap(),
                _ => store
                    .create_operator(&format!("o{number}"), crate::Role::Viewer, at(1))
                    .await
                    .map(drop)
                    .unwrap(),
            }
        });
    }
    changes.join_all().await;

    assert_eq!(log(&store).await.len(), 20);
}

#[tokio::test]
async fn credit_with_an_id_is_given_once() {
    let (_dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    store.create_account(new_account("other")).await.unwrap();
    let credit = NewCredit {
        id: Some("invoice-17"),
        ..NewCredit::of(Money::from_nanos(1_000_000_000))
    };

    let first = store.credit_once("team", &credit, at(5)).await.unwrap();
    let second = store.credit_once("team", &credit, at(9)).await.unwrap();

    assert_eq!((first.is_repeated, second.is_repeated), (false, true));
    assert_eq!(second.entry, first.entry);
    assert_eq!(second.account.balance.to_string(), "1.00");
    let more = NewCredit {
        amount: Money::from_nanos(2_000_000_000),
        ..credit
    };
    for (name, credit) in [("other", &credit), ("team", &more)] {
        let error = store.credit_once(name, credit, at(10)).await.unwrap_err();
        assert!(matches!(error, ChangeAccountError::IdTaken { .. }), "{error}");
    }
    assert_eq!(store.verify_ledger().await.unwrap().entries, 1);
}
