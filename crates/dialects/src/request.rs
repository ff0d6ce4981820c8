//! What goes to a provider, and what cannot.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

/// A request in a provider's words, but for address and credential.
#[derive(Debug, Clone)]
pub struct ProviderRequest {
    /// The body in pieces, so that large parts of the client's bytes are not copied.
    pub body: Vec<Bytes>,
    /// Whether the answer comes as a stream: the client's wish, or a provider that answers this
    /// request in no other way; then the gateway folds it.
    pub streamed: bool,
    /// What was left out or moved on the way.
    pub notes: Vec<Note>,
}

impl ProviderRequest {
    /// Bytes of the body.
    pub fn body_len(&self) -> usize {
        self.body.iter().map(Bytes::len).sum()
    }
}

/// A change that the client is told of in `x-tollgate-notes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The provider takes no such parameter for this model.
    Omitted(String),
    /// The value went to the nearest one that the provider takes.
    Moved(String),
    /// Only a part of it was used.
    Truncated(String),
    /// The provider told nothing; this is our own count.
    Estimated(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Omitted(name) => write!(f, "omitted:{name}"),
            Self::Moved(name) => write!(f, "moved:{name}"),
            Self::Truncated(name) => write!(f, "truncated:{name}"),
            Self::Estimated(name) => write!(f, "estimated:{name}"),
        }
    }
}

/// A parameter that changes the answer's meaning and that this provider cannot serve.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct Unsupported {
    /// Path of the parameter in the client's body.
    pub param: String,
    /// What is wrong and the way out, as one sentence for the client.
    pub problem: String,
}

impl Unsupported {
    pub fn new(param: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            param: param.into(),
            problem: problem.into(),
        }
    }
}
