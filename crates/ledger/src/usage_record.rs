//! What one finished request says for the books.
//!
//! Made once at its end, written to the spool before the client sees that end, and from there to the
//! database. Money in it is final: a price that changes later changes nothing here.
//! Not here: how it is written down (`store`).

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use tollgate_catalog::money::Money;
use tollgate_chat::usage::Usage;

use crate::{account::AccountId, key::KeyId};

/// One finished request.
///
/// Texts but the rates are short names; the spool keeps their first 128 bytes, and of the rates several hundred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord<'a> {
    pub request: RequestId,
    pub account: AccountId,
    pub key: KeyId,
    /// When these two were made. `None`: an earlier version wrote it, which did not say that.
    pub made: Option<Made>,
    /// The model that was asked for, by its public ID.
    pub model: Cow<'a, str>,
    /// The provider's name for the model that answered. Empty: none did.
    pub served_model: Cow<'a, str>,
    /// Empty where no channel answered, as is the channel.
    pub provider: Cow<'a, str>,
    pub channel: Cow<'a, str>,
    /// The tier that answered, as the answer names it. `None`: the standard one.
    pub service_tier: Option<Cow<'a, str>>,
    /// When the request was let in: its whole body was there. In whole microseconds. It counts to this moment's day, and
    /// is charged what it costs then.
    pub started: Timestamp,
    /// Until the answer's end, in whole microseconds.
    pub duration: Duration,
    /// Until the answer's first output, in whole microseconds. `None`: there was none.
    pub first_output: Option<Duration>,
    pub stream: bool,
    /// [`UsageRecord::OK`], [`UsageRecord::CLIENT_GONE`] or the code of the error that the client saw.
    pub outcome: Cow<'a, str>,
    /// Tokens of the answer.
    pub usage: Usage,
    /// Whether the tokens were counted by the gate, since the provider told none.
    pub estimated: bool,
    /// Which price was used. `None`: there was none.
    pub price_version: Option<Cow<'a, str>>,
    /// What was held before the request was sent; the part of the charge beyond it is an overrun.
    pub held: Money,
    /// What the client pays, which is not negative. `None`: unknown, for want of a price.
    pub charge: Option<Money>,
    /// What the answer cost the operator. `None`: unknown, for want of a price.
    pub cost: Option<Money>,
    /// What attempts cost the operator beside that, whose output nobody was given.
    pub lost_cost: Money,
}

impl UsageRecord<'_> {
    /// The outcome where the client had the whole answer.
    pub const OK: &'static str = "ok";
    /// The outcome where the client did not wait for the end.
    pub const CLIENT_GONE: &'static str = "client_gone";

    /// What was charged beyond what was held.
    pub fn overrun(&self) -> Money {
        let charge = self.charge.unwrap_or_default().nanos();
        Money::from_nanos(charge.saturating_sub(self.held.nanos()).max(0))
    }

    /// When the answer ended.
    pub fn ended(&self) -> Timestamp {
        self.started
            .saturating_add(self.duration)
            .unwrap_or(Timestamp::MAX)
    }
}

/// When an account and a key were made, in whole microseconds.
///
/// With their numbers it says whose a request is: a database that was restored from a copy gives numbers again, and the
/// account or key that gets one was made at another moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// 1970 for the account that came with the database.
    pub account: Timestamp,
    pub key: Timestamp,
}

/// The gate's own ID of a request: unique, in the order of time, and what the books go by.
///
/// Its text is `req_` and at least 29 hexadecimal digits, in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u128);

impl RequestId {
    const MARK: &str = "req_";
    const DIGITS: usize = 29;
    const MOST_DIGITS: usize = 32;

    /// The ID of a request that came at `unix_millis`: time, a number drawn once per process (its lowest 40 bits
    /// count), and the process's counter, so that no number has to be drawn for each request.
    pub fn new(unix_millis: u64, process: u64, count: u32) -> Self {
        let time = u128::from(unix_millis & 0x0fff_ffff_ffff) << 72;
        let process = u128::from(process & 0xff_ffff_ffff) << 32;
        Self(time | process | u128::from(count))
    }

    /// The least ID of requests that came at `moment` or after.
    pub fn first_at(moment: Timestamp) -> Self {
        let millis = moment.as_millisecond().max(0);
        Self::new(millis.cast_unsigned(), 0, 0)
    }

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each request writes it several times, and the formatter takes its time over large numbers.
        let mut text = [b'0'; Self::MARK.len() + Self::MOST_DIGITS];
        text[..Self::MARK.len()].copy_from_slice(Self::MARK.as_bytes());
        let significant = Self::MOST_DIGITS - self.0.leading_zeros() as usize / 4;
        let end = Self::MARK.len() + significant.max(Self::DIGITS);
        let mut left = [(self.0 >> 64) as u64, self.0 as u64];
        for (index, digit) in text[Self::MARK.len()..end].iter_mut().rev().enumerate() {
            let half = &mut left[usize::from(index < Self::MOST_DIGITS / 2)];
            *digit = b"0123456789abcdef"[(*half & 0xf) as usize];
            *half >>= 4;
        }
        f.write_str(str::from_utf8(&text[..end]).unwrap_or_default())
    }
}

impl FromStr for RequestId {
    type Err = NotRequestId;

    /// Reads the one text that each ID has.
    fn from_str(text: &str) -> Result<Self, NotRequestId> {
        let digits = text.strip_prefix(Self::MARK).ok_or(NotRequestId)?;
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_written_so = match digits.len() {
            Self::DIGITS => true,
            30..=32 => !digits.starts_with('0'),
            _ => false,
        };
        if !is_written_so || !digits.bytes().all(lower_hex) {
            return Err(NotRequestId);
        }
        u128::from_str_radix(digits, 16)
            .map(Self)
            .map_err(|_| NotRequestId)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a request ID of this gate: expected `req_` and 29 hexadecimal digits")]
pub struct NotRequestId;

#[cfg(test)]
mod tests;
