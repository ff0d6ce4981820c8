//! A provider that says nothing for long: comments keep its client there, and it is told when that was too long.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tollgate_testkit::{
    cuts::fault,
    provider::{accepts_and_says_nothing, chunk, fails, says, streams, streams_raw},
};

use crate::{
    stage::{question, question_with, stage_with},
    stream_end::{APART, SHORT_TIMEOUT, assert_broken, impatient, streams_words, whole_stream, words},
};

/// Comments come this often.
const EAGER_KEEP_ALIVE: &str = "[limits]\nkeep_alive_ms = 50\n";
/// Longer than several of those.
const SLOW: Duration = Duration::from_millis(300);

#[tokio::test]
async fn silence_after_accepting_is_a_timeout() {
    let (_provider, gate) = stage_with(accepts_and_says_nothing(), impatient, "").await;

    let answer = gate.stream(&question()).await;

    assert_eq!(
        (answer.status, answer.error_code()),
        (504, Some("provider_timeout"))
    );
}

#[tokio::test]
async fn a_model_that_thinks_in_silence_may_have_longer_timeouts_than_the_others() {
    let thinks = || streams(["Hello"]).delays(3 * SHORT_TIMEOUT);
    let longer = "{ \"gpt-4o\" = { first_byte_timeout_ms = 20000, idle_timeout_ms = 20000 } }";
    let (_provider, gate) = stage_with(
        thinks(),
        |channel| impatient(channel).set("model_timeouts", longer),
        EAGER_KEEP_ALIVE,
    )
    .await;

    let stream = gate.stream(&question()).await;

    assert_eq!((stream.status, stream.text()), (200, "Hello"));
}

#[tokio::test]
async fn twenty_tokens_and_then_silence_end_with_an_error_after_the_idle_timeout() {
    let (_provider, gate) = stage_with(streams_words(20).then_stalls(), impatient, "").await;

    let answer = gate.stream(&question()).await;

    assert_broken(&answer, &words(20).concat(), "provider_timeout");
}

#[tokio::test]
async fn a_stream_that_only_shows_that_it_is_there_ends_with_an_error_after_the_deadline() {
    let output = fault::cut_after(&whole_stream(), 2);
    let empty = format!("data: {}\n\n", chunk(json!({"content": ""}), None));
    let pings = [": ping\n\n".to_owned(), empty];
    let pings = pings.into_iter().cycle().take(200).map(Bytes::from);
    let script = streams_raw([output].into_iter().chain(pings)).pauses(APART);
    let deadline = "[limits]\nrequest_deadline_ms = 1000\n";
    let (_provider, gate) = stage_with(script, |channel| channel, deadline).await;

    let answer = gate.stream(&question()).await;

    assert_broken(&answer, "Hel", "provider_timeout");
}

#[tokio::test]
async fn comments_keep_a_slow_stream_alive() {
    let script = streams(["Hel", "lo"]).pauses(SLOW);
    let (_provider, gate) = stage_with(script, |channel| channel, EAGER_KEEP_ALIVE).await;

    let answer = gate.stream(&question()).await;

    assert_eq!(answer.text(), "Hello");
    assert!(answer.has_done());
    assert!(answer.summary().comments >= 3, "{}", answer.summary().comments);
}

#[tokio::test]
async fn comments_keep_the_client_before_the_first_output() {
    let (_provider, gate) = stage_with(says("Hello").delays(SLOW), |channel| channel, EAGER_KEEP_ALIVE).await;

    let asked = Instant::now();
    let mut open = gate.open_stream(&question()).await;
    let waited = asked.elapsed();
    let first = open.next_event().await;
    let answer = open.rest().await;

    assert!(waited < SLOW, "the status line came after {waited:?}");
    assert!(first.is_some_and(|event| event.starts_with(':')));
    assert_eq!(answer.text(), "Hello");
    assert_eq!(answer.broken_rules(), [""; 0]);
}

#[tokio::test]
async fn a_failure_after_a_comment_is_an_error_in_the_stream() {
    let failure = fails(401, "invalid_api_key", "no").delays(SLOW);
    let (_provider, gate) = stage_with(failure, |channel| channel, EAGER_KEEP_ALIVE).await;

    let answer = gate.stream(&question()).await;

    assert_broken(&answer, "", "provider_unavailable");
}

#[tokio::test]
async fn a_request_beyond_its_deadline_is_a_504_that_says_not_to_repeat_it() {
    let deadline = "[limits]\nrequest_deadline_ms = 300\n";
    let (_provider, gate) = stage_with(accepts_and_says_nothing(), |channel| channel, deadline).await;

    for answer in [
        gate.post(&question()).await,
        gate.post(&question_with(json!({"n": 2}))).await,
    ] {
        assert_eq!(
            (answer.status, answer.error_code().as_deref()),
            (504, Some("deadline_exceeded"))
        );
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}
