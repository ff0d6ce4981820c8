//! What is wrong with the catalogue, and where.

use std::{cell::RefCell, fmt, sync::Arc};

use crate::contract::rule::ContractError;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
}

/// A value, and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub value: T,
    pub place: Place,
}

/// One thing that is wrong. Prints as `file:line: field: problem`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
    /// Path of the field, such as `model.gpt-4o.serving.openai.price[1].input`; empty where the
    /// text is not TOML.
    pub field: String,
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.problem)
    }
}

/// Everything that is wrong with the catalogue, by file and line. Prints one problem a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CatalogErrors {
    pub problems: Vec<Problem>,
}

impl fmt::Display for CatalogErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// Gathers problems while the files are read.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub fn add(&self, place: &Place, field: impl Into<String>, problem: impl Into<String>) {
        self.0.borrow_mut().push(Problem {
            file: place.file.clone(),
            line: place.line,
            field: field.into(),
            problem: problem.into(),
        });
    }

    pub fn add_contract_error(&self, error: ContractError) {
        let (file, line, field, problem) = match error {
            ContractError::Syntax { file, line, message } => (file, line, String::new(), message),
            ContractError::Rule {
                file,
                line,
                field,
                problem,
            } => (file, line, field, problem.to_string()),
        };
        self.add(
            &Place {
                file: file.into(),
                line,
            },
            field,
            problem,
        );
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// `Ok` where nothing was added.
    pub fn into_result(self) -> Result<(), CatalogErrors> {
        let mut problems = self.0.into_inner();
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Err(CatalogErrors { problems })
    }
}

/// `known` word nearest to a mistyped one, as the end of an error message; empty if none is near.
pub(super) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min()
        .map(|(_, candidate)| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default()
}
