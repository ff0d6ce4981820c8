//! Whoever reads a bill can work it out again: every class of tokens that has a price is told, with its rate.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, answer, answers},
};

use crate::{
    credit::{eventually, key_with_credit, run},
    explain::{ID, story},
    operator::Operator,
    stage::{question, question_to, setup, stage_with},
    worked_out::cost_and_charge,
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

/// A model of one's own that speaks, by its provider's preset.
const SPEAKER: &str = "gpt-4o-audio-preview";

#[tokio::test]
async fn spoken_output_has_a_price_of_its_own_and_is_told_wherever_tokens_are() {
    let mut counted = answer("Hello");
    counted["usage"] = json!({
        "prompt_tokens": 100,
        "prompt_tokens_details": {"audio_tokens": 60, "cached_tokens": 0},
        "completion_tokens": 220,
        "completion_tokens_details": {"audio_tokens": 200, "text_tokens": 20},
        "total_tokens": 320,
    });
    let provider = FakeProvider::start_with(answers(counted)).await;
    let prices = r#"{ "gpt-4o-audio-preview" = { input = "2.5", output = "10", audio_input = "40", audio_output = "80" } }"#;
    let channel = Channel::of("openai", &provider).models([SPEAKER]);
    let mut gate = setup().channel(channel.set("prices", prices)).start().await;
    let key = key_with_credit(&gate, "5").await;
    let request = json!({
        "model": SPEAKER,
        "messages": [{"role": "user", "content": "Hi"}],
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "max_tokens": 1_000,
    });

    let answer = gate.post_with(&key, &request).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.header(ID).unwrap().to_owned();
    let live = story(&gate, Some(&id)).await;
    // (40 × 2.5 + 60 × 40 + 20 × 10 + 200 × 80) ÷ 1,000,000.
    let (charge, rates) = ("0.0187", "in=2.5 audio=40 out=10 audio_out=80");
    assert_eq!(live["bill"]["charge"], charge, "{live}");
    assert_eq!(live["bill"]["rates"], rates, "{live}");
    let held: f64 = live["bill"]["held"].as_str().unwrap().parse().unwrap();
    assert!(held >= 0.08, "each of the thousand tokens may be spoken: {held}");
    let told = |of: &Value| of["completion_audio_tokens"].as_u64();
    let spoken = Some(200);
    assert_eq!(told(&live["answer"]["usage"]), spoken, "{live}");
    let admin = Operator::admin(&gate).await;
    let record = async || admin.seen(&format!("/requests/{id}")).await["record"].clone();
    eventually(spoken, async || told(&record().await)).await;
    let record = record().await;
    assert_eq!(cost_and_charge(&record, rates, "ok").1, charge, "{record}");
    let sums = admin.seen("/usage").await;
    assert_eq!(told(&sums["data"][0]), spoken, "{sums}");
    let priced = admin.seen(&format!("/models/{SPEAKER}")).await.to_string();
    assert!(priced.contains(r#""audio_output":"80""#), "{priced}");
    let lines = run(&gate, &["usage", "--csv"]).await;
    assert!(lines.contains("completion_audio_tokens"), "{lines}");
    let own = Request::get("/v1/usage")
        .header("authorization", format!("Bearer {key}"))
        .body(String::new())
        .unwrap();
    let own = gate.send(own).await.json();
    assert_eq!(told(&own["data"][0]), spoken, "{own}");

    // when no gate remembers it any more
    gate.restart().await;

    let text = run(&gate, &["explain", &id]).await;
    let words = "100 prompt, 60 of audio, 220 completion, 200 of them of audio";
    assert!(text.contains(words), "{text}");
    assert!(text.contains(&format!("${charge} at {rates}")), "{text}");
    let kept = run(&gate, &["explain", "--json", &id]).await;
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(told(&kept["usage"]), spoken, "{kept}");
}

/// Answers of Gemini that have heard 300 tokens of audio, a third of it in its cache.
fn heard() -> Value {
    let of = |kind: &str, tokens: u64| json!({"modality": kind, "tokenCount": tokens});
    json!({
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 1_000, "cachedContentTokenCount": 400, "candidatesTokenCount": 10,
            "totalTokenCount": 1_010,
            "promptTokensDetails": [of("TEXT", 700), of("AUDIO", 300)],
            "cacheTokensDetails": [of("TEXT", 300), of("AUDIO", 100)],
        },
        "modelVersion": "gemini-2.5-flash", "responseId": "r",
    })
}

#[tokio::test]
async fn audio_from_the_cache_is_kept_wherever_tokens_are() {
    let provider = FakeProvider::start_with(answers(heard())).await;
    let prices =
        r#"{ "gemini-2.5-flash" = { input = "1", cached_input = "0.1", audio_input = "2", output = "10" } }"#;
    let channel = Channel::of("gemini", &provider).models(["gemini-2.5-flash"]);
    let mut gate = setup().channel(channel.set("prices", prices)).start().await;
    let key = key_with_credit(&gate, "5").await;

    let answer = gate.post_with(&key, &question_to("gemini-2.5-flash")).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.header(ID).unwrap().to_owned();
    let live = story(&gate, Some(&id)).await;
    // (400 × 1 + 400 × 0.1 + 200 × 2 + 10 × 10) ÷ 1,000,000.
    assert_eq!(live["bill"]["charge"], "0.00094", "{live}");
    let told = |of: &Value| [&of["prompt_audio_tokens"], &of["cached_audio_tokens"]].map(Value::as_u64);
    let both = [Some(300), Some(100)];
    assert_eq!(told(&live["answer"]["usage"]), both, "{live}");
    let admin = Operator::admin(&gate).await;
    let record = async || admin.seen(&format!("/requests/{id}")).await["record"].clone();
    eventually(both, async || told(&record().await)).await;
    let record = record().await;
    let rates = record["price_version"].as_str().expect("rates");
    assert_eq!(cost_and_charge(&record, rates, "ok").1, "0.00094", "{record}");
    let sums = admin.seen("/usage").await;
    assert_eq!(told(&sums["data"][0]), both, "{sums}");
    let lines = run(&gate, &["usage", "--csv"]).await;
    assert!(lines.contains("cached_audio_tokens"), "{lines}");
    let own = Request::get("/v1/usage")
        .header("authorization", format!("Bearer {key}"))
        .body(String::new())
        .unwrap();
    let own = gate.send(own).await.json();
    assert_eq!(told(&own["data"][0]), both, "{own}");

    // when no gate remembers it any more
    gate.restart().await;

    let text = run(&gate, &["explain", &id]).await;
    assert!(
        text.contains("300 of audio, 100 of audio from the cache"),
        "{text}"
    );
    assert!(
        text.contains("$0.00094 at in=1 cached=0.1 audio=2 out=10"),
        "{text}"
    );
    let kept = run(&gate, &["explain", "--json", &id]).await;
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(told(&kept["usage"]), both, "{kept}");
}
