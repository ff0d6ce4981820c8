use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time as RFC 3339 writes it")
}

fn nanos(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

const NOON: &str = "2026-11-30T12:00:00Z";
const NEXT_DAY: &str = "2026-12-01T00:00:00Z";

fn spending() -> Spending {
    let spent = Spent {
        ever: nanos(100),
        today: nanos(10),
        this_month: nanos(50),
    };
    Spending::new(spent, at(NOON), TimeZone::UTC)
}

fn spent(spending: &Spending, now: &str) -> [i64; 3] {
    [Period::Total, Period::Month, Period::Day].map(|per| spending.purse(per, at(now)).spent().nanos())
}

#[test]
fn a_charge_counts_to_the_day_to_the_month_and_to_all() {
    let spending = spending();

    spending.spend(nanos(3), at(NOON));

    assert_eq!(spent(&spending, NOON), [103, 53, 13]);
}

#[test]
fn a_new_day_and_a_new_month_begin_with_nothing_spent() {
    let spending = spending();

    assert_eq!(spent(&spending, NEXT_DAY), [100, 0, 0]);
    spending.spend(nanos(3), at(NEXT_DAY));

    assert_eq!(spent(&spending, NEXT_DAY), [103, 3, 3]);
}

#[test]
fn a_request_that_was_let_in_yesterday_is_charged_to_yesterday() {
    let spending = spending();
    assert_eq!(spent(&spending, NEXT_DAY), [100, 0, 0]);

    spending.spend(nanos(3), at(NOON));

    assert_eq!(spent(&spending, NEXT_DAY), [103, 0, 0]);
    assert_eq!(spent(&spending, NOON), [103, 53, 13]);
}

#[test]
fn what_was_let_in_at_the_days_last_moment_holds_and_is_charged_on_that_day() {
    // given a request of noon that holds only when others have begun the next day
    let spending = spending();
    spending.spend(nanos(5), at(NEXT_DAY));

    let purse = spending.purse(Period::Day, at(NOON));
    let hold = purse.hold(nanos(90), nanos(100)).expect("there is enough");
    assert!(purse.hold(nanos(1), nanos(100)).is_err(), "noon's budget is held");
    drop(hold);
    spending.spend(nanos(90), at(NOON));

    assert_eq!(spent(&spending, NOON), [195, 140, 100]);
    assert_eq!(spent(&spending, NEXT_DAY), [195, 5, 5]);
    assert!(
        spending
            .purse(Period::Day, at(NOON))
            .hold(nanos(1), nanos(100))
            .is_err(),
        "what is spent of a day that has ended stays spent"
    );
}

#[test]
fn of_a_day_that_nobody_counted_the_present_one_is_held() {
    let spending = spending();

    let purse = spending.purse(Period::Day, at("2026-11-29T23:59:59Z"));

    assert!(purse.is_same(&spending.purse(Period::Day, at(NOON))));
}

#[test]
fn what_was_held_yesterday_takes_nothing_of_today() {
    let spending = spending();
    let hold = spending
        .purse(Period::Day, at(NOON))
        .hold(nanos(90), nanos(100))
        .expect("there is enough");

    let today = spending.purse(Period::Day, at(NEXT_DAY));

    assert!(today.hold(nanos(100), nanos(100)).is_ok());
    drop(hold);
    assert_eq!(today.used(), Money::ZERO, "nor does it give back to it");
}
