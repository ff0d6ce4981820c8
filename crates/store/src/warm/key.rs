//! A key in memory: what the stations of a request ask of it.
//!
//! Not here: how it is found and read ([`super`]).

use std::sync::Arc;

use jiff::Timestamp;
use tollgate_catalog::money::Money;
use tollgate_ledger::{
    AccountId, ApiKey, Histories, Holder, Limits, Made, Meters, Unusable,
    charge::Multiplier,
    limits::{Bounded, Funds, Owner},
    spending::Spending,
};

use super::known::State;

/// A key in use, with its account's limits and what is counted of both.
#[derive(Debug)]
pub struct WarmKey {
    pub key: ApiKey,
    /// First moment at which the text that was presented is of no more use.
    pub(super) text_ends: Option<Timestamp>,
    pub account: AccountId,
    /// When both were made.
    pub made: Made,
    pub(super) account_limits: Limits,
    /// What the account was given, less corrections; `None`: it may spend what it does not have.
    pub(super) account_credit: Option<Money>,
    /// How many times the price the account pays.
    pub multiplier: Multiplier,
    /// The same counts however often the key is read anew.
    pub(super) meters: Meters,
    pub(super) account_meters: Meters,
    pub(super) spending: Arc<Spending>,
    pub(super) account_spending: Arc<Spending>,
    /// How long the answers of each model were.
    pub histories: Arc<Histories>,
    /// The state of the tables that it was read from.
    pub(super) state: State,
}

impl WarmKey {
    /// Whether the key may be used at `now`, by the text that was presented.
    pub fn usable(&self, now: Timestamp) -> Result<(), Unusable> {
        self.key.usable(now)?;
        match self.text_ends {
            Some(end) if end <= now => Err(Unusable::Replaced),
            _ => Ok(()),
        }
    }

    /// Who it is to whatever outlasts the database.
    pub fn holder(&self) -> Holder {
        Holder::new(self.key.id, self.made.key)
    }

    /// Whether a limit on rates or on requests at once bounds it, its own or its account's.
    pub fn is_limited(&self) -> bool {
        self.key.settings.limits.bound_requests() || self.account_limits.bound_requests()
    }

    /// Whose limits bound it.
    pub fn owners(&self) -> [Bounded<'_>; 2] {
        [
            Bounded {
                owner: Owner::Key,
                limits: &self.key.settings.limits,
                meters: &self.meters,
            },
            Bounded {
                owner: Owner::Account,
                limits: &self.account_limits,
                meters: &self.account_meters,
            },
        ]
    }

    /// Whether a budget or credit bounds what it spends.
    pub fn counts_money(&self) -> bool {
        self.funds().iter().any(Funds::are_bounded)
    }

    /// Whether how long its answers are decides about what is held.
    pub fn is_held_to_limits(&self) -> bool {
        self.is_limited() || self.counts_money()
    }

    /// What it may spend, and has spent.
    pub fn funds(&self) -> [Funds<'_>; 2] {
        [
            Funds {
                owner: Owner::Key,
                spending: &self.spending,
                budget: self.key.settings.limits.budget,
                credit: None,
            },
            Funds {
                owner: Owner::Account,
                spending: &self.account_spending,
                budget: self.account_limits.budget,
                credit: self.account_credit,
            },
        ]
    }
}
