//! Makes the load, and times what comes back.
//!
//! The client is written for this: it costs less than what it measures, and it looks at every
//! answer's status, since a gate that refuses everything would look very fast.

pub(crate) mod busy;
pub(crate) mod closed;
mod connection;
pub(crate) mod open;
pub(crate) mod overload;
pub(crate) mod request;
pub(crate) mod streams;
