//! How much is held for a request before it is sent.
//!
//! [`Reserve::Expected`](crate::Reserve::Expected) is what it will probably cost, so that nobody is refused
//! for money that will not be spent; what it costs beyond that is an overrun. [`Reserve::Full`](crate::Reserve::Full)
//! is the most that it can cost at a provider that keeps to the limits.
//! Not here: which channels may be used; the caller holds the most of all of them.

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollgate_catalog::{
    money::Money,
    price::{PerMillion, Price, PriceRow, Rates},
};

/// Tokens that are held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeldTokens {
    pub prompt: u64,
    pub output: u64,
}

/// What is known of a request before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The prompt, estimated.
    pub prompt_tokens: u64,
    /// The most tokens that the prompt can have: no text has more of them than bytes.
    pub prompt_most: u64,
    /// What the client, the channel and the model allow an answer, thinking included.
    pub output_limit: u64,
    /// What answers came to of late.
    pub output_expected: u64,
    /// Choices asked for.
    pub choices: u64,
    /// Requests that the choices are asked for in; each reads the prompt.
    pub readings: u64,
}

impl Request {
    /// What it will probably use.
    pub fn expected(&self) -> HeldTokens {
        HeldTokens {
            prompt: self.prompt_tokens.saturating_mul(self.readings),
            output: self
                .output_expected
                .min(self.output_limit)
                .saturating_mul(self.choices),
        }
    }

    /// The most that it can use. Never less than what is expected, which is what is charged where nobody counts.
    pub fn full(&self) -> HeldTokens {
        HeldTokens {
            prompt: self
                .prompt_most
                .max(self.prompt_tokens)
                .saturating_mul(self.readings),
            output: self.output_limit.saturating_mul(self.choices),
        }
    }
}

/// The most that so many tokens of a request that came at `at` can cost: each at the dearest rate that can decide then,
/// of any class, length of prompt and tier. Nothing where none can: nobody is charged what has no price. `None` where it
/// is beyond nine billion dollars.
pub fn most(price: &Price, tokens: HeldTokens, at: Timestamp) -> Option<Money> {
    let rows: Vec<&PriceRow> = price.rows_at(at).collect();
    let rates = || rows.iter().map(|row| &row.rates);
    let prompt = rates().flat_map(prompt_rates).max().unwrap_or_default();
    let output = rates().flat_map(output_rates).max().unwrap_or_default();
    let cost = |rate: Decimal, tokens: u64| rate.checked_mul(Decimal::from(tokens));
    let per_million = cost(prompt, tokens.prompt)?.checked_add(cost(output, tokens.output)?)?;
    Money::from_dollars_rounded_up(per_million / Decimal::from(1_000_000))
}

fn prompt_rates(rates: &Rates) -> impl Iterator<Item = Decimal> {
    let named = [
        rates.cached_input,
        rates.cache_write_5m,
        rates.cache_write_1h,
        rates.audio_input,
    ];
    dollars(rates.input, named)
}

fn output_rates(rates: &Rates) -> impl Iterator<Item = Decimal> {
    let named = [rates.reasoning, rates.image_output, rates.audio_output];
    dollars(rates.output, named)
}

fn dollars<const N: usize>(
    plain: PerMillion,
    named: [Option<PerMillion>; N],
) -> impl Iterator<Item = Decimal> {
    named
        .into_iter()
        .flatten()
        .chain([plain])
        .map(PerMillion::dollars)
}

#[cfg(test)]
mod tests;
