#![allow(clippy::unwrap_used)]

use super::*;
use crate::{AuditFilter, ChangePriceError, PriceSettings, keys::tests::at, test_database::store};

fn channel(name: &str) -> StoredChannel {
    let Value::Object(settings) = json!({"provider": "openai", "priority": 1}) else {
        panic!("an object");
    };
    StoredChannel {
        name: name.to_owned(),
        settings,
        sealed: Some(b"sealed bytes".to_vec()),
        created: at(5),
        updated: at(5),
    }
}

#[tokio::test]
async fn what_is_read_back_is_what_was_written_and_gates_are_told() {
    let (_dir, store) = store().await;
    let version = store.channels_version().await.unwrap();

    store.create_channel(&channel("b")).await.unwrap();
    store.create_channel(&channel("a")).await.unwrap();

    assert_eq!(
        store.stored_channels().await.unwrap(),
        [channel("a"), channel("b")]
    );
    assert_ne!(store.channels_version().await.unwrap(), version);
    let error = store.create_channel(&channel("a")).await.unwrap_err();
    assert!(matches!(error, ChangeChannelError::NameTaken { .. }), "{error}");
}

#[tokio::test]
async fn a_channel_stays_while_prices_name_it() {
    let (_dir, store) = store().await;
    let delete = async || {
        let may = |_: &StoredChannel| Ok::<_, ChangeChannelError>(());
        store.delete_channel("a", may).await
    };
    let price = |channel: Option<&str>| PriceSettings {
        model: "gpt-4o".to_owned(),
        channel: channel.map(str::to_owned),
        rates: Map::new(),
        from: None,
        until: None,
    };
    store.create_channel(&channel("a")).await.unwrap();
    for channel in [None, Some("b"), Some("a"), Some("a")] {
        store.create_price(price(channel), at(5)).await.unwrap();
    }

    let refused = delete().await.unwrap_err();

    let facts =
        matches!(&refused, ChangeChannelError::HasPrices { name, prices: 2, first: 3 } if name == "a");
    assert!(facts, "{refused}");
    assert_eq!(store.stored_channels().await.unwrap(), [channel("a")]);
    for id in [3, 4] {
        let may = |_: &PriceSettings| Ok::<_, ChangePriceError>(());
        store.delete_price(id, may).await.unwrap();
    }
    delete().await.unwrap();
    assert_eq!(store.stored_channels().await.unwrap(), []);
}

#[tokio::test]
async fn a_change_is_written_down_without_what_is_sealed() {
    let (_dir, store) = store().await;
    store.create_channel(&channel("a")).await.unwrap();

    let changed = store
        .update_channel("a", at(9), |channel| {
            channel.settings.insert("priority".to_owned(), json!(2));
            channel.sealed = Some(b"other bytes".to_vec());
            Ok::<_, ChangeChannelError>(())
        })
        .await
        .unwrap();
    store
        .delete_channel("a", |_| Ok::<_, ChangeChannelError>(()))
        .await
        .unwrap();

    assert_eq!((changed.created, changed.updated), (at(5), at(9)));
    assert_eq!(store.stored_channels().await.unwrap(), []);
    let log = store
        .audit_entries(&AuditFilter::default(), None, 10)
        .await
        .unwrap();
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["delete", "update", "create"]);
    assert!(
        log[1].after.as_ref().unwrap().contains(r#""secrets":"changed""#),
        "{log:?}"
    );
    assert!(!format!("{log:?}").contains("bytes"), "{log:?}");
    let error = store
        .delete_channel("a", |_| Ok::<_, ChangeChannelError>(()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ChangeChannelError::NoSuchChannel { .. }),
        "{error}"
    );
}
