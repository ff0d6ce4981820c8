//! How one provider serves one model.

use std::sync::Arc;

use jiff::civil::Date;

use crate::{dialect_name::DialectName, model::Modalities, price::Price, provider::Provider, quirks::Quirks};

/// A provider's side of a model.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The provider's name in `providers.toml`.
    pub provider: Arc<str>,
    /// What the provider calls the model.
    pub upstream_id: Arc<str>,
    pub dialect: DialectName,
    pub quirks: Quirks,
    /// Tokens of prompt and answer together that the provider takes, where it says of fewer than the model has.
    pub context: Option<u64>,
    /// The other dialect in which some requests go out (`dialect_for_tools_while_thinking`).
    pub other: Option<Box<OtherDialect>>,
    /// `None`: no figure is known, which is not the same as free.
    pub price: Option<Price>,
    /// Day on which the provider ends or ended the service, where it has named one.
    pub retires: Option<Date>,
    /// Where limits, prices and dates come from; empty where none is known.
    pub source: Arc<str>,
}

/// What a model's provider takes in another dialect than the usual one.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherDialect {
    pub dialect: DialectName,
    pub quirks: Quirks,
}

impl Serving {
    /// The same model at the same provider, in the other dialect; `None` where there is no other.
    pub fn in_other_dialect(&self) -> Option<Self> {
        let OtherDialect { dialect, quirks } = self.other.as_deref()?.clone();
        Some(Self {
            dialect,
            quirks,
            other: None,
            ..self.clone()
        })
    }

    /// Takes away what the provider does not read, whatever its quirks say.
    pub fn reads_only(&mut self, kinds: &Modalities) {
        self.quirks.read_only(kinds);
        if let Some(other) = &mut self.other {
            other.quirks.read_only(kinds);
        }
    }

    /// Takes away tools, whatever the quirks say.
    pub fn takes_no_tools(&mut self) {
        self.quirks.tools = false;
        if let Some(other) = &mut self.other {
            other.quirks.tools = false;
        }
    }

    /// How `provider` serves a model that the catalogue does not list at it: under the public ID,
    /// with the provider's own quirks, at no known price.
    pub fn unlisted(id: &str, provider: &Provider) -> Self {
        Self {
            provider: provider.name.clone(),
            upstream_id: id.into(),
            dialect: provider.dialect,
            quirks: provider.quirks.clone(),
            context: None,
            other: None,
            price: None,
            retires: None,
            source: "".into(),
        }
    }
}
