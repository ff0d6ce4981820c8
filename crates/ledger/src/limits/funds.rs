//! Whether there is money for a request: the budgets of its key and of the key's account, and the account's credit.
//!
//! All or nothing, and nothing waits: what one gave is given back when another refuses.
//! Not here: how much a request needs ([`crate::reservation`]).

use jiff::Timestamp;
use tollgate_catalog::money::Money;

use super::{Budget, Owner, Period};
use crate::{
    purse::{Hold, Purse, Short},
    spending::Spending,
};

/// What one owner may spend, and has spent.
#[derive(Debug, Clone, Copy)]
pub struct Funds<'a> {
    pub owner: Owner,
    pub spending: &'a Spending,
    pub budget: Option<Budget>,
    /// What the owner was given, less corrections; `None`: it may spend what it does not have.
    pub credit: Option<Money>,
}

/// Which bound on money it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fund {
    Budget(Period),
    Credit,
}

/// Why a request may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMoney {
    pub owner: Owner,
    pub fund: Fund,
    pub short: Short,
    /// How much was to be held.
    pub wanted: Money,
    /// Whether all of the fund is spent, so that no smaller request would fit.
    pub is_used_up: bool,
}

/// How an amount stands that bounds what is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub most: Money,
    pub spent: Money,
    /// Spent, or held by requests under way.
    pub used: Money,
}

impl Standing {
    fn of(most: Money, purse: &Purse) -> Self {
        Self {
            most,
            spent: purse.spent(),
            used: purse.used(),
        }
    }

    /// By requests under way.
    pub fn held(&self) -> Money {
        Money::from_nanos(self.used.nanos().saturating_sub(self.spent.nanos()).max(0))
    }

    /// What is not spent; below zero after an overrun.
    pub fn left(&self) -> Money {
        Money::from_nanos(self.most.nanos().saturating_sub(self.spent.nanos()))
    }
}

impl Fund {
    /// The time that it is for.
    pub fn period(self) -> Period {
        match self {
            Self::Budget(per) => per,
            Self::Credit => Period::Total,
        }
    }
}

impl Funds<'_> {
    /// How the budget stands, and what it is for.
    pub fn budget_standing(&self, now: Timestamp) -> Option<(Period, Standing)> {
        let Budget { amount, per } = self.budget?;
        Some((per, Standing::of(amount, &self.spending.purse(per, now))))
    }

    /// How credit stands, where it bounds anything.
    pub fn credit_standing(&self, now: Timestamp) -> Option<Standing> {
        let purse = self.spending.purse(Period::Total, now);
        self.credit.map(|credit| Standing::of(credit, &purse))
    }

    /// Whether anything bounds what is spent.
    pub fn are_bounded(&self) -> bool {
        self.budget.is_some() || self.credit.is_some()
    }

    fn bounds(&self) -> impl Iterator<Item = (Fund, Period, Money)> {
        let budget = self
            .budget
            .map(|budget| (Fund::Budget(budget.per), budget.per, budget.amount));
        let credit = self.credit.map(|credit| (Fund::Credit, Period::Total, credit));
        budget.into_iter().chain(credit)
    }
}

/// Holds `amount` wherever the owners are bounded, or nowhere.
pub fn hold(owners: &[Funds<'_>], amount: Money, now: Timestamp) -> Result<Vec<Hold>, NoMoney> {
    let mut holds = Vec::new();
    for funds in owners {
        let mut of_total = false;
        for (fund, per, most) in funds.bounds() {
            let purse = funds.spending.purse(per, now);
            // Credit and a budget for all time bound the same purse, of which the amount is held once.
            let wanted = match per == Period::Total && of_total {
                true => Money::ZERO,
                false => amount,
            };
            let held = purse.hold(wanted, most).map_err(|short| NoMoney {
                owner: funds.owner,
                fund,
                short,
                wanted,
                is_used_up: purse.spent() >= most,
            })?;
            of_total |= per == Period::Total;
            holds.push(held);
        }
    }
    Ok(holds)
}

/// The refusal of an amount that no number can hold: the first bound that there is.
pub fn beyond_all_money(owners: &[Funds<'_>]) -> NoMoney {
    let bounds = owners
        .iter()
        .flat_map(|funds| funds.bounds().map(|(fund, ..)| (funds.owner, fund)));
    let (owner, fund) = bounds
        .into_iter()
        .next()
        .unwrap_or((Owner::Account, Fund::Credit));
    NoMoney {
        owner,
        fund,
        short: Short::Spent,
        wanted: Money::from_nanos(i64::MAX),
        is_used_up: false,
    }
}

#[cfg(test)]
mod tests;
