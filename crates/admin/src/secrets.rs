//! Which settings of a channel are secrets, and how they are kept: sealed, all in one.

use serde_json::{Map, Value};
use tollgate_store::{
    StoredChannel,
    sealed::{SealError, SealingKeys},
};

/// Settings that may hold a credential.
pub(crate) const NAMES: [&str; 3] = ["api_key", "headers", "proxy"];

/// Takes the secrets out of a channel's settings.
pub(crate) fn split(mut settings: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let mut secrets = Map::new();
    for name in NAMES {
        // In their order, whatever that was.
        if let Some(value) = settings.shift_remove(name) {
            secrets.insert(name.to_owned(), value);
        }
    }
    (settings, secrets)
}

/// Seals a channel's secrets; `None`: there are none, and no key is wanted.
pub(crate) fn sealed(
    name: &str,
    secrets: Map<String, Value>,
    keys: &SealingKeys,
) -> Result<Option<Vec<u8>>, SealError> {
    match secrets.is_empty() {
        true => Ok(None),
        false => keys.seal(name, &Value::Object(secrets).to_string()).map(Some),
    }
}

/// A stored channel's secrets alone.
pub(crate) fn of(channel: &StoredChannel, keys: &SealingKeys) -> Result<Map<String, Value>, SealError> {
    let Some(sealed) = &channel.sealed else {
        return Ok(Map::new());
    };
    let text = keys.open(&channel.name, sealed)?;
    serde_json::from_str(&text).map_err(|_| SealError::Damaged)
}

/// A stored channel's secrets, sealed by the current key.
pub fn resealed(channel: &StoredChannel, keys: &SealingKeys) -> Result<Option<Vec<u8>>, SealError> {
    sealed(&channel.name, of(channel, keys)?, keys)
}

/// All settings of a stored channel, by the names of `[[channels]]`, with its name and its secrets.
pub fn opened(channel: &StoredChannel, keys: &SealingKeys) -> Result<Map<String, Value>, SealError> {
    let mut settings = Map::new();
    settings.insert("name".to_owned(), Value::String(channel.name.clone()));
    settings.extend(channel.settings.clone());
    settings.extend(of(channel, keys)?);
    Ok(settings)
}
