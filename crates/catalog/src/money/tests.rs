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

#[test]
fn an_amount_is_read_exactly_or_not_at_all() {
    let read = |text: &str| text.parse::<Money>().map(Money::nanos);
    assert_eq!(read("25.00"), Ok(25_000_000_000));
    assert_eq!(read("25"), Ok(25_000_000_000));
    assert_eq!(read("-0.5"), Ok(-500_000_000));
    assert_eq!(read("0.000000001"), Ok(1));
    assert_eq!(read("0.0000000001"), Err(NotMoney::TooFine));
    assert_eq!(read("9300000000"), Err(NotMoney::TooLarge));
    assert_eq!(read("99999999999999999999"), Err(NotMoney::TooLarge));
    for text in ["", "$25", "25,00", "1e3", "1_000", "+1", "abc", "1.2.3", " 1"] {
        assert_eq!(read(text), Err(NotMoney::NotAnAmount), "{text:?}");
    }
}

#[test]
fn what_is_printed_is_read_as_it_was() {
    for nanos in [0, 1, -1, 1_230_000_000, 187_001, i64::MAX, i64::MIN + 1] {
        let money = Money::from_nanos(nanos);
        assert_eq!(money.to_string().parse(), Ok(money));
    }
}
