//! `[spool]`: the requests that are not in the database yet.

use serde::Deserialize;
use toml::Spanned;

use tollgate_store::spool::Limits;

use super::mistake::{Mistake, Mistakes};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct SpoolTable {
    size_mb: Option<Spanned<u32>>,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &Limits, running: &Limits) -> Vec<&'static str> {
    match new == running {
        true => Vec::new(),
        false => vec!["spool.size_mb"],
    }
}

pub fn resolve(table: SpoolTable, mistakes: &mut Mistakes<'_>) -> Limits {
    let Some(written) = table.size_mb else {
        return Limits::of_mb(Limits::DEFAULT_MB);
    };
    if *written.get_ref() < Limits::LEAST_MB {
        mistakes.add(
            written.span().start,
            Mistake::SpoolSize {
                least: Limits::LEAST_MB,
            },
        );
    }
    Limits::of_mb(written.into_inner())
}
