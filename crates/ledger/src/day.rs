//! Days of the calendar, as people write them.

use std::str::FromStr;

use jiff::civil::Date;

/// A day, written as `2026-11-01` and in no other way: what is read back is what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub Date);

impl FromStr for Day {
    type Err = NotDay;

    fn from_str(text: &str) -> Result<Self, NotDay> {
        // The library takes a moment for its day, too.
        let day: Date = text.parse().map_err(|_| NotDay)?;
        match day.to_string() == text {
            true => Ok(Self(day)),
            false => Err(NotDay),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written as 2026-11-01")]
pub struct NotDay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_in_one_way() {
        let day = "2026-12-02".parse::<Day>();
        assert_eq!(day.map(|day| day.0.to_string()), Ok("2026-12-02".to_owned()));
        for text in [
            "2026-12-02T12:00:00",
            "2026-12-02 12:00",
            "2026-12-02T12:00:00Z",
            "+002026-12-02",
            "20261202",
            "2026-02-30",
            " 2026-12-02",
            "",
        ] {
            assert_eq!(text.parse::<Day>(), Err(NotDay), "{text}");
        }
    }
}
