//! What goes to a provider, and what cannot.

use std::{borrow::Cow, collections::HashMap, fmt, num::NonZeroU32};

use bytes::Bytes;
use thiserror::Error;

use crate::{
    Dialect,
    emulate::Emulated,
    turn_state::{Before, TurnStates},
};

/// What a request's side may use beside the request.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Whether references into the provider's own storage may pass.
    pub provider_files: bool,
    /// What the provider gave with earlier turns.
    pub states: &'a TurnStates,
    /// What was fetched for a provider that does not fetch, by the client's URL.
    pub fetched: &'a Fetched,
    /// Choices to ask for in this one request: the client's `n`, or a part of it where the provider
    /// answers with fewer at once. At most the provider's `n_max`.
    pub choices: u32,
}

/// Media by the URL under which the client named them.
pub type Fetched = HashMap<String, Medium>;

/// A fetched medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    pub media_type: String,
    pub base64: String,
}

impl Medium {
    /// Bytes of the medium itself.
    pub fn bytes(&self) -> usize {
        self.base64.trim_end_matches('=').len() * 3 / 4
    }
}

/// What the answer's side has to put back or to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undo {
    /// The client's names of tools, by the provider's, where they differ.
    pub tool_names: HashMap<String, String>,
    pub emulated: Emulated,
    /// Whether the content is to be JSON and nothing beside it. [`crate::encode`] fills it in.
    pub json: bool,
    /// Choices that were asked for, where that is known: more are not the client's. [`crate::encode`] fills
    /// it in.
    pub choices: Option<NonZeroU32>,
    /// What was said right before the answer, where state of it is kept. [`crate::encode`] fills it in.
    pub before: Before,
}

impl Undo {
    /// Whether answers pass as they are.
    pub fn is_nothing(&self) -> bool {
        self.tool_names.is_empty() && self.emulated.is_nothing()
    }
}

/// A request in a provider's words, but for host and credential.
#[derive(Debug, Clone)]
pub struct ProviderRequest {
    /// Who reads the answer.
    pub dialect: Dialect,
    /// Appended to the channel's base URL; it may hold a query.
    pub path: Cow<'static, str>,
    /// The body in pieces, so that large parts of the client's bytes are not copied.
    pub body: Vec<Bytes>,
    /// Whether the answer comes as a stream: the client's wish, or a provider that answers this
    /// request in no other way; then the gateway folds it.
    pub streamed: bool,
    /// What was left out, moved or emulated on the way.
    pub notes: Vec<Note>,
    pub undo: Undo,
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
    /// The provider has no such thing; the gate does it.
    Emulated(String),
    /// Only a part of it was used.
    Truncated(String),
    /// The provider told nothing; this is our own count.
    Estimated(String),
}

impl Note {
    /// What was changed.
    pub fn name(&self) -> &str {
        match self {
            Self::Omitted(name)
            | Self::Moved(name)
            | Self::Emulated(name)
            | Self::Truncated(name)
            | Self::Estimated(name) => name,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Omitted(name) => write!(f, "omitted:{name}"),
            Self::Moved(name) => write!(f, "moved:{name}"),
            Self::Emulated(name) => write!(f, "emulated:{name}"),
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
