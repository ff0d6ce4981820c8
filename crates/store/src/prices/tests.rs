#![allow(clippy::unwrap_used)]

use super::*;
use crate::{AuditFilter, keys::tests::at, test_database::store};

fn settings() -> PriceSettings {
    let Value::Object(rates) = json!({"input": "3.00", "output": "15.00"}) else {
        panic!("an object");
    };
    PriceSettings {
        model: "gpt-4o".to_owned(),
        channel: Some("main".to_owned()),
        rates,
        from: Some("2026-12-01".parse().unwrap()),
        until: None,
    }
}

#[tokio::test]
async fn a_number_never_comes_twice() {
    let (_dir, store) = store().await;
    let make = async || store.create_price(settings(), at(5)).await.unwrap().id;
    let delete = async |id| {
        let may = |_: &PriceSettings| Ok::<_, ChangePriceError>(());
        store.delete_price(id, may).await.unwrap();
    };
    assert_eq!((make().await, make().await), (1, 2));

    delete(2).await;
    assert_eq!(make().await, 3);
    delete(3).await;
    delete(1).await;

    assert_eq!(make().await, 4, "the log names prices by their numbers alone");
}

#[tokio::test]
async fn prices_are_read_back_changed_and_removed_and_all_of_it_is_written_down() {
    let (_dir, store) = store().await;
    let version = store.channels_version().await.unwrap();

    let made = store.create_price(settings(), at(5)).await.unwrap();
    assert_eq!(store.stored_prices().await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(made.settings, settings());
    assert_ne!(store.channels_version().await.unwrap(), version);

    let changed = store
        .update_price(made.id, |settings| {
            settings.channel = None;
            Ok::<_, ChangePriceError>(())
        })
        .await
        .unwrap();
    assert_eq!(store.stored_price(made.id).await.unwrap(), changed);
    store
        .delete_price(made.id, |_| Ok::<_, ChangePriceError>(()))
        .await
        .unwrap();

    assert_eq!(store.stored_prices().await.unwrap(), []);
    let log = store
        .audit_entries(&AuditFilter::default(), None, 10)
        .await
        .unwrap();
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["delete", "update", "create"]);
    let error = store
        .delete_price(made.id, |_| Ok::<_, ChangePriceError>(()))
        .await
        .unwrap_err();
    assert!(matches!(error, ChangePriceError::NoSuchPrice { .. }), "{error}");
}
