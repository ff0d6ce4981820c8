//! Which of several channels a request goes to.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, says},
};

use crate::stage::{MODEL, question, question_with, setup, setup_with_models};

/// Two providers of one priority behind a gate as it is by default, which says so in `[routing]`.
async fn pair(routing: &str, weights: [u32; 2]) -> ([FakeProvider; 2], Gate) {
    let providers = [
        FakeProvider::start_with(says("a")).await,
        FakeProvider::start_with(says("b")).await,
    ];
    let mut setup = setup().resilient().config(&format!("[routing]\n{routing}"));
    for ((provider, name), weight) in providers.iter().zip(["a", "b"]).zip(weights) {
        let channel = Channel::to(provider).named(name).models([MODEL]);
        setup = setup.channel(channel.set("weight", &weight.to_string()));
    }
    let gate = setup.start().await;
    (providers, gate)
}

/// A conversation's next turn: what was said so far, and this.
fn turn(history: &mut Vec<Value>, text: &str) -> Value {
    history.push(json!({"role": "user", "content": text}));
    json!({"model": MODEL, "messages": history})
}

#[tokio::test]
async fn the_turns_of_a_conversation_stay_on_one_channel() {
    let (_providers, gate) = pair("", [1, 1]).await;

    for number in 0..12 {
        let mut history = vec![
            json!({"role": "system", "content": "Be brief."}),
            json!({"role": "user", "content": format!("Question {number}")}),
        ];
        let first = gate.post(&json!({"model": MODEL, "messages": history})).await;
        let mut answer = first.text();
        for text in ["And then?", "Why?"] {
            history.push(json!({"role": "assistant", "content": answer}));
            let next = gate.post(&turn(&mut history, text)).await;
            assert_eq!(next.text(), first.text(), "conversation {number}");
            answer = next.text();
        }
    }
}

/// Those who set marks for the prompt cache move them from turn to turn, and are just those who want to stay.
#[tokio::test]
async fn a_conversation_stays_on_its_channel_however_its_text_is_packed_and_marked() {
    let (_providers, gate) = pair("", [1, 1]).await;
    let mark = json!({"type": "ephemeral"});

    for number in 0..12 {
        let text = format!("Question {number}\n\"quoted\"");
        let asked = |system: Value, user: Value| {
            let messages = json!([{"role": "system", "content": system}, {"role": "user", "content": user}]);
            json!({"model": MODEL, "messages": messages})
        };
        let part = |text: &str| json!({"type": "text", "text": text});
        let marked = |text: &str| json!({"type": "text", "text": text, "cache_control": mark});
        let first = gate.post(&asked(json!("Be brief."), json!(text))).await.text();
        for (system, user) in [
            (json!([part("Be brief.")]), json!([part(&text)])),
            (json!([marked("Be brief.")]), json!(text)),
            (json!([part("Be brief.")]), json!([marked(&text)])),
        ] {
            let next = gate.post(&asked(system.clone(), user.clone())).await;
            assert_eq!(next.text(), first, "{system} {user}");
        }
    }
}

#[tokio::test]
async fn conversations_are_shared_out_by_weight_and_a_prompt_cache_key_decides_alone() {
    let (_providers, gate) = pair("", [1, 3]).await;

    let mut light = 0;
    for number in 0..80 {
        let question =
            question_with(json!({"messages": [{"role": "user", "content": format!("Question {number}")}]}));
        light += usize::from(gate.post(&question).await.text() == "a");
    }
    assert!((8..=32).contains(&light), "1 of 4 is 20, and it had {light}");

    let asked = |number: i32| {
        question_with(json!({
            "prompt_cache_key": "session 7",
            "messages": [{"role": "user", "content": format!("Question {number}")}],
        }))
    };
    let first = gate.post(&asked(0)).await.text();
    for number in 1..10 {
        assert_eq!(gate.post(&asked(number)).await.text(), first);
    }
}

#[tokio::test]
async fn without_affinity_equal_questions_are_shared_out() {
    let (providers, gate) = pair("affinity = false", [1, 1]).await;

    for _ in 0..40 {
        gate.post(&question()).await;
    }

    let [a, b] = providers.map(|provider| provider.requests().len());
    assert!(a + b == 40 && a.min(b) >= 8, "{a} and {b}");
}

#[tokio::test]
async fn by_latency_the_one_that_answered_fastest_of_late_is_first() {
    let (providers, gate) = pair("strategy = \"latency\"", [1, 1]).await;
    let [slow, fast] = &providers;
    slow.always(says("slow").delays(Duration::from_millis(300)));
    fast.always(says("fast"));

    // Each is tried once, since nothing is known of it.
    for _ in 0..2 {
        gate.post(&question()).await;
    }
    for _ in 0..5 {
        assert_eq!(gate.post(&question()).await.text(), "fast");
    }
    assert_eq!(slow.requests().len(), 1);
}

#[tokio::test]
async fn by_latency_channels_that_are_about_as_fast_keep_their_conversations() {
    let (providers, gate) = pair("strategy = \"latency\"", [1, 1]).await;
    // Each has to be known first.
    for provider in &providers {
        provider.always(says("x"));
    }
    for _ in 0..2 {
        gate.post(&question()).await;
    }

    let mut channels = Vec::new();
    for _ in 0..24 {
        let answer = gate.post(&question()).await;
        channels.push(answer.header("x-tollgate-channel").unwrap().to_owned());
    }

    channels.dedup();
    assert_eq!(channels.len(), 1, "{channels:?}");
}

#[tokio::test]
async fn by_latency_one_slow_moment_is_forgotten() {
    let (providers, gate) = pair("strategy = \"latency\"\naffinity = false", [1, 1]).await;
    let [cold, steady] = &providers;
    cold.next(says("cold").delays(Duration::from_millis(1_500)));
    cold.always(says("cold"));
    steady.always(says("steady").delays(Duration::from_millis(150)));
    let began = std::time::Instant::now();

    while began.elapsed() < Duration::from_secs(60) {
        gate.post(&question()).await;
        if cold.requests().len() > 10 {
            return;
        }
    }

    panic!("it was asked {} times", cold.requests().len());
}

#[tokio::test]
async fn a_model_may_have_a_strategy_of_its_own() {
    let (providers, gate) = pair(
        "affinity = false\nstrategies = { \"gpt-4o\" = \"latency\" }",
        [1, 1],
    )
    .await;
    let [slow, fast] = &providers;
    slow.always(says("slow").delays(Duration::from_millis(300)));
    fast.always(says("fast"));

    for _ in 0..12 {
        gate.post(&question()).await;
    }

    assert_eq!((slow.requests().len(), fast.requests().len()), (1, 11));
}

#[tokio::test]
async fn by_price_the_cheapest_is_first_and_an_unknown_price_last() {
    let model = "my-model";
    let text = format!(
        r#"
[[model]]
id = "{model}"
owner = "own"
contract = "general"
reads = ["text"]

[[model.serving]]
provider = "openai-compatible"

[[model.serving]]
provider = "openai"
price = [{{ input = "3.00", output = "15.00" }}]
source = "ours"

[[model.serving]]
provider = "xai"
price = [{{ input = "1.00", output = "5.00" }}]
source = "ours"
"#
    );
    let provider = FakeProvider::start_with(says("answer")).await;
    let (setup, _own) = setup_with_models(&text);
    let mut setup = setup.resilient().config("[routing]\nstrategy = \"price\"");
    for preset in ["openai-compatible", "openai", "xai"] {
        setup = setup.channel(
            Channel::to(&provider)
                .named(preset)
                .provider(preset)
                .models([model]),
        );
    }
    let gate = setup.start().await;

    let answer = gate.post(&crate::stage::question_to(model)).await;

    assert_eq!(answer.header("x-tollgate-channel"), Some("xai"));
}
