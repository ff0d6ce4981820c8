//! The database cannot be asked, or is not the one that it was.

use super::*;

#[tokio::test]
async fn a_key_that_was_lost_stays_unknown_when_as_many_changes_were_made_as_before() {
    let (_dir, store) = store().await;
    store.create_key(new_key("lost", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    let lost = text(1).hash();
    keys.find(&lost).await.unwrap().unwrap();

    // Another server took over, at the state before.
    let state_before = "DELETE FROM api_key_texts; DELETE FROM api_keys;
        UPDATE versions SET value = value - 1 WHERE name = 'api_keys'";
    tamper(&store, state_before).await;
    assert!(within_a_second(async || keys.get(&lost).is_none()).await);
    store.create_key(new_key("next", &text(2))).await.unwrap();
    keys.find(&text(2).hash()).await.unwrap().unwrap();

    assert!(keys.find(&lost).await.unwrap().is_none());
}

#[tokio::test]
async fn a_warm_key_works_while_the_database_is_away() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    keys.find(&text(1).hash()).await.unwrap();

    store.close().await;

    assert!(keys.find(&text(1).hash()).await.unwrap().is_some());
    let cold = keys.find(&text(2).hash()).await;
    assert!(
        matches!(cold, Err(StoreError::Database(_))),
        "not knowing is not the same as unknown"
    );
}

#[tokio::test]
async fn a_key_that_was_read_before_a_change_works_while_the_database_is_away() {
    let (_dir, store) = store().await;
    let keys = WarmKeys::start(store.clone(), books());
    store.create_key(new_key("app", &text(1))).await.unwrap();
    keys.find(&text(1).hash()).await.unwrap();

    // The change is seen with another key, and nobody has had the time to read this one anew.
    store.create_key(new_key("other", &text(2))).await.unwrap();
    keys.find(&text(2).hash()).await.unwrap();
    store.close().await;

    let found = keys.find(&text(1).hash()).await.unwrap().unwrap();
    assert_eq!(found.key.name, "app");
    let again = Instant::now();
    keys.find(&text(1).hash()).await.unwrap().unwrap();
    assert!(keys.shared.known.is_away() && again.elapsed() < NEWS_WITHIN);
}

#[tokio::test]
async fn a_change_of_a_key_that_nobody_uses_is_known_when_the_database_goes() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let keys = WarmKeys::start(store.clone(), books());
    keys.find(&text(1).hash()).await.unwrap();

    store.revoke_key("app", Timestamp::now()).await.unwrap();
    let is_known = async || {
        keys.shared
            .known
            .get(&text(1).hash())
            .is_some_and(|key| key.usable(Timestamp::now()).is_err())
    };
    let since = Instant::now();
    while !is_known().await {
        assert!(
            since.elapsed() < PATIENCE,
            "it is read although nobody asks for it"
        );
        time::sleep(Duration::from_millis(10)).await;
    }
    store.close().await;

    let found = keys.find(&text(1).hash()).await.unwrap().unwrap();
    assert_eq!(found.usable(Timestamp::now()), Err(Unusable::Revoked));
}
