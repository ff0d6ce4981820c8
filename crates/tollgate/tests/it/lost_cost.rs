//! What attempts cost whose output nobody was given: the operator pays for them, and clients never do.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{
        FakeProvider, accepts_and_says_nothing, answer, answers, decides, fails, says, streams, streams_raw,
    },
};

use crate::{
    credit::{eventually, key_with_credit, run},
    explain::{ID, story},
    money::{PRICES, balance_becomes, streams_of, used},
    stage::{MODEL, question, question_to, question_with, setup, with},
};

#[tokio::test]
async fn an_attempt_whose_output_nobody_is_given_is_the_operators_cost() {
    let first = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let second = FakeProvider::start_with(used(1_000, 100)).await;
    let to = |provider, name| {
        let channel = Channel::to(provider).named(name).models([MODEL]);
        channel.set("prices", PRICES)
    };
    let gate = setup()
        .channel(to(&first, "first").set("total_timeout_ms", "500"))
        .channel(to(&second, "second").set("priority", "1"))
        .start()
        .await;
    let key = key_with_credit(&gate, "1").await;
    let prompt = "word ".repeat(1_000);

    let answer = gate
        .post_with(
            &key,
            &question_with(json!({"messages": [{"role": "user", "content": prompt}]})),
        )
        .await;

    assert_eq!(answer.status, 200);
    balance_becomes(&gate, "0.9955").await;
    let told = story(&gate, answer.header(ID)).await;
    // 5,000 bytes and a message's frame are 1,254 tokens.
    assert_eq!(told["bill"]["lost_cost"], "0.003762", "{told}");
    assert_eq!(told["bill"]["cost"], "0.0045");
    let usage = run(&gate, &["usage", "--key", "app", "--json"]).await;
    let usage: Value = serde_json::from_str(&usage).expect("JSON");
    assert_eq!(usage[0]["cost"], "0.008262", "{usage}");
}

#[tokio::test]
async fn an_attempt_that_broke_costs_the_operator_what_its_provider_counted() {
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 2_000, "completion_tokens": 200, "total_tokens": 2_200});
    // It has counted, and gives no choice that anybody could be given.
    counted["choices"] = json!([]);
    let first = FakeProvider::start_with(answers(counted)).await;
    let second = FakeProvider::start_with(used(1_000, 100)).await;
    let to = |provider, name| {
        let channel = Channel::to(provider).named(name).models([MODEL]);
        channel.set("prices", PRICES)
    };
    let gate = setup()
        .channel(to(&first, "first"))
        .channel(to(&second, "second").set("priority", "1"))
        .start()
        .await;

    let answer = gate.post(&question()).await;

    let told = story(&gate, answer.header(ID)).await;
    assert_eq!(told["bill"]["lost_cost"], "0.009", "{told}");
    assert_eq!(told["bill"]["cost"], "0.0045", "{told}");
}

#[tokio::test]
async fn answers_that_are_lost_with_another_choice_cost_the_operator_what_they_were() {
    // Moonshot gives one choice a request.
    let model = "kimi-k2.5";
    let prices = r#"{ "kimi-k2.5" = { input = "3", output = "15" } }"#;
    let asked = AtomicUsize::new(0);
    let last_fails = decides(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => used(1_000, 100),
        _ => fails(529, "", "busy").delays(Duration::from_millis(500)),
    });
    let first = FakeProvider::start_with(last_fails).await;
    let second = FakeProvider::start_with(used(10, 1)).await;
    let to = |provider, name| {
        let channel = Channel::of("moonshot", provider).named(name).models([model]);
        channel.set("prices", prices)
    };
    let gate = setup()
        .channel(to(&first, "first"))
        .channel(to(&second, "second").set("priority", "1"))
        .start()
        .await;

    let answer = gate.post(&with(question_to(model), json!({"n": 3}))).await;

    assert_eq!(answer.header("x-tollgate-channel"), Some("second"));
    let told = story(&gate, answer.header(ID)).await;
    assert_eq!(told["bill"]["lost_cost"], "0.009", "{told}");
}

#[tokio::test]
async fn streams_that_are_lost_with_another_choice_cost_the_operator_what_they_were() {
    // Moonshot gives one choice a request.
    let model = "kimi-k2.5";
    let prices = r#"{ "kimi-k2.5" = { input = "3", output = "15" } }"#;
    let asked = AtomicUsize::new(0);
    let last_fails = decides(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0..3 => streams_of(1_000, 100),
        _ => fails(529, "", "busy").delays(Duration::from_millis(700)),
    });
    let first = FakeProvider::start_with(last_fails).await;
    let second = FakeProvider::start_with(streams(["Hello"])).await;
    let to = |provider, name| {
        let channel = Channel::of("moonshot", provider).named(name).models([model]);
        channel.set("prices", prices)
    };
    let gate = setup()
        .channel(to(&first, "first"))
        .channel(to(&second, "second").set("priority", "1"))
        .start()
        .await;

    let answer = gate.stream(&with(question_to(model), json!({"n": 4}))).await;

    assert_eq!(answer.header("x-tollgate-channel"), Some("second"));
    let told = story(&gate, answer.header(ID)).await;
    assert_eq!(
        told["bill"]["lost_cost"], "0.0135",
        "three times 1,000 and 100\n{told}"
    );
}

#[tokio::test]
async fn each_call_that_is_lost_without_a_count_costs_the_operator_its_prompt() {
    // Moonshot gives one choice a request.
    let model = "kimi-k2.5";
    let prices = r#"{ "kimi-k2.5" = { input = "3", output = "15" } }"#;
    for (stream, first_answers) in [(false, false), (true, false), (false, true), (true, true)] {
        let asked = AtomicUsize::new(0);
        let mostly_silent = decides(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 if first_answers && stream => streams_of(1_000, 100),
            0 if first_answers => used(1_000, 100),
            _ => accepts_and_says_nothing(),
        });
        let first = FakeProvider::start_with(mostly_silent).await;
        let second = FakeProvider::start_with(says("Hello")).await;
        let to = |provider, name| {
            let channel = Channel::of("moonshot", provider).named(name).models([model]);
            channel.set("prices", prices)
        };
        let gate = setup()
            .channel(to(&first, "first").set("total_timeout_ms", "1000"))
            .channel(to(&second, "second").set("priority", "1"))
            .start()
            .await;
        let messages = json!([{"role": "user", "content": "word ".repeat(1_000)}]);
        let request = json!({"n": 3, "stream": stream, "messages": messages});

        let answer = gate
            .post_text(with(question_to(model), request).to_string())
            .await;

        assert_eq!(answer.header("x-tollgate-channel"), Some("second"));
        let told = story(&gate, answer.header(ID)).await;
        // 5,000 bytes and a message's frame are 1,254 tokens: $0.003762. An answer of 1,000 and 100 is $0.0045.
        let cost = match first_answers {
            false => "0.011286",
            true => "0.012024",
        };
        assert_eq!(told["bill"]["lost_cost"], cost, "stream: {stream}\n{told}");
    }
}

#[tokio::test]
async fn a_stream_that_broke_before_its_first_word_costs_what_it_had_counted() {
    let start = json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
        "content": [], "usage": {"input_tokens": 3_000, "output_tokens": 1}}});
    let first =
        FakeProvider::start_with(streams_raw([format!("event: message_start\ndata: {start}\n\n")])).await;
    let second = FakeProvider::start_with(streams(["Hello"])).await;
    let prices = r#"{ claude-sonnet-4-6 = { input = "3", output = "15" } }"#;
    let gate = setup()
        .channel(
            Channel::of("anthropic", &first)
                .models(["claude-sonnet-4-6"])
                .set("prices", prices),
        )
        .channel(
            Channel::to(&second)
                .named("second")
                .models(["claude-sonnet-4-6"])
                .set("priority", "1"),
        )
        .start()
        .await;

    let answer = gate.stream(&question_to("claude-sonnet-4-6")).await;

    assert_eq!(answer.text(), "Hello");
    let told = story(&gate, answer.header(ID)).await;
    assert_eq!(told["bill"]["lost_cost"], "0.009015", "{told}");
}

#[tokio::test]
async fn an_attempt_that_never_reached_a_provider_costs_the_operator_nothing() {
    let host = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let provider = FakeProvider::start_with(used(1_000, 100)).await;
    // It takes images as data alone, so the gate has to fetch them first.
    let channel = Channel::to(&provider)
        .provider("moonshot")
        .models(["kimi-k2.5"])
        .set("prices", r#"{ "kimi-k2.5" = { input = "3", output = "15" } }"#);
    let gate = setup()
        .channel(channel)
        .config("[fetch]\nallow_private = [\"127.0.0.1\"]\n")
        .start()
        .await;
    let key = key_with_credit(&gate, "1").await;
    let image = json!({"type": "image_url", "image_url": {"url": format!("{}/a.png", host.host_url())}});
    let messages = json!([{"role": "user", "content": [image]}]);
    let request = with(question_to("kimi-k2.5"), json!({"messages": messages}));

    let leaves = tokio::time::timeout(Duration::from_millis(300), gate.post_with(&key, &request));
    assert!(leaves.await.is_err(), "the image never comes");

    let used = async || {
        let usage = run(&gate, &["usage", "--key", "app", "--json"]).await;
        let usage: Value = serde_json::from_str(&usage).expect("JSON");
        usage[0]["cost"].clone()
    };
    eventually(json!("0.00"), used).await;
    assert!(provider.requests().is_empty());
}
