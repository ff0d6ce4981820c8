//! Limits on the command line: the same ones for keys and accounts.

use std::num::NonZeroU32;

use clap::Args;
use serde::Serialize;
use tollgate_catalog::money::Money;
use tollgate_ledger::{Budget, Limits, PerMinute, Period};

use super::value::{Lifted, or_none};
use crate::error::CliError;

/// Limits to set; `none` lifts one.
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// Most requests a minute, and at once after a minute of silence, or none
    #[arg(long, value_name = "N", value_parser = or_none::<PerMinute>)]
    requests_per_minute: Option<Lifted<PerMinute>>,
    /// Most tokens a minute, of prompts and answers together, or none
    #[arg(long, value_name = "N", value_parser = or_none::<PerMinute>)]
    tokens_per_minute: Option<Lifted<PerMinute>>,
    /// Most requests at once, or none
    #[arg(long, value_name = "N", value_parser = or_none::<NonZeroU32>)]
    concurrency: Option<Lifted<NonZeroU32>>,
    /// Most dollars to spend, such as 25.00, or none
    #[arg(long, value_name = "DOLLARS", value_parser = budget)]
    budget: Option<Lifted<Money>>,
    /// What the budget is for: total, day or month; a new budget's is total
    #[arg(long, value_name = "PERIOD")]
    budget_per: Option<Period>,
}

fn budget(text: &str) -> Result<Lifted<Money>, String> {
    let amount: Lifted<Money> = or_none(text)?;
    match amount.0 {
        Some(amount) if amount <= Money::ZERO => Err("a budget is more than nothing".to_owned()),
        _ => Ok(amount),
    }
}

impl LimitArgs {
    pub fn is_empty(&self) -> bool {
        let Self {
            requests_per_minute,
            tokens_per_minute,
            concurrency,
            budget,
            budget_per,
        } = self;
        requests_per_minute.is_none()
            && tokens_per_minute.is_none()
            && concurrency.is_none()
            && budget.is_none()
            && budget_per.is_none()
    }

    /// Changes what was asked for, and leaves the rest.
    pub fn change(&self, limits: &mut Limits) -> Result<(), CliError> {
        if let Some(Lifted(limit)) = self.requests_per_minute {
            limits.requests_per_minute = limit;
        }
        if let Some(Lifted(limit)) = self.tokens_per_minute {
            limits.tokens_per_minute = limit;
        }
        if let Some(Lifted(limit)) = self.concurrency {
            limits.concurrency = limit;
        }
        if let Some(Lifted(amount)) = self.budget {
            let per = limits.budget.map(|budget| budget.per).unwrap_or_default();
            limits.budget = amount.map(|amount| Budget { amount, per });
        }
        match (self.budget_per, &mut limits.budget) {
            (None, _) => Ok(()),
            (Some(per), Some(budget)) => {
                budget.per = per;
                Ok(())
            }
            (Some(_), None) => Err(CliError::PeriodWithoutBudget),
        }
    }
}

/// Limits as `--json` shows them.
#[derive(Serialize)]
pub struct LimitRow {
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u32>,
    concurrency: Option<NonZeroU32>,
    /// In dollars.
    budget: Option<String>,
    budget_per: Option<&'static str>,
}

impl From<&Limits> for LimitRow {
    fn from(limits: &Limits) -> Self {
        Self {
            requests_per_minute: limits.requests_per_minute.map(PerMinute::get),
            tokens_per_minute: limits.tokens_per_minute.map(PerMinute::get),
            concurrency: limits.concurrency,
            budget: limits.budget.map(|budget| budget.amount.to_string()),
            budget_per: limits.budget.map(|budget| budget.per.as_str()),
        }
    }
}

/// Limits in a few words.
pub fn in_words(limits: &Limits) -> String {
    let words = [
        limits
            .requests_per_minute
            .map(|limit| format!("{limit} requests/min")),
        limits
            .tokens_per_minute
            .map(|limit| format!("{limit} tokens/min")),
        limits.concurrency.map(|limit| format!("{limit} at once")),
        limits.budget.map(|budget| match budget.per {
            Period::Total => format!("${}", budget.amount),
            Period::Day => format!("${}/day", budget.amount),
            Period::Month => format!("${}/month", budget.amount),
        }),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    match words.is_empty() {
        true => "none".to_owned(),
        false => words.join(", "),
    }
}
