//! `[accounting]`: how what is spent is counted.

use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::mistake::{Mistake, Mistakes};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct AccountingTable {
    time_zone: Option<Spanned<String>>,
}

/// How what is spent is counted, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounting {
    /// Where the days and months of budgets begin at midnight.
    pub time_zone: TimeZone,
}

impl Accounting {
    /// The fields that differ. None of them can change while the gate runs.
    pub fn differences(&self, running: &Self) -> Vec<&'static str> {
        match self.time_zone == running.time_zone {
            true => Vec::new(),
            false => vec!["accounting.time_zone"],
        }
    }
}

pub fn resolve(table: AccountingTable, mistakes: &mut Mistakes<'_>) -> Accounting {
    let named = |name: Spanned<String>| {
        TimeZone::get(name.get_ref()).unwrap_or_else(|_| {
            let start = name.span().start;
            let name = name.into_inner();
            mistakes.add(start, Mistake::UnknownTimeZone { name });
            TimeZone::UTC
        })
    };
    Accounting {
        time_zone: table.time_zone.map_or(TimeZone::UTC, named),
    }
}
