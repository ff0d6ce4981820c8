//! Prices by the admin API: they hold within a second, for their days, and never for what is past.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, answer, answers},
};

use crate::{
    credit::{eventually, key_with_credit},
    operator::{Operator, param, refusal},
    stage::{MODEL, question, question_with, setup},
};

/// A gate whose channel has a price of $0.0045 an answer, and another without one of its own.
async fn start() -> (FakeProvider, Gate) {
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    let provider = FakeProvider::start_with(answers(counted)).await;
    let prices = r#"{ gpt-4o = { input = "3", output = "15" } }"#;
    let gate = setup()
        .channel(
            Channel::to(&provider)
                .named("main")
                .models([MODEL])
                .set("prices", prices),
        )
        .start()
        .await;
    (provider, gate)
}

/// What the books say of a request, once they have it.
async fn record(admin: &Operator<'_>, answered: &Answer) -> Value {
    let id = answered.header("x-tollgate-request-id").unwrap();
    let began = Instant::now();
    loop {
        let answer = admin.get(&format!("/requests/{id}")).await;
        if answer.status == 200 && !answer.json()["record"].is_null() {
            return answer.json()["record"].clone();
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks until it costs so much.
async fn costs(gate: &Gate, admin: &Operator<'_>, wanted: &str) -> Value {
    let began = Instant::now();
    loop {
        let answered = gate.post(&question()).await;
        let record = record(admin, &answered).await;
        if record["charge"] == wanted {
            return record;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{record}");
    }
}

#[tokio::test]
async fn a_price_holds_within_a_second_and_changes_nothing_that_is_past() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let first = gate.post(&question()).await;
    let past = record(&admin, &first).await;
    assert_eq!(past["charge"], "0.0045");

    let price = json!({"model": MODEL, "channel": "main", "rates": {"input": "1.00", "output": "2.00"}});
    let made = admin.done("POST", "/price-overrides", price).await;
    let now = costs(&gate, &admin, "0.0012").await;
    let path = format!("/price-overrides/{}", made["id"]);
    admin
        .done(
            "PATCH",
            &path,
            json!({"rates": {"input": "2.00", "output": "2.00"}}),
        )
        .await;
    costs(&gate, &admin, "0.0022").await;
    let shown = admin.seen(&format!("/prices?model={MODEL}&channel=main")).await;
    let rows = shown["data"][0]["prices"].as_array().unwrap();
    assert_eq!(rows.last().unwrap()["input"], "2.00");
    admin.delete(&path).await;
    costs(&gate, &admin, "0.0045").await;

    assert_eq!(record(&admin, &first).await, past);
    assert_eq!(now["price_version"], "in=1 out=2");
    let output = gate.command(&["ledger", "verify"]).await;
    assert!(output.success(), "{output:?}");
}

#[tokio::test]
async fn a_channels_own_price_comes_before_one_for_all_and_only_days_that_hold_count() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let rates = |input: &str| json!({"input": input, "output": "0"});

    for price in [
        json!({"model": MODEL, "rates": rates("10")}),
        json!({"model": MODEL, "channel": "main", "rates": rates("20")}),
        json!({"model": MODEL, "channel": "main", "rates": rates("30"), "until": "2020-01-01"}),
        json!({"model": MODEL, "channel": "main", "rates": rates("40"), "from": "2100-01-01"}),
    ] {
        admin.done("POST", "/price-overrides", price).await;
    }

    costs(&gate, &admin, "0.02").await;
    let listed = admin.seen("/price-overrides?limit=3").await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);
    assert_eq!(listed["next"], "3");
}

#[tokio::test]
async fn prices_that_do_not_hold_are_not_held_for() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let dear = json!({"input": "900000", "output": "900000"});
    for price in [
        json!({"model": MODEL, "rates": dear}),
        json!({"model": MODEL, "channel": "main", "rates": {"input": "1.00", "output": "2.00"}}),
        json!({"model": MODEL, "channel": "main", "rates": dear, "until": "2020-01-01"}),
        json!({"model": MODEL, "channel": "main", "rates": dear, "from": "2100-01-01"}),
    ] {
        admin.done("POST", "/price-overrides", price).await;
    }
    costs(&gate, &admin, "0.0012").await;
    let key = key_with_credit(&gate, "0.01").await;

    let answer = gate
        .post_with(&key, &question_with(json!({"max_tokens": 100})))
        .await;

    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_channel_stays_while_prices_name_it() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let made = json!({
        "name": "made", "provider": "local", "base_url": "http://127.0.0.1:9001/v1", "models": [MODEL],
    });
    admin.done("POST", "/channels", made).await;
    let price = json!({"model": MODEL, "channel": "made", "rates": {"input": "1", "output": "2"}});
    // A running gate knows the channel within a second.
    eventually(201, async || {
        admin.post("/price-overrides", price.clone()).await.status
    })
    .await;

    let refused = admin.delete("/channels/made").await;
    admin.delete("/price-overrides/1").await;
    let deleted = admin.delete("/channels/made").await;

    assert_eq!(refusal(&refused), (409, "channel_has_prices".to_owned()));
    assert_eq!(deleted.status, 200, "{deleted:?}");
}

#[tokio::test]
async fn what_cannot_be_a_price_names_its_field() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let rates = json!({"input": "1", "output": "1"});

    for (body, named) in [
        (json!({"rates": rates}), "model"),
        (json!({"model": "gpt-4oo", "rates": rates}), "model"),
        (
            json!({"model": MODEL, "channel": "nowhere", "rates": rates}),
            "channel",
        ),
        (json!({"model": MODEL}), "rates"),
        (json!({"model": MODEL, "rates": {"input": "1"}}), "rates.output"),
        (
            json!({"model": MODEL, "rates": {"input": 1, "output": "1"}}),
            "rates.input",
        ),
        (
            json!({"model": MODEL, "rates": {"input": "-1", "output": "1"}}),
            "rates.input",
        ),
        (
            json!({"model": MODEL, "rates": {"input": "1", "output": "1", "inptu": "1"}}),
            "rates.inptu",
        ),
        (
            json!({"model": MODEL, "rates": rates, "from": "2026-12-01", "until": "2026-11-01"}),
            "until",
        ),
        (json!({"model": MODEL, "rates": rates, "from": "soon"}), "from"),
    ] {
        let answer = admin.post("/price-overrides", body.clone()).await;
        assert_eq!(
            (answer.status, param(&answer).as_str()),
            (400, named),
            "{body}: {answer:?}"
        );
    }
}
