#![allow(clippy::unwrap_used)]

use super::*;

fn wait(name: &'static str, value: &'static str) -> Option<Duration> {
    let now = Timestamp::from_second(1_445_412_480).unwrap();
    let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
    retry_after(&headers, now)
}

#[test]
fn seconds_milliseconds_and_dates_are_understood() {
    assert_eq!(wait("retry-after", "2"), Some(Duration::from_secs(2)));
    assert_eq!(wait("retry-after-ms", "1500"), Some(Duration::from_millis(1_500)));
    assert_eq!(
        wait("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
        Some(Duration::from_secs(30))
    );
}

#[test]
fn nonsense_is_no_advice_and_an_endless_wait_is_cut() {
    assert_eq!(wait("retry-after", "soon"), None);
    assert_eq!(wait("retry-after", "-1"), None);
    assert_eq!(wait("retry-after", "99999999"), Some(RETRY_AFTER_LIMIT));
}

fn spent(dialect: Dialect, headers: &[(&'static str, &'static str)]) -> Option<Duration> {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    spent_until(&headers, dialect, || {
        Timestamp::from_second(1_445_412_480).unwrap()
    })
}

#[test]
fn a_limit_of_which_nothing_is_left_is_read_in_each_form() {
    for (reset, seconds) in [
        ("120ms", 0.12),
        ("6s", 6.0),
        ("6m0s", 60.0),
        ("1h", 60.0),
        ("12.5", 12.5),
    ] {
        let left = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", reset),
            ("x-ratelimit-remaining-tokens", "10000"),
        ];
        assert_eq!(
            spent(Dialect::OpenaiChat, &left),
            Some(Duration::from_secs_f64(seconds)),
            "{reset}"
        );
    }
    for (remaining, reset) in [
        (
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ),
        (
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ),
        (
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-ratelimit-input-tokens-reset",
        ),
        (
            "anthropic-ratelimit-output-tokens-remaining",
            "anthropic-ratelimit-output-tokens-reset",
        ),
    ] {
        let left = [(remaining, "0"), (reset, "2015-10-21T07:28:20Z")];
        assert_eq!(
            spent(Dialect::AnthropicMessages, &left),
            Some(Duration::from_secs(20)),
            "{remaining}"
        );
    }
}

#[test]
fn while_something_is_left_or_nobody_says_until_when_nobody_rests() {
    for headers in [
        &[
            ("x-ratelimit-remaining-requests", "1"),
            ("x-ratelimit-reset-requests", "6s"),
        ][..],
        &[("x-ratelimit-remaining-requests", "0")],
        &[
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "soon"),
        ],
        &[
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "-5"),
        ],
        &[],
    ] {
        assert_eq!(spent(Dialect::OpenaiChat, headers), None, "{headers:?}");
    }
}

#[test]
fn a_provider_may_say_whether_it_wants_the_request_again() {
    for (value, expected) in [("true", Some(true)), ("false", Some(false)), ("perhaps", None)] {
        let headers = HeaderMap::from_iter([("x-should-retry".parse().unwrap(), value.parse().unwrap())]);
        assert_eq!(should_retry(&headers), expected);
    }
}
