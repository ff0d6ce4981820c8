//! Whoever reads a bill can work it out again: every class of tokens that has a price is told, with its rate.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{answer, answers},
};

use crate::{
    credit::{eventually, key_with_credit, run},
    explain::{ID, story},
    operator::Operator,
    stage::{question, stage_with},
};

#[tokio::test]
async fn tokens_of_audio_and_images_and_how_many_times_the_price_are_told() {
    let mut counted = answer("Hello");
    counted["usage"] = json!({
        "prompt_tokens": 100,
        "prompt_tokens_details": {"audio_tokens": 30},
        "completion_tokens": 1_200,
        "completion_tokens_details": {"image_tokens": 1_120},
        "total_tokens": 1_300,
    });
    let prices = r#"{ gpt-4o = { input = "2", audio_input = "4", output = "12", image_output = "120" } }"#;
    let channel = |channel: Channel| channel.set("prices", prices);
    let (_provider, gate) = stage_with(answers(counted), channel, "").await;
    let key = key_with_credit(&gate, "5").await;
    let twice = ["accounts", "update", "--name", "team", "--price-multiplier", "2"];
    run(&gate, &twice).await;
    // A running gate knows within a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;

    let answer = gate.post_with(&key, &question()).await;

    // Twice (70 × 2 + 30 × 4 + 80 × 12 + 1,120 × 120) ÷ 1,000,000.
    let charge = "0.27124";
    let rates = "times=2 in=2 audio=4 out=12 image=120";
    let told = story(&gate, answer.header(ID)).await;
    assert_eq!(told["bill"]["charge"], charge, "{told}");
    assert_eq!(told["bill"]["rates"], rates, "{told}");
    let tokens = |of: &Value| {
        let names = [
            "prompt_tokens",
            "prompt_audio_tokens",
            "completion_tokens",
            "completion_image_tokens",
        ];
        names.map(|name| of[name].as_u64())
    };
    let all = [Some(100), Some(30), Some(1_200), Some(1_120)];
    assert_eq!(tokens(&told["answer"]["usage"]), all, "{told}");
    let id = answer.header(ID).unwrap().to_owned();
    let admin = Operator::admin(&gate).await;
    let record = async || {
        let told = admin.seen(&format!("/requests/{id}")).await["record"].clone();
        (tokens(&told), told["price_version"].clone())
    };
    eventually((all, json!(rates)), record).await;
    let text = run(&gate, &["explain", &id]).await;
    let tokens_told = "100 prompt, 30 of audio, 1200 completion, 1120 of them of images";
    assert!(text.contains(tokens_told), "{text}");
    assert!(text.contains(&format!("${charge} at {rates}")), "{text}");
    let sums = run(&gate, &["usage", "--json"]).await;
    let sums: Value = serde_json::from_str(&sums).expect("JSON");
    assert_eq!(tokens(&sums[0]), all, "{sums}");
    let own = Request::get("/v1/usage")
        .header("authorization", format!("Bearer {key}"))
        .body(String::new())
        .unwrap();
    let own = gate.send(own).await.json();
    assert_eq!(tokens(&own["data"][0]), all, "{own}");
}
