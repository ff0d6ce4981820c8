//! The log: lines on standard error, so that standard output holds only results.

use std::io::{self, IsTerminal};

use tracing_subscriber::{Layer, layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::config::{LogFormat, LogSettings};

/// Starts logging. Once a process.
pub fn start(settings: &LogSettings) {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match settings.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(lines.with_filter(settings.level.clone())).init();
}
