//! What commands print: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Table, presets};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use crate::error::CliError;

/// One line of a result.
pub fn line(text: &str) -> Result<(), CliError> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")
        .and_then(|()| output.flush())
        .map_err(CliError::Output)
}

/// A result for machines.
pub fn json<T: Serialize>(value: &T) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).expect("our own types always have a JSON form");
    line(&text)
}

/// A result for machines that comes in parts: one array, written as [`json`] writes it.
#[derive(Default)]
pub struct JsonList {
    has_begun: bool,
}

impl JsonList {
    pub fn add<T: Serialize>(&mut self, rows: &[T]) -> Result<(), CliError> {
        for row in rows {
            let text = serde_json::to_string_pretty(row).expect("our own types always have a JSON form");
            let before = if self.has_begun { "," } else { "[" };
            self.has_begun = true;
            write(&format!("{before}\n  {}", text.replace('\n', "\n  ")))?;
        }
        Ok(())
    }

    pub fn end(self) -> Result<(), CliError> {
        line(if self.has_begun { "\n]" } else { "[]" })
    }
}

/// Part of a line.
fn write(text: &str) -> Result<(), CliError> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).map_err(CliError::Output)
}

/// One value as JSON in one line.
pub fn json_line<T: Serialize>(value: &T) -> Result<(), CliError> {
    let text = serde_json::to_string(value).map_err(|error| CliError::Runtime(error.into()))?;
    line(&text)
}

/// A result for people: columns without lines between them.
pub fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Result<(), CliError> {
    line(&columns(head, rows))
}

/// Columns without lines between them, and without a last line end.
pub fn columns<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A remark to the person at the terminal, beside the result.
pub fn remark(text: &str) {
    // Nobody is left to be told that nothing can be told.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Why the command failed.
pub fn failure(error: &CliError) {
    match error {
        CliError::Config(errors) => {
            for mistake in errors.iter() {
                report(mistake);
            }
            remark(&format!("{errors}."));
        }
        other => report(other),
    }
}

fn report(diagnostic: &dyn Diagnostic) {
    let theme = if io::stderr().is_terminal() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::none()
    };
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_wrap_lines(false);
    match handler.render_report(&mut text, diagnostic) {
        Ok(()) => remark(text.trim_end()),
        Err(_) => remark(&diagnostic.to_string()),
    }
}
