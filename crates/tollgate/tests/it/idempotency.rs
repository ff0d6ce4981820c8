//! A client's own retry gets the answer that it asked for, made and paid for once.

mod left;

use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderValue, Request};
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate, OpenStream},
    provider::{FakeProvider, answers_with, fails, says, streams},
};

use crate::stage::{MODEL, get_from_admin, question, question_with, setup, stage, stage_with};

/// A chat request with this `Idempotency-Key`.
fn named(gate: &Gate, name: &str, body: &Value) -> Request<String> {
    let mut request = gate.chat_request(gate.key(), body.to_string());
    let name = HeaderValue::from_str(name).unwrap();
    request.headers_mut().insert("idempotency-key", name);
    request
}

async fn ask(gate: &Gate, name: &str, body: &Value) -> Answer {
    gate.send(named(gate, name, body)).await
}

async fn open(gate: &Gate, name: &str) -> OpenStream {
    gate.open_stream_of(named(gate, name, &streamed())).await
}

fn streamed() -> Value {
    question_with(json!({"stream": true}))
}

#[tokio::test]
async fn a_finished_answer_is_given_again_to_a_retry_and_made_once() {
    for body in [question(), streamed()] {
        let (provider, gate) = stage(says("Hello")).await;

        let first = ask(&gate, "one", &body).await;
        let again = ask(&gate, "one", &body).await;

        assert_eq!((first.status, again.status), (200, 200), "{again:?}");
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(again.header("x-tollgate-channel"), Some("fake"));
        assert_eq!(first.header("x-tollgate-replayed"), None);
        assert_eq!(
            again.header("x-tollgate-replayed"),
            first.header("x-tollgate-request-id"),
            "it says whose answer it is"
        );
        assert_ne!(
            again.header("x-tollgate-request-id"),
            first.header("x-tollgate-request-id")
        );
        provider.request();
    }
}

#[tokio::test]
async fn what_is_repeated_is_counted_as_such_and_its_tokens_once() {
    let (_provider, gate) = stage(says("Hello")).await;
    for _ in 0..3 {
        ask(&gate, "one", &question()).await;
    }

    let metrics = get_from_admin(&gate, "/metrics").await;

    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "tollgate_requests_total{outcome=\"ok\"} 1",
        "tollgate_requests_total{outcome=\"replayed\"} 2",
        "tollgate_tokens_total{class=\"prompt\",channel=\"fake\",model=\"gpt-4o\"} 9",
        "tollgate_requests_in_flight 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    gate.logged("request repeated").await;
    let log = gate.logs();
    let line = log
        .lines()
        .find(|line| line.contains("request repeated"))
        .unwrap();
    for field in [
        "client=127.0.0.1",
        "key_prefix=",
        "model=gpt-4o",
        "repeats=",
        "outcome=replayed",
    ] {
        assert!(line.contains(field), "{field} is not in {line}");
    }
}

#[tokio::test]
async fn many_at_once_join_one_running_answer() {
    for body in [question(), streamed()] {
        let (provider, gate) = stage(says("Hello").delays(Duration::from_millis(300))).await;

        let answers = join_all((0..20).map(|_| ask(&gate, "one", &body))).await;

        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
        }
        let first = |answer: &&Answer| answer.header("x-tollgate-replayed").is_none();
        assert_eq!(answers.iter().filter(first).count(), 1);
        provider.request();
    }
}

#[tokio::test]
async fn a_retry_reads_a_running_stream_from_its_beginning() {
    let (provider, gate) = stage(streams(["Hel", "lo"]).pauses(Duration::from_millis(200))).await;
    let mut first = open(&gate, "one").await;
    first.next_event().await.unwrap();

    let second = open(&gate, "one").await;
    let (first, second) = tokio::join!(first.rest(), second.rest());

    for stream in [&first, &second] {
        assert_eq!(stream.broken_rules(), [""; 0]);
        assert_eq!((stream.text(), stream.has_done()), ("Hello", true));
    }
    assert_eq!(first.body, second.body);
    provider.request();
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let (provider, gate) = stage(says("Hello")).await;
    ask(&gate, "one", &question()).await;

    for body in [streamed(), question_with(json!({"temperature": 0.5}))] {
        let answer = ask(&gate, "one", &body).await;
        let told = (answer.status, answer.error_code());
        assert_eq!(told, (400, Some("idempotency_key_reused".to_owned())));
    }
    provider.request();
}

#[tokio::test]
async fn the_same_key_for_other_channels_is_refused() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL]))
        .config("[routing]\nallow_pin = true\n")
        .start()
        .await;
    ask(&gate, "one", &question()).await;

    for header in ["x-tollgate-channel", "x-tollgate-exclude"] {
        let mut request = named(&gate, "one", &question());
        request
            .headers_mut()
            .insert(header, HeaderValue::from_static("fake"));
        let answer = gate.send(request).await;
        let told = (answer.status, answer.error_code());
        assert_eq!(told, (400, Some("idempotency_key_reused".to_owned())), "{header}");
    }
    provider.request();
}

#[tokio::test]
async fn a_full_gate_still_gives_what_is_on_its_way() {
    let script = streams(["Hel", "lo"]).pauses(Duration::from_millis(200));
    let (provider, gate) = stage_with(script, |channel| channel, "[limits]\nmax_in_flight = 1\n").await;
    let mut first = open(&gate, "one").await;
    first.next_event().await.unwrap();

    let other = ask(&gate, "two", &streamed()).await;
    let second = open(&gate, "one").await;

    assert_eq!(other.status, 503);
    let (first, second) = tokio::join!(first.rest(), second.rest());
    for stream in [&first, &second] {
        assert_eq!((stream.text(), stream.has_done()), ("Hello", true));
    }
    provider.request();
}

#[tokio::test]
async fn a_name_belongs_to_its_api_key() {
    let (provider, gate) = stage(says("Hello")).await;
    let other = gate.create_key(&["--name", "other"]).await;
    ask(&gate, "one", &question()).await;

    let mut request = named(&gate, "one", &question_with(json!({"temperature": 0.5})));
    let bearer = HeaderValue::from_str(&format!("Bearer {other}")).unwrap();
    request.headers_mut().insert("authorization", bearer);
    let answer = gate.send(request).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-tollgate-replayed"), None);
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test]
async fn what_may_go_better_is_tried_anew() {
    let slow_down = answers_with(
        429,
        &[("content-type", "application/json"), ("retry-after", "30")],
        json!({"error": {"message": "later"}}).to_string(),
    );
    for failure in [
        fails(500, "", "boom"),
        fails(401, "invalid_api_key", "no"),
        slow_down,
        streams(["Hel"]).then_closes(),
    ] {
        let (provider, gate) = stage(failure).await;
        let failed = ask(&gate, "one", &streamed()).await;
        assert!(!failed.body.ends_with(b"[DONE]\n\n"));

        provider.always(says("fine"));
        let again = ask(&gate, "one", &streamed()).await;

        assert_eq!((again.status, again.header("x-tollgate-replayed")), (200, None));
        assert!(again.body.ends_with(b"data: [DONE]\n\n"));
        assert_eq!(provider.requests().len(), 2);
    }
}

#[tokio::test]
async fn what_was_refused_for_good_is_refused_again_without_asking() {
    let (provider, gate) = stage(fails(400, "invalid_value", "odd")).await;

    let first = ask(&gate, "one", &question()).await;
    let again = ask(&gate, "one", &question()).await;

    assert_eq!((first.status, again.status), (400, 400));
    assert_eq!(first.body, again.body);
    provider.request();
}

#[tokio::test]
async fn what_the_gate_refuses_does_not_use_the_name_up() {
    let (provider, gate) = stage(says("Hello")).await;
    let refused = ask(&gate, "one", &question_with(json!({"temperature": 9}))).await;
    assert_eq!(refused.status, 400);

    let answer = ask(&gate, "one", &question()).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    provider.request();
}

#[tokio::test]
async fn a_retry_takes_no_place_of_its_own() {
    let provider = FakeProvider::start_with(says("Hello").delays(Duration::from_millis(300))).await;
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL]))
        .key(&["--concurrency", "1"])
        .start()
        .await;

    let body = question();
    let (first, second) = tokio::join!(ask(&gate, "one", &body), ask(&gate, "one", &body));

    assert_eq!((first.status, second.status), (200, 200));
    provider.request();
}

#[tokio::test]
async fn a_name_is_short_visible_and_comes_once() {
    let (provider, gate) = stage(says("Hello")).await;
    let fits = "k".repeat(255);
    assert_eq!(ask(&gate, &fits, &question()).await.status, 200);

    let long = "k".repeat(256);
    for name in ["", "two words", "sch\u{f6}n", long.as_str()] {
        let answer = ask(&gate, name, &question()).await;
        let told = (answer.status, answer.error_code());
        assert_eq!(told, (400, Some("invalid_idempotency_key".to_owned())), "{name}");
    }
    let mut twice = named(&gate, "one", &question());
    twice
        .headers_mut()
        .append("idempotency-key", HeaderValue::from_static("two"));
    assert_eq!(gate.send(twice).await.status, 400);
    provider.request();
}

#[tokio::test]
async fn an_answer_is_forgotten_in_time() {
    let tables = "[idempotency]\nttl_s = 1\n";
    let (provider, gate) = stage_with(says("Hello"), |channel| channel, tables).await;
    ask(&gate, "one", &question()).await;

    for _ in 0..200 {
        ask(&gate, "one", &question()).await;
        if provider.requests().len() == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was kept for longer than its time");
}

#[tokio::test]
async fn an_answer_that_is_too_large_to_keep_comes_whole_and_is_not_bought_again() {
    let piece = "x".repeat(64 * 1024);
    let text = piece.repeat(40);
    let tables = "[idempotency]\nsize_mb = 2\nanswer_mb = 1\n";
    for body in [question(), streamed()] {
        let script = match body["stream"] == true {
            true => streams(std::iter::repeat_n(piece.as_str(), 40)),
            false => says(&text),
        };
        let (provider, gate) = stage_with(script, |channel| channel, tables).await;

        let first = ask(&gate, "one", &body).await;
        let again = ask(&gate, "one", &body).await;

        assert_eq!(first.status, 200);
        assert!(first.body.len() > text.len(), "nothing is lost");
        assert_eq!(
            (again.status, again.error_code()),
            (409, Some("answer_not_kept".to_owned()))
        );
        assert_eq!(again.header("x-should-retry"), Some("false"));
        provider.request();
    }
}
