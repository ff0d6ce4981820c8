//! Decimal numbers, exactly.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Number;

/// Whole numbers up to this are exact in a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Digits after the point that are kept. What is smaller counts as a little more than what is kept.
const PLACES: usize = 24;

/// A number `digits / 10^places`, and perhaps a little more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::schema) struct Decimal {
    digits: i128,
    places: u32,
    /// Whether the true number lies a little above this.
    and_more: bool,
}

impl Decimal {
    pub(in crate::schema) fn new(digits: i128, places: u32) -> Self {
        let mut number = Self {
            digits,
            places,
            and_more: false,
        };
        while number.places > 0 && number.digits % 10 == 0 {
            number.digits /= 10;
            number.places -= 1;
        }
        number
    }

    /// A number as it was written; `None` where it was rounded when it was read.
    pub(in crate::schema) fn of(number: &Number) -> Option<Self> {
        let whole = number
            .as_i64()
            .map(i128::from)
            .or(number.as_u64().map(i128::from));
        if let Some(whole) = whole {
            return Some(Self::new(whole, 0));
        }
        let float = number.as_f64().filter(|float| float.abs() < EXACT)?;
        let text = format!("{}", float.abs());
        let (before, after) = text.split_once('.').unwrap_or((&text, ""));
        let kept = &after[..after.len().min(PLACES)];
        let mut digits: i128 = format!("{before}{kept}").parse().ok()?;
        let mut and_more = kept.len() < after.len();
        if float < 0.0 {
            // A little less than none is a little more than one less.
            digits = -digits - i128::from(and_more);
        }
        let number = Self::new(digits, kept.len() as u32);
        and_more &= number.places as usize == PLACES || digits != 0 || after.len() > PLACES;
        Some(Self { and_more, ..number })
    }

    /// The least number with so many places that is not below this; `excluded`: that is above it. Times
    /// ten to the number of places.
    pub(super) fn least(&self, places: u32, excluded: bool) -> i128 {
        let (floor, rest) = self.floor(places);
        match rest || excluded {
            true => floor + 1,
            false => floor,
        }
    }

    /// The greatest number with so many places that is not above this; `excluded`: that is below it.
    pub(super) fn most(&self, places: u32, excluded: bool) -> i128 {
        let (floor, rest) = self.floor(places);
        match !rest && excluded {
            true => floor - 1,
            false => floor,
        }
    }

    /// Cut to so many places, downwards, and whether anything was cut off.
    fn floor(&self, places: u32) -> (i128, bool) {
        if places >= self.places {
            let more = 10_i128.pow(places - self.places);
            return (self.digits.saturating_mul(more), self.and_more);
        }
        let less = 10_i128.pow(self.places - places);
        let floor = self.digits.div_euclid(less);
        (floor, self.and_more || floor * less != self.digits)
    }

    pub(super) fn is_below(&self, other: &Self) -> bool {
        let places = self.places.max(other.places);
        let of = |number: &Self| number.floor(places);
        match of(self).0.cmp(&of(other).0) {
            Ordering::Less => true,
            Ordering::Equal => !self.and_more && other.and_more,
            Ordering::Greater => false,
        }
    }

    /// The number, where it is a whole one.
    pub(super) fn whole(&self) -> Option<i128> {
        (self.places == 0 && !self.and_more).then_some(self.digits)
    }

    /// Digits after the point.
    pub(super) fn places(&self) -> u32 {
        self.places
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let places = self.places as usize;
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = places + 1);
        let (before, after) = digits.split_at(digits.len() - places);
        let point = if places > 0 { "." } else { "" };
        write!(f, "{sign}{before}{point}{after}")
    }
}
