//! Which models there are, what each takes, who serves it, what it costs.
//!
//! All of it is data (`catalog/*.toml` at the repository's root, compiled in), checked whole when
//! it is loaded. Validation, `/v1/models`, `/openapi.json` and the docs read the same values, so
//! they cannot disagree. Pure: files are read by whoever calls [`load`].

pub mod catalog;
pub mod channel;
pub mod contract;
pub mod dialect_name;
pub mod listing;
pub mod load;
pub mod model;
pub mod money;
pub mod openapi;
pub mod price;
pub mod provider;
pub mod quirks;
pub mod serving;
pub mod thinking;

pub use catalog::Catalog;
