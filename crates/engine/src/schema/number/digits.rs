//! A range of whole numbers as a regular expression, with a point put in.

use std::fmt::Write;

/// From which digit to which, each.
type Digits = Vec<(u8, u8)>;

/// The numbers from `low` to `high`, each over ten to the number of places, with all of these written.
pub(in crate::schema) fn expression(low: i128, high: i128, places: u32) -> String {
    let places = places as usize;
    let mut all = Vec::new();
    if low < 0 {
        let nearest = high.min(-1).unsigned_abs();
        let below = range(nearest, low.unsigned_abs(), places);
        all.extend(below.into_iter().map(|digits| format!("-{digits}")));
    }
    if high >= 0 {
        all.extend(range(low.max(0).unsigned_abs(), high.unsigned_abs(), places));
    }
    all.join("|")
}

fn range(low: u128, high: u128, places: usize) -> Vec<String> {
    let shortest = places + 1;
    let width = |number: u128| number.to_string().len().max(shortest);
    let mut all = Vec::new();
    for width in width(low)..=width(high) {
        let first = if width == shortest {
            0
        } else {
            10_u128.pow(width as u32 - 1)
        };
        let last = 10_u128.pow(width as u32) - 1;
        let digits = |number: u128| format!("{number:0width$}").into_bytes();
        let mut found = Vec::new();
        same_width(&digits(low.max(first)), &digits(high.min(last)), &[], &mut found);
        all.extend(found.iter().map(|digits| written(digits, places)));
    }
    all
}

/// Adds what lies between two numbers of one width.
fn same_width(low: &[u8], high: &[u8], before: &[(u8, u8)], found: &mut Vec<Digits>) {
    let with = |digits: (u8, u8)| [before, &[digits]].concat();
    let any = |before: Digits, count: usize| [before, vec![(b'0', b'9'); count]].concat();
    let (Some((first, low)), Some((last, high))) = (low.split_first(), high.split_first()) else {
        found.push(before.to_vec());
        return;
    };
    let from_start = low.iter().all(|digit| *digit == b'0');
    let to_end = high.iter().all(|digit| *digit == b'9');
    if first == last && !(from_start && to_end) {
        same_width(low, high, &with((*first, *last)), found);
        return;
    }
    let (mut from, mut to) = (*first, *last);
    if !from_start {
        same_width(low, &vec![b'9'; low.len()], &with((from, from)), found);
        from += 1;
    }
    if !to_end {
        same_width(&vec![b'0'; high.len()], high, &with((to, to)), found);
        to -= 1;
    }
    if from <= to {
        found.push(any(with((from, to)), low.len()));
    }
}

fn written(digits: &Digits, places: usize) -> String {
    let mut text = String::new();
    let point = digits.len() - places;
    let mut index = 0;
    while let Some(&(from, to)) = digits.get(index) {
        if index == point && places > 0 {
            text.push_str("\\.");
        }
        let end = if index < point { point } else { digits.len() };
        let alike = digits[index..end]
            .iter()
            .take_while(|other| **other == (from, to))
            .count();
        let (from, to) = (char::from(from), char::from(to));
        let _ = match from == to {
            true => write!(text, "{}", String::from(from).repeat(alike)),
            false if alike == 1 => write!(text, "[{from}-{to}]"),
            false => write!(text, "[{from}-{to}]{{{alike}}}"),
        };
        index += alike;
    }
    text
}
