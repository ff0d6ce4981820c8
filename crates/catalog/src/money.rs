//! Amounts of money: whole nano-dollars in storage, exact decimals in arithmetic.
//!
//! A nano-dollar is the price of one token at $0.001 per million, so charges keep every digit that
//! matters, and the largest amount (nine billion dollars) is out of reach.
//! Not here: what a token costs ([`crate::price`]).

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, prelude::ToPrimitive};

const NANOS_PER_DOLLAR: i64 = 1_000_000_000;
/// Decimal places of a nano-dollar.
const SCALE: u32 = 9;

/// An amount in whole nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    pub const ZERO: Self = Self(0);

    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The least amount that is not below `dollars`. `None` beyond nine billion dollars.
    pub fn from_dollars_rounded_up(dollars: Decimal) -> Option<Self> {
        dollars
            .checked_mul(Decimal::from(NANOS_PER_DOLLAR))?
            .ceil()
            .to_i64()
            .map(Self)
    }

    pub fn dollars(self) -> Decimal {
        Decimal::new(self.0, SCALE)
    }
}

impl FromStr for Money {
    type Err = NotMoney;

    /// Reads an amount in dollars, such as `25.00`, exactly.
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
        let dollars = Decimal::from_str_exact(text).ok().filter(|_| plain);
        let nanos = dollars
            .ok_or(NotMoney::NotAnAmount)?
            .checked_mul(Decimal::from(NANOS_PER_DOLLAR))
            .ok_or(NotMoney::TooLarge)?;
        if !nanos.is_integer() {
            return Err(NotMoney::TooFine);
        }
        nanos.to_i64().map(Self).ok_or(NotMoney::TooLarge)
    }
}

/// Why a text is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotMoney {
    #[error("an amount in dollars is written as 25 or 25.00")]
    NotAnAmount,
    #[error("an amount in dollars has at most nine decimal places")]
    TooFine,
    #[error("that is more than nine billion dollars")]
    TooLarge,
}

impl fmt::Display for Money {
    /// Dollars with every digit that is not a trailing zero, and at least two: `1.23`, `0.000187`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dollars = self.dollars().normalize();
        if dollars.scale() < 2 {
            dollars.rescale(2);
        }
        write!(f, "{dollars}")
    }
}

#[cfg(test)]
mod tests;
