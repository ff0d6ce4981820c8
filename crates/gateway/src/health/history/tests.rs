#![allow(clippy::unwrap_used)]

use super::*;

fn of(millis: impl IntoIterator<Item = u64>) -> History {
    let history = History::default();
    for millis in millis {
        history.observe(Duration::from_millis(millis));
    }
    history
}

/// Within the width of a bucket.
fn assert_about(found: Option<Duration>, millis: f64) {
    let found = found.unwrap().as_secs_f64() * 1_000.0;
    assert!(
        (millis..=millis * 1.21).contains(&found),
        "{found} ms is not about {millis} ms"
    );
}

#[test]
fn a_percentile_is_not_below_what_so_many_took() {
    let history = of(1..=100);
    assert_about(history.percentile(50), 50.0);
    assert_about(history.percentile(95), 95.0);
    assert_about(of(std::iter::repeat_n(30_000, 50)).percentile(95), 30_000.0);
}

#[test]
fn a_few_answers_say_nothing() {
    assert_eq!(of(std::iter::repeat_n(5, 19)).percentile(95), None);
}

#[test]
fn what_was_long_ago_is_forgotten() {
    let history = of(std::iter::repeat_n(10, 5_000).chain(std::iter::repeat_n(1_000, 3_000)));
    assert_about(history.percentile(50), 1_000.0);
}

#[test]
fn nothing_is_too_short_or_too_long() {
    let history = of([]);
    for took in [Duration::ZERO, Duration::MAX] {
        for _ in 0..20 {
            history.observe(took);
        }
        assert!(history.percentile(99).is_some());
    }
}
