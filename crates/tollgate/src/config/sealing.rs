//! `[sealing]`: the key that seals what the database has of credentials.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tollgate_store::sealed::{SealingKey, SealingKeys};
use toml::Spanned;

use super::{
    environment::Environment,
    mistake::{Mistake, Mistakes},
    source::Place,
};

/// Where the keys are looked for that do not stand in the file.
const KEY: &str = "TOLLGATE_SEALING_KEY";
const KEY_BEFORE: &str = "TOLLGATE_SEALING_KEY_BEFORE";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct SealingTable {
    key: Option<Spanned<String>>,
    key_before: Option<Spanned<String>>,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &SealingKeys, running: &SealingKeys) -> Vec<&'static str> {
    match new == running {
        true => Vec::new(),
        false => vec!["sealing.key"],
    }
}

pub fn resolve(
    table: SealingTable,
    environment: &Environment,
    mistakes: &mut Mistakes<'_>,
) -> Arc<SealingKeys> {
    let key = one("key", table.key, KEY, environment, mistakes);
    let before = one("key_before", table.key_before, KEY_BEFORE, environment, mistakes);
    Arc::new(SealingKeys::new(key, before))
}

fn one(
    field: &'static str,
    written: Option<Spanned<String>>,
    variable: &'static str,
    environment: &Environment,
    mistakes: &mut Mistakes<'_>,
) -> Option<SealingKey> {
    let (text, place) = match &written {
        Some(written) => (written.get_ref().as_str(), mistakes.place(written.span().start)),
        None => (
            environment.get(variable).filter(|text| !text.is_empty())?,
            Place::Variable(variable.to_owned()),
        ),
    };
    let bytes = STANDARD.decode(text.trim()).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    if bytes.is_none() {
        mistakes.add_at(place, Mistake::SealingKey { field });
    }
    bytes.map(|bytes| SealingKey::new(&bytes))
}
