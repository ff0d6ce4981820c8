use std::time::Duration;

use super::{FreeTries, LONGEST_WAIT, Next, Tries};
use crate::attempt::{outcome::Verdict, retry_budget::RetryBudget};

/// Places in the route in the order in which they are tried, where each try ends like this.
fn tried(channels: usize, retries: u32, verdict: impl Fn(usize) -> Verdict) -> Vec<usize> {
    let budget = RetryBudget::default();
    let mut free = FreeTries::default();
    let mut tries = Tries::new(channels, retries, &mut free);
    let mut tried = Vec::new();
    while let Some(Next { candidate, .. }) = tries.next(&budget) {
        tried.push(candidate);
        tries.failed(candidate, verdict(candidate), None);
    }
    tried
}

#[test]
fn each_channel_is_tried_once_before_any_is_tried_again() {
    assert_eq!(tried(3, 2, |_| Verdict::Again), [0, 1, 2, 0, 1]);
    assert_eq!(tried(1, 2, |_| Verdict::Again), [0, 0, 0]);
}

#[test]
fn only_what_may_have_passed_is_tried_again() {
    let verdict = |channel| match channel {
        1 => Verdict::Again,
        _ => Verdict::Elsewhere,
    };
    assert_eq!(tried(3, 2, verdict), [0, 1, 2, 1, 1]);
    assert_eq!(tried(2, 5, |_| Verdict::Elsewhere), [0, 1]);
}

#[test]
fn what_would_fail_everywhere_ends_the_tries() {
    assert_eq!(tried(3, 2, |_| Verdict::GiveUp), [0]);
}

#[test]
fn without_retries_nothing_is_tried_twice() {
    assert_eq!(tried(2, 0, |_| Verdict::Again), [0, 1]);
}

#[test]
fn over_all_models_of_a_request_one_failover_is_free() {
    let budget = RetryBudget::default();
    while budget.spend() {}
    let mut free = FreeTries::default();
    let mut made = Vec::new();
    for _model in 0..4 {
        let mut tries = Tries::new(1, 0, &mut free);
        let next = tries.next(&budget);
        made.push(next.is_some());
        if let Some(next) = next {
            tries.failed(next.candidate, Verdict::Elsewhere, None);
        }
    }
    assert_eq!(made, [true, true, false, false]);
}

#[test]
fn waits_grow_and_a_provider_that_asks_for_more_gets_it() {
    let budget = RetryBudget::default();
    let mut free = FreeTries::default();
    let mut tries = Tries::new(1, 3, &mut free);
    let mut waits = Vec::new();
    for advice in [None, None, Some(Duration::from_millis(1_500)), None] {
        let next = tries.next(&budget).expect("a try is left");
        waits.push(next.wait.as_millis());
        tries.failed(next.candidate, Verdict::Again, advice);
    }
    assert_eq!(waits[0], 0);
    assert!((50..=100).contains(&waits[1]), "{waits:?}");
    assert!((100..=200).contains(&waits[2]), "{waits:?}");
    assert_eq!(waits[3], 1_500);
}

#[test]
fn a_provider_that_asks_for_a_long_wait_is_not_asked_again() {
    let budget = RetryBudget::default();
    let mut free = FreeTries::default();
    let mut tries = Tries::new(1, 3, &mut free);
    let next = tries.next(&budget).expect("a first try");
    tries.failed(
        next.candidate,
        Verdict::Again,
        Some(LONGEST_WAIT + Duration::from_millis(1)),
    );
    assert_eq!(tries.next(&budget), None);
}

#[test]
fn when_everything_fails_retries_are_a_fifth_of_the_requests() {
    let budget = RetryBudget::default();
    let requests = 10_000;
    let mut made = 0;
    for _ in 0..requests {
        budget.earn();
        let mut free = FreeTries::default();
        let mut tries = Tries::new(2, 2, &mut free);
        while let Some(next) = tries.next(&budget) {
            made += 1;
            tries.failed(next.candidate, Verdict::Again, None);
        }
    }
    // The first try and the first failover are free.
    let retries = made - 2 * requests;
    let fifth = requests / 5;
    assert!((fifth..=fifth + 10).contains(&retries), "{retries}");
}

#[test]
fn a_channel_without_a_place_is_no_try() {
    let budget = RetryBudget::default();
    while budget.spend() {}
    let mut free = FreeTries::default();
    let mut tries = Tries::new(3, 0, &mut free);
    assert_eq!(tries.next(&budget).map(|next| next.candidate), Some(0));
    tries.skipped(0, &budget);
    assert_eq!(tries.next(&budget).map(|next| next.candidate), Some(1));
    tries.failed(1, Verdict::Elsewhere, None);
    assert_eq!(
        tries.next(&budget).map(|next| next.candidate),
        Some(2),
        "the first failover is free"
    );
}

#[test]
fn a_channel_is_tried_beside_another_once_and_out_of_the_budget() {
    let budget = RetryBudget::default();
    let mut free = FreeTries::default();
    let mut tries = Tries::new(3, 2, &mut free);
    assert_eq!(tries.next(&budget).map(|next| next.candidate), Some(0));

    assert_eq!(tries.waiting(), Some(1));
    assert_eq!(tries.beside(&budget), Some(1));
    assert_eq!(tries.next(&budget).map(|next| next.candidate), Some(2));
    assert_eq!((tries.waiting(), tries.beside(&budget)), (None, None));

    let mut free = FreeTries::default();
    let mut tries = Tries::new(3, 2, &mut free);
    tries.next(&budget);
    while budget.spend() {}
    assert_eq!(tries.waiting(), Some(1));
    assert_eq!(tries.beside(&budget), None, "the gate has retried too much");
}

#[test]
fn a_retry_that_met_a_channel_without_a_place_is_given_back() {
    let budget = RetryBudget::default();
    let mut free = FreeTries::default();
    let mut tries = Tries::new(2, 0, &mut free);
    tries.next(&budget);
    tries.beside(&budget);
    tries.skipped(1, &budget);

    let mut left = 0;
    while budget.spend() {
        left += 1;
    }

    assert_eq!(left, 10);
}

#[test]
fn others_remain_as_long_as_somebody_may_be_tried() {
    let budget = RetryBudget::default();
    let mut free = FreeTries::default();
    let mut tries = Tries::new(2, 1, &mut free);
    let mut remain = Vec::new();
    while let Some(next) = tries.next(&budget) {
        remain.push(tries.others_remain());
        tries.failed(next.candidate, Verdict::Again, None);
    }
    assert_eq!(
        remain,
        [true, true, false],
        "the second channel, the first again, nobody"
    );
}

#[test]
fn after_a_failure_that_would_be_the_same_everywhere_nobody_is_tried_again() {
    let budget = RetryBudget::default();
    let mut free = FreeTries::default();
    let mut tries = Tries::new(2, 3, &mut free);
    tries.next(&budget);
    tries.beside(&budget);

    tries.failed(0, Verdict::GiveUp, None);
    tries.failed(1, Verdict::Again, None);

    assert!(!tries.others_remain());
    assert_eq!(tries.next(&budget), None);
}

/// Places in the order in which they are tried as a last resort, where each try fails for the moment.
fn tried_at_last(new: usize, tried: usize, retries: u32, budget: &RetryBudget) -> Vec<usize> {
    let mut free = FreeTries::default();
    let mut tries = Tries::resumed(new, tried, retries, &mut free);
    let mut made = Vec::new();
    while let Some(Next { candidate, .. }) = tries.next(budget) {
        made.push(candidate);
        tries.failed(candidate, Verdict::Again, None);
    }
    made
}

#[test]
fn who_was_tried_before_takes_what_is_left_of_the_retries_and_who_was_not_comes_first() {
    let budget = RetryBudget::default();
    assert_eq!(tried_at_last(0, 1, 2, &budget), [0, 0]);
    assert_eq!(tried_at_last(0, 2, 2, &budget), [0, 1]);
    assert_eq!(tried_at_last(1, 1, 1, &budget), [0, 1]);
    assert_eq!(tried_at_last(2, 0, 0, &budget), [0, 1]);

    while budget.spend() {}
    assert_eq!(
        (tried_at_last(0, 1, 2, &budget), tried_at_last(1, 1, 2, &budget)),
        (vec![], vec![0]),
        "the gate as a whole has retried too much"
    );
}
