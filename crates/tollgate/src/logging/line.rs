//! A record of the log as one line of text:
//!
//! `2026-11-21T09:30:00.123456Z  INFO tollgate_gateway::settle: request ended model=gpt-4o stream=false`
//!
//! A value that holds white space, quotes or control characters is quoted and escaped: no provider's
//! message can look like another field, or begin a line of its own.

use std::{
    cell::RefCell,
    fmt::{self, Debug, Write},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Bytes that hold most lines.
const USUAL_BYTES: usize = 512;

/// Formats lines for files and collectors: without colours.
pub struct PlainLine;

impl<S, N> FormatEvent<S, N> for PlainLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(USUAL_BYTES);
        push_time(&mut line, SystemTime::now());
        let metadata = event.metadata();
        line.push_str(match *metadata.level() {
            Level::ERROR => " ERROR ",
            Level::WARN => "  WARN ",
            Level::INFO => "  INFO ",
            Level::DEBUG => " DEBUG ",
            Level::TRACE => " TRACE ",
        });
        line.push_str(metadata.target());
        line.push(':');
        event.record(&mut Fields { line: &mut line });
        line.push('\n');
        writer.write_str(&line)
    }
}

/// Writes `now` as RFC 3339 with microseconds. The part down to the second is kept from line to line.
fn push_time(line: &mut String, now: SystemTime) {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() || text.is_empty() {
            *second = since.as_secs();
            *text = written_second(*second);
        }
        line.push_str(text);
    });
    line.push('.');
    let mut digits = itoa::Buffer::new();
    line.push_str(&digits.format(1_000_000 + since.subsec_micros())[1..]);
    line.push('Z');
}

/// A second as `2026-11-21T09:30:00`.
fn written_second(unix_seconds: u64) -> String {
    let at = i64::try_from(unix_seconds).ok();
    let at = at
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or_default();
    let printer = DateTimePrinter::new().precision(Some(0));
    printer.timestamp_to_string(&at).trim_end_matches('Z').to_owned()
}

/// Takes the fields of a record in their order; the message comes first.
struct Fields<'a> {
    line: &'a mut String,
}

impl Fields<'_> {
    /// Begins the field, and says where its value begins.
    fn begin(&mut self, field: &Field) -> usize {
        self.line.push(' ');
        if field.name() != "message" {
            self.line.push_str(field.name());
            self.line.push('=');
        }
        self.line.len()
    }

    fn bare(&mut self, field: &Field, value: &str) {
        self.begin(field);
        self.line.push_str(value);
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let from = self.begin(field);
        self.line.push_str(value);
        quote_from(self.line, from, field.name() == "message");
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, itoa::Buffer::new().format(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, if value { "true" } else { "false" });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let from = self.begin(field);
        // Writing to a string fails only where a value's own formatting does; what it wrote is kept.
        let _ = write!(self.line, "{value:?}");
        quote_from(self.line, from, field.name() == "message");
    }
}

/// Quotes what stands in `line` from `from` on, where it could be misread. A message is our own sentence:
/// only control characters are escaped in it.
fn quote_from(line: &mut String, from: usize, message: bool) {
    let value = &line[from..];
    let clear = match message {
        true => !value.contains(char::is_control),
        false => {
            !value.is_empty()
                && value
                    .bytes()
                    .all(|byte| byte > b' ' && byte != b'"' && byte < 0x7f)
        }
    };
    if clear {
        return;
    }
    let value = value.to_owned();
    line.truncate(from);
    match message {
        true => line.extend(value.chars().flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let own = escaped.is_none().then_some(character);
            escaped.into_iter().flatten().chain(own)
        })),
        false => drop(write!(line, "{value:?}")),
    }
}

#[cfg(test)]
mod tests;
