use std::net::Ipv4Addr;

use http::{HeaderMap, HeaderValue};
use tollgate_catalog::{channel::ChannelName, model::ModelId};
use tollgate_chat::event::{Event, EventKind, Start};

use super::{told::ToldStory, *};
use crate::{channel::Served, error::Failure, health::RestsBy};

fn story() -> Arc<Story> {
    story_of(&HeaderMap::new())
}

fn story_of(headers: &HeaderMap) -> Arc<Story> {
    Story::begin(
        RequestId::new(headers, 1_700_000_000_123),
        Ipv4Addr::LOCALHOST.into(),
        None,
    )
}

fn served(channel: &str) -> Arc<Served> {
    Arc::new(Served::new(
        ChannelName::new(channel),
        None,
        ModelId::new("gpt-4o"),
    ))
}

fn ended(outcome: &'static str) -> End {
    End {
        outcome,
        ..End::default()
    }
}

fn states(told: &ToldStory) -> Vec<(&str, &str, Option<&str>)> {
    let channels = told.route.iter();
    channels
        .map(|told| {
            let channel = told.channel.as_deref().unwrap_or_default();
            (channel, told.state.as_str(), told.reason.as_deref())
        })
        .collect()
}

#[test]
fn channels_are_told_in_the_order_of_the_route_and_then_those_passed_over() {
    let story = story();
    let [resting, first, second, third] = ["resting", "first", "second", "third"].map(served);
    let left = Duration::from_secs(3);
    story.passes_over(&resting, Why::of_rest(RestsBy::Breaker, left));
    story.may_go_to([&first, &second, &third].into_iter());
    story
        .attempt_embedded(&first)
        .failed(&Failure::Connect("refused".to_owned()));
    story.passes_over(&second, Why::Full);
    story.attempt_embedded(&third).answered();
    story.ends(ended("ok"));

    let told = story.told();

    assert_eq!(
        states(&told),
        [
            ("first", "tried", None),
            ("third", "tried", None),
            ("resting", "passed_over", Some("breaker_open")),
            ("second", "passed_over", Some("full")),
        ]
    );
    assert_eq!(told.route[2].left_ms, Some(3_000));
}

#[test]
fn a_channel_that_is_tried_although_it_rests_is_told_as_such() {
    let story = story();
    let only = served("only");
    story.passes_over(&only, Why::of_rest(RestsBy::Model, Duration::from_secs(3)));
    story.tries_all_the_same(&only);
    story.attempt_embedded(&only).answered();
    story.ends(ended("ok"));

    let told = story.told();

    assert_eq!(states(&told), [("only", "tried", None)]);
    assert!(told.route[0].forced);
}

#[test]
fn an_attempt_that_nobody_waits_for_any_more_is_cancelled() {
    let story = story();
    let channel = served("a");
    drop(story.attempt_embedded(&channel));
    let under_way = story.attempt_embedded(&channel);
    story.ends(ended("client_gone"));
    drop(under_way);

    let outcomes: Vec<_> = story
        .told()
        .attempts
        .into_iter()
        .map(|told| told.outcome)
        .collect();

    assert_eq!(outcomes, ["cancelled", "cancelled"]);
}

#[test]
fn an_attempt_that_breaks_after_its_first_output_has_failed() {
    let story = story();
    let channel = served("a");
    story
        .attempt_embedded(&channel)
        .failed(&Failure::Connect("refused".to_owned()));
    story.attempt_embedded(&channel).answered();
    story.broke(&Failure::Broken("reset".to_owned()));
    story.ends(ended("provider_stream_cut"));

    let told = story.told();

    let outcomes: Vec<_> = told
        .attempts
        .iter()
        .map(|told| (told.outcome.as_str(), told.first_output_ms.is_some()))
        .collect();
    assert_eq!(outcomes, [("no_connection", false), ("connection_broken", true)]);
}

#[test]
fn attempts_have_the_numbers_of_their_places_in_the_story() {
    let story = story();
    let channel = served("a");
    let refused = Failure::Connect("refused".to_owned());
    let first = story.attempt_embedded(&channel);
    assert_eq!(first.number(), 1);
    first.failed(&refused);
    let mut second = story.attempt_embedded(&channel);
    assert_eq!(second.number(), 2);

    second.again(&refused);

    assert_eq!(second.number(), 3, "it is asked once more");
    second.answered();
    story.ends(ended("ok"));
    let told = story.told();
    let outcomes: Vec<_> = told.attempts.iter().map(|told| told.outcome.as_str()).collect();
    assert_eq!(outcomes, ["no_connection", "no_connection", "ok"]);
}

#[test]
fn the_head_of_an_answer_that_is_read_on_is_not_the_attempts() {
    let story = story();
    let pen = story.attempt_embedded(&served("a"));
    let mark = pen.mark();
    drop(pen);
    mark.head(200);
    story.ends(ended("client_gone"));

    assert_eq!(story.told().attempts[0].first_byte_ms, None);
}

#[test]
fn of_several_attempts_the_one_that_was_read_on_is_paid_for() {
    let story = story();
    let (first, second) = (served("a"), served("b"));
    let pen = story.attempt_embedded(&first);
    let mark = pen.mark();
    drop((pen, story.attempt_embedded(&second)));
    mark.is_paid_for();

    let paid = story.read(|pages| pages.paid().map(|attempt| attempt.served.channel.to_string()));

    assert_eq!(paid.as_deref(), Some("a"));
}

#[test]
fn of_streams_that_had_begun_the_one_is_paid_for_that_was_to_be_handed_on_and_none_that_failed() {
    let begin = |story: &Arc<Story>, channel: &str| {
        let pen = story.attempt_embedded(&served(channel));
        let mut followed = pen.mark().follow();
        followed.goes_out();
        followed.hear(&[Event::new(EventKind::Start(Start::default()))]);
        drop(followed);
        pen
    };
    let limit = Duration::from_secs(1);
    for (is_handed_on, is_cancelled, wanted) in [
        (true, true, Some("handed on")),
        (false, true, Some("cancelled")),
        (false, false, None),
    ] {
        let story = story();
        begin(&story, "failed").failed(&Failure::TotalTimeout { limit });
        if is_cancelled {
            drop(begin(&story, "cancelled"));
        }
        if is_handed_on {
            begin(&story, "handed on").answered();
        }

        let begun = story.pay_for_begun().is_some();

        let paid = story.read(|pages| {
            let paid = pages.attempts.iter().find(|attempt| attempt.is_paid_for);
            paid.map(|attempt| attempt.served.channel.to_string())
        });
        assert_eq!((paid.as_deref(), begun), (wanted, wanted.is_some()));
    }
}

#[test]
fn the_first_end_holds() {
    let story = story();
    story.ends(ended("ok"));
    story.ends(ended("client_gone"));

    assert_eq!(story.told().outcome, "ok");
}

#[test]
fn a_story_stays_small_whatever_a_request_makes_of_itself() {
    let story = story();
    let channel = served("a");
    for _ in 0..1_000 {
        story.passes_over_model(&channel.model, Why::NotServed);
        story.attempt_embedded(&channel).answered();
    }
    let notes = vec![Note::Omitted("x".repeat(1_000)); 1_000];
    story.ends(End { notes, ..ended("ok") });

    let told = story.told();

    assert_eq!(
        (told.route.len(), told.attempts.len(), told.notes.len()),
        (64 + 1, 64, 8)
    );
    assert_eq!(told.left_out, 2 * (1_000 - 64));
    assert!(story.size() < 64 * 1024, "{}", story.size());
}

#[test]
fn both_ids_and_the_moment_of_arrival_are_told() {
    let mut headers = HeaderMap::new();
    headers.insert("x-request-id", HeaderValue::from_static("mine"));

    let theirs = story_of(&headers).told();
    let ours = story().told();

    assert_eq!(theirs.client_request_id.as_deref(), Some("mine"));
    assert_eq!(ours.client_request_id, None);
    assert_eq!(ours.arrived, "2023-11-14T22:13:20.123Z");
}

#[test]
fn choices_that_end_alike_are_counted_together() {
    let mut finishes = Finishes::default();
    for reason in [FinishReason::Length, FinishReason::Stop, FinishReason::Length] {
        finishes.add(reason);
    }

    let all: Vec<_> = finishes.iter().collect();

    assert_eq!(finishes.total(), 3);
    assert_eq!(all, [(FinishReason::Stop, 1), (FinishReason::Length, 2)]);
    for (place, reason) in REASONS.into_iter().enumerate() {
        assert_eq!(reason as usize, place, "the order is that of the type");
    }
}
