//! `[redis]`: what several gates share beside the database.

use serde::Deserialize;
use tollgate_store::RedisUrl;
use toml::Spanned;

use super::mistake::{Mistake, Mistakes};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct RedisTable {
    url: Option<Spanned<String>>,
}

pub fn resolve(table: RedisTable, mistakes: &mut Mistakes<'_>) -> Option<RedisUrl> {
    let url = table.url?;
    let read = url.get_ref().parse();
    read.map_err(|error| mistakes.add(url.span().start, Mistake::RedisUrl(error)))
        .ok()
}
