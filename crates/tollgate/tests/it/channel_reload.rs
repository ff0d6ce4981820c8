//! What is known of a channel outlives a change of its settings, unless it is asked elsewhere or as somebody else.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, answers_with, says, streams},
};

use crate::{
    concurrency::in_flight,
    operator::Operator,
    stage::{MODEL, get_from_admin, question, setup},
};

/// Has the gate take its configuration with this in place of that, and waits until it has.
async fn reload_with(gate: &Gate, from: &str, to: &str) {
    let path = gate.config_path();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
    gate.signal(Signal::Reload);
    gate.logged("configuration reloaded").await;
}

/// The first channel, as the gate sees it.
async fn first_channel(gate: &Gate) -> Value {
    get_from_admin(gate, "/admin/v1/channels").await.json()[0].clone()
}

#[tokio::test]
async fn calls_under_way_keep_their_places_whatever_changes() {
    for (from, to) in [
        ("models = [\"gpt-4o\"]", "models = [\"gpt-4o\", \"gpt-4o-mini\"]"),
        ("weight = 7", "headers = { x-team = \"search\" }"),
        ("api_key = \"before\"", "api_key = \"after\""),
        ("concurrency = 2", "concurrency = 1"),
    ] {
        let provider = FakeProvider::start_with(streams(["Hel"]).then_stalls()).await;
        let channel = Channel::to(&provider).models([MODEL]).api_key("before");
        let channel = channel.set("weight", "7").set("concurrency", "2");
        let gate = setup().channel(channel).start().await;
        let held = [
            gate.open_stream(&question()).await,
            gate.open_stream(&question()).await,
        ];

        reload_with(&gate, from, to).await;

        assert_eq!(in_flight(&gate, "fake").await, "2", "{to}");
        assert_eq!(gate.post(&question()).await.status, 503, "{to}");
        assert_eq!(provider.requests().len(), 2, "{to}");
        drop(held);
    }
}

#[tokio::test]
async fn a_channel_that_rests_goes_on_resting_until_its_credential_changes() {
    for (from, to, rests) in [
        (
            "models = [\"gpt-4o\"]",
            "models = [\"gpt-4o\", \"gpt-4o-mini\"]",
            true,
        ),
        ("weight = 7", "headers = { x-team = \"search\" }", true),
        ("weight = 7", "concurrency = 3", true),
        ("weight = 7", "headers = { x-goog-api-key = \"other\" }", false),
        ("api_key = \"before\"", "api_key = \"after\"", false),
    ] {
        let provider = FakeProvider::start_with(says("well")).await;
        let error = json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}});
        provider.next(answers_with(
            429,
            &[("content-type", "application/json"), ("retry-after", "60")],
            error.to_string(),
        ));
        let channel = Channel::to(&provider).models([MODEL]).api_key("before");
        let gate = setup()
            .resilient()
            .channel(channel.set("weight", "7"))
            .start()
            .await;
        assert_eq!(gate.post(&question()).await.status, 429);
        let rests_for = |channel: &Value| channel["models"][0]["rests_for_ms"].as_u64();
        assert!(rests_for(&first_channel(&gate).await) > Some(50_000));

        reload_with(&gate, from, to).await;

        let channel = first_channel(&gate).await;
        assert_eq!(rests_for(&channel) > Some(0), rests, "{to}: {channel}");
    }
}

#[tokio::test]
async fn a_change_by_the_admin_api_keeps_places_as_well() {
    let provider = FakeProvider::start_with(streams(["Hel"]).then_stalls()).await;
    let gate = setup()
        .env(
            "TOLLGATE_SEALING_KEY",
            "c2VhbGVkIHdpdGggdGhpcyBrZXkgb2YgMzIgYnl0ZXM=",
        )
        .config("[sandbox]\nenabled = false")
        .start()
        .await;
    let admin = Operator::admin(&gate).await;
    let channel = json!({
        "name": "main",
        "provider": "openai-compatible",
        "base_url": provider.base_url(),
        "models": [MODEL],
        "concurrency": 1,
    });
    admin.done("POST", "/channels", channel).await;
    while gate.get("/v1/models").await.json()["data"] == json!([]) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let held = gate.open_stream(&question()).await;

    let changed = json!({"models": [MODEL, "gpt-4o-mini"]});
    admin.done("PATCH", "/channels/main", changed).await;
    let count = |models: Value| models["data"].as_array().map(Vec::len);
    while count(gate.get("/v1/models").await.json()) != Some(2) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    assert_eq!(in_flight(&gate, "main").await, "1");
    drop(held);
}
