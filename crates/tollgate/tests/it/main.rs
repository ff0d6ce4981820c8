//! Drives the built binary, one file a promise.

#![allow(clippy::unwrap_used)]

mod cli;
mod command;
mod config_errors;
mod serve;
