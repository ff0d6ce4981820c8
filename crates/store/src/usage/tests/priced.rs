//! Whatever has a price is kept: what a request cost can be worked out again from its record.

use serde_json::json;
use tollgate_catalog::price::{Price, Rates, Spent};

use super::*;
use crate::spool::record::tests::of_every_class;

/// A price of these figures, each of which has the name of its class.
fn price(rate_of: impl Fn(&str) -> String) -> Price {
    let classes = [
        "input",
        "cached_input",
        "cache_write_5m",
        "cache_write_1h",
        "audio_input",
        "output",
        "reasoning",
        "image_output",
        "audio_output",
    ];
    let rates = classes.map(|class| (class.to_owned(), json!(rate_of(class))));
    let rates = serde_json::Value::Object(rates.into_iter().collect());
    Price::flat(serde_json::from_value::<Rates>(rates).unwrap())
}

#[tokio::test]
async fn a_record_that_was_kept_costs_in_each_class_what_its_request_cost() {
    let (_dir, store) = store().await;
    let served = UsageRecord {
        usage: of_every_class(),
        ..record(1)
    };
    let records = std::slice::from_ref(&served);
    store.apply_usage(&book(), records, place(1)).await.unwrap();

    let kept = store.usage_record(served.request).await.unwrap().unwrap().record;

    let at = served.started;
    let spent = |usage| Spent {
        usage,
        service_tier: None,
    };
    let lines = price(|_| "1".to_owned()).lines(&spent(served.usage), at).unwrap();
    for line in lines {
        let class = line.class.as_str();
        assert!(line.tokens > 0, "{class} is not looked at");
        let alone = price(|name| u8::from(name == class).to_string());
        let cost = alone.cost(&spent(served.usage), at).unwrap();
        assert!(cost > Money::ZERO, "{class} has no figure of its own");
        assert_eq!(alone.cost(&spent(kept.usage), at).unwrap(), cost, "{class}");
    }
    assert_eq!(kept.usage, served.usage);
    let sums = store
        .usage(&UsageFilter::default(), UsageBy::default(), 1)
        .await
        .unwrap();
    assert_eq!(sums[0].sums.usage, served.usage, "sums keep what records keep");
}
