//! The log: lines on standard error, so that standard output holds only results.

mod gathered;
mod line;

use std::io::{self, IsTerminal};

use tracing_subscriber::{Layer, layer::SubscriberExt, registry, util::SubscriberInitExt};

use self::{gathered::Gathered, line::PlainLine};
use crate::config::{LogFormat, LogSettings};

/// Writes out what is left of the log when it goes.
pub struct LogGuard(Gathered);

/// Starts logging. Once a process; to be held until its end.
pub fn start(settings: &LogSettings) -> io::Result<LogGuard> {
    let writer = Gathered::start()?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer.clone());
    let lines = match settings.format {
        LogFormat::Text if io::stderr().is_terminal() => lines.boxed(),
        LogFormat::Text => lines.event_format(PlainLine).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(lines.with_filter(settings.level.clone())).init();
    Ok(LogGuard(writer))
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.write_out();
    }
}
