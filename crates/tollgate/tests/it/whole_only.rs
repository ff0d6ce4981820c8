//! A model whose provider gives whole answers alone streams to the client all the same, with comments while
//! it waits.

use std::time::Duration;

use serde_json::json;
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, Script, Turn, complains, speaks},
};

use crate::stage::{question_to, setup, with};

/// OpenAI serves it through Responses, without streams.
const MODEL: &str = "gpt-5-pro";

async fn stage(script: Script) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(script).await;
    // Shorter than the model is silent: only the request's deadline counts for whole answers.
    let channel = Channel::of("openai", &provider)
        .models([MODEL])
        .set("first_byte_timeout_ms", "100");
    let gate = setup()
        .channel(channel)
        .config("[limits]\nkeep_alive_ms = 100\n")
        .start()
        .await;
    (provider, gate)
}

#[tokio::test]
async fn the_whole_answer_comes_as_a_stream_after_comments_that_keep_it_alive() {
    let turn = Turn::new().thinks(["Hm."]).says(["Hello ", "there"]);
    let (provider, gate) = stage(speaks(turn).delays(Duration::from_millis(500))).await;
    let request = with(
        question_to(MODEL),
        json!({"stream_options": {"include_usage": true}}),
    );

    let answer = gate.stream(&request).await;

    assert_eq!((answer.status, answer.text()), (200, "Hello there"));
    assert_eq!(answer.finish_reason(), Some("stop"));
    assert!(answer.has_done() && answer.summary().usage.is_some());
    assert!(answer.summary().comments >= 2, "{}", answer.summary().comments);
    assert!(!provider.request().wants_stream());
}

#[tokio::test]
async fn a_failure_keeps_its_status_while_nothing_has_been_sent() {
    let (_provider, gate) = stage(complains(429, "rate_limit_error", "slow down")).await;

    let answer = gate.stream(&question_to(MODEL)).await;

    assert_eq!(answer.status, 429);
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_lets_the_provider_go() {
    let (provider, gate) = stage(speaks(Turn::new().says(["Hello"])).delays(Duration::from_secs(30))).await;
    let mut open = gate.open_stream(&question_to(MODEL)).await;
    open.next_piece().await.unwrap();

    drop(open);

    provider.cancelled().await;
}
