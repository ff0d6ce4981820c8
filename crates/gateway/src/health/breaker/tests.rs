use std::time::Duration;

use super::{Admitted, Breaker, BreakerState, WINDOW, WINDOW_LEAST};
use crate::health::HealthSettings;

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
        breaker.failed(now, &settings(), false);
    }
}

#[test]
fn it_opens_after_so_many_failures_in_a_row() {
    let breaker = Breaker::default();
    fail(&breaker, 1, 2);
    breaker.succeeded(1);
    fail(&breaker, 1, 2);
    assert_eq!(breaker.state(1), BreakerState::Closed);

    fail(&breaker, 1, 1);

    assert_eq!(breaker.state(1), BreakerState::Open);
    assert_eq!(breaker.admits(1, OPEN), Err(OPEN));
}

#[test]
fn it_opens_when_half_of_many_failed_and_not_when_half_of_few_did() {
    let breaker = Breaker::default();
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
    let breaker = Breaker::default();
    for _ in 0..WINDOW_LEAST {
        fail(&breaker, 1, 1);
        breaker.succeeded(1);
    }
    let breaker = Breaker::default();
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
    let breaker = Breaker::default();
    fail(&breaker, 1, 3);
    assert_eq!(breaker.state(10_001), BreakerState::HalfOpen);

    assert_eq!(breaker.admits(10_001, OPEN), Ok(Admitted { probe: true }));
    assert_eq!(
        breaker.admits(10_001, OPEN),
        Err(OPEN),
        "a second one has to wait"
    );
    breaker.succeeded(10_500);

    assert_eq!(breaker.state(10_500), BreakerState::Closed);
    assert_eq!(breaker.admits(10_500, OPEN), Ok(Admitted { probe: false }));
}

#[test]
fn a_probe_that_never_ends_is_followed_by_another() {
    let breaker = Breaker::default();
    fail(&breaker, 1, 3);
    assert_eq!(breaker.admits(10_001, OPEN), Ok(Admitted { probe: true }));
    assert_eq!(breaker.admits(20_000, OPEN), Err(Duration::from_millis(1)));
    assert_eq!(breaker.admits(20_001, OPEN), Ok(Admitted { probe: true }));
}

#[test]
fn each_probe_that_fails_doubles_the_time_up_to_a_limit() {
    let breaker = Breaker::default();
    fail(&breaker, 1, 3);
    let mut now = 10_001;
    for expected in [20, 40, 80, 160, 300, 300] {
        assert_eq!(
            breaker.admits(now, OPEN),
            Ok(Admitted { probe: true }),
            "at {now}"
        );
        breaker.failed(now, &settings(), true);
        let next = now + expected * 1_000;
        assert_eq!(
            (breaker.admits(next - 1, OPEN), breaker.state(next)),
            (Err(Duration::from_millis(1)), BreakerState::HalfOpen)
        );
        now = next;
    }
}

#[test]
fn requests_that_were_under_way_when_it_opened_do_not_keep_it_open_longer() {
    let breaker = Breaker::default();
    fail(&breaker, 1, 3);
    fail(&breaker, 9_000, 50);
    assert_eq!(breaker.state(10_001), BreakerState::HalfOpen);
}
