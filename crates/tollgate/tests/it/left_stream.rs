//! Whoever leaves a stream that its provider has begun pays as the provider charges, also before its first visible word.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, Script, accepts_and_says_nothing, chunk, decides, streams_events, streams_raw},
};

use crate::{
    credit::{balance, eventually, key_with_credit, run, sums_of_one},
    stage::{MODEL, question_to, setup, with},
};

const CLAUDE: &str = "claude-sonnet-4-6";
/// One that gives one choice at once, of a provider where a cancel stops the bill.
const SINGLE: &str = "deepseek-v4-flash";
/// $3 and $15 a million tokens.
fn prices(model: &str) -> String {
    format!(r#"{{ "{model}" = {{ input = "3", output = "15" }} }}"#)
}

/// An event of the Messages protocol.
fn event(data: &Value) -> String {
    let kind = data["type"].as_str().unwrap();
    format!("event: {kind}\ndata: {data}\n\n")
}

/// Begins an answer whose prompt has so many tokens, and thinks in secret.
fn begins(prompt: u64) -> Script {
    let usage = json!({"input_tokens": prompt, "output_tokens": 3});
    let message = json!({"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage});
    let start = json!({"type": "message_start", "message": message});
    streams_raw([event(&start), event(&json!({"type": "ping"}))]).then_stalls()
}

async fn stage(preset: &str, model: &str, script: Script) -> (FakeProvider, Gate, String) {
    let provider = FakeProvider::start_with(script).await;
    let channel = Channel::of(preset, &provider)
        .models([model])
        .set("prices", &prices(model));
    let gate = setup().channel(channel).start().await;
    let key = key_with_credit(&gate, "10.00").await;
    (provider, gate, key)
}

/// Asks, and leaves when so many calls have been made and each has had the time to say something.
async fn leaves(gate: &Gate, key: &str, request: &Value, provider: &FakeProvider, calls: usize) {
    let asked = gate.send(gate.chat_request(key, request.to_string()));
    let left = async {
        provider.received(calls).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    };
    tokio::select! {
        _ = asked => panic!("there is nothing to answer with"),
        () = left => {}
    }
}

/// Charge, cost and estimates, as the books have them, once there is a record.
async fn booked(gate: &Gate) -> [String; 3] {
    let sum = sums_of_one(gate).await;
    ["charge", "cost", "estimated"].map(|name| sum[name].to_string())
}

#[tokio::test]
async fn who_leaves_before_the_first_word_pays_what_the_provider_had_counted() {
    for keep_alive in ["", "[limits]\nkeep_alive_ms = 100\n"] {
        let provider = FakeProvider::start_with(begins(100_000)).await;
        let channel = Channel::of("anthropic", &provider)
            .models([CLAUDE])
            .set("prices", &prices(CLAUDE));
        let gate = setup().channel(channel).config(keep_alive).start().await;
        let key = key_with_credit(&gate, "10.00").await;
        let request = with(question_to(CLAUDE), json!({"stream": true}));

        leaves(&gate, &key, &request, &provider, 1).await;

        // 100,000 and 3: $0.300045, once.
        assert_eq!(
            booked(&gate).await,
            ["\"0.300045\"", "\"0.300045\"", "0"],
            "{keep_alive}"
        );
        eventually("9.699955".to_owned(), async || balance(&gate).await).await;
        run(&gate, &["ledger", "verify"]).await;
    }
}

/// An answer of [`begins`] that has been said and counted, and whose last word does not come.
fn counts_and_stalls() -> Script {
    let usage = json!({"input_tokens": 100, "output_tokens": 3});
    let message = json!({"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage});
    let text = json!({"type": "text_delta", "text": "Hello"});
    let stop = json!({"stop_reason": "end_turn", "stop_sequence": null});
    let counted = json!({"output_tokens": 1_835, "output_tokens_details": {"thinking_tokens": 1_167}});
    let events = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": text}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": stop, "usage": counted}),
    ];
    streams_raw(events.iter().map(event)).then_stalls()
}

#[tokio::test]
async fn what_the_provider_has_counted_at_last_holds_though_its_last_word_does_not_come() {
    let (provider, gate, key) = stage("anthropic", CLAUDE, counts_and_stalls()).await;
    let request = with(question_to(CLAUDE), json!({"stream": true}));

    leaves(&gate, &key, &request, &provider, 1).await;

    // 100 and 1,835, the thoughts that nobody was shown among them.
    assert_eq!(booked(&gate).await, ["\"0.027825\"", "\"0.027825\"", "0"]);
}

#[tokio::test]
async fn where_nothing_was_counted_yet_the_prompt_is_estimated() {
    let opens = streams_events([chunk(json!({"role": "assistant", "content": ""}), None)]).then_stalls();
    let (provider, gate, key) = stage("openai-compatible", MODEL, opens).await;
    let prompt = json!([{"role": "user", "content": "word ".repeat(1_000)}]);
    let request = with(question_to(MODEL), json!({"stream": true, "messages": prompt}));

    leaves(&gate, &key, &request, &provider, 1).await;

    let [charge, cost, estimated] = booked(&gate).await;
    assert_eq!(
        (&charge, &*estimated),
        (&cost, "1"),
        "what is charged is not lost as well"
    );
    // A thousand words, about as many tokens: $0.003.
    assert!(charge.starts_with("\"0.003"), "{charge}");
}

#[tokio::test]
async fn a_stream_of_which_nothing_has_come_costs_its_client_nothing() {
    let (provider, gate, key) = stage("anthropic", CLAUDE, accepts_and_says_nothing()).await;
    let request = with(question_to(CLAUDE), json!({"stream": true}));

    leaves(&gate, &key, &request, &provider, 1).await;

    let [charge, cost, _] = booked(&gate).await;
    assert_eq!(charge, "\"0.00\"");
    assert_ne!(cost, charge, "the provider may have read the prompt");
    assert_eq!(balance(&gate).await, "10.00");
}

#[tokio::test]
async fn a_whole_answer_that_is_left_costs_its_client_nothing() {
    let (provider, gate, key) = stage("anthropic", CLAUDE, begins(100_000)).await;

    leaves(&gate, &key, &question_to(CLAUDE), &provider, 1).await;

    let [charge, ..] = booked(&gate).await;
    assert_eq!(charge, "\"0.00\"");
    assert_eq!(balance(&gate).await, "10.00");
}

#[tokio::test]
async fn what_a_channel_had_begun_that_failed_is_not_paid_by_who_leaves_later() {
    let first = FakeProvider::start_with(begins(100_000)).await;
    let second = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let to = |provider, name| {
        let channel = Channel::of("anthropic", provider).named(name).models([CLAUDE]);
        channel.set("prices", &prices(CLAUDE))
    };
    let gate = setup()
        .channel(to(&first, "first").set("total_timeout_ms", "300"))
        .channel(to(&second, "second").set("priority", "1"))
        .start()
        .await;
    let key = key_with_credit(&gate, "10.00").await;
    let request = with(question_to(CLAUDE), json!({"stream": true}));

    leaves(&gate, &key, &request, &second, 1).await;

    let [charge, cost, _] = booked(&gate).await;
    assert_eq!(charge, "\"0.00\"");
    assert!(cost.starts_with("\"0.3000"), "the operator has to pay: {cost}");
}

#[tokio::test]
async fn of_several_choices_those_are_paid_that_had_begun() {
    let mut opening = chunk(json!({"role": "assistant", "content": "Hello"}), None);
    opening["usage"] = json!({"prompt_tokens": 100_000, "completion_tokens": 10, "total_tokens": 100_010});
    let begun = streams_events([opening]).then_stalls();
    let asked = AtomicUsize::new(0);
    let one_is_silent = decides(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => accepts_and_says_nothing(),
        _ => begun.clone(),
    });
    let (provider, gate, key) = stage("deepseek", SINGLE, one_is_silent).await;
    let request = with(question_to(SINGLE), json!({"stream": true, "n": 3}));

    leaves(&gate, &key, &request, &provider, 3).await;

    let [charge, cost, _] = booked(&gate).await;
    assert_eq!(charge, "\"0.6003\"", "two of 100,000 and 10");
    // Six tokens of the third one's prompt, by its bytes.
    assert_eq!(cost, "\"0.600318\"", "what nobody has begun is the operator's");
}
