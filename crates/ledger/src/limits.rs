//! Bounds on what one API key, or all keys of one account, may do.
//!
//! [`admission`] asks all of them at once; each has a file of its own.

use std::{fmt, num::NonZeroU32, str::FromStr};

use tollgate_catalog::money::Money;

pub mod admission;
pub mod concurrency;
pub mod funds;
pub mod rate;

pub use admission::{
    Bounded, Expected, HeldRequests, HeldTokens, Limit, Meters, Owner, Places, Refusal, Standings, Taken,
    Unleased, admit, standings,
};
pub use concurrency::{InFlight, InFlightGuard, NoPlace};
pub use funds::{Fund, Funds, NoMoney};
pub use rate::{Rate, Sharing, Standing};

/// Bounds; `None`: there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub requests_per_minute: Option<PerMinute>,
    /// Of prompts and answers together.
    pub tokens_per_minute: Option<PerMinute>,
    /// Most requests at once.
    pub concurrency: Option<NonZeroU32>,
    pub budget: Option<Budget>,
}

impl Limits {
    /// Whether a request has to be asked for: whether there is a bound on rates or on requests at once.
    pub fn bound_requests(&self) -> bool {
        self.requests_per_minute.is_some() || self.tokens_per_minute.is_some() || self.concurrency.is_some()
    }
}

/// So many in any minute, and so many at once after a minute of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerMinute(NonZeroU32);

impl PerMinute {
    pub fn new(count: NonZeroU32) -> Self {
        Self(count)
    }

    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl FromStr for PerMinute {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for PerMinute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much may be spent, and in what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub amount: Money,
    pub per: Period,
}

/// The time that a budget is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Period {
    /// All of it.
    #[default]
    Total,
    Day,
    Month,
}

impl Period {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl FromStr for Period {
    type Err = NotPeriod;

    fn from_str(text: &str) -> Result<Self, NotPeriod> {
        match text {
            "total" => Ok(Self::Total),
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => Err(NotPeriod),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `total`, `day` or `month`")]
pub struct NotPeriod;
