//! What becomes of channels that fail: tried again where that may help, and left alone for a while.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{
        FakeProvider, answers_with, chunk_text, decides, fails, hangs_up, says, streams, streams_raw,
    },
};

use crate::stage::{MODEL, question, question_with, setup, spare_to};

/// A gate as it is by default, in front of this provider, with a spare channel behind it.
pub async fn with_spare(routing: &str) -> (FakeProvider, FakeProvider, Gate) {
    let first = FakeProvider::start_with(says("first")).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let gate = setup()
        .resilient()
        .config(&format!("[routing]\n{routing}"))
        .channel(Channel::to(&first).named("first").models([MODEL]))
        .channel(spare_to(&spare))
        .start()
        .await;
    (first, spare, gate)
}

/// A gate as it is by default, in front of this provider alone.
pub async fn alone() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("fine")).await;
    let gate = setup()
        .resilient()
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;
    (provider, gate)
}

/// A question that is like no other.
fn another(number: usize) -> Value {
    let content = format!("Question {number}?");
    question_with(json!({"messages": [{"role": "user", "content": content}]}))
}

pub async fn channels(gate: &Gate) -> Value {
    let request = Request::get("/admin/v1/channels")
        .body(String::new())
        .expect("a request");
    let answer = gate.send_to_admin(request).await;
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).expect("JSON")
}

pub fn advised(status: u16, header: &str, value: &str) -> tollgate_testkit::provider::Script {
    answers_with(
        status,
        &[("content-type", "application/json"), (header, value)],
        json!({"error": {"message": "later"}}).to_string(),
    )
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_on_the_only_channel() {
    let (provider, gate) = alone().await;
    for (what, failure) in [
        ("500", fails(500, "", "boom")),
        ("503", fails(503, "", "busy")),
        ("a hang-up", hangs_up()),
        ("a short wait", advised(429, "retry-after-ms", "50")),
        ("a provider that says so", advised(429, "x-should-retry", "true")),
        ("a conflict", fails(409, "", "busy")),
        ("a lock", fails(423, "", "busy")),
        ("a proxy that wants a name", answers_with(407, &[], "")),
    ] {
        let before = provider.requests().len();
        provider.next(failure);

        let answer = gate.post(&question()).await;

        assert_eq!((answer.status, answer.text().as_str()), (200, "fine"), "{what}");
        assert_eq!(provider.requests().len() - before, 2, "{what}");
    }
}

#[tokio::test]
async fn a_failure_that_will_not_pass_is_not_tried_again() {
    let (provider, gate) = alone().await;
    for (what, status, failure) in [
        ("400", 400, fails(400, "invalid_value", "odd")),
        ("a refused credential", 502, fails(401, "invalid_api_key", "no")),
        ("an empty purse", 502, fails(429, "insufficient_quota", "pay")),
        ("a long wait", 429, advised(429, "retry-after", "30")),
        (
            "a provider that says so",
            502,
            advised(500, "x-should-retry", "false"),
        ),
    ] {
        let before = provider.requests().len();
        provider.next(failure);

        let answer = gate.post(&question()).await;

        assert_eq!(answer.status, status, "{what}");
        assert_eq!(provider.requests().len() - before, 1, "{what}");
    }
}

#[tokio::test]
async fn a_request_is_tried_again_twice_at_most() {
    let (provider, gate) = alone().await;
    provider.always(fails(500, "", "boom"));

    let answer = gate.post(&question()).await;

    assert_eq!((answer.status, provider.requests().len()), (502, 3));
}

#[tokio::test]
async fn a_client_hears_of_the_providers_failure_and_not_of_the_breaker_that_it_opened() {
    let (provider, gate) = alone().await;
    provider.always(fails(500, "", "boom"));

    // The breaker opens with the fifth request.
    for number in 1..=7 {
        let answer = gate.post(&another(number)).await;
        let told = (answer.status, answer.error_code());
        assert_eq!(told, (502, Some("provider_error".to_owned())), "request {number}");
    }
}

#[tokio::test]
async fn a_stream_is_tried_again_before_its_first_output_and_not_after_it() {
    let (provider, gate) = alone().await;
    provider.next(streams([]).then_closes());
    let stream = gate.stream(&question()).await;
    assert_eq!((stream.text(), provider.requests().len()), ("fine", 2));

    provider.next(streams(["Hel"]).then_closes());
    let stream = gate.stream(&question()).await;
    assert_eq!((stream.text(), stream.has_done()), ("Hel", false));
    assert_eq!(provider.requests().len(), 3);
}

#[tokio::test]
async fn a_channel_that_keeps_failing_is_left_alone_until_a_probe_succeeds() {
    let (first, spare, gate) = with_spare("breaker_failures = 3\nbreaker_open_ms = 400").await;
    first.always(fails(500, "", "boom"));
    for number in 0..6 {
        assert_eq!(gate.post(&another(number)).await.text(), "spare");
    }
    assert_eq!((first.requests().len(), spare.requests().len()), (3, 6));
    assert_eq!(channels(&gate).await[0]["breaker"], "open");

    first.always(says("first"));
    let mut answered = String::new();
    for _ in 0..100 {
        answered = gate.post(&question()).await.text();
        if answered == "first" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    assert_eq!(answered, "first");
    assert_eq!(channels(&gate).await[0]["breaker"], "closed");
}

#[tokio::test]
async fn a_channel_that_cuts_every_stream_after_its_first_output_is_left_alone() {
    let (first, spare, gate) = with_spare("breaker_failures = 3\nbreaker_open_ms = 60000").await;
    first.always(streams(["Hel"]).then_closes());

    let mut said = Vec::new();
    for number in 0..6 {
        said.push(gate.stream(&another(number)).await.text().to_owned());
    }

    assert_eq!(said, ["Hel", "Hel", "Hel", "spare", "spare", "spare"]);
    assert_eq!((first.requests().len(), spare.requests().len()), (3, 3));
}

#[tokio::test]
async fn a_limit_that_a_stream_meets_after_its_first_output_lets_its_channel_rest() {
    for (code, model_alone) in [("rate_limit_exceeded", true), ("insufficient_quota", false)] {
        let (first, spare, gate) = with_spare("").await;
        let said = chunk_text(&json!({"role": "assistant", "content": "Hel"}), None, false);
        let error = json!({"error": {"message": "no more", "code": code}});
        let events = [said, error.to_string()].map(|event| format!("data: {event}\n\n"));
        first.always(streams_raw(events).pauses(Duration::from_millis(100)));

        let mut said = Vec::new();
        for number in 0..4 {
            said.push(gate.stream(&another(number)).await.text().to_owned());
        }

        assert_eq!(said, ["Hel", "spare", "spare", "spare"], "{code}");
        assert_eq!((first.requests().len(), spare.requests().len()), (1, 3), "{code}");
        let told = channels(&gate).await;
        let rests = match model_alone {
            true => &told[0]["models"][0]["rests_for_ms"],
            false => &told[0]["rests_for_ms"],
        };
        assert_ne!(rests, 0, "{code}: {told}");
    }
}

#[tokio::test]
async fn a_stream_that_comes_to_its_end_is_a_success() {
    let (first, _spare, gate) = with_spare("breaker_failures = 3\nbreaker_open_ms = 60000").await;
    for number in 0..9 {
        let cut = streams(["Hel"]).then_closes();
        first.next(if number % 3 == 2 { says("Hel") } else { cut });
        assert_eq!(gate.stream(&another(number)).await.text(), "Hel");
    }
}

#[tokio::test]
async fn of_several_waits_the_client_is_told_the_shortest() {
    let (first, spare, gate) = with_spare("").await;
    first.next(advised(429, "retry-after", "20"));
    spare.next(advised(429, "retry-after", "300"));

    let answer = gate.post(&question()).await;

    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("20")));
}

#[tokio::test]
async fn where_every_channel_is_left_alone_one_is_tried_all_the_same() {
    let (provider, gate) = alone().await;
    provider.always(fails(401, "invalid_api_key", "no"));
    assert_eq!(gate.post(&question()).await.status, 502);
    assert_ne!(channels(&gate).await[0]["rests_for_ms"], 0);

    provider.always(says("mended"));

    assert_eq!(gate.post(&question()).await.text(), "mended");
}

#[tokio::test]
async fn a_channel_that_rests_is_the_last_resort_of_those_that_fail() {
    let (first, spare, gate) = with_spare("").await;
    // The spare one says that it is to be left alone for long, and is well again at once.
    first.next(fails(500, "", "boom"));
    spare.next(advised(429, "retry-after", "60"));
    assert_eq!(gate.post(&another(0)).await.text(), "first");
    first.always(fails(500, "", "boom"));

    let answer = gate.post(&another(1)).await;

    assert_eq!((answer.status, answer.text().as_str()), (200, "spare"));
    assert_eq!(
        first.requests().len(),
        2 + 3,
        "all tries of the fit one come first"
    );
    assert_eq!(spare.requests().len(), 2);
}

#[tokio::test]
async fn a_channel_takes_no_more_at_once_than_it_may() {
    let first = FakeProvider::start_with(streams(["Hel"]).then_stalls()).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let channel = Channel::to(&first).named("first").models([MODEL]);
    let gate = setup()
        .channel(channel.set("concurrency", "1"))
        .channel(
            Channel::to(&spare)
                .named("spare")
                .models([MODEL])
                .set("priority", "1")
                .set("concurrency", "1"),
        )
        .start()
        .await;
    let held = gate.open_stream(&question()).await;
    assert_eq!(gate.post(&question()).await.text(), "spare");

    spare.always(streams(["Hel"]).then_stalls());
    let held_too = gate.open_stream(&question()).await;
    let answer = gate.post(&question()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.error_code().as_deref(), Some("channels_full"));
    assert_eq!(answer.header("retry-after"), Some("1"));

    drop((held, held_too));
    first.always(says("first"));
    spare.always(says("spare"));
    for _ in 0..200 {
        if gate.post(&question()).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the places were not given back");
}

#[tokio::test]
async fn operators_see_how_channels_are() {
    let (first, _spare, gate) = with_spare("breaker_failures = 1").await;
    first.always(fails(500, "", "boom"));
    gate.post(&question()).await;

    let request = Request::get("/metrics").body(String::new()).expect("a request");
    let metrics = gate.send_to_admin(request).await;
    let metrics = String::from_utf8(metrics.body.to_vec()).expect("text");

    for line in [
        "tollgate_channel_breaker_open{channel=\"first\"} 1",
        "tollgate_channel_breaker_open{channel=\"spare\"} 0",
        "tollgate_channel_in_flight{channel=\"spare\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let channels = channels(&gate).await;
    assert_eq!(channels[1]["name"], "spare");
    assert!(channels[1]["models"][0]["latency_ms"].is_u64());
    assert!(!channels.to_string().contains("api_key"));
}

#[tokio::test]
async fn channels_are_tried_from_the_command_line_and_a_failure_is_told_without_the_providers_words() {
    let good = FakeProvider::start_with(says("ready")).await;
    let bad = FakeProvider::start_with(fails(401, "invalid_api_key", "the key sk-secret is wrong")).await;
    let gate = setup()
        .channel(Channel::to(&good).named("good").models([MODEL]))
        .channel(Channel::to(&bad).named("bad").models([MODEL]))
        .start()
        .await;

    let all = gate.command(&["channels", "test", "--json"]).await;
    let rows: Value = serde_json::from_str(&all.stdout).expect("JSON");
    assert_eq!(all.code, Some(1), "{all:?}");
    assert_eq!(
        (&rows[0]["channel"], &rows[0]["outcome"]),
        (&json!("good"), &json!("ok"))
    );
    assert_eq!(
        (&rows[1]["outcome"], &rows[1]["told"]),
        (&json!("credential"), &json!("provider code invalid_api_key"))
    );
    assert!(all.stderr.contains("1 of 2 channels did not answer"), "{all:?}");
    assert!(!all.stdout.contains("secret"));

    let one = gate
        .command(&["channels", "test", "good", "--model", MODEL])
        .await;
    assert_eq!(one.code, Some(0), "{one:?}");
    assert_eq!(good.requests()[1].json()["max_tokens"], 16);

    let unknown = gate.command(&["channels", "test", "nobody"]).await;
    assert!(
        unknown.stderr.contains("no enabled channel is called `nobody`"),
        "{unknown:?}"
    );
    let other = gate
        .command(&["channels", "test", "good", "--model", "gpt-5"])
        .await;
    assert!(other.stdout.contains("not_served"), "{other:?}");
}

#[tokio::test]
async fn a_request_that_no_provider_can_bear_takes_no_channel_from_others() {
    for poison in [
        fails(500, "", "boom"),
        fails(403, "", "not this"),
        fails(404, "", "what file?"),
        hangs_up(),
        streams(["Hel"]).then_closes(),
    ] {
        let (first, spare, gate) = with_spare("breaker_failures = 3").await;
        first.always(decides(move |request| {
            let is_poison = request.json().to_string().contains("poison");
            if is_poison { poison.clone() } else { says("first") }
        }));
        let poisonous = question_with(json!({
            "stream": true,
            "messages": [{"role": "user", "content": "poison"}],
        }));
        for _ in 0..12 {
            let request = gate.chat_request(gate.key(), poisonous.to_string());
            gate.send(request).await;
        }

        let other = gate.create_key(&["--name", "other"]).await;
        for key in [gate.key(), other.as_str()] {
            let answer = gate.post_with(key, &question()).await;
            assert_eq!(answer.text(), "first", "{:?}", channels(&gate).await);
        }
        assert_eq!(channels(&gate).await[0]["breaker"], "closed");
        drop(spare);
    }
}

#[tokio::test]
async fn a_request_that_comes_again_and_again_goes_where_it_was_answered() {
    let dead = [FakeProvider::start().await, FakeProvider::start().await];
    let alive = FakeProvider::start_with(says("alive")).await;
    let mut setup = setup().resilient();
    for (priority, provider) in dead.iter().chain([&alive]).enumerate() {
        let name = format!("channel-{priority}");
        let channel = Channel::to(provider).named(&name).models([MODEL]);
        setup = setup.channel(channel.set("priority", &priority.to_string()));
    }
    for provider in &dead {
        provider.always(fails(500, "", "boom"));
    }
    let gate = setup.start().await;

    for _ in 0..30 {
        assert_eq!(gate.post(&question()).await.text(), "alive");
    }

    for provider in &dead {
        let asked = provider.requests().len();
        assert!(asked <= 3, "a channel that is down was asked {asked} times");
    }
}

#[tokio::test]
async fn what_two_different_requests_meet_is_believed() {
    for (failure, model_alone) in [(fails(403, "", "no"), false), (fails(404, "", "no"), true)] {
        let (first, _spare, gate) = with_spare("").await;
        first.always(failure);

        for number in 0..4 {
            assert_eq!(gate.post(&another(number)).await.text(), "spare");
        }

        assert_eq!(first.requests().len(), 2);
        let channels = channels(&gate).await;
        let rests = match model_alone {
            true => &channels[0]["models"][0]["rests_for_ms"],
            false => &channels[0]["rests_for_ms"],
        };
        assert_ne!(rests, 0);
    }
}

#[tokio::test]
async fn a_model_that_fails_and_names_a_wait_rests_when_two_different_requests_met_it() {
    let (first, spare, gate) = with_spare("").await;
    first.always(advised(500, "retry-after", "30"));
    for (number, asked) in [(1, 1), (2, 2), (3, 2)] {
        let answer = gate.post(&another(number)).await;

        assert_eq!(answer.text(), "spare", "request {number}");
        assert_eq!(first.requests().len(), asked, "request {number}");
    }
    assert_eq!(spare.requests().len(), 3);
}
