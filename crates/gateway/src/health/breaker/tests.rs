use std::{sync::Arc, time::Duration};

use super::{
    Breaker, BreakerState, LONGEST_PROBE, Probe,
    window::{WINDOW, WINDOW_LEAST},
};
use crate::health::{HealthSettings, RestsBy};

const OPEN: Duration = Duration::from_secs(10);

fn settings() -> HealthSettings {
    HealthSettings {
        enabled: true,
        breaker_failures: 3,
        breaker_open: OPEN,
    }
}

fn fail(breaker: &Breaker, now: u64, times: usize) {
    for _ in 0..times {
        breaker.failed(now, &settings(), None);
    }
}

fn probe(breaker: &Arc<Breaker>, now: u64) -> Probe {
    let admitted = breaker.admits(now, OPEN).expect("a request may go through");
    admitted.expect("it is a probe")
}

/// Who keeps a request away, and until when.
fn kept_away(breaker: &Arc<Breaker>, now: u64) -> Option<(u64, RestsBy)> {
    let kept_away = breaker.admits(now, OPEN).err();
    assert_eq!(kept_away, breaker.keeps_away(now, OPEN), "both say the same");
    kept_away
}

#[test]
fn it_opens_after_so_many_failures_in_a_row() {
    let breaker = Arc::<Breaker>::default();
    fail(&breaker, 1, 2);
    breaker.succeeded(1);
    fail(&breaker, 1, 2);
    assert_eq!(breaker.state(1), BreakerState::Closed);

    fail(&breaker, 1, 1);

    assert_eq!(breaker.state(1), BreakerState::Open);
    assert_eq!(kept_away(&breaker, 1), Some((10_001, RestsBy::Breaker)));
}

#[test]
fn it_opens_when_half_of_many_failed_and_not_when_half_of_few_did() {
    let breaker = Arc::<Breaker>::default();
    for attempt in 1..WINDOW_LEAST {
        match attempt % 2 {
            0 => breaker.succeeded(1),
            _ => fail(&breaker, 1, 1),
        }
    }
    assert_eq!(
        breaker.state(1),
        BreakerState::Closed,
        "{} attempts say nothing",
        WINDOW_LEAST - 1
    );

    fail(&breaker, 1, 1);

    assert_eq!(breaker.state(1), BreakerState::Open);
}

#[test]
fn what_failed_long_ago_does_not_count() {
    let breaker = Arc::<Breaker>::default();
    for _ in 0..WINDOW_LEAST {
        fail(&breaker, 1, 1);
        breaker.succeeded(1);
    }
    let breaker = Arc::<Breaker>::default();
    for now in [1, WINDOW + 1] {
        for _ in 0..WINDOW_LEAST / 2 - 1 {
            fail(&breaker, now, 1);
            breaker.succeeded(now);
        }
    }
    assert_eq!(breaker.state(WINDOW + 1), BreakerState::Closed);
}

#[test]
fn one_request_at_a_time_probes_it_and_its_success_closes_it() {
    let breaker = Arc::<Breaker>::default();
    fail(&breaker, 1, 3);
    assert_eq!(breaker.state(10_001), BreakerState::HalfOpen);

    let first = probe(&breaker, 10_001);
    assert_eq!(
        kept_away(&breaker, 15_000),
        Some((25_000, RestsBy::Probe)),
        "a second one has to wait, however long the first one takes"
    );
    assert_eq!(kept_away(&breaker, 60_000), Some((70_000, RestsBy::Probe)));
    breaker.succeeded(60_500);
    drop(first);

    assert_eq!(breaker.state(60_500), BreakerState::Closed);
    let admitted = breaker.admits(60_500, OPEN);
    assert!(matches!(admitted, Ok(None)), "{admitted:?}");
}

#[test]
fn a_probe_that_says_nothing_is_followed_by_another() {
    let breaker = Arc::<Breaker>::default();
    fail(&breaker, 1, 3);
    drop(probe(&breaker, 10_001));
    assert_eq!(kept_away(&breaker, 20_000), Some((20_001, RestsBy::Breaker)));
    let _second = probe(&breaker, 20_001);
}

#[test]
fn a_probe_that_never_ends_is_followed_by_another_and_both_double_the_time_once() {
    let breaker = Arc::<Breaker>::default();
    fail(&breaker, 1, 3);
    let first = probe(&breaker, 10_001);
    let end = 10_001 + LONGEST_PROBE;
    assert!(kept_away(&breaker, end - 1).is_some());
    let second = probe(&breaker, end);

    for probe in [first, second] {
        breaker.failed(end + 1_000, &settings(), Some(probe.standing()));
    }

    assert_eq!(
        kept_away(&breaker, end + 1_000),
        Some((end + 21_000, RestsBy::Breaker))
    );
}

#[test]
fn others_that_fail_beside_a_probe_do_not_keep_it_open_longer() {
    let breaker = Arc::<Breaker>::default();
    fail(&breaker, 1, 3);
    let probe = probe(&breaker, 10_001);
    fail(&breaker, 12_000, 50);
    breaker.failed(12_000, &settings(), Some(probe.standing()));
    fail(&breaker, 12_000, 50);
    drop(probe);
    assert_eq!(breaker.state(32_000), BreakerState::HalfOpen);
}

#[test]
fn each_probe_that_fails_doubles_the_time_up_to_a_limit() {
    let breaker = Arc::<Breaker>::default();
    fail(&breaker, 1, 3);
    let mut now = 10_001;
    for expected in [20, 40, 80, 160, 300, 300] {
        let probe = probe(&breaker, now);
        breaker.failed(now, &settings(), Some(probe.standing()));
        drop(probe);
        let next = now + expected * 1_000;
        assert_eq!(kept_away(&breaker, next - 1), Some((next, RestsBy::Breaker)));
        assert_eq!(breaker.state(next), BreakerState::HalfOpen);
        now = next;
    }
}

#[test]
fn requests_that_were_under_way_when_it_opened_do_not_keep_it_open_longer() {
    let breaker = Arc::<Breaker>::default();
    fail(&breaker, 1, 3);
    fail(&breaker, 9_000, 50);
    assert_eq!(breaker.state(10_001), BreakerState::HalfOpen);
}

/// A breaker that is probed, and the probe.
fn probed() -> (Arc<Breaker>, Probe) {
    let breaker = Arc::<Breaker>::default();
    fail(&breaker, 1, 3);
    let probe = probe(&breaker, 10_001);
    (breaker, probe)
}

#[test]
fn a_stream_that_was_a_probe_and_breaks_opens_it_for_longer_until_a_stream_has_ended() {
    for ended in [false, true] {
        let (breaker, probe) = probed();
        let standing = Some(probe.standing());
        breaker.stream_began(10_100, true, standing);
        drop(probe);
        // What begins says nothing of how such streams end.
        breaker.stream_began(10_200, false, None);
        if ended {
            breaker.stream_ended();
        }

        breaker.stream_broke(22_000, &settings(), standing);

        match ended {
            true => assert_eq!(breaker.state(22_000), BreakerState::Closed),
            false => assert_eq!(kept_away(&breaker, 22_000), Some((42_000, RestsBy::Breaker))),
        }
    }
}

#[test]
fn whoever_answers_beside_a_probe_takes_its_place() {
    let (breaker, probe) = probed();
    breaker.succeeded(11_000);

    breaker.failed(16_000, &settings(), Some(probe.standing()));

    assert_eq!(breaker.state(16_000), BreakerState::Closed);
    let (breaker, probe) = probed();
    breaker.stream_began(11_000, true, None);
    breaker.failed(16_000, &settings(), Some(probe.standing()));
    assert_eq!(
        breaker.state(16_000),
        BreakerState::Closed,
        "a last resort that begins to answer is an answer"
    );
}

#[test]
fn the_end_of_a_stream_from_before_it_opened_leaves_the_probe_its_say() {
    let (breaker, probe) = probed();
    breaker.stream_ended();

    breaker.failed(11_000, &settings(), Some(probe.standing()));

    assert_eq!(kept_away(&breaker, 11_000), Some((31_000, RestsBy::Breaker)));
}

#[test]
fn a_probe_of_an_earlier_time_that_it_was_open_does_not_open_it_for_longer() {
    let (breaker, first) = probed();
    let standing = Some(first.standing());
    breaker.stream_began(10_100, true, standing);
    drop(first);
    fail(&breaker, 11_000, 3);
    assert_eq!(kept_away(&breaker, 11_000), Some((21_000, RestsBy::Breaker)));

    breaker.stream_broke(12_000, &settings(), standing);

    assert_eq!(kept_away(&breaker, 12_000), Some((21_000, RestsBy::Breaker)));
}
