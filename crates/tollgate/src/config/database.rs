//! `[database]`: where API keys are kept.

use std::path::Path;

use serde::Deserialize;
use tollgate_store::DatabaseUrl;
use toml::Spanned;

use super::mistake::{Mistake, Mistakes};

/// The file in the data directory that is used when nothing is said.
const DEFAULT_FILE: &str = "tollgate.db";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct DatabaseTable {
    url: Option<Spanned<String>>,
}

pub fn resolve(table: DatabaseTable, data_dir: &Path, mistakes: &mut Mistakes<'_>) -> DatabaseUrl {
    let default = DatabaseUrl::Sqlite(data_dir.join(DEFAULT_FILE));
    let Some(url) = table.url else {
        return default;
    };
    url.get_ref().parse().unwrap_or_else(|error| {
        mistakes.add(url.span().start, Mistake::DatabaseUrl(error));
        default
    })
}
