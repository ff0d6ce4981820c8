//! `[catalog]`: an operator's own models, providers and figures over the built-in ones.

use std::{fs, path::PathBuf};

use serde::Deserialize;
use tollgate_catalog::{
    Catalog,
    load::{self, Source},
};
use toml::Spanned;

use super::{
    mistake::{Mistake, Mistakes},
    source::Place,
};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct CatalogTable {
    files: Option<Vec<Spanned<PathBuf>>>,
}

/// One of the operator's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFile {
    name: String,
    text: String,
}

impl CatalogFile {
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The operator's files. `None`: not all of them can be read.
pub fn read(table: CatalogTable, mistakes: &mut Mistakes<'_>) -> Option<Vec<CatalogFile>> {
    let written = table.files.unwrap_or_default();
    let count = written.len();
    let mut files = Vec::new();
    for file in written {
        let start = file.span().start;
        let path = file.into_inner();
        match fs::read_to_string(&path) {
            Ok(text) => files.push(CatalogFile {
                name: path.display().to_string(),
                text,
            }),
            Err(cause) => mistakes.add(start, Mistake::ReferencedFile { path, cause }),
        }
    }
    (files.len() == count).then_some(files)
}

/// The catalogue with these files over it, the last on top. `None`: it has mistakes.
pub fn resolve(files: &[CatalogFile], mistakes: &mut Mistakes<'_>) -> Option<Catalog> {
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|file| Source {
            file: &file.name,
            text: &file.text,
        })
        .collect();
    load::with_files(&sources)
        .map_err(|errors| {
            for problem in errors.problems {
                let place = Place::Line {
                    file: problem.file.as_ref().into(),
                    line: problem.line,
                };
                let mistake = Mistake::Catalog {
                    field: problem.field,
                    problem: problem.problem,
                };
                mistakes.add_at(place, mistake);
            }
        })
        .ok()
}
