//! What outlives a request: the database, and what is kept of it in memory.
//!
//! Nothing of the database library leaves this crate: functions take and return the types of
//! `ledger`. Queries stand in the file of their table, one text for every database.
//! Not here: what the values mean (`ledger`), and what a client sees when a look-up fails
//! (`gateway`).

pub mod data_dir;
mod database;
mod error;
mod keys;
mod url;
pub mod warm;

pub use data_dir::{DataDirError, DataDirLock};
pub use database::{OpenError, Store};
pub use error::{DatabaseFault, StoreError};
pub use keys::{CreateKeyError, NewKey, RevokeKeyError};
pub use url::{DatabaseUrl, DatabaseUrlError};
pub use warm::{WarmKey, WarmKeys};
