//! A provider: who serves models, as a preset for channels.

use std::sync::Arc;

use crate::{dialect_name::DialectName, quirks::Quirks};

/// A row of `providers.toml`.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The word in `[[channels]] provider = "…"`.
    pub name: Arc<str>,
    /// As people write it.
    pub title: Arc<str>,
    /// Where its API lives, as a channel's `base_url`; `None`: the operator has to say.
    pub base_url: Option<Arc<str>>,
    /// What it speaks unless a serving says otherwise.
    pub dialect: DialectName,
    /// Whether it stops billing when a call is cancelled; unknown counts as `false`, and then the
    /// answer is drained for its usage.
    pub abort_stops_billing: bool,
    /// Members of a request for which it asks money beside that for tokens, which no price tells.
    pub surcharged: Vec<Arc<str>>,
    /// Whether it serves any model ID that an operator names, catalogue or not.
    pub serves_any_model: bool,
    /// Whether it serves every model of the catalogue, each under its public ID.
    pub serves_catalogue: bool,
    /// What it takes for a model that the catalogue does not list at it.
    pub quirks: Quirks,
}
