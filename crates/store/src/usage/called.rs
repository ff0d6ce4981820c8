//! Which keys a word means: names of revoked keys are free again, so that several keys may have had one.

use crate::{database::Store, keys::ChangeKeyError};

/// Keys as people call them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyCalled {
    /// All that have or had this name.
    Name(String),
    /// The one of which a text begins like this, be it an earlier text.
    Prefix(String),
}

impl KeyCalled {
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Prefix(_) => None,
        }
    }

    pub(super) fn prefix(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Prefix(prefix) => Some(prefix),
        }
    }
}

impl Store {
    /// The keys that a word means: as a name, or else as a prefix. Fails where it is neither.
    pub async fn key_called(&self, word: &str) -> Result<KeyCalled, ChangeKeyError> {
        // As lists write it.
        let prefix = word.trim_end_matches('…');
        let (names, prefixes): (i64, i64) = self
            .pool
            .query(
                "SELECT (SELECT count(*) FROM api_keys WHERE name = $1),
                    (SELECT count(*) FROM api_key_texts WHERE prefix = $2)",
            )
            .bind(word)
            .bind(prefix)
            .fetch_one()
            .await?;
        match (names, prefixes) {
            (0, 0) => Err(ChangeKeyError::NoKeyCalled {
                word: word.to_owned(),
            }),
            (0, _) => Ok(KeyCalled::Prefix(prefix.to_owned())),
            _ => Ok(KeyCalled::Name(word.to_owned())),
        }
    }
}
