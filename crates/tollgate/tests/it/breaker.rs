//! A breaker keeps requests from a channel that fails, and costs none of them the answer that it might have had.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use http::Request;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, Script, accepts_and_says_nothing, decides, fails, says, streams},
};

use crate::{
    explain::story,
    stage::{MODEL, get_from_admin, question_with, setup, spare_to},
};

/// A question that is like no other.
fn another(number: usize) -> Value {
    let content = format!("Question {number}?");
    question_with(json!({"messages": [{"role": "user", "content": content}]}))
}

/// Answers one of them, from the channel of this name alone where there is one.
async fn ask(gate: &Gate, number: usize, channel: Option<&'static str>) -> Answer {
    let request = gate.chat_request(gate.key(), another(number).to_string());
    let (mut head, body) = request.into_parts();
    if let Some(channel) = channel {
        head.headers
            .insert("x-tollgate-channel", http::HeaderValue::from_static(channel));
    }
    gate.send(Request::from_parts(head, body)).await
}

/// Fails so many requests, all of which have come by then, and is well afterwards.
fn fails_for(requests: usize) -> Script {
    let left = Arc::new(AtomicUsize::new(requests));
    let one_less = |left: usize| left.checked_sub(1);
    decides(
        move |_| match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
            Ok(_) => fails(500, "", "boom").delays(Duration::from_millis(150)),
            Err(_) => says("well again"),
        },
    )
}

async fn breaker(gate: &Gate, channel: usize) -> Value {
    let channels = get_from_admin(gate, "/admin/v1/channels").await.json();
    channels[channel]["breaker"].clone()
}

#[tokio::test]
async fn a_short_fault_of_every_channel_costs_no_request_its_retries() {
    const AT_ONCE: usize = 12;
    for channels in [1, 2] {
        let mut setup = setup().resilient();
        let mut providers = Vec::new();
        for place in 0..channels {
            let provider = FakeProvider::start_with(says("well")).await;
            let channel = Channel::to(&provider).named(&format!("channel-{place}"));
            setup = setup.channel(channel.models([MODEL]).set("priority", &place.to_string()));
            providers.push(provider);
        }
        let gate = setup.start().await;
        // What retries are paid from.
        for number in 0..60 {
            assert_eq!(ask(&gate, number, None).await.status, 200);
        }
        let before = providers[0].requests().len();
        for provider in &providers {
            provider.always(fails_for(AT_ONCE));
        }

        let answers = join_all((0..AT_ONCE).map(|number| ask(&gate, 100 + number, None))).await;

        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200; AT_ONCE], "with {channels} channels");
        let asked = providers[0].requests().len() - before;
        assert_eq!(
            asked,
            2 * AT_ONCE,
            "each is tried once more, with {channels} channels"
        );
    }
}

#[tokio::test]
async fn a_channel_that_is_being_probed_is_the_last_resort_of_all_others() {
    let first = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let spare = FakeProvider::start_with(fails(500, "", "boom")).await;
    let gate = setup()
        .resilient()
        .config("[routing]\nallow_pin = true\nretries = 0\nbreaker_failures = 1\nbreaker_open_ms = 300")
        .channel(
            Channel::to(&first)
                .named("first")
                .models([MODEL])
                .set("total_timeout_ms", "600"),
        )
        .channel(spare_to(&spare))
        .start()
        .await;
    assert_eq!(ask(&gate, 0, Some("spare")).await.status, 502);
    spare.always(says("spare").delays(Duration::from_millis(600)));
    while breaker(&gate, 1).await != "half_open" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let answers = join_all((1..=6).map(|number| ask(&gate, number, None))).await;

    let texts: Vec<String> = answers.iter().map(Answer::text).collect();
    assert_eq!(texts, ["spare"; 6]);
    let mut forced = 0;
    for answer in &answers {
        let told = story(&gate, answer.header("x-tollgate-request-id")).await;
        let route = told["route"].as_array().unwrap();
        let told = route.iter().find(|told| told["channel"] == "spare").unwrap();
        assert_eq!(told["state"], "tried");
        forced += usize::from(told["forced"] == true);
    }
    assert_eq!(forced, 5, "one of them is the probe");
}

#[tokio::test]
async fn while_a_probe_hangs_there_is_no_other() {
    let first = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let gate = setup()
        .resilient()
        .config("[routing]\nbreaker_failures = 2\nbreaker_open_ms = 200")
        .channel(
            Channel::to(&first)
                .named("first")
                .models([MODEL])
                .set("first_byte_timeout_ms", "1500"),
        )
        .channel(spare_to(&spare))
        .start()
        .await;
    for number in 0..2 {
        first.next(fails(500, "", "boom"));
        assert_eq!(ask(&gate, number, None).await.text(), "spare");
    }
    while breaker(&gate, 0).await != "half_open" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let spread = |number: usize| {
        let gate = &gate;
        async move {
            tokio::time::sleep(Duration::from_millis(100) * number as u32).await;
            gate.stream(&another(10 + number)).await.text().to_owned()
        }
    };
    let texts = join_all((0..12).map(spread)).await;

    assert_eq!(texts, ["spare"; 12]);
    assert_eq!(first.requests().len(), 2 + 1);
    assert_eq!(breaker(&gate, 0).await, "open", "for twice the time");
}

/// A gate with one channel whose breaker has opened and lets a probe through.
async fn half_open() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("well")).await;
    let gate = setup()
        .resilient()
        .config("[routing]\nretries = 0\nbreaker_failures = 3\nbreaker_open_ms = 300")
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;
    for number in 0..3 {
        provider.next(fails(500, "", "boom"));
        assert_eq!(ask(&gate, number, None).await.status, 502);
    }
    while breaker(&gate, 0).await != "half_open" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (provider, gate)
}

#[tokio::test]
async fn a_stream_that_was_a_probe_and_breaks_among_many_that_end_opens_no_breaker() {
    let (provider, gate) = half_open().await;
    let pause = Duration::from_millis(400);
    provider.next(streams(["Hel", "lo", " there"]).pauses(pause).then_resets());
    let mut probe = gate.open_stream(&another(10)).await;
    probe.next_event().await.expect("its first output");
    assert_eq!(breaker(&gate, 0).await, "closed");

    for number in 20..30 {
        assert_eq!(gate.stream(&another(number)).await.text(), "well");
    }
    let probe = probe.rest().await;

    assert!(probe.error_code().is_some(), "it broke");
    assert_eq!(
        breaker(&gate, 0).await,
        "closed",
        "the channel has long been well"
    );
}

#[tokio::test]
async fn a_probe_that_fails_after_others_were_answered_opens_no_breaker() {
    let (provider, gate) = half_open().await;
    provider.next(fails(500, "", "boom").delays(Duration::from_millis(1500)));

    let probe = ask(&gate, 10, None);
    let others = async {
        provider.received(3 + 1).await;
        for number in 20..30 {
            assert_eq!(ask(&gate, number, None).await.text(), "well");
        }
        assert_eq!(breaker(&gate, 0).await, "closed");
    };
    let (probe, ()) = tokio::join!(probe, others);

    assert_eq!(probe.status, 502);
    assert_eq!(
        breaker(&gate, 0).await,
        "closed",
        "the channel has long been well"
    );
}
