use std::{num::NonZeroU32, thread};

use super::*;

const NOW: Duration = Duration::ZERO;

fn limit(count: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(count)
}

#[test]
fn a_full_key_takes_no_further_request_until_one_has_ended() {
    let in_flight = InFlight::default();
    let first = in_flight.enter(limit(2), NOW);
    let _second = in_flight.enter(limit(2), NOW);

    assert!(in_flight.enter(limit(2), NOW).is_err(), "both places are taken");
    drop(first);
    assert!(in_flight.enter(limit(2), NOW).is_ok(), "a place came back");
}

#[test]
fn a_refused_request_takes_no_place() {
    let in_flight = InFlight::default();
    let _only = in_flight.enter(limit(1), NOW);

    for _ in 0..10 {
        assert!(in_flight.enter(limit(1), NOW).is_err());
    }

    assert_eq!(in_flight.count(), 1);
}

#[test]
fn requests_without_a_limit_are_counted_so_that_a_later_limit_holds() {
    let in_flight = InFlight::default();
    let _open = (in_flight.enter(None, NOW), in_flight.enter(None, NOW));

    assert!(in_flight.enter(limit(2), NOW).is_err());
}

#[test]
fn clones_count_together() {
    let in_flight = InFlight::default();
    let _open = in_flight.clone().enter(limit(1), NOW);

    assert!(in_flight.enter(limit(1), NOW).is_err());
}

#[test]
fn many_threads_together_never_pass_the_limit_and_leave_nothing_behind() {
    let in_flight = InFlight::default();

    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let place = in_flight.enter(limit(3), NOW);
                    assert!(in_flight.count() <= 3, "more under way than allowed");
                    drop(place);
                }
            });
        }
    });

    assert_eq!(in_flight.count(), 0, "a place was lost");
}
