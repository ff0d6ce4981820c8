//! What is paid of several choices, each asked for by itself, whose answer does not come to its end.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, OpenStream},
    provider::{FakeProvider, Script, chunk, decides, resets, streams_events, usage_chunk},
};

use crate::{
    abandoned::settled_with,
    credit::sums_of_one,
    money::used,
    stage::{get_from_admin, question_to, setup, with},
};

/// One that gives one choice at once, of a provider where a cancel stops the bill.
const SINGLE: (&str, &str) = ("deepseek", "deepseek-v4-flash");
/// And of one that bills on.
const BILLED_ON: (&str, &str) = ("ark", "doubao-seed-2.0-pro");
/// 54 bytes, about 14 tokens.
const SENTENCE: &str = "There is a gate on the road that takes a toll of all. ";

fn word(text: &str) -> Value {
    chunk(json!({"content": text}), None)
}

fn end() -> Value {
    chunk(json!({}), Some("stop"))
}

/// A chunk that says what was counted so far.
fn counted(mut chunk: Value, prompt: u64, completion: u64) -> Value {
    chunk["usage"] = json!({"prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt + completion});
    chunk
}

/// Calls in the order in which they come.
fn in_turn(scripts: impl Into<Vec<Script>>) -> Script {
    let (scripts, asked) = (scripts.into(), AtomicUsize::new(0));
    decides(move |_| scripts[asked.fetch_add(1, Ordering::Relaxed) % scripts.len()].clone())
}

async fn gate_to(provider: &FakeProvider, (preset, model): (&str, &str)) -> Gate {
    let prices = format!(r#"{{ "{model}" = {{ input = "3", output = "15" }} }}"#);
    let channel = Channel::of(preset, provider)
        .models([model])
        .set("prices", &prices);
    setup().channel(channel).start().await
}

async fn asks(gate: &Gate, model: &str, n: usize) -> OpenStream {
    gate.open_stream(&with(question_to(model), json!({"n": n}))).await
}

/// Reads until so many events have come.
async fn reads(stream: &mut OpenStream, events: usize) {
    for _ in 0..events {
        stream.next_event().await.expect("it goes on");
    }
}

/// Reads until this has come.
async fn reads_to(stream: &mut OpenStream, wanted: &str) {
    while !stream.next_event().await.expect("it goes on").contains(wanted) {}
}

/// What the request was charged, and what it cost beyond that, in millionths of a dollar; and whether its count is an
/// estimate.
async fn booked(gate: &Gate) -> (u64, u64, bool) {
    let sum = sums_of_one(gate).await;
    let millionths = |name: &str| {
        let dollars: f64 = sum[name].as_str().expect("an amount").parse().expect("a number");
        (dollars * 1e6).round() as u64
    };
    let charge = millionths("charge");
    (charge, millionths("cost") - charge, sum["estimated"] == 1)
}

#[tokio::test]
async fn what_one_choice_said_is_not_lost_with_the_count_of_another() {
    // given two that are counted as they open and never again, the second when the first has said all
    let opens = |prompt| counted(word("So: "), prompt, 1);
    let says = [opens(100)]
        .into_iter()
        .chain([word(SENTENCE), word(SENTENCE), end()]);
    let later = [opens(200), word(SENTENCE), end()];
    let scripts = [
        streams_events(says),
        streams_events(later).delays(Duration::from_millis(400)),
    ];
    let provider = FakeProvider::start_with(in_turn(scripts)).await;
    let gate = gate_to(&provider, SINGLE).await;

    gate.stream(&with(question_to(SINGLE.1), json!({"n": 2}))).await;

    let (charge, lost, is_estimated) = booked(&gate).await;
    let completion = (charge - 300 * 3) / 15;
    assert!(
        (33..=50).contains(&completion),
        "{completion}: three sentences and more"
    );
    assert_eq!((lost, is_estimated), (0, true));
}

#[tokio::test]
async fn who_leaves_between_the_ends_of_choices_pays_what_each_has_said() {
    let slow = streams_events([word(SENTENCE), word(SENTENCE)]).then_stalls();
    let quick = [word("Hello"), end(), usage_chunk(100, 50)];
    let quick = streams_events(quick).pauses(Duration::from_millis(200));
    let provider = FakeProvider::start_with(in_turn([slow, quick])).await;
    let gate = gate_to(&provider, SINGLE).await;
    let mut stream = asks(&gate, SINGLE.1, 2).await;
    // Its finish is said behind its count.
    reads_to(&mut stream, "\"finish_reason\":\"stop\"").await;

    drop(stream);

    let (prompt, completion) = settled_with(&gate).await;
    assert_eq!(prompt, "106", "a hundred that were counted, and six by the bytes");
    let completion: u64 = completion.parse().unwrap();
    assert!(
        (72..=80).contains(&completion),
        "{completion}: fifty, and two sentences"
    );
    let (charge, lost, is_estimated) = booked(&gate).await;
    assert_eq!(charge, 106 * 3 + completion * 15);
    assert_eq!((lost, is_estimated), (0, true));
}

#[tokio::test]
async fn prompts_that_were_never_sent_are_not_paid() {
    // given eight that may be under way at once
    let provider = FakeProvider::start_with(streams_events([word("Hello ")]).then_stalls()).await;
    let gate = gate_to(&provider, SINGLE).await;
    let mut stream = asks(&gate, SINGLE.1, 12).await;
    reads(&mut stream, 8).await;

    drop(stream);

    let (prompt, _) = settled_with(&gate).await;
    assert_eq!(provider.requests().len(), 8);
    let prompt: u64 = prompt.parse().unwrap();
    assert!(
        (6 * 8..=7 * 8).contains(&prompt),
        "{prompt}: of twelve choices four never went out"
    );
}

#[tokio::test]
async fn prompts_that_were_never_sent_cost_nothing_where_a_provider_breaks_off() {
    let hello = || streams_events([word("Hello ")]);
    let stalls = hello().then_stalls();
    // Behind all that may take its time to begin.
    let breaks = streams_events([word("Hello "), word("again")]).pauses(Duration::from_secs(2));
    let mut scripts = vec![stalls; 7];
    scripts.push(breaks.then_resets());
    let provider = FakeProvider::start_with(in_turn(scripts)).await;
    let gate = gate_to(&provider, SINGLE).await;
    // Two thousand tokens by tiktoken, and half as many by the bytes.
    let messages = json!([{"role": "user", "content": "a b ".repeat(1_000)}]);
    let request = with(question_to(SINGLE.1), json!({"n": 12, "messages": messages}));

    gate.stream(&request).await;

    assert_eq!(provider.requests().len(), 8);
    let (charge, cost, is_estimated) = booked(&gate).await;
    assert_eq!(
        (charge, is_estimated),
        (0, true),
        "a provider's fault is nobody's bill"
    );
    let prompts = cost / 3 / 1_000;
    assert!(
        (16..20).contains(&prompts),
        "{cost}: eight prompts, and not twelve"
    );
}

#[tokio::test]
async fn what_had_begun_of_counted_and_uncounted_choices_is_added_up() {
    let silent = streams_events([chunk(json!({"role": "assistant", "content": ""}), None)]).then_stalls();
    let uncounted = streams_events([word(&SENTENCE.repeat(8))]).then_stalls();
    let told = streams_events([counted(word("Hello"), 1_000, 10)]).then_stalls();
    let provider = FakeProvider::start_with(in_turn([silent, uncounted, told])).await;
    let gate = gate_to(&provider, SINGLE).await;
    let request = with(question_to(SINGLE.1), json!({"n": 3, "stream": true}));

    let asked = gate.send(gate.chat_request(gate.key(), request.to_string()));
    let left = async {
        provider.received(3).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    };
    tokio::select! {
        _ = asked => panic!("one of them says nothing"),
        () = left => {}
    }

    let (prompt, completion) = settled_with(&gate).await;
    assert_eq!(prompt, "1012", "counted, and twice six by the bytes");
    // 432 bytes.
    assert_eq!(completion, (10 + 108).to_string());
    let (_, lost, is_estimated) = booked(&gate).await;
    assert_eq!((lost, is_estimated), (0, true));
}

#[tokio::test]
async fn a_call_that_breaks_while_the_others_are_read_on_is_the_operators() {
    let slow = || used(100, 300).delays(Duration::from_secs(2));
    let breaks = resets().delays(Duration::from_secs(2));
    let provider = FakeProvider::start_with(in_turn([slow(), slow(), breaks])).await;
    let gate = gate_to(&provider, BILLED_ON).await;
    let request = with(question_to(BILLED_ON.1), json!({"n": 3}));

    let asked = gate.send(gate.chat_request(gate.key(), request.to_string()));
    tokio::select! {
        _ = asked => panic!("all are slow"),
        _ = provider.received(3) => {}
    }

    assert_eq!(settled_with(&gate).await, ("200".to_owned(), "600".to_owned()));
    let (charge, lost, _) = booked(&gate).await;
    assert_eq!(charge, 200 * 3 + 600 * 15);
    assert_eq!(lost, 6 * 3, "its provider may have read the prompt");
}

#[tokio::test]
async fn a_choice_that_begins_behind_the_last_count_is_paid_with_its_prompt() {
    // given eight that may be under way at once, of which the first ends and makes room for the ninth
    let stalls = || streams_events([word("Hello")]).then_stalls();
    let mut scripts = vec![stalls(); 8];
    let counted = [word("Hello"), end(), usage_chunk(100, 50)];
    scripts.insert(0, streams_events(counted).pauses(Duration::from_millis(200)));
    let provider = FakeProvider::start_with(in_turn(scripts)).await;
    let gate = gate_to(&provider, SINGLE).await;
    let mut stream = asks(&gate, SINGLE.1, 9).await;
    reads_to(&mut stream, "\"index\":8").await;

    drop(stream);

    let (prompt, completion) = settled_with(&gate).await;
    assert_eq!(prompt, (100 + 8 * 6).to_string());
    // Five bytes each.
    assert_eq!(completion, (50 + 8 * 2).to_string());
    let (charge, lost, is_estimated) = booked(&gate).await;
    assert_eq!(charge, 148 * 3 + 66 * 15);
    assert_eq!((lost, is_estimated), (0, true));
}

#[tokio::test]
async fn counts_that_no_answer_can_have_are_told_of_and_the_gate_counts() {
    let nothing = || streams_events([word(&"a b ".repeat(100)), end(), usage_chunk(0, 0)]);
    let provider = FakeProvider::start_with(nothing()).await;
    let gate = gate_to(&provider, SINGLE).await;

    gate.stream(&with(question_to(SINGLE.1), json!({"n": 2}))).await;

    let (_, _, is_estimated) = booked(&gate).await;
    assert!(is_estimated);
    let metrics = get_from_admin(&gate, "/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let unbelieved = "tollgate_unbelieved_counts_total{channel=\"deepseek\"} 1";
    assert!(metrics.contains(unbelieved), "{metrics}");
}

#[tokio::test]
async fn what_was_thought_for_a_whole_answer_before_its_client_left_is_paid() {
    // given a model whose thoughts come as a stream only
    let model = ("dashscope", "qwen3-32b");
    let thinks = |text: &str| chunk(json!({"reasoning_content": text}), None);
    let script = streams_events([thinks(&SENTENCE.repeat(40)), thinks("So")]);
    let provider = FakeProvider::start_with(script.pauses(Duration::from_millis(800)).then_stalls()).await;
    let prices = r#"{ qwen3-32b = { input = "3", output = "15" } }"#;
    let channel = Channel::of(model.0, &provider)
        .models([model.1])
        .set("prices", prices);
    let gate = setup()
        .channel(channel)
        .config("[limits]\nabandoned_ms = 1200\n")
        .start()
        .await;
    let request = with(question_to(model.1), json!({"enable_thinking": true}));

    let asked = gate.send(gate.chat_request(gate.key(), request.to_string()));
    let left = async {
        provider.received(1).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    };
    tokio::select! {
        _ = asked => panic!("it thinks for ever"),
        () = left => {}
    }

    let (_, completion) = settled_with(&gate).await;
    let completion: u64 = completion.parse().unwrap();
    assert!(
        (500..=600).contains(&completion),
        "{completion}: forty sentences, and one word"
    );
}
