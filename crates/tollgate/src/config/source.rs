//! Where values are written: the configuration file, and environment variables that override it.
//!
//! All texts together have one numbering of bytes, as if they stood behind each other. So the spans
//! that the TOML library carries through say for every value where it came from, whether from the
//! file or not.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

/// Every text that values come from.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<Source>);

#[derive(Debug, Clone)]
struct Source {
    origin: Origin,
    /// Number of its first byte.
    start: usize,
    text: String,
}

#[derive(Debug, Clone)]
enum Origin {
    File(PathBuf),
    Variable(String),
}

impl Sources {
    /// The configuration file's text; first, so that its bytes have the numbers that the TOML
    /// library gives them. A missing default file is an empty one.
    pub fn of_file(file: &Path, text: String) -> Self {
        Self(vec![Source {
            origin: Origin::File(file.to_owned()),
            start: 0,
            text,
        }])
    }

    /// Adds the value of an environment variable, and gives its bytes' numbers.
    pub fn add_variable(&mut self, name: &str, value: &str) -> Range<usize> {
        // One apart, so that the place just behind a text is still its own.
        let start = self.0.last().map_or(0, |last| last.start + last.text.len() + 1);
        let origin = Origin::Variable(name.to_owned());
        self.0.push(Source {
            origin,
            start,
            text: value.to_owned(),
        });
        start..start + value.len()
    }

    /// Where the byte with this number is written.
    pub fn place(&self, byte: usize) -> Place {
        let index = self
            .0
            .partition_point(|source| source.start <= byte)
            .saturating_sub(1);
        let Some(source) = self.0.get(index) else {
            return Place::Nowhere;
        };
        match &source.origin {
            Origin::Variable(name) => Place::Variable(name.clone()),
            Origin::File(file) => {
                let before = source.text.get(..byte - source.start).unwrap_or(&source.text);
                let line_start = before.rfind('\n').map_or(0, |end| end + 1);
                Place::File {
                    file: file.clone(),
                    line: before.matches('\n').count() + 1,
                    column: before[line_start..].chars().count() + 1,
                }
            }
        }
    }
}

/// Where something is written. Prints as `tollgate.toml:3:1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The configuration as a whole.
    Nowhere,
    /// Line and column count from 1; columns count characters.
    File {
        file: PathBuf,
        line: usize,
        column: usize,
    },
    /// A line of another file, such as an operator's catalogue.
    Line { file: PathBuf, line: usize },
    /// The value of this environment variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("configuration"),
            Self::File { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
            Self::Line { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

#[cfg(test)]
mod tests;
