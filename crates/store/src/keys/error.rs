//! Why keys are not made or changed.

use crate::error::StoreError;

/// Why a key cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    #[error("there is a key named `{name}` already")]
    NameTaken { name: String },
    #[error("there is no account named `{name}`")]
    NoSuchAccount { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a key cannot be shown, changed or revoked.
#[derive(Debug, thiserror::Error)]
pub enum ChangeKeyError {
    #[error("there is no key named `{name}` that is not revoked already")]
    NoSuchKey { name: String },
    #[error("no key has or had the name or the prefix `{word}`")]
    NoKeyCalled { word: String },
    #[error("there is no account named `{name}`")]
    NoSuchAccount { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateKeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for ChangeKeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
