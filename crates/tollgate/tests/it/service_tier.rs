//! An answer is priced at the tier of service that gave it; where several calls are made for it, each at its own.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, Script, answer, answers, decides, fails, says, streams, streams_raw},
};

use crate::{
    credit::{balance, eventually, key_with_credit},
    stage::{MODEL, get_from_admin, question, question_to, setup_with_models, with},
};

/// $3 and $15 a million tokens, and a third of it for those who wait.
const PRICES: &str = r#"
[[model]]
id = "gpt-4o"

[[model.serving]]
provider = "openai-compatible"
source = "a test"
price = [
    { input = "3", output = "15" },
    { service_tier = "flex", input = "1", output = "5" },
]

[[model]]
id = "claude-sonnet-4-6"

[[model.serving]]
provider = "anthropic"
source = "a test"
price = [
    { input = "3", output = "15" },
    { service_tier = "priority", input = "30", output = "150" },
]
"#;

/// A model whose provider gives one choice a request.
const SINGLE: &str = "claude-sonnet-4-6";

/// The folder holds the prices, which every command reads.
async fn stage() -> (FakeProvider, Gate, TempDir) {
    let provider = FakeProvider::start().await;
    let (gate, own) = gate_to([Channel::to(&provider).models([MODEL])]).await;
    (provider, gate, own)
}

async fn gate_to<const N: usize>(channels: [Channel; N]) -> (Gate, TempDir) {
    let (setup, own) = setup_with_models(PRICES);
    let setup = channels
        .into_iter()
        .fold(setup, |setup, channel| setup.channel(channel));
    (setup.start().await, own)
}

/// Asks once, of a provider that answers 1,000 and 100 tokens at this tier; gives the bill.
async fn billed(provider: &FakeProvider, gate: &Gate, key: &str, tier: &str) -> Value {
    let usage = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    let said = json!({"usage": usage, "service_tier": tier});
    provider.always(answers(with(answer("Hello"), said)));
    let answer = gate.post_with(key, &question()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.header("x-tollgate-request-id").expect("an ID").to_owned();
    let path = format!("/admin/v1/requests/{id}");
    get_from_admin(gate, &path).await.json()["bill"].clone()
}

#[tokio::test]
async fn the_tier_that_answered_decides_and_one_without_a_price_costs_the_standard_one() {
    let (provider, gate, _own) = stage().await;
    let key = key_with_credit(&gate, "1.00").await;

    let flex = billed(&provider, &gate, &key, "flex").await;
    eventually("0.9985".to_owned(), async || balance(&gate).await).await;
    let scale = billed(&provider, &gate, &key, "scale").await;
    eventually("0.994".to_owned(), async || balance(&gate).await).await;
    let standard = billed(&provider, &gate, &key, "default").await;
    eventually("0.9895".to_owned(), async || balance(&gate).await).await;

    let told = |bill: &Value| {
        ["charge", "rates", "service_tier", "at_standard_price"].map(|name| bill[name].clone())
    };
    let wanted = |charge, rates, tier: Option<&str>, standard| {
        [json!(charge), json!(rates), json!(tier), json!(standard)]
    };
    assert_eq!(told(&flex), wanted("0.0015", "in=1 out=5", Some("flex"), false));
    assert_eq!(told(&scale), wanted("0.0045", "in=3 out=15", Some("scale"), true));
    assert_eq!(told(&standard), wanted("0.0045", "in=3 out=15", None, false));
}

/// An answer of Anthropic's of 100 and 10 tokens at this tier, whole or streamed.
fn at(tier: &str, stream: bool) -> Script {
    let counted = json!({"input_tokens": 100, "output_tokens": 10, "service_tier": tier});
    let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": counted});
    if !stream {
        let said = json!({"content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn"});
        return answers(with(message, said));
    }
    let events = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ok"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": 10}}),
        json!({"type": "message_stop"}),
    ];
    streams_raw(events.map(|event| {
        let name = event["type"].as_str().expect("each has a type");
        format!("event: {name}\ndata: {event}\n\n")
    }))
}

/// Answers at these tiers, one after the other; then it fails.
fn at_tiers(tiers: [&'static str; 3], stream: bool) -> Script {
    let asked = AtomicUsize::new(0);
    decides(move |_| match tiers.get(asked.fetch_add(1, Ordering::Relaxed)) {
        Some(tier) => at(tier, stream),
        None => fails(529, "", "busy").delays(Duration::from_millis(500)),
    })
}

/// The bill of what is asked for so many choices.
async fn billed_for(gate: &Gate, choices: u64, stream: bool) -> Value {
    let request = with(question_to(SINGLE), json!({"n": choices, "stream": stream}));
    let answer = gate.post_text(request.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.header("x-tollgate-request-id").expect("an ID").to_owned();
    let told = get_from_admin(gate, &format!("/admin/v1/requests/{id}")).await;
    told.json()["bill"].clone()
}

#[tokio::test]
async fn of_several_calls_each_is_priced_at_the_tier_that_answered_it() {
    for stream in [false, true] {
        for tiers in [
            ["priority", "standard", "standard"],
            ["standard", "priority", "standard"],
            ["standard", "standard", "priority"],
        ] {
            let provider = FakeProvider::start_with(at_tiers(tiers, stream)).await;
            let (gate, _own) = gate_to([Channel::of("anthropic", &provider).models([SINGLE])]).await;

            let bill = billed_for(&gate, 3, stream).await;

            // 100 × 30 + 10 × 150 millionths, and twice a tenth of it.
            let told = format!("{tiers:?}, stream: {stream}\n{bill}");
            assert_eq!(bill["cost"], "0.0054", "{told}");
            assert_eq!(bill["charge"], "0.0054", "{told}");
            assert_eq!(
                bill["rates"], "in=3 out=15 (in:200 out:20) and in=30 out=150 (in:100 out:10)",
                "{told}"
            );
            assert_eq!(bill["service_tier"], "priority", "{told}");
            assert_eq!(bill["at_standard_price"], false, "{told}");
        }
    }
}

#[tokio::test]
async fn a_tier_without_a_price_costs_its_own_call_the_standard_one_and_no_other() {
    let provider = FakeProvider::start_with(at_tiers(["batch", "priority", "standard"], false)).await;
    let (gate, _own) = gate_to([Channel::of("anthropic", &provider).models([SINGLE])]).await;

    let bill = billed_for(&gate, 3, false).await;

    assert_eq!(bill["cost"], "0.0054", "{bill}");
    assert_eq!(bill["at_standard_price"], true, "{bill}");
}

#[tokio::test]
async fn calls_that_are_lost_cost_the_operator_what_their_tiers_cost() {
    for stream in [false, true] {
        // given a fourth call that fails when the others have answered
        let tiers = ["standard", "priority", "standard"];
        let first = FakeProvider::start_with(at_tiers(tiers, stream)).await;
        let second = FakeProvider::start_with(if stream { streams(["Hello"]) } else { says("Hello") }).await;
        let spare = Channel::to(&second)
            .named("second")
            .models([SINGLE])
            .set("priority", "1");
        let (gate, _own) = gate_to([Channel::of("anthropic", &first).models([SINGLE]), spare]).await;

        let bill = billed_for(&gate, 4, stream).await;

        assert_eq!(bill["lost_cost"], "0.0054", "stream: {stream}\n{bill}");
    }
}

#[tokio::test]
async fn an_answer_that_is_of_no_use_costs_the_operator_what_its_tier_costs() {
    // given one that has counted, and whose content nobody can read
    let useless = json!({"type": "message", "content": 7,
        "usage": {"input_tokens": 100, "output_tokens": 10, "service_tier": "priority"}});
    let first = FakeProvider::start_with(answers(useless)).await;
    let second = FakeProvider::start_with(says("Hello")).await;
    let spare = Channel::to(&second)
        .named("second")
        .models([SINGLE])
        .set("priority", "1");
    let (gate, _own) = gate_to([Channel::of("anthropic", &first).models([SINGLE]), spare]).await;

    let bill = billed_for(&gate, 1, false).await;

    assert_eq!(bill["lost_cost"], "0.0045", "{bill}");
}
