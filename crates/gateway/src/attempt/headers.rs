//! What a provider's headers say about coming back.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use jiff::{Timestamp, fmt::rfc2822};

use tollgate_dialects::Dialect;

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

/// Whether the provider wants to see the same request again (`x-should-retry`).
pub fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// How long a model has to rest whose provider says that nothing is left of its rate limit. `None`: something is left,
/// or nobody says.
pub fn spent_until(headers: &HeaderMap, dialect: Dialect, now: impl Fn() -> Timestamp) -> Option<Duration> {
    let limits: &[(HeaderName, HeaderName)] = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => &OPENAI_LIMITS,
        Dialect::AnthropicMessages => &ANTHROPIC_LIMITS,
        Dialect::Gemini => &[],
    };
    limits
        .iter()
        .filter(|(remaining, _)| headers.get(remaining).is_some_and(|left| left == "0"))
        .filter_map(|(_, reset)| reset_in(headers.get(reset)?.to_str().ok()?, now()))
        .max()
        .map(|rest| rest.min(LONGEST_SPENT))
}

/// What is left of a limit, and when there is all of it again (wire notes, sections 1 and 2).
const OPENAI_LIMITS: [(HeaderName, HeaderName); 2] = [
    (
        HeaderName::from_static("x-ratelimit-remaining-requests"),
        HeaderName::from_static("x-ratelimit-reset-requests"),
    ),
    (
        HeaderName::from_static("x-ratelimit-remaining-tokens"),
        HeaderName::from_static("x-ratelimit-reset-tokens"),
    ),
];
const ANTHROPIC_LIMITS: [(HeaderName, HeaderName); 4] = [
    (
        HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
        HeaderName::from_static("anthropic-ratelimit-requests-reset"),
    ),
    (
        HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
    ),
    (
        HeaderName::from_static("anthropic-ratelimit-input-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-input-tokens-reset"),
    ),
    (
        HeaderName::from_static("anthropic-ratelimit-output-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-output-tokens-reset"),
    ),
];
/// A limit fills up bit by bit, so nobody rests longer for it.
const LONGEST_SPENT: Duration = Duration::from_secs(60);

/// A reset as a duration (`6m0s`, `120ms`), as seconds, or as an RFC 3339 time.
fn reset_in(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Duration::try_from(at.duration_since(now)).ok();
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let span: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(span).ok()
}

#[cfg(test)]
mod tests;
