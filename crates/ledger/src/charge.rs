//! What a request costs its operator, and what its client pays for it.
//!
//! The cost is what the catalogue says for the tokens that the provider counted; the charge is that by the
//! account's multiplier. Each is computed exactly and rounded up once to a nano-dollar.
//! Not here: the rates ([`tollgate_catalog::price`]), and how a charge is booked (`store`).

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollgate_catalog::{
    money::Money,
    price::{CostUnknown, Price, Spent},
};

/// How many times the price an account pays: `0` to `1000`, with at most four decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Multiplier(Decimal);

/// One answer's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// What the provider asks of the operator.
    pub cost: Money,
    /// What the client pays.
    pub charge: Money,
}

impl Charge {
    /// The money for an answer that was served at `at`: of all that was `spent` for it, each priced by itself.
    ///
    /// Exact for every cost below some $700,000. Fails where the price has no row for the tier, the day and
    /// the length of the prompt, and on counts that no answer can have.
    pub fn of(
        price: &Price,
        spent: &[Spent<'_>],
        at: Timestamp,
        multiplier: Multiplier,
    ) -> Result<Self, CostUnknown> {
        let tokens = |spent: &Spent<'_>| spent.usage.prompt.max(spent.usage.completion);
        let too_many = CostUnknown::TooManyTokens {
            tokens: spent.iter().map(tokens).max().unwrap_or_default(),
        };
        let mut dollars = Decimal::ZERO;
        for spent in spent {
            let cost = price.exact_cost(spent, at)?;
            dollars = dollars.checked_add(cost).ok_or_else(|| too_many.clone())?;
        }
        let rounded = |dollars: Option<Decimal>| {
            dollars
                .and_then(Money::from_dollars_rounded_up)
                .ok_or_else(|| too_many.clone())
        };
        Ok(Self {
            cost: rounded(Some(dollars))?,
            charge: rounded(dollars.normalize().checked_mul(multiplier.0))?,
        })
    }

    /// The same answer where the client pays nothing, since the provider's fault ended it.
    #[must_use]
    pub fn waived(self) -> Self {
        Self {
            charge: Money::ZERO,
            ..self
        }
    }
}

impl Multiplier {
    /// The price itself.
    pub const ONE: Self = Self(Decimal::ONE);

    /// So many times `amount`, rounded up. `None` beyond nine billion dollars.
    pub fn of(self, amount: Money) -> Option<Money> {
        Money::from_dollars_rounded_up(amount.dollars().checked_mul(self.0)?)
    }
}

impl Default for Multiplier {
    fn default() -> Self {
        Self::ONE
    }
}

impl FromStr for Multiplier {
    type Err = NotMultiplier;

    /// Reads a number such as `1.15`.
    fn from_str(text: &str) -> Result<Self, NotMultiplier> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let times = Decimal::from_str_exact(text).ok().filter(|_| plain);
        times
            .map(|times| times.normalize())
            .filter(|times| *times <= Decimal::ONE_THOUSAND && times.scale() <= 4)
            .map(Self)
            .ok_or(NotMultiplier)
    }
}

impl fmt::Display for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 0 to 1000 with at most four decimal places, such as 1.15")]
pub struct NotMultiplier;

#[cfg(test)]
mod tests;
