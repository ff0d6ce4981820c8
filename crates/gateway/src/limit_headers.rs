//! What a client is told of its limits, in the headers that OpenAI's have.
//!
//! Where key and account both have a limit, it is the one of which less is left.
//! Not here: when to come back after a refusal ([`crate::error`]).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_ledger::limits::{Standing, Standings};

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// All headers that may be written.
pub fn names() -> impl Iterator<Item = HeaderName> {
    REQUESTS.into_iter().chain(TOKENS)
}

/// Writes how the limits stand, where there are any.
pub fn write(standings: &Standings, headers: &mut HeaderMap) {
    for (names, standing) in [(REQUESTS, standings.requests), (TOKENS, standings.tokens)] {
        let Some(Standing {
            limit,
            remaining,
            full_in,
        }) = standing
        else {
            continue;
        };
        let [of_limit, of_remaining, of_reset] = names;
        headers.insert(of_limit, limit.into());
        headers.insert(of_remaining, remaining.into());
        let reset = HeaderValue::try_from(as_openai_writes(full_in)).expect("digits, points and letters");
        headers.insert(of_reset, reset);
    }
}

/// A time such as `20ms`, `8.64s` or `6m0s`, in whole milliseconds, rounded up.
fn as_openai_writes(time: Duration) -> String {
    let millis = time.as_nanos().div_ceil(1_000_000);
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    let (minutes, millis) = (millis / 60_000, millis % 60_000);
    let fraction = format!(".{:03}", millis % 1_000);
    let seconds = format!("{}{}", millis / 1_000, fraction.trim_end_matches(['0', '.']));
    match minutes {
        0 => format!("{seconds}s"),
        minutes => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests;
