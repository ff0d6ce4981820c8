#![allow(clippy::unwrap_used)]

use super::{Code, Found, Path, Shown, Word};
use tollgate_chat::json::Json;

fn found(positions: &[usize]) -> Found {
    let mut found = Found::default();
    for position in positions {
        found.at(*position);
        let name = format!("p{position}");
        found.add(Path::Member(&name), Code::InvalidValue, format_args!("is wrong"));
    }
    found
}

#[test]
fn no_violation_makes_no_violations() {
    assert!(Found::default().into_violations().is_none());
}

#[test]
fn one_violation_is_one_sentence() {
    let violations = found(&[3]).into_violations().unwrap();
    assert_eq!(violations.message(), "`p3` is wrong.");
}

#[test]
fn several_are_listed_in_the_bodys_order_whatever_order_they_were_found_in() {
    let violations = found(&[5, 1, 3]).into_violations().unwrap();
    assert_eq!(violations.param(), "p1");
    assert_eq!(
        violations.message(),
        "The request has 3 problems: (1) `p1` is wrong; (2) `p3` is wrong; (3) `p5` is wrong."
    );
}

#[test]
fn of_many_the_first_five_are_kept_and_the_rest_is_counted() {
    let positions: Vec<usize> = (0..10_000).rev().collect();
    let violations = found(&positions).into_violations().unwrap();
    assert_eq!((violations.total(), violations.shown().len()), (10_000, 5));
    assert_eq!(violations.param(), "p0");
    assert!(
        violations
            .message()
            .ends_with("(5) `p4` is wrong; and 9995 more."),
        "{}",
        violations.message()
    );
}

#[test]
fn a_path_reads_as_in_javascript() {
    let messages = Path::Member("messages");
    let message = messages.item(2);
    let content = message.member("content");
    let part = content.item(0);
    let image = part.member("image_url");
    assert_eq!(
        image.member("url").to_string(),
        "messages[2].content[0].image_url.url"
    );
}

#[test]
fn values_are_shown_only_where_they_are_short_and_plain() {
    let shown = |text: &str| Shown(&Json::parse(text).unwrap()).to_string();
    assert_eq!(shown("-2.5"), "-2.5");
    assert_eq!(shown("1e300"), "1e300");
    assert_eq!(shown("true"), "true");
    assert_eq!(shown(r#""high""#), "\"high\"");
    assert_eq!(shown(r#""two words""#), "a string of 9 characters");
    assert_eq!(shown("[1]"), "an array");
    assert_eq!(Word("").to_string(), "an empty string");
    assert_eq!(Word(&"x".repeat(65)).to_string(), "a string of 65 characters");
}
