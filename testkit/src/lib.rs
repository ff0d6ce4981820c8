//! What tests share: a provider that does as it is told, a gate to run against it, and judges for
//! what the gate sends.
//!
//! The kit sees the gate as a client does, over HTTP, and imports none of its crates: a mistake in
//! the gate's own types must not be able to hide itself here.
//!
//! - [`provider`]: a fake provider on a free loopback port, scripted, recorded or faulty.
//! - [`gate`]: runs the built binary in a folder of its own and talks to it.
//! - [`postgres`] and [`redis`]: run servers that go with the test.
//! - [`collector`]: takes the gate's traces and metrics.
//! - [`grammar`] and [`schema`]: what every answer, stream and error must keep to.
//! - [`recordings`] and [`cuts`]: real traffic, whole and cut in hostile places.

pub mod collector;
pub mod cuts;
pub mod gate;
pub mod grammar;
pub mod postgres;
pub mod provider;
pub mod recordings;
pub mod redis;
pub mod schema;
mod server;
mod skipped;
