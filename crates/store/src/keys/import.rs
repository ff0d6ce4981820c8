//! Keys that were made elsewhere, taken over with their texts: all of them or none.
//!
//! One transaction tries them in their order, so that each is judged by what those before it did, and a trial run
//! judges exactly as the real one.

use tollgate_catalog::money::Money;
use tollgate_ledger::{ApiKey, KeyHash};

use super::{CreateKeyError, NewKey, live_key, raise_version};
use crate::{
    accounts::{AccountSettings, ChangeAccountError, CreateAccountError, NewAccount, account_named},
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
    pub key: ApiKey,
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

impl Store {
    /// Takes keys over, and makes those of their accounts that are not there, without credit unless they bring some.
    ///
    /// Nothing is written where one of them is at fault, nor unless `for_good`; what would have become of each is told
    /// all the same, in their order.
    pub async fn import_keys(
        &self,
        keys: Vec<ImportedKey>,
        for_good: bool,
    ) -> Result<Vec<Result<Imported, ImportFault>>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        // First and in this order, since these are the rows that make writers wait for each other.
        raise_ledger_version(&mut transaction).await?;
        raise_version(&mut transaction).await?;
        let mut done = Vec::with_capacity(keys.len());
        for key in keys {
            done.push(self.import(&mut transaction, key).await?);
        }
        if for_good && done.iter().all(Result::is_ok) {
            transaction.commit().await?;
        }
        Ok(done)
    }

    async fn import(
        &self,
        transaction: &mut Transaction,
        imported: ImportedKey,
    ) -> Result<Result<Imported, ImportFault>, StoreError> {
        let ImportedKey { key, balance } = imported;
        if live_key(transaction, &key.name).await?.is_some() {
            return Ok(Err(ImportFault::NameTaken));
        }
        if let Some(name) = name_of(transaction, &key.text.hash).await? {
            return Ok(Err(ImportFault::TextTaken { name }));
        }
        let account = key.settings.account.clone();
        let made_account = match account_named(transaction, &account).await {
            Ok(_) if balance.is_some() => return Ok(Err(ImportFault::BalanceOfKnownAccount { account })),
            Ok(_) => false,
            Err(ChangeAccountError::Store(error)) => return Err(error),
            Err(_) => true,
        };
        if made_account {
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
            match self.add_credit(transaction, &account, &credit, key.created).await {
                Ok(_) => {}
                Err(ChangeAccountError::Store(error)) => return Err(error),
                Err(_) => return Ok(Err(ImportFault::BalanceTooLarge)),
            }
        }
        match self.add_key(transaction, key).await {
            Ok(key) => Ok(Ok(Imported { key, made_account })),
            Err(CreateKeyError::Store(error)) => Err(error),
            // Both were looked at above, in this transaction.
            Err(CreateKeyError::NameTaken { .. } | CreateKeyError::NoSuchAccount { .. }) => {
                Ok(Err(ImportFault::NameTaken))
            }
        }
    }
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
