//! Drives the built binary, one file a promise.

#![allow(clippy::unwrap_used)]

mod answer;
mod body;
mod chaos;
mod cli;
mod client;
mod command;
mod config_errors;
mod contract;
mod documented_limits;
mod failover;
mod fallback;
mod fan_out;
mod fetch;
mod health;
mod hostile;
mod keys;
mod notes;
mod operation;
mod pages;
mod protocol_calls;
mod protocol_end;
mod protocol_error;
mod protocol_recordings;
mod protocol_request;
mod protocols;
mod provider_error;
mod provider_request;
mod reasoning_state;
mod recordings;
mod routing;
mod sandbox;
mod sandbox_calls;
mod sandbox_forms;
mod sandbox_load;
mod sandbox_sampling;
mod secrecy;
mod serve;
mod stage;
mod stream_end;
mod surface;
mod tool_calls;
mod tool_exchange;
mod usage;
mod whole_only;
