//! A channel that takes longer than it mostly does gets another beside it; one answer is given and charged.

use std::time::{Duration, Instant};

use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, accepts_and_says_nothing, fails, says},
};

use crate::stage::{MODEL, get_from_admin, question, setup};

const ON: &str = "[routing]\nhedge_percentile = 90\n";

/// A channel that says "first" and one behind it that says "spare".
async fn stage(tables: &str, spare: impl FnOnce(Channel) -> Channel) -> (FakeProvider, FakeProvider, Gate) {
    let first = FakeProvider::start_with(says("first")).await;
    let second = FakeProvider::start_with(says("spare")).await;
    let spare = spare(
        Channel::to(&second)
            .named("spare")
            .models([MODEL])
            .set("priority", "1"),
    );
    let gate = setup()
        .config(tables)
        .channel(Channel::to(&first).named("first").models([MODEL]))
        .channel(spare)
        .start()
        .await;
    (first, second, gate)
}

/// Asks until the first channel's history says something.
async fn warm(gate: &Gate) {
    for _ in 0..20 {
        gate.stream(&question()).await;
        gate.post(&question()).await;
    }
}

async fn metrics(gate: &Gate) -> String {
    String::from_utf8(get_from_admin(gate, "/metrics").await.body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_channel_that_keeps_silent_is_overtaken_and_its_call_cancelled() {
    let (first, spare, gate) = stage(ON, |channel| channel).await;
    warm(&gate).await;
    first.always(accepts_and_says_nothing());
    let tokens = |metrics: &str| -> u64 {
        let of_prompts = |line: &&str| line.starts_with("tollgate_tokens_total{class=\"prompt\",");
        let channels = metrics.lines().filter(of_prompts);
        channels
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    };
    let before = tokens(&metrics(&gate).await);

    let asked = Instant::now();
    let stream = gate.stream(&question()).await;
    let whole = gate.post(&question()).await;

    assert_eq!((stream.text(), stream.has_done()), ("spare", true));
    assert_eq!(stream.header("x-tollgate-channel"), Some("spare"));
    assert_eq!(whole.text(), "spare");
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    first.cancelled_times(2).await;
    assert_eq!(spare.requests().len(), 2);
    let after = metrics(&gate).await;
    assert_eq!(tokens(&after) - before, 2 * 9, "only who answers is charged");
    let line = "tollgate_hedges_total{channel=\"first\",winner=\"second\"} 2";
    assert!(after.contains(line), "{after}");
    gate.logged("attempt cancelled").await;
}

#[tokio::test]
async fn the_first_channel_may_still_win() {
    let (first, spare, gate) = stage(ON, |channel| channel).await;
    warm(&gate).await;
    first.next(says("first").delays(Duration::from_millis(1_500)));
    spare.always(accepts_and_says_nothing());

    let stream = gate.stream(&question()).await;

    assert_eq!(stream.text(), "first");
    spare.cancelled().await;
    let line = "tollgate_hedges_total{channel=\"first\",winner=\"first\"} 1";
    assert!(metrics(&gate).await.contains(line));
}

#[tokio::test]
async fn a_second_channel_that_fails_leaves_the_first_one_running() {
    let (first, spare, gate) = stage(ON, |channel| channel).await;
    warm(&gate).await;
    first.next(says("first").delays(Duration::from_millis(1_500)));
    spare.always(fails(500, "", "boom"));

    assert_eq!(gate.stream(&question()).await.text(), "first");
    assert_eq!(spare.requests().len(), 1);
}

#[tokio::test]
async fn a_second_channel_that_fails_leaves_its_place_to_a_third_while_the_first_hangs() {
    let providers = [
        FakeProvider::start_with(says("first")).await,
        FakeProvider::start_with(fails(500, "", "boom")).await,
        FakeProvider::start_with(says("third")).await,
    ];
    let mut setup = setup().config(ON);
    for (provider, place) in providers.iter().zip(0..) {
        let channel = Channel::to(provider).named(&format!("c{place}")).models([MODEL]);
        setup = setup.channel(channel.set("priority", &place.to_string()));
    }
    let gate = setup.start().await;
    warm(&gate).await;
    providers[0].always(accepts_and_says_nothing());

    let asked = Instant::now();
    let answer = gate.post(&question()).await;

    assert_eq!(answer.text(), "third");
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    providers[0].cancelled().await;
}

#[tokio::test]
async fn where_both_fail_the_client_hears_of_it() {
    let (first, spare, gate) = stage(ON, |channel| channel).await;
    warm(&gate).await;
    first.next(fails(500, "", "boom").delays(Duration::from_millis(1_500)));
    spare.always(fails(500, "", "boom"));

    let answer = gate.post(&question()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (502, Some("provider_error"))
    );
}

#[tokio::test]
async fn without_a_place_on_the_second_channel_the_first_is_waited_for() {
    let (first, spare, gate) = stage(ON, |channel| channel.set("concurrency", "1")).await;
    warm(&gate).await;
    first.always(says("first").delays(Duration::from_millis(1_500)));
    spare.always(accepts_and_says_nothing());
    let body = question();

    let (one, two) = tokio::join!(gate.stream(&body), gate.stream(&body));

    assert_eq!((one.text(), two.text()), ("first", "first"));
    assert_eq!(spare.requests().len(), 1);
    let line = "tollgate_hedges_total{channel=\"first\",winner=\"first\"} 1";
    let metrics = metrics(&gate).await;
    assert!(
        metrics.contains(line),
        "one of them had a second channel\n{metrics}"
    );
}

#[tokio::test]
async fn nothing_is_hedged_by_default_or_before_the_channel_is_known() {
    let slow = || says("first").delays(Duration::from_millis(300));
    for (tables, warmed) in [("", true), (ON, false)] {
        let (first, spare, gate) = stage(tables, |channel| channel).await;
        if warmed {
            warm(&gate).await;
        }
        first.always(slow());

        assert_eq!(gate.stream(&question()).await.text(), "first");
        assert_eq!(spare.requests().len(), 0);
    }
}

#[tokio::test]
async fn what_the_client_did_wrong_is_not_tried_again_on_the_other_channel() {
    let first = FakeProvider::start_with(says("first")).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let to = |provider, name| Channel::to(provider).named(name).models([MODEL]);
    let gate = setup()
        .resilient()
        .config(ON)
        .channel(to(&first, "first"))
        .channel(to(&spare, "spare").set("priority", "1"))
        .start()
        .await;
    warm(&gate).await;
    first.next(fails(400, "invalid_value", "odd").delays(Duration::from_millis(1_500)));
    spare.always(fails(500, "", "boom").delays(Duration::from_millis(2_500)));
    let asked_before = spare.requests().len();

    let answer = gate.post(&question()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (400, Some("invalid_value"))
    );
    let asked = spare.requests().len() - asked_before;
    assert_eq!(asked, 1, "it was asked beside the first, and not again");
}
