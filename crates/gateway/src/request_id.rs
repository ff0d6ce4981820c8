//! The two IDs of a request: the client's, which is only repeated, and ours, which books go by.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use bytestring::ByteString;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub const X_TOLLGATE_REQUEST_ID: HeaderName = HeaderName::from_static("x-tollgate-request-id");

/// Longest client ID that is repeated.
const CLIENT_ID_LIMIT: usize = 128;

/// What our IDs begin with.
pub const PREFIX: &str = "req_";

/// Hexadecimal digits of the time in our IDs: milliseconds until the year 2527.
const TIME_DIGITS: u32 = 11;

/// The IDs of one request. Clones share their bytes.
#[derive(Debug, Clone)]
pub struct RequestId {
    /// Ours: unique, and in the order of time.
    own: ByteString,
    /// What `x-request-id` says: the client's if it sent a sane one, else ours.
    shown: HeaderValue,
}

impl RequestId {
    /// IDs for a request with these headers. `unix_millis`: now.
    pub fn new(headers: &HeaderMap, unix_millis: u64) -> Self {
        let own = next_id(unix_millis);
        let shown = headers
            .get(X_REQUEST_ID)
            .filter(|id| is_sane(id))
            .cloned()
            .or_else(|| as_header(&own))
            .unwrap_or_else(|| HeaderValue::from_static("unknown"));
        Self { own, shown }
    }

    /// Those of an earlier request, perhaps of another gate, of which only ours is known.
    pub fn of_earlier(own: &str) -> Self {
        let own = ByteString::from(own);
        let shown = as_header(&own).unwrap_or_else(|| HeaderValue::from_static("unknown"));
        Self { own, shown }
    }

    pub fn as_str(&self) -> &str {
        &self.own
    }

    /// The client's own ID, where it sent a sane one.
    pub fn of_client(&self) -> Option<&str> {
        let shown = self.shown.to_str().ok()?;
        (shown != self.as_str()).then_some(shown)
    }

    /// When the request came, to the millisecond.
    pub fn arrival(&self) -> Timestamp {
        let millis = self.own.get(PREFIX.len()..PREFIX.len() + TIME_DIGITS as usize);
        let millis = millis.and_then(|digits| i64::from_str_radix(digits, 16).ok());
        millis
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .unwrap_or_default()
    }

    /// Writes both into an answer's headers.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, self.shown.clone());
        if let Some(own) = as_header(&self.own) {
            headers.insert(X_TOLLGATE_REQUEST_ID, own);
        }
    }
}

fn is_sane(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=CLIENT_ID_LIMIT).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

fn as_header(id: &ByteString) -> Option<HeaderValue> {
    HeaderValue::from_maybe_shared(id.as_bytes().clone()).ok()
}

/// Time, a number drawn once per process, and a counter: unique without a random draw per request.
fn next_id(unix_millis: u64) -> ByteString {
    static PROCESS: OnceLock<u64> = OnceLock::new();
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let process = PROCESS.get_or_init(|| getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id())));
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut id = String::with_capacity(40);
    id.push_str(PREFIX);
    push_hex(&mut id, unix_millis, TIME_DIGITS);
    push_hex(&mut id, *process, 10);
    push_hex(&mut id, u64::from(count), 8);
    id.into()
}

/// Appends the lowest `digits` digits of `value`.
fn push_hex(id: &mut String, value: u64, digits: u32) {
    const DIGITS: &str = "0123456789abcdef";
    for place in (0..digits).rev() {
        let digit = (value >> (4 * place)) as usize & 0xf;
        id.push_str(&DIGITS[digit..=digit]);
    }
}
