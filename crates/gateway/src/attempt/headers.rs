//! What a provider's headers say about coming back.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::{Timestamp, fmt::rfc2822};

use super::RETRY_AFTER_LIMIT;

/// The wait in `retry-after-ms`, or in `Retry-After` as seconds or as a date.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|number| number.is_finite() && *number >= 0.0)
    };
    let wait = text("retry-after-ms")
        .and_then(number)
        .map(|millis| millis / 1_000.0)
        .or_else(|| {
            let value = text(header::RETRY_AFTER.as_str())?;
            number(value).or_else(|| seconds_until(value, now))
        })?;
    Some(Duration::from_secs_f64(wait.min(RETRY_AFTER_LIMIT.as_secs_f64())))
}

fn seconds_until(date: &str, now: Timestamp) -> Option<f64> {
    // HTTP dates end with "GMT", which RFC 2822 knows as an old name of +0000.
    let at = rfc2822::parse(date).ok()?.timestamp();
    Some((at.as_second() - now.as_second()).max(0) as f64)
}

#[cfg(test)]
mod tests;
