//! However an answer of Anthropic, Gemini or the Responses ends, the client knows: as `stream_end` and
//! `failover` promise for chat completions.

use std::time::Duration;

use tollgate_testkit::{
    cuts::fault,
    gate::{Channel, Gate},
    provider::{
        FakeProvider, Protocol, Script, Turn, accepts_and_says_nothing, answers_with, complains, hangs_up,
        speaks, stream_of, streams_raw,
    },
};

use crate::{
    stage::{SPEAKERS, cancelling_gate_to, question_to, setup, stage_of},
    stream_end::{assert_broken, impatient},
};

fn half_turn() -> Turn {
    Turn::new().thinks(["Hm."]).says(["Hel", "lo"])
}

fn half() -> Script {
    speaks(half_turn())
}

/// Two channels to `model`; the first one gives up early.
async fn two(preset: &str, model: &str) -> (FakeProvider, FakeProvider, Gate) {
    let first = FakeProvider::start().await;
    let second = FakeProvider::start_with(speaks(Turn::new().says(["second"]))).await;
    let gate = setup()
        .channel(impatient(Channel::of(preset, &first).models([model])))
        .channel(
            Channel::of(preset, &second)
                .named("spare")
                .models([model])
                .set("priority", "1"),
        )
        .start()
        .await;
    (first, second, gate)
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_and_without_done() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        for script in [half().then_ends(), half().then_closes()] {
            provider.always(script);

            let answer = gate.stream(&question_to(model)).await;

            assert_broken(&answer, "Hello", "provider_stream_cut");
        }
    }
}

#[tokio::test]
async fn silence_in_the_middle_of_a_stream_is_a_timeout() {
    for (preset, model) in SPEAKERS {
        let provider = FakeProvider::start_with(half().then_stalls()).await;
        let channel = impatient(Channel::of(preset, &provider).models([model]));
        let gate = setup().channel(channel).start().await;

        let answer = gate.stream(&question_to(model)).await;

        assert_broken(&answer, "Hello", "provider_timeout");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_is_an_error_object_of_its_kind() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let overloaded = match preset {
            "anthropic" => "overloaded_error",
            "gemini" => "UNAVAILABLE",
            _ => "server_is_overloaded",
        };
        provider.always(half().then_complains(overloaded, "sk-live-0123456789abcdef is busy"));

        let answer = gate.stream(&question_to(model)).await;

        assert_eq!((answer.status, answer.text()), (200, "Hello"), "{preset}");
        assert!(
            !answer.has_done(),
            "{preset}: the client would take it for success"
        );
        let error = answer.error().unwrap();
        assert!(!error.message.contains("sk-live"), "{preset}: {error:?}");
        if preset != "openai" {
            assert_eq!(error.code.as_deref(), Some("provider_overloaded"), "{preset}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_has_ended_is_whole_whatever_comes_of_its_connection() {
    // Gemini's protocol has no end of its own, so there the connection has to end well.
    for ((preset, model), protocol) in [
        (SPEAKERS[0], Protocol::Anthropic),
        (SPEAKERS[2], Protocol::Responses),
    ] {
        let (provider, gate) = stage_of(preset, model).await;
        let whole = stream_of(&half_turn(), protocol);
        provider.always(streams_raw([whole]).then_closes());

        let answer = gate.stream(&question_to(model)).await;

        assert_eq!(answer.text(), "Hello", "{preset}");
        assert!(answer.has_done(), "{preset}: {:?}", answer.error());
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_a_fault_and_never_skipped() {
    for ((preset, model), protocol) in
        SPEAKERS
            .into_iter()
            .zip([Protocol::Anthropic, Protocol::Gemini, Protocol::Responses])
    {
        let (provider, gate) = stage_of(preset, model).await;
        let whole = stream_of(&half_turn(), protocol);
        let last_event = String::from_utf8_lossy(&whole).matches("\n\n").count() - 1;
        let spoiled = fault::with_bad_json(&whole, last_event);
        let output = fault::cut_after(&whole, last_event);
        let rest = spoiled.slice(output.len()..);
        provider.always(streams_raw([output, rest]).pauses(Duration::from_millis(50)));

        let answer = gate.stream(&question_to(model)).await;

        assert_broken(&answer, "Hello", "provider_malformed_answer");
    }
}

#[tokio::test]
async fn whatever_fails_before_the_first_output_is_made_good_by_the_next_channel() {
    for (preset, model) in SPEAKERS {
        let (first, _second, gate) = two(preset, model).await;
        let html = [("content-type", "text/html")];
        let no_output = || speaks(Turn::new());
        for (what, script) in [
            ("silence", accepts_and_says_nothing()),
            ("a hang-up", hangs_up()),
            ("500", complains(500, "api_error", "boom")),
            ("529", complains(529, "overloaded_error", "busy")),
            ("429", complains(429, "rate_limit_error", "slow down")),
            ("401", complains(401, "authentication_error", "no")),
            ("a page", answers_with(200, &html, "<html>")),
            ("a cut before output", no_output().then_closes()),
            ("an end before output", no_output().then_ends()),
            ("a stall before output", no_output().then_stalls()),
            (
                "an error before output",
                no_output().then_complains("overloaded_error", "busy"),
            ),
        ] {
            first.always(script);

            let stream = gate.stream(&question_to(model)).await;

            assert_eq!(
                (stream.status, stream.text()),
                (200, "second"),
                "{preset}: {what}: {:?}",
                stream.error()
            );
            assert!(stream.has_done(), "{preset}: {what}");
        }
    }
}

#[tokio::test]
async fn after_output_no_other_channel_is_asked() {
    for (preset, model) in SPEAKERS {
        let (first, second, gate) = two(preset, model).await;
        first.always(half().then_closes());

        let answer = gate.stream(&question_to(model)).await;

        assert_broken(&answer, "Hello", "provider_stream_cut");
        assert!(second.requests().is_empty(), "{preset}");
    }
}

#[tokio::test]
async fn comments_keep_a_slow_stream_alive() {
    for (preset, model) in SPEAKERS {
        let provider = FakeProvider::start_with(half().pauses(Duration::from_millis(150))).await;
        let gate = setup()
            .channel(Channel::of(preset, &provider).models([model]))
            .config("[limits]\nkeep_alive_ms = 40\n")
            .start()
            .await;

        let answer = gate.stream(&question_to(model)).await;

        assert_eq!(answer.text(), "Hello", "{preset}");
        let comments = answer.summary().comments;
        assert!(comments >= 3, "{preset}: {comments} comments");
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_providers_call() {
    for (preset, model) in SPEAKERS {
        let provider = FakeProvider::start_with(half().then_stalls()).await;
        let gate = cancelling_gate_to(&provider, preset, model).await;
        let mut open = gate.open_stream(&question_to(model)).await;
        open.next_event().await.unwrap();

        drop(open);

        provider.cancelled().await;
    }
}
