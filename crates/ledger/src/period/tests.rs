use proptest::prelude::*;

use super::*;

/// As POSIX writes zones, since a pure crate has no files of them: a name, hours west of Greenwich, and when
/// the clock changes.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
/// Midnight does not exist on the day on which summer time begins.
const SANTIAGO: &str = "<-04>4<-03>,M9.1.6/24,M4.1.6/24";
const INDIA: &str = "IST-5:30";

fn zone(posix: &str) -> TimeZone {
    TimeZone::posix(posix).expect("a zone as POSIX writes it")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time as RFC 3339 writes it")
}

fn day(now: &str, posix: &str) -> (String, String) {
    let span = Period::Day.span(at(now), &zone(posix));
    let written = |moment: Option<Timestamp>| moment.expect("within the calendar").to_string();
    (written(span.from), written(span.until))
}

#[test]
fn a_day_begins_at_midnight_of_the_zone() {
    assert_eq!(
        day("2026-11-21T23:30:00Z", "UTC0"),
        ("2026-11-21T00:00:00Z".into(), "2026-11-22T00:00:00Z".into())
    );
    assert_eq!(
        day("2026-11-21T23:30:00Z", BERLIN),
        ("2026-11-21T23:00:00Z".into(), "2026-11-22T23:00:00Z".into())
    );
    assert_eq!(
        day("2026-11-21T18:29:59Z", INDIA),
        ("2026-11-20T18:30:00Z".into(), "2026-11-21T18:30:00Z".into())
    );
}

#[test]
fn days_on_which_the_clock_changes_are_shorter_or_longer() {
    assert_eq!(
        day("2026-03-29T12:00:00Z", BERLIN),
        ("2026-03-28T23:00:00Z".into(), "2026-03-29T22:00:00Z".into())
    );
    assert_eq!(
        day("2026-11-01T12:00:00Z", NEW_YORK),
        ("2026-11-01T04:00:00Z".into(), "2026-11-02T05:00:00Z".into())
    );
}

#[test]
fn a_day_without_midnight_begins_with_its_first_moment() {
    assert_eq!(
        day("2026-09-06T12:00:00Z", SANTIAGO),
        ("2026-09-06T04:00:00Z".into(), "2026-09-07T03:00:00Z".into())
    );
}

#[test]
fn a_month_begins_with_its_first_day() {
    let span = Period::Month.span(at("2027-01-31T23:30:00Z"), &zone(BERLIN));

    assert_eq!(
        span.from,
        Some(at("2027-01-31T23:00:00Z")),
        "it is February in Berlin"
    );
    assert_eq!(span.until, Some(at("2027-02-28T23:00:00Z")));
}

#[test]
fn a_total_has_no_end() {
    let span = Period::Total.span(at("2026-11-21T12:00:00Z"), &TimeZone::UTC);

    assert!(span.contains(Timestamp::MIN) && span.contains(Timestamp::MAX));
}

#[test]
fn the_ends_of_the_calendar_are_no_trouble() {
    for moment in [Timestamp::MIN, Timestamp::MAX] {
        for posix in ["UTC0", BERLIN, SANTIAGO] {
            for period in [Period::Day, Period::Month] {
                assert!(
                    period.span(moment, &zone(posix)).contains(moment),
                    "{moment} {posix}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn every_moment_lies_in_one_span_and_the_next_begins_where_it_ends(
        second in 0_i64..8_000_000_000,
        posix in prop::sample::select(vec!["UTC0", BERLIN, NEW_YORK, SANTIAGO, INDIA]),
        period in prop::sample::select(vec![Period::Day, Period::Month]),
    ) {
        let (now, zone) = (Timestamp::from_second(second).expect("within the calendar"), zone(posix));

        let span = period.span(now, &zone);

        prop_assert!(span.contains(now));
        let until = span.until.expect("within the calendar");
        prop_assert_eq!(period.span(until, &zone).from, Some(until));
        let last = until.checked_sub(1.nanosecond()).expect("within the calendar");
        prop_assert_eq!(period.span(last, &zone), span);
    }
}
