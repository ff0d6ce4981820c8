//! What fails before the first output is made good by the next channel; after it nobody else is asked.

use std::time::Duration;

use serde_json::json;
use tollgate_testkit::{
    cuts::fault,
    gate::Channel,
    provider::{
        DumbPort, FakeProvider, Turn, accepts_and_says_nothing, answers, answers_with, fails, hangs_up,
        nobody_listens, says, speaks, streams, streams_events, streams_raw,
    },
};

use crate::{
    stage::{MODEL, question, question_to, setup, spare_to, with},
    stream_end::{assert_broken, impatient, whole_stream},
};

#[tokio::test]
async fn whatever_fails_before_the_first_output_is_made_good_by_the_next_channel() {
    let first = FakeProvider::start().await;
    let second = FakeProvider::start_with(says("second")).await;
    let gate = setup()
        .channel(impatient(Channel::to(&first).models([MODEL])))
        .channel(spare_to(&second))
        .start()
        .await;
    let body = whole_stream();
    let json = [("content-type", "application/json")];
    for (what, script) in [
        ("silence", accepts_and_says_nothing()),
        ("a hang-up", hangs_up()),
        ("500", fails(500, "", "boom")),
        ("503", fails(503, "", "busy")),
        ("429", fails(429, "rate_limit_exceeded", "slow down")),
        ("a refused credential", fails(401, "invalid_api_key", "no")),
        ("an empty purse", fails(402, "", "pay")),
        (
            "a model it does not know",
            fails(404, "model_not_found", "no such model"),
        ),
        (
            "a 200 that is an error",
            answers(json!({"error": {"message": "boom"}})),
        ),
        (
            "a page",
            answers_with(200, &[("content-type", "text/html")], "<html>"),
        ),
        ("half an answer", answers_with(200, &json, "{\"choices\":[")),
        (
            "a redirect",
            answers_with(307, &[("location", "http://127.0.0.1:9/")], ""),
        ),
        (
            "a stream cut after its role",
            streams_raw([fault::cut_after(&body, 1)]).then_closes(),
        ),
        (
            "a stream that stalls after its role",
            streams_raw([fault::cut_after(&body, 1)]).then_stalls(),
        ),
        (
            "an error as its first event",
            streams_events([json!({"error": {"message": "boom"}})]),
        ),
        (
            "bad JSON before any output",
            streams_raw([fault::with_bad_json(&body, 1)]),
        ),
    ] {
        first.always(script);

        let stream = gate.stream(&question()).await;

        assert_eq!((stream.status, stream.text()), (200, "second"), "{what}");
        assert!(stream.has_done(), "{what}");
        assert_eq!(stream.header("x-tollgate-channel"), Some("spare"), "{what}");
    }
}

#[tokio::test]
async fn a_provider_that_nobody_runs_is_passed_over() {
    let second = FakeProvider::start_with(says("second")).await;
    let gate = setup()
        .channel(Channel::at(&nobody_listens().await).models([MODEL]))
        .channel(spare_to(&second))
        .start()
        .await;

    let answer = gate.post(&question()).await;

    assert_eq!(answer.text(), "second");
}

#[tokio::test]
async fn without_another_channel_a_provider_that_nobody_runs_is_a_502() {
    let gate = setup()
        .channel(Channel::at(&nobody_listens().await).models([MODEL]))
        .start()
        .await;

    let answer = gate.post(&question()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (502, Some("provider_unreachable"))
    );
}

#[tokio::test]
async fn after_output_no_other_channel_is_asked() {
    let first = FakeProvider::start_with(streams(["Hel"]).then_closes()).await;
    let second = FakeProvider::start_with(says("second")).await;
    let gate = setup()
        .channel(Channel::to(&first).models([MODEL]))
        .channel(spare_to(&second))
        .start()
        .await;

    let answer = gate.stream(&question()).await;

    assert_broken(&answer, "Hel", "provider_stream_cut");
    assert!(
        second.requests().is_empty(),
        "its answer would not go on where the first one stopped"
    );
}

#[tokio::test]
async fn an_error_whose_text_has_no_end_is_not_listened_to_for_long() {
    let first = FakeProvider::start_with(
        answers_with(500, &[], "b")
            .pauses(Duration::from_millis(50))
            .then_goes_on(),
    )
    .await;
    let second = FakeProvider::start_with(says("second")).await;
    let gate = setup()
        .config("[limits]\nrequest_deadline_ms = 10000")
        .channel(impatient(Channel::to(&first).models([MODEL])))
        .channel(spare_to(&second))
        .start()
        .await;

    let asked = question();
    let (whole, stream) = tokio::join!(gate.post(&asked), gate.stream(&asked));

    assert_eq!((whole.text().as_str(), stream.text()), ("second", "second"));
    first.is_idle().await;
}

#[tokio::test]
async fn a_port_that_takes_connections_and_speaks_no_tls_is_given_up_like_one_that_takes_none() {
    let dumb = DumbPort::open().await;
    let second = FakeProvider::start_with(says("second")).await;
    let gate = setup()
        .config("[limits]\nrequest_deadline_ms = 10000")
        .channel(
            Channel::at(&format!("https://{}/v1", dumb.address()))
                .models([MODEL])
                .set("connect_timeout_ms", "300"),
        )
        .channel(spare_to(&second))
        .start()
        .await;

    let asked = question();
    let (whole, stream) = tokio::join!(gate.post(&asked), gate.stream(&asked));

    assert_eq!((whole.status, whole.text().as_str()), (200, "second"));
    assert_eq!(stream.text(), "second");
    assert_eq!(
        gate.logs().matches("outcome=no_connection").count(),
        2,
        "{}",
        gate.logs()
    );
    dumb.has_open_connections(0).await;
}

#[tokio::test]
async fn what_the_client_did_wrong_is_not_tried_elsewhere() {
    let first = FakeProvider::start_with(fails(400, "invalid_value", "temperature is odd")).await;
    let second = FakeProvider::start_with(says("second")).await;
    let gate = setup()
        .channel(Channel::to(&first).models([MODEL]))
        .channel(spare_to(&second))
        .start()
        .await;

    let answer = gate.post(&question()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (400, Some("invalid_value"))
    );
    assert!(second.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_what_was_asked_was_paid_for_and_is_not_bought_elsewhere() {
    let model = "claude-sonnet-4-6";
    let first = FakeProvider::start_with(speaks(Turn::new().says(["no JSON"]))).await;
    let second = FakeProvider::start_with(speaks(Turn::new().says(["{}"]))).await;
    let gate = setup()
        .channel(Channel::of("anthropic", &first).models([model]))
        .channel(
            Channel::of("anthropic", &second)
                .named("spare")
                .models([model])
                .set("priority", "1"),
        )
        .start()
        .await;
    let request = with(
        question_to(model),
        json!({"response_format": {"type": "json_object"}}),
    );

    let answer = gate.post(&request).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (502, Some("answer_not_as_asked"))
    );
    let told = answer.error_message().unwrap();
    assert!(told.ends_with("it is no JSON object"), "{told}");
    assert!(second.requests().is_empty());
    gate.logged("not_as_asked").await;
}
