//! Drives the built binary, one file a promise.

#![allow(clippy::unwrap_used)]

mod answer;
mod body;
mod cli;
mod client;
mod command;
mod config_errors;
mod contract;
mod documented_limits;
mod failover;
mod hostile;
mod keys;
mod operation;
mod pages;
mod provider_error;
mod provider_request;
mod recordings;
mod sandbox;
mod secrecy;
mod serve;
mod stage;
mod stream_end;
mod surface;
mod tool_calls;
mod usage;
