//! What operators see by the admin API: usage, single requests, models, prices, settings.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, answer, answers},
};

use crate::{
    operator::{Operator, param, refusal},
    stage::{MODEL, question, setup},
};

/// A gate whose channel has a price of $0.0045 an answer.
async fn start() -> (FakeProvider, Gate) {
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    let provider = FakeProvider::start_with(answers(counted)).await;
    let prices = r#"{ gpt-4o = { input = "3", output = "15" } }"#;
    let channel = Channel::to(&provider)
        .named("main")
        .models([MODEL])
        .set("prices", prices);
    let gate = setup().channel(channel).start().await;
    (provider, gate)
}

/// Waits until this is so.
async fn seen(admin: &Operator<'_>, path: &str, is_so: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = admin.get(path).await;
        if is_so(&answer) {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn usage_is_added_up_as_on_the_command_line() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    for _ in 0..2 {
        gate.post(&question()).await;
    }
    let two = |answer: &Answer| answer.status == 200 && answer.json()["data"][0]["requests"] == 2;

    let used = seen(&admin, "/usage", two).await.json();

    let row = &used["data"][0];
    for (member, value) in [
        ("account", json!("default")),
        ("key", json!("test")),
        ("key_id", json!(1)),
        ("key_prefix", json!(gate.key()[..9])),
        ("model", json!(MODEL)),
        ("day", Value::Null),
        ("prompt_tokens", json!(2_000)),
        ("completion_tokens", json!(200)),
        ("charge", json!("0.009")),
        ("cost", json!("0.009")),
    ] {
        assert_eq!(row[member], value, "{member}: {used}");
    }
    let printed = gate.command(&["usage", "--json"]).await;
    let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(printed, used["data"]);
    let csv = admin.get("/usage?by=model,channel&format=csv").await;
    let text = String::from_utf8(csv.body.to_vec()).unwrap();
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains(r#""gpt-4o","main",2,"#), "{text}");
    for (query, named) in [
        ("by=moon", "by"),
        ("from=then", "from"),
        ("format=xml", "format"),
        ("account=default&key=test", "key"),
    ] {
        let answer = admin.get(&format!("/usage?{query}")).await;
        assert_eq!(
            (answer.status, param(&answer).as_str()),
            (400, named),
            "{answer:?}"
        );
    }
    assert_eq!(refusal(&admin.get("/usage?account=nobody").await).0, 404);
    assert_eq!(refusal(&admin.get("/usage?key=nobody").await).0, 404);

    // Its name is free again, and what it used is still found.
    gate.command(&["keys", "revoke", "--name", "test"]).await;
    gate.create_key(&["--name", "test"]).await;
    for word in ["test", &gate.key()[..9]] {
        let found = admin.get(&format!("/usage?key={word}")).await.json();
        assert_eq!(found["data"], used["data"], "{word}");
        let printed = gate.command(&["usage", "--key", word]).await;
        let named = format!("test ({}…)", &gate.key()[..9]);
        assert!(printed.stdout.contains(&named), "{printed:?}");
    }
}

#[tokio::test]
async fn a_request_is_explained_with_its_record() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let answered = gate.post(&question()).await;
    let id = answered.header("x-tollgate-request-id").unwrap();
    let booked = |answer: &Answer| answer.status == 200 && !answer.json()["record"].is_null();

    let told = seen(&admin, &format!("/requests/{id}"), booked).await.json();

    assert_eq!(
        (
            &told["story"]["outcome"],
            &told["story"]["attempts"][0]["channel"]
        ),
        (&json!("ok"), &json!("main"))
    );
    for (member, value) in [
        ("charge", json!("0.0045")),
        ("channel", json!("main")),
        ("price_version", json!("in=3 out=15")),
        ("prompt_tokens", json!(1_000)),
        ("estimated", json!(false)),
    ] {
        assert_eq!(told["record"][member], value, "{member}: {told}");
    }
    for unknown in ["req_00000000000000000000000000000", "nothing"] {
        let answer = admin.get(&format!("/requests/{unknown}")).await;
        assert_eq!(refusal(&answer), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn models_say_what_they_take_who_serves_them_and_at_what_price() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;

    let model = admin.seen(&format!("/models/{MODEL}")).await;

    assert_eq!(model["channels"][0]["channel"], "main");
    assert_eq!(
        (
            &model["channels"][0]["prices"][0]["input"],
            &model["channels"][0]["prices"][0]["output"]
        ),
        (&json!("3"), &json!("15"))
    );
    assert!(
        model["contract"]["required"]
            .as_array()
            .unwrap()
            .contains(&json!("messages"))
    );
    let mut ids = Vec::new();
    let mut path = "/models?limit=500".to_owned();
    loop {
        let page = admin.seen(&path).await;
        ids.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|model| model["id"].clone()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/models?limit=500&after={next}");
    }
    assert!(ids.contains(&json!(MODEL)) && ids.len() > 20, "{ids:?}");
    let prices = admin.seen("/prices").await;
    assert_eq!(prices["data"].as_array().unwrap().len(), 1);
    assert_eq!(prices["data"][0]["channel"], "main");
    assert_eq!(refusal(&admin.get("/models/nothing").await).0, 404);
}

#[tokio::test]
async fn settings_are_those_in_force_without_a_secret() {
    let gate = setup()
        .config("[limits]\nn_max = 7\n[telemetry]\nendpoint = \"http://127.0.0.1:9\"\nheaders = { x-token = \"hidden-token\" }")
        .start()
        .await;
    let viewer = Operator::of(&gate, "ben", "viewer").await;

    let settings = viewer.seen("/settings").await;

    assert_eq!(
        (
            &settings["limits"]["n_max"],
            &settings["limits"]["request_body_mb"]
        ),
        (&json!(7), &json!(64))
    );
    assert_eq!(settings["sealing"]["key"], "none");
    let text = settings.to_string();
    assert!(!text.contains("hidden"), "{text}");
    // Each table of the example, save the channels.
    let example = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tollgate.example.toml"
    ))
    .unwrap();
    for table in example.lines().filter_map(|line| {
        line.trim_start_matches('#')
            .strip_prefix('[')?
            .strip_suffix(']')
            .filter(|name| !name.starts_with('['))
    }) {
        assert!(settings.get(table).is_some(), "[{table}] is not told");
    }
}
