//! How long a channel is left alone whose provider says when it may be asked again.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, answers_with, says},
};

use crate::{
    health::{advised, alone, channels, with_spare},
    stage::{question, question_to, setup},
};

#[tokio::test]
async fn a_rate_limit_rests_as_long_as_the_provider_says() {
    let (first, spare, gate) = with_spare("").await;
    first.next(advised(429, "retry-after", "40"));

    for _ in 0..3 {
        assert_eq!(gate.post(&question()).await.text(), "spare");
    }

    assert_eq!((first.requests().len(), spare.requests().len()), (1, 3));
    let rest = channels(&gate).await[0]["models"][0]["rests_for_ms"].clone();
    assert!(
        (30_000..=40_000).contains(&rest.as_u64().expect("a number")),
        "{rest}"
    );
}

#[tokio::test]
async fn nobody_is_left_alone_for_longer_than_an_hour_at_once() {
    const HOUR_MS: u64 = 3_600_000;
    let model = "gemini-3-flash-preview";
    let delay = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "86400s"});
    let of_a_day = json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
        {"quotaId": "GenerateRequestsPerDayPerProjectPerModel", "quotaValue": "250"}]});
    for details in [json!([delay]), json!([delay, of_a_day])] {
        let provider = FakeProvider::start().await;
        let channel = Channel::of("gemini", &provider).models([model]);
        let gate = setup().resilient().channel(channel).start().await;
        let error = json!({"error": {
            "code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED", "details": details,
        }});
        let headers = [("content-type", "application/json")];
        provider.always(answers_with(429, &headers, error.to_string()));

        let answer = gate.post(&question_to(model)).await;

        let told = channels(&gate).await;
        let rest = [&told[0]["rests_for_ms"], &told[0]["models"][0]["rests_for_ms"]];
        let rest = rest.into_iter().filter_map(Value::as_u64).max().unwrap();
        assert!((HOUR_MS / 2..=HOUR_MS).contains(&rest), "{details}: {told}");
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), Some("3600"));
        }
    }
}

#[tokio::test]
async fn a_provider_that_says_that_nothing_is_left_is_not_asked_for_more() {
    let (first, _spare, gate) = with_spare("").await;
    first.next(
        says("last")
            .header("x-ratelimit-remaining-requests", "0")
            .header("x-ratelimit-reset-requests", "6m0s"),
    );

    assert_eq!(gate.post(&question()).await.text(), "last");
    assert_eq!(gate.post(&question()).await.text(), "spare");
    assert_eq!(first.requests().len(), 1);
}

#[tokio::test]
async fn a_rate_limit_without_a_wait_lasts_until_what_is_left_of_it_is_more_than_nothing() {
    let (provider, gate) = alone().await;
    let headers = [
        ("content-type", "application/json"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "45s"),
    ];
    let error = json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}});
    provider.next(answers_with(429, &headers, error.to_string()));

    let answer = gate.post(&question()).await;

    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("45")));
    let rest = channels(&gate).await[0]["models"][0]["rests_for_ms"].as_u64();
    assert!((30_000..=45_000).contains(&rest.unwrap()), "{rest:?}");
}
