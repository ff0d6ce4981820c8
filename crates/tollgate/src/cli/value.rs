//! Values on the command line: names, times, and bounds that can be lifted.

use std::{fmt::Display, str::FromStr};

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

pub use tollgate_ledger::name::name;

/// A value, or the word that takes it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifted<T>(pub Option<T>);

/// Reads a value, or `word` for none.
fn lifted<T: FromStr>(text: &str, word: &str) -> Result<Lifted<T>, T::Err> {
    match text == word {
        true => Ok(Lifted(None)),
        false => text.parse().map(|value| Lifted(Some(value))),
    }
}

/// A limit, or `none`.
pub fn or_none<T: FromStr<Err: Display>>(text: &str) -> Result<Lifted<T>, String> {
    lifted(text, "none").map_err(|error: T::Err| error.to_string())
}

/// A list, or `all`.
pub fn or_all<T: FromStr>(text: &str) -> Result<Lifted<T>, T::Err> {
    lifted(text, "all")
}

/// How long from now, or `never`.
pub fn time_or_never(text: &str) -> Result<Lifted<SignedDuration>, WrongTime> {
    match text {
        "never" => Ok(Lifted(None)),
        text => time_from_now(text).map(|time| Lifted(Some(time))),
    }
}

pub fn time_from_now(text: &str) -> Result<SignedDuration, WrongTime> {
    time(text)
        .ok()
        .filter(SignedDuration::is_positive)
        .ok_or(WrongTime)
}

/// A span of time, which may be nothing.
pub fn time(text: &str) -> Result<SignedDuration, WrongTime> {
    let span: Span = text.parse().map_err(|_| WrongTime)?;
    let time = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| WrongTime)?;
    match time.is_negative() {
        true => Err(WrongTime),
        false => Ok(time),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a time is written as 30d, 12h, 90m or 1w")]
pub struct WrongTime;

/// As RFC 3339 writes it, in whole seconds.
pub fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
