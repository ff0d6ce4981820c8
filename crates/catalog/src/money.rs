//! Amounts of money: whole nano-dollars in storage, exact decimals in arithmetic.
//!
//! A nano-dollar is the price of one token at $0.001 per million, so charges keep every digit that
//! matters, and the largest amount (nine billion dollars) is out of reach.
//! Not here: what a token costs ([`crate::price`]).

use std::fmt;

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
