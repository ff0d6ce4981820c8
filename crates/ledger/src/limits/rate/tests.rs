use std::{num::NonZeroU32, thread};

use proptest::prelude::*;

use super::*;

fn limit(count: u32) -> PerMinute {
    PerMinute::new(NonZeroU32::new(count).expect("no test has a limit of 0"))
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn full_for(wait: f64) -> Full {
    Full::For(seconds(wait))
}

/// Of what passed at these times, in no span more than the limit and a share of it for its length.
pub(super) fn no_span_has_more(limit: u32, passed: &[(Duration, u64)]) -> Result<(), TestCaseError> {
    for (start, (from, _)) in passed.iter().enumerate() {
        let mut sum = 0;
        for (until, wanted) in &passed[start..] {
            sum += wanted;
            let share = (*until - *from).as_secs_f64() / 60.0;
            let most = f64::from(limit) * (1.0 + share);
            prop_assert!(sum as f64 <= most + 1e-3, "{sum} of at most {most}");
        }
    }
    Ok(())
}

/// How many single ones go through at `now`.
fn burst(rate: &Rate, limit: PerMinute, now: Duration) -> u32 {
    let mut count = 0;
    while rate.take(1, limit, now).is_ok() {
        count += 1;
    }
    count
}

#[test]
fn the_whole_limit_goes_through_at_once_and_then_one_for_each_share_of_a_minute() {
    let (rate, limit) = (Rate::default(), limit(60));

    assert_eq!(burst(&rate, limit, seconds(100.0)), 60);
    assert_eq!(rate.take(1, limit, seconds(100.0)).unwrap_err(), full_for(1.0));
    assert_eq!(burst(&rate, limit, seconds(100.999)), 0);
    assert_eq!(burst(&rate, limit, seconds(101.0)), 1);
    assert_eq!(burst(&rate, limit, seconds(131.0)), 30);
    assert_eq!(
        burst(&rate, limit, seconds(1_000.0)),
        60,
        "more is never saved up"
    );
}

#[test]
fn there_is_no_border_at_which_twice_the_limit_passes() {
    let (rate, limit) = (Rate::default(), limit(60));
    let just_before = burst(&rate, limit, seconds(59.9));

    let just_after = burst(&rate, limit, seconds(60.1));

    assert_eq!((just_before, just_after), (60, 0));
}

#[test]
fn a_refusal_takes_nothing() {
    let (rate, limit) = (Rate::default(), limit(10));
    burst(&rate, limit, seconds(0.0));

    for _ in 0..100 {
        assert_eq!(rate.take(1, limit, seconds(0.0)).unwrap_err(), full_for(6.0));
    }
}

#[test]
fn the_standing_says_what_is_left_and_when_all_is_there_again() {
    let (rate, limit) = (Rate::default(), limit(60));
    let fresh = rate.standing(limit, seconds(5.0));
    rate.take(20, limit, seconds(5.0)).expect("there is room");

    let used = rate.standing(limit, seconds(10.0));

    assert_eq!(
        (fresh.limit, fresh.remaining, fresh.full_in),
        (60, 60, Duration::ZERO)
    );
    assert_eq!(
        (used.limit, used.remaining, used.full_in),
        (60, 45, seconds(15.0))
    );
}

#[test]
fn what_was_given_back_was_never_taken() {
    let (rate, limit) = (Rate::default(), limit(100));
    rate.take(30, limit, seconds(0.0)).expect("there is room");
    let before = rate.standing(limit, seconds(1.0));

    rate.take(50, limit, seconds(1.0))
        .expect("there is room")
        .correct(0, seconds(1.0));

    assert_eq!(rate.standing(limit, seconds(1.0)), before);
}

#[test]
fn what_was_held_too_little_is_waited_for_by_whoever_comes_next() {
    let (rate, limit) = (Rate::default(), limit(1_000));
    let held = rate.take(100, limit, seconds(0.0)).expect("there is room");

    held.correct(2_500, seconds(0.0));

    assert_eq!(rate.standing(limit, seconds(0.0)).remaining, 0);
    // 2,500 take two and a half minutes; the one that asks has to have a place in the last of them.
    assert_eq!(rate.take(1, limit, seconds(0.0)).unwrap_err(), full_for(90.06));
    assert!(rate.take(1, limit, seconds(90.06)).is_ok());
}

#[test]
fn what_was_paid_off_meanwhile_does_not_come_back() {
    let (rate, limit) = (Rate::default(), limit(60));
    let slow = rate.take(60, limit, seconds(0.0)).expect("there is room");
    rate.take(60, limit, seconds(60.0)).expect("a minute has passed");

    slow.correct(1, seconds(60.0));

    assert_eq!(
        rate.standing(limit, seconds(60.0)).remaining,
        0,
        "what others took would be taken again"
    );
}

#[test]
fn a_limit_that_is_raised_gives_room_at_once() {
    let rate = Rate::default();
    burst(&rate, limit(10), seconds(0.0));
    assert_eq!(burst(&rate, limit(10), seconds(30.0)), 5);

    // Nine of ten are not paid off yet, and nine are they of six hundred.
    assert_eq!(burst(&rate, limit(600), seconds(36.0)), 591);
}

#[test]
fn what_was_used_beyond_a_limit_is_waited_for_by_the_limit_that_is_set_since() {
    let rate = Rate::default();
    let held = rate.take(100, limit(1_000), seconds(0.0)).expect("there is room");
    held.correct(50_000, seconds(0.0));

    // 0.3 s of a minute.
    let standing = rate.standing(limit(10_000_000), seconds(0.0));
    assert_eq!((standing.remaining, standing.full_in), (9_950_000, seconds(0.3)));
}

#[test]
fn what_is_corrected_after_a_change_counts_of_the_new_limit() {
    for (truly, left) in [(50_000, 9_950_000), (40, 9_999_960)] {
        let rate = Rate::default();
        let held = rate.take(100, limit(1_000), seconds(0.0)).expect("there is room");
        let raised = limit(10_000_000);
        assert_eq!(rate.standing(raised, seconds(0.0)).remaining, 9_999_900);

        held.correct(truly, seconds(0.0));

        assert_eq!(rate.standing(raised, seconds(0.0)).remaining, left);
    }
}

#[test]
fn a_limit_that_is_lowered_has_as_many_used_and_makes_nobody_wait_for_more_than_a_minute() {
    let rate = Rate::default();
    rate.take(30, limit(1_000), seconds(0.0)).expect("there is room");
    assert_eq!(rate.standing(limit(100), seconds(0.0)).remaining, 70);

    rate.take(70, limit(100), seconds(0.0)).expect("there is room");
    let standing = rate.standing(limit(10), seconds(0.0));
    assert_eq!((standing.remaining, standing.full_in), (0, seconds(60.0)));
}

#[test]
fn debts_are_not_longer_by_a_lower_limit() {
    let rate = Rate::default();
    let held = rate.take(100, limit(1_000), seconds(0.0)).expect("there is room");
    held.correct(5_000, seconds(0.0));

    assert_eq!(rate.standing(limit(10), seconds(0.0)).full_in, seconds(300.0));
}

#[test]
fn a_clock_that_goes_back_gives_nothing_away() {
    let (rate, limit) = (Rate::default(), limit(60));
    burst(&rate, limit, seconds(100.0));

    assert_eq!(burst(&rate, limit, seconds(50.0)), 0);
}

#[test]
fn many_threads_together_take_no_more_than_the_limit() {
    let (rate, limit) = (Rate::default(), limit(1_000));

    let taken: u32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| burst(&rate, limit, seconds(7.0))))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .sum()
    });

    assert_eq!(taken, 1_000);
}

proptest! {
    #[test]
    fn exactly_the_limit_goes_through_at_once(count in 1_u32..200_000, start in 0.0..1e9) {
        let (rate, limit) = (Rate::default(), limit(count));
        let now = seconds(start);
        rate.take(u64::from(count) - 1, limit, now).expect("less than the limit");

        prop_assert_eq!(burst(&rate, limit, now), 1);
    }

    #[test]
    fn in_no_span_of_time_pass_more_than_the_limit_and_a_share_of_it_for_its_length(
        count in 1_u32..500,
        arrivals in prop::collection::vec((0_u64..5_000, 1_u64..20), 1..200),
    ) {
        let (rate, limit) = (Rate::default(), limit(count));
        let mut now = Duration::from_secs(1);
        let mut passed: Vec<(Duration, u64)> = Vec::new();
        for (pause, wanted) in arrivals {
            now += Duration::from_millis(pause);
            if rate.take(wanted, limit, now).is_ok() {
                passed.push((now, wanted));
            }
        }

        no_span_has_more(count, &passed)?;
    }

    #[test]
    fn whoever_waits_as_long_as_told_goes_through_and_not_a_moment_earlier(
        (count, wanted) in (1_u32..5_000).prop_flat_map(|count| (Just(count), 1..=u64::from(count))),
        taken in prop::collection::vec(1_u64..200, 0..60),
    ) {
        let (rate, limit) = (Rate::default(), limit(count));
        let now = seconds(3.0);
        for count in taken {
            let _ = rate.take(count, limit, now);
        }
        if let Err(full) = rate.take(wanted, limit, now) {
            let Full::For(wait) = full else { panic!("nobody else counts") };
            let almost = rate.take(wanted, limit, now + wait - Duration::from_nanos(1));
            prop_assert_eq!(almost.unwrap_err(), Full::For(Duration::from_nanos(1)));
            prop_assert!(rate.take(wanted, limit, now + wait).is_ok());
        }
    }

    #[test]
    fn a_lone_estimate_never_lets_more_through_than_the_truth_would_have(
        count in 100_u32..10_000,
        truly in 0_u64..200,
        estimate in 1_u64..100,
        others in prop::collection::vec((0_u64..20_000, 1_u64..500), 0..20),
        ends in 0_u64..20_000,
    ) {
        let limit = limit(count);
        let (estimated, known) = (Rate::default(), Rate::default());
        let mut now = Duration::from_secs(1);
        let held = estimated.take(estimate, limit, now).expect("within the limit");
        // Where the truth is above the estimate it is only known at the end, by either of them.
        let at_first = truly.min(estimate);
        let known_held = known.take(at_first, limit, now).expect("within the limit");
        for (pause, wanted) in others {
            now += Duration::from_millis(pause);
            if estimated.take(wanted, limit, now).is_ok() {
                prop_assert!(known.take(wanted, limit, now).is_ok());
            }
        }
        now += Duration::from_millis(ends);

        held.correct(truly, now);
        known_held.correct(truly, now);

        let (a, b) = (estimated.standing(limit, now), known.standing(limit, now));
        prop_assert!(a.remaining <= b.remaining, "{a:?} {b:?}");
    }
}
