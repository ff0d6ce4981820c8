//! Whether there is money for a request: the budgets of its key and of the key's account, and the account's credit.
//!
//! All or nothing, and nothing waits: what one gave is given back when another refuses.
//! Not here: how much a request needs ([`crate::reservation`]).

use jiff::Timestamp;
use tollgate_catalog::money::Money;

use super::{Budget, Owner, Period};
use crate::{
    purse::{Hold, Short},
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
}

impl Funds<'_> {
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
    }
}

#[cfg(test)]
mod tests;
