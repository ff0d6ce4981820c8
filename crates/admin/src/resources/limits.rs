//! Limits of accounts and keys, as they are written and read.

use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer, Serialize, de};
use tollgate_catalog::money::Money;
use tollgate_ledger::{Budget, Limits, PerMinute, Period};
use utoipa::ToSchema;

use crate::{
    error::AdminError,
    field::{Object, Text, given, set},
};

/// Bounds; null: there is none.
#[derive(Serialize, ToSchema)]
#[schema(as = Limits)]
pub(crate) struct LimitsShown {
    requests_per_minute: Option<u32>,
    /// Of prompts and answers together.
    tokens_per_minute: Option<u32>,
    /// Most requests at once.
    concurrency: Option<u32>,
    budget: Option<BudgetShown>,
}

/// How much may be spent, and in what time.
#[derive(Serialize, ToSchema)]
#[schema(as = Budget)]
pub(crate) struct BudgetShown {
    /// Dollars.
    #[schema(example = "25.00")]
    amount: String,
    /// `total`, `day` or `month`.
    #[schema(example = "month")]
    per: &'static str,
}

impl From<&Limits> for LimitsShown {
    fn from(limits: &Limits) -> Self {
        Self {
            requests_per_minute: limits.requests_per_minute.map(PerMinute::get),
            tokens_per_minute: limits.tokens_per_minute.map(PerMinute::get),
            concurrency: limits.concurrency.map(NonZeroU32::get),
            budget: limits.budget.map(|budget| BudgetShown {
                amount: budget.amount.to_string(),
                per: budget.per.as_str(),
            }),
        }
    }
}

/// Bounds to set; null takes one away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    requests_per_minute: Option<Option<NonZeroU32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    tokens_per_minute: Option<Option<NonZeroU32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    concurrency: Option<Option<NonZeroU32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<BudgetChange>)]
    budget: Option<Option<Object<BudgetChange>>>,
}

/// What is left out of it stays; a new budget's time is `total`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetChange {
    /// Dollars.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String, example = "25.00")]
    amount: Option<Text<Money>>,
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String, example = "month")]
    per: Option<Text<Period>>,
}

/// Limits to change. Null might mean to take all of them away, and is too much for a slip.
pub(super) fn limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LimitsChange, D::Error> {
    match Option::<Object<LimitsChange>>::deserialize(deserializer)? {
        Some(Object(limits)) => Ok(limits),
        None => Err(de::Error::custom(
            "null is none of its values; null at a limit takes that one away, such as {\"concurrency\": null}, and \
             without `limits` all stay",
        )),
    }
}

impl LimitsChange {
    /// Changes what was asked for, and leaves the rest.
    pub(crate) fn change(&self, limits: &mut Limits) -> Result<(), AdminError> {
        let per_minute = |limit: Option<NonZeroU32>| limit.map(PerMinute::new);
        if let Some(limit) = self.requests_per_minute {
            limits.requests_per_minute = per_minute(limit);
        }
        if let Some(limit) = self.tokens_per_minute {
            limits.tokens_per_minute = per_minute(limit);
        }
        if let Some(limit) = self.concurrency {
            limits.concurrency = limit;
        }
        match &self.budget {
            None => {}
            Some(None) => limits.budget = None,
            Some(Some(Object(budget))) => limits.budget = Some(budget.over(limits.budget)?),
        }
        Ok(())
    }
}

impl BudgetChange {
    fn over(&self, before: Option<Budget>) -> Result<Budget, AdminError> {
        let amount = self.amount.as_ref().map(|Text(amount)| *amount);
        let amount = amount.or(before.map(|budget| budget.amount));
        let per = self.per.as_ref().map(|Text(per)| *per);
        let budget = Budget {
            amount: amount.ok_or_else(|| AdminError::value("limits.budget.amount", "is required"))?,
            per: per.or(before.map(|budget| budget.per)).unwrap_or_default(),
        };
        match budget.amount > Money::ZERO {
            true => Ok(budget),
            false => Err(AdminError::value(
                "limits.budget.amount",
                "a budget is more than nothing",
            )),
        }
    }
}
