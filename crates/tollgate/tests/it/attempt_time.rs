//! A channel that hangs leaves time for the next one, however it hangs.

use std::time::{Duration, Instant};

use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{DumbPort, FakeProvider, Script, accepts_and_says_nothing, answers_with, says, streams_raw},
};

use crate::stage::{MODEL, get_from_admin, question, setup, spare_to};

/// Bytes of a whole answer that never comes to its end.
fn drips() -> Script {
    answers_with(200, &[("content-type", "application/json")], " ")
        .pauses(Duration::from_millis(50))
        .then_goes_on()
}

/// A stream that lives and says nothing.
fn only_comments() -> Script {
    streams_raw([": still here\n\n"])
        .pauses(Duration::from_millis(50))
        .then_goes_on()
}

/// A gate whose first channel does this, with a spare one behind it that says "spare".
async fn stage(
    script: Script,
    limits: &str,
    change: impl FnOnce(Channel) -> Channel,
) -> (FakeProvider, FakeProvider, Gate) {
    let first = FakeProvider::start_with(script).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let gate = setup()
        .config(limits)
        .channel(change(Channel::to(&first).named("first").models([MODEL])))
        .channel(spare_to(&spare))
        .start()
        .await;
    (first, spare, gate)
}

#[tokio::test]
async fn half_of_the_deadline_is_left_for_the_channels_that_follow() {
    for (what, script) in [
        ("silence", accepts_and_says_nothing()),
        ("a drip", drips()),
        ("comments", only_comments()),
    ] {
        let limits = "[limits]\nrequest_deadline_ms = 3000\n";
        let (first, spare, gate) = stage(script, limits, |channel| channel).await;

        let asked = Instant::now();
        let body = question();
        let (whole, stream) = tokio::join!(gate.post(&body), gate.stream(&body));

        assert_eq!((whole.status, whole.text().as_str()), (200, "spare"), "{what}");
        assert_eq!((stream.text(), stream.has_done()), ("spare", true), "{what}");
        assert!(asked.elapsed() < Duration::from_millis(2_900), "{what}");
        assert_eq!((first.requests().len(), spare.requests().len()), (2, 2), "{what}");
        first.cancelled_times(2).await;
        let metrics = get_from_admin(&gate, "/metrics").await;
        let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
        let counted = metrics.lines().any(|line| {
            line.starts_with("tollgate_attempts_total{")
                && line.contains("outcome=\"total_timeout\"")
                && line.ends_with(" 2")
        });
        assert!(counted, "{what}: {metrics}");
    }
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_alone_is_a_timeout() {
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let channel = Channel::to(&provider).models([MODEL]);
    let gate = setup()
        .channel(channel.set("total_timeout_ms", "200"))
        .start()
        .await;

    let answer = gate.post(&question()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (504, Some("provider_timeout"))
    );
}

#[tokio::test]
async fn a_channel_has_its_own_time_for_all_of_an_attempt() {
    for script in [accepts_and_says_nothing(), drips(), only_comments()] {
        let (_first, _spare, gate) =
            stage(script, "", |channel| channel.set("total_timeout_ms", "300")).await;

        let asked = Instant::now();
        let body = question();
        let (whole, stream) = tokio::join!(gate.post(&body), gate.stream(&body));

        assert_eq!((whole.text().as_str(), stream.text()), ("spare", "spare"));
        assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn a_model_has_times_of_its_own_for_all_and_for_connecting() {
    let other = "gpt-4o-mini";
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let dumb = DumbPort::open().await;
    let channel = |name: &str, at: Channel| {
        at.named(name).models([MODEL, other]).set(
            "model_timeouts",
            &format!("{{ \"{MODEL}\" = {{ total_timeout_ms = 600, connect_timeout_ms = 150 }} }}"),
        )
    };
    let gate = setup()
        .config("[limits]\nrequest_deadline_ms = 3000\n")
        .channel(channel("first", Channel::to(&provider)))
        .channel(
            channel("dumb", Channel::at(&format!("https://{}/v1", dumb.address())))
                .set("connect_timeout_ms", "60000")
                .set("priority", "1"),
        )
        .start()
        .await;

    let asked = Instant::now();
    let answer = gate.post(&question()).await;

    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (502, Some("provider_unreachable"))
    );
    gate.logged("outcome=total_timeout").await;
}

#[tokio::test]
async fn without_another_channel_all_of_the_deadline_is_used() {
    let provider = FakeProvider::start_with(says("late").delays(Duration::from_millis(1_000))).await;
    let gate = setup()
        .config("[limits]\nrequest_deadline_ms = 1900\n")
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;

    assert_eq!(gate.post(&question()).await.text(), "late");
}
