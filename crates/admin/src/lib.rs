//! Let operators see and change things: the admin API.
//!
//! Every route wants an operator's token or session; whoever only looks can be told by their role. A change is made by
//! way of the [`Writer`](roles::Writer) alone, so it is an admin's and in the audit log. No answer has a secret in it,
//! save a new one, at the moment when it is made.
//! Not here: the listener (`tollgate-gateway`), the queries (`tollgate-store`), and what limits mean
//! (`tollgate-ledger`).

mod attempts;
mod body;
pub mod csv;
mod error;
mod field;
mod keeper;
mod page;
pub mod password;
mod query;
mod resources;
mod roles;
mod secret;
pub mod secrets;
mod seen;
mod server;
pub mod usage_sums;

pub use keeper::{ChannelKeeper, FileChannel, WrongSetting};
pub use server::{Admin, AdminSettings};
