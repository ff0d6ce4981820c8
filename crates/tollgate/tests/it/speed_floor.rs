//! A stream that crawls is given up, and a slow client is not taken for a slow provider.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, Script, chunk_text, decides, says, streams, streams_raw},
};

use crate::stage::{MODEL, question, question_to, setup, with};

const FLOOR: &str = "[routing]\nspeed_floor = 20\nspeed_window_ms = 500\n";

/// This provider, and a spare one that says "spare".
async fn stage(
    script: Script,
    change: impl FnOnce(Channel) -> Channel,
) -> (FakeProvider, FakeProvider, Gate) {
    let first = FakeProvider::start_with(script).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let channel = Channel::to(&first).named("first").models([MODEL]);
    let spare_channel = Channel::to(&spare).named("spare").models([MODEL]);
    let gate = setup()
        .config(FLOOR)
        .channel(change(channel))
        .channel(spare_channel.set("priority", "1"))
        .start()
        .await;
    (first, spare, gate)
}

/// A word, again and again, with so much time between two.
fn words(count: usize, gap: Duration) -> Script {
    streams(std::iter::repeat_n("word ", count)).pauses(gap)
}

#[tokio::test]
async fn one_byte_at_a_time_before_any_output_leaves_the_answer_to_the_next_channel() {
    let bytes = br#"data: {"id":"x","object":"chat.completion.chunk","choices":[]}"#;
    let dribble = streams_raw(bytes.iter().map(|byte| vec![*byte])).pauses(Duration::from_millis(60));
    let (first, _spare, gate) = stage(dribble, |channel| channel).await;

    let stream = gate.stream(&question()).await;

    assert_eq!((stream.text(), stream.has_done()), ("spare", true));
    first.cancelled().await;
    gate.logged("outcome=too_slow").await;
}

#[tokio::test]
async fn a_stream_that_crawls_after_its_first_output_ends_with_an_error() {
    let (first, spare, gate) = stage(words(1_000, Duration::from_millis(120)), |channel| channel).await;

    let stream = gate.stream(&question()).await;

    assert_eq!(stream.error_code(), Some("provider_timeout"));
    assert!(stream.text().starts_with("word "));
    assert!(!stream.has_done());
    first.cancelled().await;
    assert_eq!(spare.requests().len(), 0, "its output could not be taken back");
}

#[tokio::test]
async fn a_channel_may_have_a_floor_of_its_own_or_none() {
    let crawl = words(12, Duration::from_millis(120));
    let (_first, _spare, gate) = stage(crawl, |channel| channel.set("speed_floor", "0")).await;

    let stream = gate.stream(&question()).await;

    assert_eq!((stream.text(), stream.has_done()), (&*"word ".repeat(12), true));
}

#[tokio::test]
async fn who_thinks_in_silence_first_is_not_slow() {
    let event = |delta, finish| format!("data: {}\n\n", chunk_text(&delta, finish, false));
    let role = event(json!({"role": "assistant", "content": ""}), None);
    let word = event(json!({"content": "word"}), None);
    let finish = event(json!({}), Some("stop"));
    let pieces = [role, format!("{word}{finish}data: [DONE]\n\n")];
    let script = streams_raw(pieces).pauses(Duration::from_millis(1_500));
    let (_first, _spare, gate) = stage(script, |channel| channel).await;

    let stream = gate.stream(&question()).await;

    assert_eq!((stream.text(), stream.has_done()), ("word", true));
}

#[tokio::test]
async fn a_client_that_reads_slowly_makes_no_provider_slow() {
    let piece = "x".repeat(16 * 1024);
    let script = streams(std::iter::repeat_n(piece.as_str(), 2_000));
    let (_first, _spare, gate) = stage(script, |channel| channel).await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();

    // Several windows, in which the gate reads nothing since the client does not.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stream = open.rest().await;

    assert_eq!(stream.text().len(), 2_000 * piece.len());
    assert!(stream.has_done());
}

#[tokio::test]
async fn a_client_that_reads_several_choices_slowly_makes_none_of_their_providers_slow() {
    // Moonshot gives one choice a request. One says much, so that its client can fall behind; the other just enough.
    let model = "kimi-k2.5";
    let piece = "x".repeat(16 * 1024);
    let asked = AtomicUsize::new(0);
    let script = decides(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => streams(std::iter::repeat_n(piece.as_str(), 1_500)),
        _ => words(600, Duration::from_millis(10)),
    });
    let provider = FakeProvider::start_with(script).await;
    let channel = Channel::of("moonshot", &provider).models([model]);
    let gate = setup().config(FLOOR).channel(channel).start().await;
    let request = with(question_to(model), json!({"n": 2, "stream": true}));
    let mut open = gate.open_stream(&request).await;
    open.next_event().await.unwrap();

    // Several windows, in which the gate reads nothing since the client does not.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let stream = open.rest().await;

    assert_eq!(stream.error_code(), None, "{}", gate.logs());
    assert!(stream.has_done());
    let mut lengths: Vec<_> = stream
        .summary()
        .choices
        .values()
        .map(|choice| choice.text.len())
        .collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [600 * "word ".len(), 1_500 * 16 * 1024]);
}
