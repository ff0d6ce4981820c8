//! Keys that were made elsewhere, taken over with their texts: all of them or none.
//!
//! They are judged in their order, each by what those before it will have done, before anything is written: so a trial run
//! judges exactly as the real one, and only reads.

use std::collections::{HashMap, HashSet};

use tollgate_catalog::money::Money;
use tollgate_ledger::{KeyHash, KeyPrefix};

use super::{CreateKeyError, NewKey, account_id, raise_version};
use crate::{
    accounts::{AccountSettings, ChangeAccountError, CreateAccountError, NewAccount},
    credit::{NewCredit, raise_ledger_version},
    database::{Store, connection::Transaction},
    error::StoreError,
};

/// Why credit is in the ledger that came with a key.
const NOTE: &str = "balance when imported";

/// A key to take over.
#[derive(Debug, Clone)]
pub struct ImportedKey {
    pub key: NewKey,
    /// What its account begins with, which is made for it.
    pub balance: Option<Money>,
}

/// What became of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub name: String,
    /// How its text begins.
    pub prefix: KeyPrefix,
    pub account: String,
    /// Whether its account was made for it.
    pub made_account: bool,
}

/// Why a key cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportFault {
    #[error("there is a key of this name already")]
    NameTaken,
    #[error("the same key is here already, as `{name}`")]
    TextTaken { name: String },
    #[error("`balance` is for accounts that are made by this line, and `{account}` is there already")]
    BalanceOfKnownAccount { account: String },
    #[error("`balance` is too large")]
    BalanceTooLarge,
}

/// What keys before it in the file would have made, which the database does not have.
#[derive(Default)]
struct Before {
    names: HashSet<String>,
    /// The names of keys by the hashes of their texts.
    texts: HashMap<KeyHash, String>,
    accounts: HashSet<String>,
}

impl Store {
    /// Takes keys over, and makes those of their accounts that are not there, without credit unless they bring some.
    ///
    /// Nothing is written where one of them is at fault, nor unless `for_good`; what would have become of each is told
    /// all the same, in their order. Where it is not for good, other writers do not wait for it.
    pub async fn import_keys(
        &self,
        keys: Vec<ImportedKey>,
        for_good: bool,
    ) -> Result<Vec<Result<Imported, ImportFault>>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        if for_good {
            // First and in this order, since these are the rows that make writers wait for each other.
            raise_ledger_version(&mut transaction).await?;
            raise_version(&mut transaction).await?;
        }
        let mut before = Before::default();
        let mut done = Vec::with_capacity(keys.len());
        for key in &keys {
            done.push(judge(&mut transaction, &mut before, key).await?);
        }
        if for_good && done.iter().all(Result::is_ok) {
            for (key, done) in keys.into_iter().zip(&mut done) {
                if let Err(fault) = self.import(&mut transaction, key).await? {
                    *done = Err(fault);
                }
            }
            if done.iter().all(Result::is_ok) {
                transaction.commit().await?;
            }
        }
        Ok(done)
    }

    async fn import(
        &self,
        transaction: &mut Transaction,
        imported: ImportedKey,
    ) -> Result<Result<(), ImportFault>, StoreError> {
        let ImportedKey { key, balance } = imported;
        let account = &key.settings.account;
        if account_id(transaction, account).await?.is_none() {
            let new = NewAccount {
                name: account.clone(),
                created: key.created,
                settings: AccountSettings::default(),
            };
            match self.add_account(transaction, new).await {
                Ok(_) | Err(CreateAccountError::NameTaken { .. }) => {}
                Err(CreateAccountError::Store(error)) => return Err(error),
            }
        }
        if let Some(amount) = balance.filter(|balance| *balance != Money::ZERO) {
            let credit = NewCredit {
                note: Some(NOTE),
                ..NewCredit::of(amount)
            };
            match self.add_credit(transaction, account, &credit, key.created).await {
                Ok(_) => {}
                Err(ChangeAccountError::Store(error)) => return Err(error),
                Err(_) => return Ok(Err(ImportFault::BalanceTooLarge)),
            }
        }
        match self.add_key(transaction, key).await {
            Ok(_) => Ok(Ok(())),
            Err(CreateKeyError::Store(error)) => Err(error),
            // Both were looked at above, in this transaction.
            Err(CreateKeyError::NameTaken { .. } | CreateKeyError::NoSuchAccount { .. }) => {
                Ok(Err(ImportFault::NameTaken))
            }
        }
    }
}

/// Whether a key can be taken over once those before it are there. Writes nothing.
async fn judge(
    transaction: &mut Transaction,
    before: &mut Before,
    imported: &ImportedKey,
) -> Result<Result<Imported, ImportFault>, StoreError> {
    let ImportedKey { key, balance } = imported;
    let NewKey {
        name, text, settings, ..
    } = key;
    if before.names.contains(name) || is_live(transaction, name).await? {
        return Ok(Err(ImportFault::NameTaken));
    }
    let has_text = match before.texts.get(&text.hash) {
        Some(name) => Some(name.clone()),
        None => name_of(transaction, &text.hash).await?,
    };
    if let Some(name) = has_text {
        return Ok(Err(ImportFault::TextTaken { name }));
    }
    let account = &settings.account;
    let is_known = before.accounts.contains(account) || account_id(transaction, account).await?.is_some();
    if is_known && balance.is_some() {
        let account = account.clone();
        return Ok(Err(ImportFault::BalanceOfKnownAccount { account }));
    }
    before.names.insert(name.clone());
    before.texts.insert(text.hash, name.clone());
    before.accounts.insert(account.clone());
    Ok(Ok(Imported {
        name: name.clone(),
        prefix: text.prefix.clone(),
        account: account.clone(),
        made_account: !is_known,
    }))
}

/// Whether a key that is not revoked has the name.
async fn is_live(transaction: &mut Transaction, name: &str) -> Result<bool, sqlx::Error> {
    let found: Option<(i64,)> = transaction
        .query("SELECT id FROM api_keys WHERE name = $1 AND revoked_at IS NULL")
        .bind(name)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// The name of the key that has or had this text.
async fn name_of(transaction: &mut Transaction, hash: &KeyHash) -> Result<Option<String>, sqlx::Error> {
    let found: Option<(String,)> = transaction
        .query(
            "SELECT api_keys.name FROM api_key_texts AS texts JOIN api_keys ON api_keys.id = texts.key_id
         WHERE texts.hash = $1",
        )
        .bind(hash.as_bytes().as_slice())
        .fetch_optional()
        .await?;
    Ok(found.map(|(name,)| name))
}

#[cfg(test)]
mod tests;
