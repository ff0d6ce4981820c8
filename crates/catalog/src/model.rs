//! A public model: what a client may call.

use std::{borrow::Borrow, fmt, sync::Arc};

use crate::{contract::Contract, serving::Serving};

/// Public model ID. Opaque: compared exactly, never taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(Arc<str>);

impl ModelId {
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ModelId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A model of the catalogue.
#[derive(Debug, Clone)]
pub struct Model {
    pub id: ModelId,
    /// Who made it; `owned_by` in `/v1/models`.
    pub owner: Arc<str>,
    /// Tokens that its tokenizer makes of a text for one of tiktoken's `o200k_base`, on the whole.
    pub token_factor: f64,
    /// What a request with tools costs beyond its text.
    pub tool_tokens: ToolTokens,
    /// What a request to it may hold.
    pub contract: Arc<Contract>,
    /// Tokens of prompt and answer together; `None`: not known.
    pub context: Option<u64>,
    /// Most tokens of an answer; `None`: not known.
    pub max_output: Option<u64>,
    /// What it reads and writes.
    pub modalities: Modalities,
    /// Who serves it, the preferred provider first.
    pub servings: Vec<Arc<Serving>>,
}

/// Tokens that its provider puts before the tools of a request, to tell the model how tools are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ToolTokens {
    /// Where the model may choose.
    pub offered: u64,
    /// Where it has to call one.
    pub forced: u64,
}

/// Kinds of content a model reads (`text` always) and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modalities {
    pub image_input: bool,
    pub video_input: bool,
    pub audio_input: bool,
    pub file_input: bool,
    pub image_output: bool,
}

impl Modalities {
    pub const ALL: Self = Self {
        image_input: true,
        video_input: true,
        audio_input: true,
        file_input: true,
        image_output: true,
    };
}
