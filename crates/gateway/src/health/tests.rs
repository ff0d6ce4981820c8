use std::{num::NonZeroU32, time::Duration};

use tollgate_catalog::model::ModelId;

use super::*;

fn settings() -> HealthSettings {
    HealthSettings {
        enabled: true,
        breaker_failures: 2,
        breaker_open: Duration::from_secs(60),
    }
}

fn places(limit: Option<NonZeroU32>) -> Arc<Places> {
    let places = Places::default();
    places.limit_to(limit);
    Arc::new(places)
}

fn models() -> [ModelId; 2] {
    ["a", "b"].map(ModelId::new)
}

fn is_fit(health: &Health, model: &ModelId) -> bool {
    health.fitness(&health.of_model(model)) == Fitness::Fit
}

#[test]
fn a_model_rests_alone_and_a_channel_with_all_its_models() {
    let [a, b] = models();
    let health = Health::new(settings(), [&a, &b].into_iter(), places(None));

    health.rest(Scope::Model, &health.of_model(&a), Duration::from_secs(60), None);
    assert_eq!((is_fit(&health, &a), is_fit(&health, &b)), (false, true));
    let resting: Vec<_> = health.models().filter(|(_, rest, _)| !rest.is_zero()).collect();
    assert_eq!(resting.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [&a]);

    health.rest(
        Scope::Channel,
        &health.of_model(&a),
        Duration::from_secs(60),
        None,
    );
    assert_eq!((is_fit(&health, &a), is_fit(&health, &b)), (false, false));
}

#[test]
fn a_shorter_rest_does_not_end_a_longer_one() {
    let [a, b] = models();
    let health = Health::new(settings(), [&a, &b].into_iter(), places(None));
    let model = health.of_model(&a);
    health.rest(Scope::Model, &model, Duration::from_secs(60), None);
    health.rest(Scope::Model, &model, Duration::from_millis(1), None);
    let Fitness::Resting { left, .. } = health.fitness(&model) else {
        panic!("it rests");
    };
    assert!(left > Duration::from_secs(50), "{left:?}");
}

#[test]
fn an_open_breaker_is_passed_by_who_has_nothing_else_and_closes_when_that_succeeds() {
    let [a, b] = models();
    let health = Health::new(settings(), [&a, &b].into_iter(), places(None));
    health.note(Sign::Failing, None, None);
    health.note(Sign::Failing, None, None);
    assert_eq!(health.breaker(), BreakerState::Open);
    assert!(!is_fit(&health, &b));
    let kept_away = health.begin(false).expect_err("nobody goes through");
    assert!(
        matches!(
            kept_away,
            NoPlace::LeftAlone {
                by: RestsBy::Breaker,
                ..
            }
        ),
        "{kept_away:?}"
    );

    let place = health.begin(true).expect("nothing else is left");
    drop(place);
    health.answered(&health.of_model(&a));

    assert!(is_fit(&health, &a));
}

#[test]
fn switched_off_nothing_keeps_a_request_away() {
    let [a, b] = models();
    let off = HealthSettings {
        enabled: false,
        ..settings()
    };
    let health = Health::new(off, [&a, &b].into_iter(), places(None));
    health.rest(
        Scope::Channel,
        &health.of_model(&a),
        Duration::from_secs(60),
        None,
    );
    for _ in 0..10 {
        health.note(Sign::Failing, None, None);
    }
    assert!(is_fit(&health, &a));
    assert!(health.begin(false).is_ok());
}

#[test]
fn a_full_channel_takes_nobody_until_one_has_gone() {
    let [a, _] = models();
    let health = Health::new(settings(), [&a].into_iter(), places(NonZeroU32::new(1)));
    let place = health.begin(false);
    assert!(place.is_ok());
    assert!(matches!(health.begin(true), Err(NoPlace::Full)));
    assert_eq!(health.in_flight(), 1);
    drop(place);
    assert!(health.begin(false).is_ok());
}

#[test]
fn one_request_that_fails_again_and_again_opens_no_breaker_and_different_ones_do() {
    let [a, _] = models();
    let health = Health::new(settings(), [&a].into_iter(), places(None));
    let witness = |body: &[u8]| Some(Witness::of(tollgate_ledger::KeyId::new(1), body));
    for _ in 0..100 {
        health.note(Sign::Failing, None, witness(b"poison"));
    }
    assert_eq!(health.breaker(), BreakerState::Closed);

    health.note(Sign::Failing, None, witness(b"another"));

    assert_eq!(health.breaker(), BreakerState::Open);
}

#[test]
fn a_rest_that_one_request_may_have_caused_waits_for_another_to_say_the_same() {
    let [a, b] = models();
    let health = Health::new(settings(), [&a, &b].into_iter(), places(None));
    let model = health.of_model(&a);
    let minute = Duration::from_secs(60);
    let witness = |body: &[u8]| Some(Witness::of(tollgate_ledger::KeyId::new(1), body));
    for scope in [Scope::Model, Scope::Channel] {
        health.rest(scope, &model, minute, witness(b"poison"));
        health.rest(scope, &model, minute, witness(b"poison"));
        health.answered(&model);
        health.rest(scope, &model, minute, witness(b"another"));
    }
    assert!(is_fit(&health, &a));

    for body in [b"one", b"two"] {
        health.rest(Scope::Model, &model, minute, witness(body));
    }
    assert_eq!((is_fit(&health, &a), is_fit(&health, &b)), (false, true));
    for body in [b"one", b"two"] {
        health.rest(Scope::Channel, &model, minute, witness(body));
    }
    assert!(!is_fit(&health, &b));
}

#[test]
fn streams_that_break_after_their_first_output_fail_in_a_row_until_one_ends() {
    let [a, _] = models();
    let health = Health::new(settings(), [&a].into_iter(), places(None));
    let model = health.of_model(&a);
    let breaks = || {
        health.stream_began(&model, false, None);
        health.stream_broke(Sign::Failing, None, None);
    };
    for _ in 0..5 {
        breaks();
        // Answers of other kinds say nothing of streams.
        health.answered(&model);
        health.stream_began(&model, false, None);
        health.stream_ended();
    }
    assert_eq!(health.breaker(), BreakerState::Closed);

    breaks();
    health.answered(&model);
    breaks();

    assert_eq!(health.breaker(), BreakerState::Open);
}

#[test]
fn failures_among_streams_that_go_on_for_long_are_not_in_a_row() {
    let [a, _] = models();
    let health = Health::new(settings(), [&a].into_iter(), places(None));
    let model = health.of_model(&a);
    for _ in 0..30 {
        health.note(Sign::Failing, None, None);
        health.stream_began(&model, false, None);
        health.stream_began(&model, false, None);
    }
    assert_eq!(health.breaker(), BreakerState::Closed);
}

#[test]
fn a_probe_that_begins_to_answer_lets_others_through_until_it_breaks() {
    let [a, _] = models();
    let no_time = HealthSettings {
        breaker_open: Duration::ZERO,
        ..settings()
    };
    let health = Health::new(no_time, [&a].into_iter(), places(None));
    let model = health.of_model(&a);
    for _ in 0..2 {
        health.stream_began(&model, false, None);
        health.stream_broke(Sign::Failing, None, None);
    }
    let place = health.begin(false).expect("its time is over");
    let probe = place.probe.as_ref().map(Probe::standing);
    assert!(probe.is_some());

    health.stream_began(&model, probe.is_some(), probe);
    assert_eq!(health.breaker(), BreakerState::Closed);
    health.stream_broke(Sign::Failing, probe, None);

    assert_ne!(health.breaker(), BreakerState::Closed);
}

#[test]
fn a_stream_that_began_before_the_breaker_opened_does_not_close_it_with_its_end() {
    let [a, _] = models();
    let health = Health::new(settings(), [&a].into_iter(), places(None));
    health.stream_began(&health.of_model(&a), false, None);
    for _ in 0..2 {
        health.note(Sign::Failing, None, None);
    }

    health.stream_ended();

    assert_eq!(health.breaker(), BreakerState::Open);
}

#[test]
fn what_is_known_of_a_channel_outlives_a_change_of_its_models() {
    let [a, b] = models();
    let health = Health::new(settings(), [&a].into_iter(), places(None));
    let minute = Duration::from_secs(60);
    health.rest(Scope::Model, &health.of_model(&a), minute, None);

    let with_both = health.with_models([(&a, true), (&b, false)].into_iter(), places(None));
    let renamed = health.with_models([(&a, false)].into_iter(), places(None));

    assert_eq!((is_fit(&with_both, &a), is_fit(&with_both, &b)), (false, true));
    assert!(is_fit(&renamed, &a), "it is another model there");
    for _ in 0..2 {
        health.note(Sign::Failing, None, None);
    }
    assert_eq!(
        with_both.breaker(),
        BreakerState::Open,
        "requests under way tell both"
    );
}
