//! An answer whose client has gone and may come back for it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, Script, Turn, accepts_and_says_nothing, fails, says, speaks, streams},
};

use super::{ask, named, open};
use crate::{
    credit::eventually,
    stage::{get_from_admin, question, question_with, setup, stage, stage_with},
};

#[tokio::test]
async fn a_client_that_leaves_does_not_take_the_answer_from_one_that_waits() {
    let script = streams(["Hel", "lo"]).pauses(Duration::from_millis(200));
    let (provider, gate) = stage_with(script, |channel| channel, "[idempotency]\nlinger_ms = 0\n").await;
    let mut first = open(&gate, "one").await;
    first.next_event().await.unwrap();
    let second = open(&gate, "one").await;

    drop(first);
    let second = second.rest().await;

    assert_eq!((second.text(), second.has_done()), ("Hello", true));
    provider.request();
}

#[tokio::test]
async fn a_client_that_lost_its_connection_comes_back_to_the_same_answer() {
    for stream in [false, true] {
        let script = says("Hello").delays(Duration::from_millis(400));
        let (provider, gate) = stage(script).await;
        let body = question_with(json!({"stream": stream}));
        let lost = tokio::time::timeout(Duration::from_millis(200), ask(&gate, "one", &body)).await;
        assert!(lost.is_err(), "the answer was not to be there yet");

        let back = ask(&gate, "one", &body).await;

        assert_eq!(back.status, 200);
        assert!(back.header("x-tollgate-replayed").is_some());
        provider.request();
        assert_eq!(provider.cancellations(), 0);
    }
}

#[tokio::test]
async fn an_answer_that_is_paid_for_to_its_end_waits_for_its_client() {
    for stream in [false, true] {
        let words = Turn::new().says(["Hel", "lo"]);
        let provider = FakeProvider::start_with(speaks(words).delays(Duration::from_millis(800))).await;
        let channel = Channel::of("gemini", &provider).models([BILLS_ON]);
        let tables = "[idempotency]\nlinger_ms = 50\n";
        let gate = setup().channel(channel).config(tables).start().await;
        let body = question_with(json!({"model": BILLS_ON, "stream": stream}));
        let lost = tokio::time::timeout(Duration::from_millis(200), ask(&gate, "one", &body)).await;
        assert!(lost.is_err(), "the answer was not to be there yet");
        let longer_than_the_linger = Duration::from_millis(300);
        tokio::time::sleep(longer_than_the_linger).await;

        let back = ask(&gate, "one", &body).await;

        assert!(back.header("x-tollgate-replayed").is_some(), "{back:?}");
        assert_eq!(provider.requests().len(), 1, "it was bought twice");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_wants_any_more_ends_and_is_forgotten() {
    let tables = "[idempotency]\nlinger_ms = 50\n";
    let (provider, gate) = stage_with(streams(["Hel"]).then_stalls(), |channel| channel, tables).await;
    let mut first = open(&gate, "one").await;
    let mut second = open(&gate, "one").await;
    first.next_event().await.unwrap();
    second.next_event().await.unwrap();

    drop((first, second));
    provider.cancelled().await;
    gate.logged("client_gone").await;

    provider.always(says("anew"));
    let third = open(&gate, "one").await;
    assert_eq!(third.headers.get("x-tollgate-replayed"), None);
    assert_eq!(third.rest().await.text(), "anew");
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test]
async fn nothing_is_left_of_answers_that_nobody_waited_for() {
    let tables = "[idempotency]\nlinger_ms = 0\n";
    let (provider, gate) = stage_with(accepts_and_says_nothing(), |channel| channel, tables).await;
    for number in 0..20 {
        let (name, body) = (format!("name-{number}"), question());
        let asked = ask(&gate, &name, &body);
        assert!(
            tokio::time::timeout(Duration::from_millis(30), asked)
                .await
                .is_err()
        );
    }

    provider.cancelled_times(provider.requests().len()).await;

    let metrics = async || {
        let metrics = get_from_admin(&gate, "/metrics").await;
        String::from_utf8(metrics.body.to_vec()).unwrap()
    };
    for _ in 0..100 {
        if metrics().await.contains("tollgate_requests_in_flight 0") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("requests are still under way: {}", metrics().await);
}

#[tokio::test]
async fn an_answer_whose_bill_a_cancel_stops_does_not_go_on_because_another_provider_was_tried_before() {
    const MODEL: &str = "gemini-3-flash-preview";
    let bills_on = FakeProvider::start_with(fails(500, "", "boom")).await;
    let stops = FakeProvider::start_with(streams(["Hel"]).then_stalls()).await;
    let gate = setup()
        .channel(Channel::of("gemini", &bills_on).named("first").models([MODEL]))
        .channel(
            Channel::to(&stops)
                .named("second")
                .models([MODEL])
                .set("priority", "1"),
        )
        .config("[idempotency]\nlinger_ms = 50\n")
        .start()
        .await;
    let body = question_with(json!({"model": MODEL, "stream": true}));
    let mut open = gate.open_stream_of(named(&gate, "one", &body)).await;
    open.next_event().await.unwrap();
    assert_eq!(bills_on.requests().len(), 1);

    drop(open);

    stops.cancelled().await;
    gate.logged("client_gone").await;
}

const BILLS_ON: &str = "gemini-3-flash-preview";

/// A provider that bills on, and a gate that waits for nobody for longer than it has to.
async fn billing_stage(script: Script, tables: &str) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(script).await;
    let channel = Channel::of("gemini", &provider).models([BILLS_ON]);
    let tables = format!("[idempotency]\nlinger_ms = 50\n{tables}");
    let setup = setup().channel(channel).config(&tables);
    (provider, setup.key(&["--concurrency", "1"]).start().await)
}

fn to_who_bills_on() -> Value {
    question_with(json!({"model": BILLS_ON, "stream": true}))
}

#[tokio::test]
async fn an_answer_that_waits_for_its_client_leaves_its_place_to_others() {
    let slow = speaks(Turn::new().says(["Hel", "lo"])).pauses(Duration::from_secs(2));
    let (provider, gate) = billing_stage(slow, "").await;
    let mut lost = gate.open_stream_of(named(&gate, "one", &to_who_bills_on())).await;
    lost.next_event().await.unwrap();

    drop(lost);
    let in_flight = async || {
        let metrics = get_from_admin(&gate, "/metrics").await;
        String::from_utf8(metrics.body.to_vec()).unwrap()
    };
    let is_free = async || in_flight().await.contains("tollgate_requests_in_flight 0");
    eventually(true, is_free).await;
    assert!(
        in_flight()
            .await
            .contains("tollgate_abandoned_answers_in_flight 1")
    );
    provider.always(speaks(Turn::new().says(["other"])));
    let other = gate.post(&question_with(json!({"model": BILLS_ON}))).await;
    let back = ask(&gate, "one", &to_who_bills_on()).await;

    assert_eq!((other.status, other.text().as_str()), (200, "other"), "{other:?}");
    assert!(back.header("x-tollgate-replayed").is_some(), "{back:?}");
    assert_eq!(provider.requests().len(), 2, "it was bought twice");
    let ended = async || {
        in_flight()
            .await
            .contains("tollgate_abandoned_answers_in_flight 0")
    };
    eventually(true, ended).await;
}

#[tokio::test]
async fn where_nothing_is_read_on_an_answer_that_is_paid_for_to_its_end_is_cancelled_as_well() {
    let stalls = speaks(Turn::new().says(["Hel"])).then_stalls();
    let (provider, gate) = billing_stage(stalls, "[limits]\nabandoned_max = 0\n").await;
    let mut lost = gate.open_stream_of(named(&gate, "one", &to_who_bills_on())).await;
    lost.next_event().await.unwrap();

    drop(lost);

    provider.cancelled().await;
    gate.logged("client_gone").await;
}

#[tokio::test]
async fn an_answer_that_has_waited_for_its_client_is_not_read_on_once_more() {
    let stalls = speaks(Turn::new().says(["Hel"])).then_stalls();
    let (provider, gate) = billing_stage(stalls, "[limits]\nabandoned_ms = 3000\n").await;
    let mut lost = gate.open_stream_of(named(&gate, "one", &to_who_bills_on())).await;
    lost.next_event().await.unwrap();

    let left = Instant::now();
    drop(lost);
    provider.cancelled().await;

    let took = left.elapsed();
    assert!(
        Duration::from_millis(2_500) < took && took < Duration::from_millis(5_500),
        "{took:?}"
    );
    gate.logged("client_gone").await;
}
