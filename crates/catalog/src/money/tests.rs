use super::*;

fn dollars(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

#[test]
fn a_fraction_of_a_nano_dollar_is_rounded_up() {
    let charge = Money::from_dollars_rounded_up(dollars("0.0000001875")).expect("a small amount");
    assert_eq!(charge.nanos(), 188);
}

#[test]
fn a_whole_number_of_nano_dollars_stays_as_it_is() {
    let charge = Money::from_dollars_rounded_up(dollars("25.000000001")).expect("a small amount");
    assert_eq!(charge.nanos(), 25_000_000_001);
}

#[test]
fn an_amount_beyond_the_largest_is_refused_and_not_wrapped() {
    assert_eq!(Money::from_dollars_rounded_up(dollars("9300000000")), None);
    assert_eq!(Money::from_dollars_rounded_up(Decimal::MAX), None);
}

#[test]
fn an_amount_prints_every_digit_and_at_least_cents() {
    let printed = |nanos| Money::from_nanos(nanos).to_string();
    assert_eq!(printed(0), "0.00");
    assert_eq!(printed(25_000_000_000), "25.00");
    assert_eq!(printed(1_230_000_000), "1.23");
    assert_eq!(printed(187_001), "0.000187001");
    assert_eq!(printed(-500_000_000), "-0.50");
}
