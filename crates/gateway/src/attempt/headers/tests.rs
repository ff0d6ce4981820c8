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
