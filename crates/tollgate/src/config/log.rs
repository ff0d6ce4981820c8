//! `[log]`: what is logged, and in which form.

use serde::Deserialize;
use toml::Spanned;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::mistake::{Mistake, Mistakes};

const DEFAULT_LEVEL: &str = "info";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct LogTable {
    format: Option<LogFormat>,
    level: Option<Spanned<String>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LogSettings {
    pub format: LogFormat,
    /// One level for all, or levels by part of the program.
    pub level: Targets,
}

impl LogSettings {
    /// The fields that differ. None of them can change while the gate runs.
    pub fn differences(&self, running: &Self) -> Vec<&'static str> {
        [
            ("log.format", self.format != running.format),
            ("log.level", self.level != running.level),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, for machines.
    Json,
}

pub fn resolve(table: LogTable, mistakes: &mut Mistakes<'_>) -> LogSettings {
    let default = || DEFAULT_LEVEL.parse().expect("the default is a level");
    let level = match table.level {
        None => default(),
        Some(level) => levels(level.get_ref()).unwrap_or_else(|| {
            mistakes.add(level.span().start, Mistake::LogLevel);
            default()
        }),
    };
    LogSettings {
        format: table.format.unwrap_or_default(),
        level,
    }
}

/// A level, or levels by part. The library takes a word that is no level for a part of the program,
/// which would silence everything else.
fn levels(text: &str) -> Option<Targets> {
    let all_say_a_level = text
        .split(',')
        .all(|directive| directive.contains('=') || directive.parse::<LevelFilter>().is_ok());
    all_say_a_level.then(|| text.parse().ok()).flatten()
}
