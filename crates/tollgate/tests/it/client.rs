//! A client that leaves or reads slowly costs no more than it must.

use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, accepts_and_says_nothing, streams},
};

use crate::{
    stage::{MODEL, question, question_with, setup, stage},
    surface::CHAT,
};

async fn assert_cancelled_at_once(provider: &FakeProvider, gone: Instant) {
    provider.cancelled().await;
    let took = gone.elapsed();
    assert!(
        took < Duration::from_secs(1),
        "the provider was let go after {took:?}"
    );
}

/// The head of a chat request whose body has this many bytes.
fn chat_head(gate: &Gate, length: usize) -> String {
    format!(
        "POST {CHAT} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        gate.key(),
    )
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_ends_the_providers_call_within_a_second() {
    let (provider, gate) = stage(streams(["Hel"]).then_stalls()).await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();

    let gone = Instant::now();
    drop(open);

    assert_cancelled_at_once(&provider, gone).await;
    gate.logged("client_gone").await;
}

#[tokio::test]
async fn a_client_that_leaves_before_a_whole_answer_ends_the_providers_call_within_a_second() {
    for stream in [false, true] {
        let (provider, gate) = stage(accepts_and_says_nothing()).await;
        let body = question_with(json!({"stream": stream})).to_string();
        let mut raw = gate.raw().await;
        raw.write(chat_head(&gate, body.len()).as_bytes()).await;
        raw.write(body.as_bytes()).await;
        provider.received(1).await;

        let gone = Instant::now();
        drop(raw);

        assert_cancelled_at_once(&provider, gone).await;
        gate.logged("client_gone").await;
    }
}

#[tokio::test]
async fn a_slow_reader_slows_the_provider_and_does_not_fill_the_gate() {
    const PIECES: usize = 4_000;
    let piece = "x".repeat(16 * 1024);
    let (provider, gate) = stage(streams(std::iter::repeat_n(piece.as_str(), PIECES))).await;
    let before = resident_kib(&gate);

    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();
    // Time for an eager gate to swallow what a loopback could carry.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grown = resident_kib(&gate).saturating_sub(before);
    let answer = open.rest().await;

    assert!(grown < 24 * 1024, "the gate grew by {grown} KiB for one reader");
    assert_eq!(answer.text().len(), PIECES * piece.len(), "nothing is lost");
    assert!(answer.has_done());
    assert_eq!(provider.cancellations(), 0);
}

/// Memory of the gate's process, from the kernel.
fn resident_kib(gate: &Gate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_stops_reading_is_let_go() {
    let provider = FakeProvider::start_with(streams([&*"long ".repeat(4_000)]).then_goes_on()).await;
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL]))
        .config("[limits]\nsend_timeout_ms = 500")
        .start()
        .await;
    let body = question_with(json!({"stream": true})).to_string();
    let mut raw = gate.raw().await;
    raw.write(chat_head(&gate, body.len()).as_bytes()).await;
    raw.write(body.as_bytes()).await;

    // Nothing is read of the answer, and the connection stays open.
    provider.cancelled().await;

    provider.is_idle().await;
    gate.logged("client_gone").await;
}
