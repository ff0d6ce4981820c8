use std::time::Duration;

use super::Speed;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn average(speed: &Speed) -> u128 {
    speed.average().expect("there were answers").as_millis()
}

#[test]
fn an_average_follows_the_latest_answers() {
    let speed = Speed::default();
    assert_eq!(speed.average(), None);
    speed.observe(millis(800), 1);
    assert_eq!(speed.average(), Some(millis(800)));
    for _ in 0..100 {
        speed.observe(millis(100), 1);
    }
    assert!((95..=110).contains(&average(&speed)), "{}", average(&speed));
}

#[test]
fn what_was_long_ago_is_forgotten_with_the_next_answer() {
    let speed = Speed::default();
    speed.observe(millis(2_000), 1);

    speed.observe(millis(100), 60_000);

    assert_eq!(average(&speed), 100);
}

#[test]
fn one_that_is_passed_over_is_asked_again_now_and_then_by_one_request() {
    let speed = Speed::default();
    speed.observe(millis(2_000), 1);

    let asked: Vec<u64> = (0..400)
        .map(|request| request * 100)
        .filter(|now| speed.wants_probe(*now))
        .collect();

    // Sixteen requests, and five seconds, between two of them.
    assert!((4..=8).contains(&asked.len()), "{asked:?}");
    assert!(
        asked.windows(2).all(|pair| pair[1] - pair[0] >= 5_000),
        "{asked:?}"
    );
}

#[test]
fn one_that_nobody_knows_is_asked_at_once_and_by_one_request_until_it_answers() {
    let speed = Speed::default();
    assert!(speed.wants_probe(10));
    assert!(!speed.wants_probe(10));
    assert!(!speed.wants_probe(4_000));
    assert!(speed.wants_probe(6_000), "the first one may have failed");
}

#[test]
fn one_that_was_given_up_counts_only_where_it_was_slow() {
    let speed = Speed::default();
    speed.observe(millis(500), 1);
    speed.observe_at_least(millis(100), 2);
    assert_eq!(average(&speed), 500);
    speed.observe_at_least(millis(5_000), 3);
    assert!(average(&speed) > 1_000);
}
