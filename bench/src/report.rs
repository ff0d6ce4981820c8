//! The figures as a table, on the screen and in a file.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::error::BenchError;
use crate::figures::{Figure, Figures};
use crate::plan::Plan;
use crate::stand::{Binaries, Target};

/// The line before which nothing is changed.
const START: &str = "<!-- figures: start -->";

/// The line after which nothing is changed.
const END: &str = "<!-- figures: end -->";

/// How a row says whether the gate is good enough.
#[derive(Clone, Copy)]
enum Judged {
    /// At most this many times nginx.
    TimesNginx(f64),
    /// Adds less than this to the provider called directly.
    AddsLess(f64),
    /// At most this many times another figure of the gate's own.
    TimesOwn(f64, Figure),
    /// Stays under this.
    Under(f64),
    Not,
}

struct Row {
    figure: Figure,
    title: &'static str,
    unit: &'static str,
    decimals: usize,
    judged: Judged,
}

const ROWS: [Row; 20] = [
    row(
        Figure::SyncCpu,
        "CPU for a request",
        "µs",
        1,
        Judged::TimesNginx(2.0),
    ),
    row(
        Figure::PacedCpu,
        "CPU for a request, at 5,000 a second",
        "µs",
        1,
        Judged::Not,
    ),
    row(
        Figure::LimitedCpu,
        "CPU for a request with limits, budget and credit",
        "µs",
        1,
        Judged::TimesOwn(1.2, Figure::UnlimitedCpu),
    ),
    row(
        Figure::UnlimitedCpu,
        "CPU for a request without them, right beside",
        "µs",
        1,
        Judged::Not,
    ),
    row(
        Figure::Throughput,
        "requests a second on one core",
        "",
        0,
        Judged::Not,
    ),
    row(Figure::LatencyP50, "latency p50", "ms", 3, Judged::Not),
    row(Figure::LatencyP99, "latency p99", "ms", 3, Judged::AddsLess(1.0)),
    row(
        Figure::SharedP99,
        "latency p99 with limits, PostgreSQL and Redis",
        "ms",
        3,
        Judged::AddsLess(1.0),
    ),
    row(
        Figure::OutageP99,
        "latency p99 with limits, while the database is stopped",
        "ms",
        3,
        Judged::AddsLess(1.0),
    ),
    row(
        Figure::HangP99,
        "latency p99 with limits, while Redis does not answer",
        "ms",
        3,
        Judged::AddsLess(1.0),
    ),
    row(
        Figure::BusyLatencyP99,
        "latency p99 beside a busy embedded model",
        "ms",
        3,
        Judged::TimesOwn(2.0, Figure::LatencyP99),
    ),
    row(Figure::FirstTokenP50, "first token p50", "ms", 3, Judged::Not),
    row(Figure::FirstTokenP99, "first token p99", "ms", 3, Judged::Not),
    row(
        Figure::ChunkCpu,
        "CPU for a streamed chunk",
        "µs",
        1,
        Judged::TimesNginx(1.5),
    ),
    row(
        Figure::ImageCpu,
        "CPU for a request with a 1 MB image",
        "ms",
        2,
        Judged::TimesNginx(1.5),
    ),
    row(
        Figure::StreamMemory,
        "memory with all streams open",
        "MB",
        1,
        Judged::Under(80.0),
    ),
    row(
        Figure::IdleMemory,
        "memory when idle",
        "MB",
        1,
        Judged::Under(30.0),
    ),
    row(
        Figure::OverloadAnswered,
        "answered at 1.5 × saturation, of what can be",
        "%",
        0,
        Judged::Not,
    ),
    row(
        Figure::OverloadLatencyP99,
        "latency p99 of those answered",
        "ms",
        1,
        Judged::Under(100.0),
    ),
    row(
        Figure::OverloadRefusalP99,
        "latency p99 of those refused",
        "ms",
        1,
        Judged::Under(100.0),
    ),
];

const fn row(
    figure: Figure,
    title: &'static str,
    unit: &'static str,
    decimals: usize,
    judged: Judged,
) -> Row {
    Row {
        figure,
        title,
        unit,
        decimals,
        judged,
    }
}

/// The table with a line on how it came about.
pub(crate) fn markdown(plan: &Plan, binaries: &Binaries, figures: &Figures) -> String {
    let mut text = format!(
        "{} on {}; median of {} rounds, ratios and differences within a round; {} connections, \
         {} streams with a chunk a second, {} requests/s in the open loop.\n\n",
        binaries.nginx_version,
        machine(),
        plan.rounds,
        plan.connections,
        plan.streams,
        plan.rate,
    );
    let is_whole = plan.only.is_none();
    match binaries.before {
        Some(_) => {
            text.push_str(&table(figures, "before", is_whole));
            text.push_str(&beside_before(figures));
        }
        None => text.push_str(&table(figures, "bare", is_whole)),
    }
    text
}

/// `is_whole`: rows of what was not measured are there too.
fn table(figures: &Figures, third: &str, is_whole: bool) -> String {
    let mut text = format!(
        "| | direct | nginx | {third} | gate | gate beside the others | target | met |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    let is_wanted = |row: &&Row| is_whole || figures.median(row.figure, Target::Gate).is_some();
    for row in ROWS.iter().filter(is_wanted) {
        let value = |target| {
            let median = figures.median(row.figure, target);
            median.map_or_else(|| "–".to_owned(), |value| row.number(value))
        };
        let (beside, target, met) = row.judgement(figures);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {beside} | {target} | {met} |",
            row.title,
            value(Target::Direct),
            value(Target::Nginx),
            value(Target::Bare),
            value(Target::Gate),
        );
    }
    text
}

/// How the gate compares with an earlier one, round by round.
fn beside_before(figures: &Figures) -> String {
    let mut text =
        "\n| gate ÷ before, of the rounds | smallest | median | largest |\n|---|---|---|---|\n".to_owned();
    for row in &ROWS {
        if let Some([smallest, median, largest]) = figures.spread(row.figure, Target::Bare) {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {smallest:.2} | {median:.2} | {largest:.2} |",
                row.title
            );
        }
    }
    text
}

impl Row {
    fn number(&self, value: f64) -> String {
        let number = format!("{value:.*}", self.decimals);
        if self.unit.is_empty() {
            number
        } else {
            format!("{number} {}", self.unit)
        }
    }

    /// The gate beside the others, the target, and whether it is met.
    fn judgement(&self, figures: &Figures) -> (String, String, &'static str) {
        let times = figures.ratio(self.figure, Target::Nginx);
        let added = figures.added(self.figure, Target::Gate);
        let said_times = times.map_or_else(String::new, |times| format!("{times:.2} × nginx"));
        let said_added = added.map_or_else(String::new, |added| format!("+{} direct", self.number(added)));
        let met = |found: Option<f64>, within: &dyn Fn(f64) -> bool| match found.map(within) {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        match self.judged {
            Judged::TimesNginx(most) => (
                said_times,
                format!("≤ {most} × nginx"),
                met(times, &|times| times <= most),
            ),
            Judged::AddsLess(limit) => (
                said_added,
                format!("adds < {limit} {}", self.unit),
                met(added, &|added| added < limit),
            ),
            Judged::TimesOwn(most, base) => {
                let times = figures.times_own(self.figure, base);
                (
                    times.map_or_else(String::new, |times| format!("{times:.2} × without")),
                    format!("≤ {most} × without"),
                    met(times, &|times| times <= most),
                )
            }
            Judged::Under(limit) => (
                said_times,
                format!("< {limit} {}", self.unit),
                met(figures.median(self.figure, Target::Gate), &|own| own < limit),
            ),
            Judged::Not if self.unit == "ms" => (said_added, String::new(), ""),
            Judged::Not => (said_times, String::new(), ""),
        }
    }
}

fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = cpuinfo
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, model)| model)
        .collect();
    match models.first() {
        Some(model) => format!("{} cores of {model}", models.len()),
        None => "a machine that does not name its processor".to_owned(),
    }
}

/// Replaces what stands between the marks of a file.
pub(crate) fn write_between_marks(path: &Path, text: &str) -> Result<(), BenchError> {
    let failed = |error| BenchError::file(path, error);
    let old = fs::read_to_string(path).map_err(failed)?;
    let new = between_marks(&old, text).ok_or_else(|| BenchError::NoMarks {
        path: path.to_owned(),
        start: START,
        end: END,
    })?;
    fs::write(path, new).map_err(failed)
}

fn between_marks(old: &str, text: &str) -> Option<String> {
    let (before, rest) = old.split_once(START)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{START}\n\n{text}\n{END}{after}"))
}
