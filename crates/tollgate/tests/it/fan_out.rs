//! Several choices from a provider that gives one at a time: asked side by side, merged into one answer.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{
        FakeProvider, Script, accepts_and_says_nothing, chunk, decides, fails, says, streams, streams_events,
    },
};

use crate::stage::{cancelling_gate_to, question_to, setup, stage_of, with};

/// A model whose provider, Moonshot, gives one choice a request.
const MODEL: &str = "kimi-k2.5";

async fn stage(script: Script) -> (FakeProvider, Gate) {
    let (provider, gate) = stage_of("moonshot", MODEL).await;
    provider.always(script);
    (provider, gate)
}

/// The same, with a gate that reads on nothing whose client has gone.
async fn cancelling_stage(script: Script) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(script).await;
    let gate = cancelling_gate_to(&provider, "moonshot", MODEL).await;
    (provider, gate)
}

fn asking_for(n: u32) -> Value {
    with(question_to(MODEL), json!({"n": n}))
}

/// What `script` makes of the number of the request, counted from 0.
fn by_number(script: impl Fn(usize) -> Script + Send + Sync + 'static) -> Script {
    let count = AtomicUsize::new(0);
    decides(move |_| script(count.fetch_add(1, Ordering::Relaxed)))
}

fn each_its_own_number() -> Script {
    by_number(|number| says(&number.to_string()))
}

fn texts<'a>(choices: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    choices.into_iter().collect()
}

#[tokio::test]
async fn a_whole_answer_has_all_choices_and_the_sum_of_the_usage() {
    let (provider, gate) = stage(each_its_own_number()).await;

    let answer = gate.post(&asking_for(3)).await;

    let summary = answer.summary();
    let indexes: Vec<u64> = summary.choices.keys().copied().collect();
    assert_eq!(indexes, [0, 1, 2]);
    assert_eq!(
        texts(summary.choices.values().map(|choice| &*choice.text)),
        texts(["0", "1", "2"])
    );
    assert_eq!(answer.json()["usage"]["prompt_tokens"], 27);
    assert_eq!(answer.json()["usage"]["completion_tokens"], 3);
    assert_eq!(answer.header("x-tollgate-notes"), Some("emulated:n"));
    assert_eq!(provider.requests().len(), 3);
    for request in provider.requests() {
        assert!(request.json().get("n").is_none_or(|n| *n == 1));
    }
}

#[tokio::test]
async fn a_stream_has_all_choices_under_one_id_and_the_sum_of_the_usage() {
    let numbers = by_number(|number| {
        let number = number.to_string();
        streams([&*number, "-", &number])
    });
    let (_provider, gate) = stage(numbers).await;
    let request = with(asking_for(3), json!({"stream_options": {"include_usage": true}}));

    let answer = gate.stream(&request).await;

    let summary = answer.summary();
    assert_eq!(
        texts(summary.choices.values().map(|choice| &*choice.text)),
        texts(["0-0", "1-1", "2-2"])
    );
    assert!(
        summary
            .choices
            .values()
            .all(|choice| choice.finish_reason.as_deref() == Some("stop"))
    );
    let ids: BTreeSet<_> = summary
        .chunks
        .iter()
        .map(|chunk| chunk["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let usage = &summary.chunks.last().unwrap()["usage"];
    assert_eq!(usage["prompt_tokens"], 27);
    assert_eq!(answer.header("x-tollgate-notes"), Some("emulated:n"));
    assert!(answer.has_done());
}

#[tokio::test]
async fn one_that_fails_before_any_output_fails_the_attempt_and_the_next_channel_answers() {
    let first = FakeProvider::start_with(by_number(|number| match number {
        1 => fails(500, "", "boom"),
        _ => says("first"),
    }))
    .await;
    let second = FakeProvider::start_with(says("second")).await;
    let gate = setup()
        .channel(Channel::to(&first).provider("moonshot").models([MODEL]))
        .channel(
            Channel::to(&second)
                .named("spare")
                .provider("moonshot")
                .models([MODEL])
                .set("priority", "1"),
        )
        .start()
        .await;

    let whole = gate.post(&asking_for(3)).await;
    assert_eq!(whole.header("x-tollgate-channel"), Some("spare"));
    assert!(
        whole
            .summary()
            .choices
            .values()
            .all(|choice| choice.text == "second")
    );

    first.always(by_number(|number| match number {
        1 => fails(500, "", "boom"),
        _ => streams(["first"]),
    }));
    let stream = gate.stream(&asking_for(3)).await;
    assert_eq!(stream.header("x-tollgate-channel"), Some("spare"));
    assert_eq!(stream.summary().choices.len(), 3);
}

#[tokio::test]
async fn one_that_breaks_after_output_ends_the_stream_with_an_error() {
    let (_provider, gate) = stage(by_number(|number| match number {
        1 => streams(["Hel"]).then_closes(),
        _ => streams(["Hello"]),
    }))
    .await;

    let answer = gate.stream(&asking_for(2)).await;

    assert_eq!(answer.error_code(), Some("provider_stream_cut"));
    assert!(!answer.has_done(), "the client would take it for success");
}

#[tokio::test]
async fn a_client_that_leaves_lets_all_of_them_go() {
    let (provider, gate) = cancelling_stage(streams(["Hel"]).then_stalls()).await;
    let mut open = gate.open_stream(&asking_for(3)).await;
    open.next_event().await.unwrap();

    drop(open);

    provider.cancelled_times(3).await;
    provider.has_open_connections(0).await;
}

#[tokio::test]
async fn only_so_many_are_under_way_at_once_and_all_are_answered() {
    let (provider, gate) = cancelling_stage(accepts_and_says_nothing()).await;
    let request = asking_for(20);
    tokio::select! {
        _ = gate.post(&request) => panic!("nobody has answered"),
        _ = provider.received(8) => {}
    }
    assert_eq!(provider.requests().len(), 8);
    provider.cancelled_times(8).await;

    provider.always(says("Hello").delays(Duration::from_millis(20)));
    assert_eq!(gate.post(&asking_for(20)).await.summary().choices.len(), 20);
    let streamed = gate.stream(&asking_for(20)).await;
    assert_eq!(streamed.summary().choices.len(), 20);
}

#[tokio::test]
async fn a_choice_that_was_not_asked_for_is_not_taken_for_another() {
    let two = streams_events([
        chunk(json!({"role": "assistant", "content": "one"}), Some("stop")),
        with(
            chunk(json!({"role": "assistant", "content": "two"}), Some("stop")),
            json!({"choices": [{"index": 1, "delta": {"content": "two"}, "finish_reason": "stop"}]}),
        ),
    ]);
    let (_provider, gate) = stage(two).await;

    let answer = gate.stream(&asking_for(2)).await;

    assert_eq!(answer.error_code(), Some("provider_malformed_answer"));
}

#[tokio::test]
async fn a_provider_that_gives_several_is_asked_once() {
    let provider = FakeProvider::start().await;
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;

    gate.post_text(asking_for(2).to_string()).await;

    assert_eq!(provider.request().json()["n"], 2);
}
