//! Whose requests are, in this database.
//!
//! A record names its account and key by their numbers and by the moments at which they were made. A database that was
//! restored from a copy does not have those that were made after it, and gives their numbers to others: what they did
//! belongs to nobody here, and is booked under their numbers below zero, which are nobody's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tollgate_ledger::{AccountId, KeyId, UsageRecord};
use tracing::warn;

use super::NewRecord;
use crate::{database::connection::Transaction, stored::made_us};

/// Numbers that are looked up by one statement.
const AT_ONCE: usize = 8;

/// The accounts and keys of some records that are in the database, and when they were made, in microseconds.
pub(super) struct Whose {
    accounts: HashMap<i64, i64>,
    keys: HashMap<i64, i64>,
}

impl Whose {
    pub(super) async fn look_up(
        connection: &mut Transaction,
        records: &[UsageRecord<'_>],
    ) -> Result<Self, sqlx::Error> {
        const ACCOUNTS: &str =
            "SELECT id, created_at_us, created_at FROM accounts WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8)";
        const KEYS: &str =
            "SELECT id, created_at_us, created_at FROM api_keys WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8)";
        let accounts = records.iter().map(|record| record.account.get()).collect();
        let keys = records.iter().map(|record| record.key.get()).collect();
        Ok(Self {
            accounts: made(connection, ACCOUNTS, accounts).await?,
            keys: made(connection, KEYS, keys).await?,
        })
    }

    /// The record's account and key; those that are not in the database as the books name such.
    pub(super) fn of(&self, record: &UsageRecord<'_>) -> (AccountId, KeyId) {
        let account = self.accounts.get(&record.account.get());
        let key = self.keys.get(&record.key.get());
        let (has_account, has_key) = match record.made {
            Some(made) => (
                account == Some(&made.account.as_microsecond()),
                key == Some(&made.key.as_microsecond()),
            ),
            // Of an earlier version: there is only the number to go by.
            None => (account.is_some(), account.is_some()),
        };
        (
            match has_account {
                true => record.account,
                false => record.account.missing(),
            },
            match has_key {
                true => record.key,
                false => record.key.missing(),
            },
        )
    }
}

async fn made(
    connection: &mut Transaction,
    text: &'static str,
    numbers: BTreeSet<i64>,
) -> Result<HashMap<i64, i64>, sqlx::Error> {
    let numbers: Vec<i64> = numbers.into_iter().collect();
    let mut found = HashMap::with_capacity(numbers.len());
    for some in numbers.chunks(AT_ONCE) {
        let mut query = connection.query(text);
        // Always as many, so that the text stays the same.
        for number in some.iter().cycle().take(AT_ONCE) {
            query = query.bind(*number);
        }
        let rows: Vec<(i64, Option<i64>, Option<i64>)> = query.fetch_all().await?;
        found.extend(
            rows.into_iter()
                .map(|(number, micros, seconds)| (number, made_us(micros, seconds))),
        );
    }
    Ok(found)
}

/// Says which records are of accounts and keys that are not in the database.
pub(super) fn tell_missing(new: &[NewRecord<'_>]) {
    let mut keys: BTreeMap<KeyId, usize> = BTreeMap::new();
    for record in new {
        match record.account.had_number() {
            Some(_) => warn!(
                request_id = &*record.id,
                account_id = record.record.account.get(),
                key_id = record.record.key.get(),
                charge_nanos = record.record.charge.map(|charge| charge.nanos()),
                "a request is charged to nobody: its account is not in this database, which was restored from an older \
                 copy; `tollgate ledger verify` adds up what such accounts owe"
            ),
            None if record.key.had_number().is_some() => {
                *keys.entry(record.record.key).or_default() += 1;
            }
            None => {}
        }
    }
    for (key, requests) in keys {
        warn!(
            key_id = key.get(),
            requests,
            "requests are of a key that is not in this database, which was restored from an older copy; their account is \
             charged"
        );
    }
}

#[cfg(test)]
mod tests;
