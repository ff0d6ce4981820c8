//! When a day or a month of a budget begins, in the operator's time zone.
//!
//! Days have 23 to 25 hours, and where a clock change skips midnight, a day begins at the first moment of
//! its date.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use crate::limits::Period;

/// The time for which one amount of a budget is: from `from`, until and without `until`. `None`: no such end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Period {
    /// The span that `now` lies in.
    pub fn span(self, now: Timestamp, zone: &TimeZone) -> Span {
        let today = zone.to_datetime(now).date();
        let (first, after) = match self {
            Self::Total => {
                return Span {
                    from: None,
                    until: None,
                };
            }
            Self::Day => (today, today.checked_add(1.day())),
            Self::Month => {
                let first = today.first_of_month();
                (first, first.checked_add(1.month()))
            }
        };
        let begin = |date: Date| Some(date.to_zoned(zone.clone()).ok()?.timestamp());
        Span {
            from: begin(first),
            until: after.ok().and_then(begin),
        }
    }
}

impl Span {
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.until.is_none_or(|until| moment < until)
    }
}

#[cfg(test)]
mod tests;
