#![allow(clippy::unwrap_used)]

use tollgate_ledger::{KeyText, OperatorText};

use super::{tokens::SESSIONS_MAX, *};
use crate::{
    AuditFilter,
    keys::tests::at,
    test_database::{store, tamper},
};

fn token(seed: u8, expires: Option<i64>) -> NewOperatorToken {
    let text = OperatorText::token(&[seed; KeyText::RANDOM_BYTES]);
    NewOperatorToken {
        name: "laptop".to_owned(),
        hash: text.hash(),
        prefix: text.prefix(),
        expires: expires.map(at),
    }
}

#[tokio::test]
async fn an_operator_is_found_by_a_token_until_it_ends() {
    let (_dir, store) = store().await;
    assert!(!store.has_operators().await.unwrap());
    let made = store.create_operator("anna", Role::Viewer, at(1)).await.unwrap();
    let (lasting, ending) = (token(1, None), token(2, Some(100)));
    for token in [&lasting, &ending] {
        store.add_operator_token("anna", token, at(2)).await.unwrap();
    }

    let found = async |token: &NewOperatorToken, second| {
        let found = store.operator_with(&token.hash, at(second)).await.unwrap();
        found.map(|operator| operator.name)
    };
    assert_eq!(found(&ending, 99).await.as_deref(), Some("anna"));
    assert_eq!(found(&ending, 100).await, None);
    assert_eq!(found(&token(3, None), 5).await, None);
    store
        .revoke_operator_token("anna", &lasting.prefix, at(50))
        .await
        .unwrap();
    assert_eq!(found(&lasting, 51).await, None);

    let listed = store.operators().await.unwrap();
    assert_eq!(listed[0].operator, made);
    let ends: Vec<_> = listed[0]
        .tokens
        .iter()
        .map(|token| (token.expires, token.revoked))
        .collect();
    assert!(ends.contains(&(None, Some(at(50)))), "{ends:?}");
    assert!(ends.contains(&(Some(at(100)), None)), "{ends:?}");
}

#[tokio::test]
async fn whoever_is_removed_can_do_nothing_more_and_leaves_the_name() {
    let (_dir, store) = store().await;
    let token = token(1, None);
    store.create_operator("anna", Role::Admin, at(1)).await.unwrap();
    store.add_operator_token("anna", &token, at(2)).await.unwrap();
    store
        .set_operator_password("anna", "a hash", at(2))
        .await
        .unwrap();

    store.remove_operator("anna", at(3)).await.unwrap();

    assert_eq!(store.operator_with(&token.hash, at(4)).await.unwrap(), None);
    assert_eq!(store.operator_password("anna").await.unwrap(), None);
    assert!(!store.has_operators().await.unwrap());
    let error = store.remove_operator("anna", at(5)).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no operator named `anna`");
    store.create_operator("anna", Role::Viewer, at(6)).await.unwrap();
    assert_eq!(store.operator_with(&token.hash, at(7)).await.unwrap(), None);
}

#[tokio::test]
async fn two_operators_never_have_one_name_nor_that_of_the_command_line() {
    let (_dir, store) = store().await;
    store.create_operator("anna", Role::Admin, at(1)).await.unwrap();

    for name in ["anna", Actor::COMMAND_LINE] {
        let error = store.create_operator(name, Role::Admin, at(2)).await.unwrap_err();
        assert!(matches!(error, CreateOperatorError::NameTaken { .. }), "{error}");
    }
}

#[tokio::test]
async fn another_password_ends_sessions_and_no_token() {
    let (_dir, store) = store().await;
    store.create_operator("anna", Role::Admin, at(1)).await.unwrap();
    let (kept, session) = (token(1, None), token(2, Some(100)));
    store.add_operator_token("anna", &kept, at(2)).await.unwrap();
    let signed_in = store
        .set_operator_password("anna", "the first hash", at(2))
        .await
        .unwrap();
    let begun = store
        .begin_session(signed_in.id, "the first hash", &session, at(2))
        .await
        .unwrap();
    assert_eq!(begun, Some(signed_in));
    assert!(store.operator_with(&session.hash, at(2)).await.unwrap().is_some());

    store
        .set_operator_password("anna", "a hash", at(3))
        .await
        .unwrap();

    assert!(store.operator_with(&kept.hash, at(4)).await.unwrap().is_some());
    assert!(store.operator_with(&session.hash, at(4)).await.unwrap().is_none());
    let (operator, hash) = store.operator_password("anna").await.unwrap().unwrap();
    assert_eq!((operator.has_password(), hash.as_str()), (true, "a hash"));
}

#[tokio::test]
async fn a_session_begins_only_for_whoever_still_is_who_had_the_password() {
    let (_dir, store) = store().await;
    store.create_operator("anna", Role::Admin, at(1)).await.unwrap();
    let set = async |hash: &'static str| store.set_operator_password("anna", hash, at(1)).await.unwrap();
    let first = set("the first hash").await;
    let begin = async |hash: &'static str, seed| {
        let token = token(seed, Some(100));
        let begun = store.begin_session(first.id, hash, &token, at(2)).await.unwrap();
        let works = store.operator_with(&token.hash, at(3)).await.unwrap();
        assert_eq!(begun, works);
        begun.is_some()
    };
    let switch = async |enabled| {
        let change = |_: &Operator, settings: &mut OperatorSettings| {
            settings.enabled = enabled;
            Ok::<_, ChangeOperatorError>(())
        };
        store.update_operator("anna", None, at(2), change).await.unwrap();
    };
    store.create_operator("ben", Role::Admin, at(1)).await.unwrap();
    store
        .add_operator_token("ben", &token(9, None), at(1))
        .await
        .unwrap();

    assert!(begin("the first hash", 1).await);
    set("another hash").await;
    assert!(!begin("the first hash", 2).await);
    assert!(begin("another hash", 3).await);
    switch(false).await;
    assert!(!begin("another hash", 4).await);
    switch(true).await;
    assert!(begin("another hash", 5).await);
    store.remove_operator("anna", at(4)).await.unwrap();
    store.create_operator("anna", Role::Viewer, at(5)).await.unwrap();
    assert!(!begin("another hash", 6).await);
    // Not even where the next one of that name has what was a password of theirs.
    set("another hash").await;
    assert!(!begin("another hash", 7).await);
}

#[tokio::test]
async fn each_password_has_another_mark_and_no_mark_shows_the_hash() {
    let (_dir, store) = store().await;
    let made = store.create_operator("anna", Role::Admin, at(1)).await.unwrap();
    let mut marks = vec![made.password];
    for hash in ["the first hash", "another hash"] {
        let changed = store.set_operator_password("anna", hash, at(2)).await.unwrap();
        let listed = store.operator("anna").await.unwrap().operator;
        assert_eq!(listed, changed);
        assert!(!marks.contains(&listed.password));
        marks.push(listed.password);
    }
}

#[tokio::test]
async fn sessions_of_an_operator_are_bounded_and_those_that_ended_are_forgotten() {
    let (_dir, store) = store().await;
    store.create_operator("anna", Role::Admin, at(1)).await.unwrap();
    let anna = store
        .set_operator_password("anna", "a hash", at(1))
        .await
        .unwrap();
    let most = u8::try_from(SESSIONS_MAX).unwrap();

    for seed in 0..most + 3 {
        let made = at(10 + i64::from(seed));
        let token = token(seed, Some(1_000));
        let begun = store.begin_session(anna.id, "a hash", &token, made).await;
        assert!(begun.unwrap().is_some());
    }

    let works = async |seed| {
        store
            .operator_with(&token(seed, None).hash, at(500))
            .await
            .unwrap()
            .is_some()
    };
    assert!(!works(2).await, "the oldest ended");
    assert!(works(3).await && works(most + 2).await);
    assert!(store.operators().await.unwrap()[0].tokens.is_empty());
}

#[tokio::test]
async fn neither_the_list_nor_the_log_has_a_hash() {
    let (_dir, store) = store().await;
    store.create_operator("anna", Role::Admin, at(1)).await.unwrap();
    store
        .set_operator_password("anna", "$argon2id$secret", at(3))
        .await
        .unwrap();
    store
        .add_operator_token("anna", &token(1, None), at(4))
        .await
        .unwrap();

    let log = store
        .audit_entries(&AuditFilter::default(), None, 10)
        .await
        .unwrap();

    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["create_token", "set_password", "create"]);
    let shown = format!("{log:?} {:?}", store.operators().await.unwrap());
    assert!(!shown.contains("argon2id"), "{shown}");
}

#[tokio::test]
async fn a_value_that_cannot_be_is_damage() {
    let (_dir, store) = store().await;
    store.create_operator("anna", Role::Admin, at(1)).await.unwrap();

    tamper(&store, "UPDATE operators SET created_at = 9223372036854775807").await;

    let error = store.operators().await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Damaged {
                table: "operators",
                ..
            }
        ),
        "{error}"
    );
}
