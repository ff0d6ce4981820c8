//! What outlives a request: the database, what is kept of it in memory, the books' way into it, and what gates share in
//! Redis.
//!
//! Nothing of the database library leaves this crate: functions take and return the types of
//! `ledger`. Queries stand in the file of their table, one text for every database.
//! Not here: what the values mean (`ledger`), and what a client sees when a look-up fails
//! (`gateway`).

mod accounts;
mod audit;
mod backup;
mod channels;
mod claim;
mod credit;
pub mod data_dir;
mod database;
mod error;
mod installation;
mod keys;
mod leases;
mod lock_file;
mod operators;
mod prices;
pub mod redis;
mod retention;
pub mod sealed;
pub mod spool;
mod stored;
#[cfg(test)]
mod test_database;
mod url;
mod usage;
pub mod warm;

pub use crate::redis::{Redis, RedisUrl, RedisUrlError};
pub use accounts::{
    AccountSettings, AccountsWithoutCredit, ChangeAccountError, CreateAccountError, NewAccount,
};
pub use audit::{Actor, AuditEntry, AuditFilter, Resource};
pub use backup::{Backup, BackupError};
pub use channels::{ChangeChannelError, ChannelsVersion, StoredChannel};
pub use claim::{Claim, ClaimError};
pub use credit::{Credited, Discrepancy, LedgerEntry, NewCredit, Verified};
pub use data_dir::{DataDirError, DataDirLock};
pub use database::{DatabaseLock, DatabaseLockError, OpenError, Store};
pub use error::{DatabaseFault, StoreError};
pub use keys::{
    ChangeKeyError, CreateKeyError, ImportFault, Imported, ImportedKey, ListedKey, NewKey, NewText,
};
pub use operators::{
    ChangeOperatorError, CreateOperatorError, ListedOperator, NewOperatorToken, NotRole, Operator,
    OperatorId, OperatorSettings, OperatorToken, PasswordMark, Role,
};
pub use prices::{ChangePriceError, PriceSettings, StoredPrice};
pub use retention::Retention;
pub use spool::{Applier, Spool, SpoolError, StartError};
pub use url::{DatabaseUrl, DatabaseUrlError, PostgresUrl};
pub use usage::{
    AssignError, Assigned, KeyCalled, Mischarge, MiscountedAccount, MissingAccount, Named, NamedKey,
    StoredUsage, UsageBy, UsageFilter, UsageGroup, UsageOf, UsageSums,
};
pub use warm::{WarmKey, WarmKeys};
