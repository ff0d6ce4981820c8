//! Prices that depend on how long a prompt is, where several calls are made for one answer: each call has its own.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{
        FakeProvider, Script, accepts_and_says_nothing, answer, answers, chunk, decides, streams_events,
        usage_chunk,
    },
};

use crate::{
    credit::eventually,
    stage::{cancelling_gate_to, get_from_admin, question_to, setup, stage_of, with},
};

/// A model whose provider gives one choice a request: $0.46 and $2.30 a million tokens, and from a prompt of more than
/// 32,000 tokens $0.70 and $3.50.
const TIERED: (&str, &str) = ("ark", "doubao-seed-2.0-pro");

/// An answer of so many tokens.
fn used(prompt: u64, completion: u64, stream: bool) -> Script {
    if stream {
        let last = chunk(json!({}), Some("stop"));
        return streams_events([
            chunk(json!({"content": "Hello"}), None),
            last,
            usage_chunk(prompt, completion),
        ]);
    }
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion});
    answers(counted)
}

/// Answers with prompts of these lengths, one after the other, each with 100 tokens; then with nothing.
fn of_lengths(prompts: &'static [u64], stream: bool) -> Script {
    let asked = AtomicUsize::new(0);
    decides(
        move |_| match prompts.get(asked.fetch_add(1, Ordering::Relaxed)) {
            Some(prompt) => used(*prompt, 100, stream),
            None => accepts_and_says_nothing(),
        },
    )
}

/// The bill of what was asked for so many choices.
async fn bill(gate: &Gate, n: usize, stream: bool) -> Value {
    let request = with(question_to(TIERED.1), json!({"n": n, "stream": stream}));
    let answer = gate.post_text(request.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer
        .header("x-tollgate-request-id")
        .expect("every answer has one");
    let told = get_from_admin(gate, &format!("/admin/v1/requests/{id}"))
        .await
        .json();
    told["bill"].clone()
}

#[tokio::test]
async fn each_choice_that_is_asked_for_by_itself_has_the_price_of_its_own_prompt() {
    for stream in [false, true] {
        let (provider, gate) = stage_of(TIERED.0, TIERED.1).await;
        provider.always(used(20_000, 100, stream));

        let bill = bill(&gate, 4, stream).await;

        assert_eq!(provider.requests().len(), 4);
        // 4 × (20,000 × 0.46 + 100 × 2.3) millionths; all at once they would be a prompt of 80,000.
        assert_eq!(bill["charge"], "0.03772", "stream: {stream}\n{bill}");
        assert_eq!(bill["cost"], "0.03772", "stream: {stream}\n{bill}");
        assert_eq!(bill["rates"], "in=0.46 out=2.3", "{bill}");
    }
}

#[tokio::test]
async fn of_choices_with_different_prompts_only_the_long_ones_cost_more() {
    for stream in [false, true] {
        let (provider, gate) = stage_of(TIERED.0, TIERED.1).await;
        provider.always(of_lengths(&[20_000, 40_000], stream));

        let bill = bill(&gate, 2, stream).await;

        // 20,000 × 0.46 + 100 × 2.3 + 40,000 × 0.7 + 100 × 3.5 millionths.
        assert_eq!(bill["charge"], "0.03778", "stream: {stream}\n{bill}");
        assert_eq!(
            bill["rates"], "in=0.46 out=2.3 (in:20000 out:100) and in=0.7 out=3.5 (in:40000 out:100)",
            "{bill}"
        );
    }
}

#[tokio::test]
async fn choices_that_are_lost_together_cost_what_each_of_them_costs() {
    for stream in [false, true] {
        let first = FakeProvider::start_with(of_lengths(&[20_000, 20_000], stream)).await;
        let second = FakeProvider::start_with(used(10, 10, stream)).await;
        let to = |provider, name| Channel::of(TIERED.0, provider).named(name).models([TIERED.1]);
        let gate = setup()
            .channel(to(&first, "first").set("total_timeout_ms", "1000"))
            .channel(to(&second, "second").set("priority", "1"))
            .start()
            .await;

        let bill = bill(&gate, 3, stream).await;

        // Two that were counted, 2 × 0.00943, and the prompt of the third: 6 tokens, as the gate estimates it.
        assert_eq!(bill["lost_cost"], "0.01886276", "stream: {stream}\n{bill}");
    }
}

#[tokio::test]
async fn what_a_client_left_costs_what_each_call_had_counted() {
    // given three choices, of which the last never ends
    let asked = AtomicUsize::new(0);
    let script = decides(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => used(20_000, 100, true),
        _ => streams_events([chunk(json!({"content": "Hello"}), None)]).then_stalls(),
    });
    let provider = FakeProvider::start_with(script).await;
    let gate = cancelling_gate_to(&provider, TIERED.0, TIERED.1).await;
    let request = with(question_to(TIERED.1), json!({"n": 3, "stream": true}));
    let mut stream = gate.open_stream(&request).await;
    stream.next_event().await;
    let id = stream.headers["x-tollgate-request-id"]
        .to_str()
        .expect("an ID is text")
        .to_owned();
    tokio::time::sleep(Duration::from_millis(500)).await;

    drop(stream);

    let rates = async || {
        let told = get_from_admin(&gate, &format!("/admin/v1/requests/{id}"))
            .await
            .json();
        told["bill"]["rates"].clone()
    };
    eventually(json!("in=0.46 out=2.3"), rates).await;
}
