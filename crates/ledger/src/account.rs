//! Accounts: who owns API keys, and pays for what they do.
//!
//! Not here: how credit is spent.

use std::fmt;

use jiff::Timestamp;
use tollgate_catalog::money::Money;

use crate::{charge::Multiplier, limits::Limits};

/// An account's number in the database: above zero, and of no other account of it. A database that was restored from a
/// copy gives the numbers of later accounts once more ([`crate::Made`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(i64);

impl AccountId {
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    pub fn get(self) -> i64 {
        self.0
    }

    /// As the books name an account that their database does not have: by its number below zero, which no account gets.
    #[must_use]
    pub fn missing(self) -> Self {
        Self(below_zero(self.0))
    }

    /// The number that it had, where the books name it so.
    pub fn had_number(self) -> Option<u64> {
        (self.0 < 0).then(|| self.0.unsigned_abs())
    }
}

/// The same number below zero.
pub(crate) fn below_zero(number: i64) -> i64 {
    number.checked_abs().map_or(i64::MIN, |number| -number.max(1))
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    /// No two accounts have the same.
    pub name: String,
    /// `None`: it came with the database.
    pub created: Option<Timestamp>,
    /// Whether it may spend what it does not have.
    pub unlimited: bool,
    /// Credit given, less what was charged; below zero where more was used up than could be foreseen.
    pub balance: Money,
    /// How many times the price it pays.
    pub multiplier: Multiplier,
    /// Bounds on all of its keys together.
    pub limits: Limits,
}

impl Account {
    /// Owns the keys for which no account was named. It is always there, and unlimited.
    pub const DEFAULT: &str = "default";
}
