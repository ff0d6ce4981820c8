//! How one provider serves one model.

use std::sync::Arc;

use jiff::civil::Date;

use crate::{dialect_name::DialectName, price::Price, provider::Provider, quirks::Quirks};

/// A provider's side of a model.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The provider's name in `providers.toml`.
    pub provider: Arc<str>,
    /// What the provider calls the model.
    pub upstream_id: Arc<str>,
    pub dialect: DialectName,
    pub quirks: Quirks,
    /// `None`: no figure is known, which is not the same as free.
    pub price: Option<Price>,
    /// Day on which the provider ends or ended the service, where it has named one.
    pub retires: Option<Date>,
    /// Where limits, prices and dates come from; empty where none is known.
    pub source: Arc<str>,
}

impl Serving {
    /// How `provider` serves a model that the catalogue does not list at it: under the public ID,
    /// with the provider's own quirks, at no known price.
    pub fn unlisted(id: &str, provider: &Provider) -> Self {
        Self {
            provider: provider.name.clone(),
            upstream_id: id.into(),
            dialect: provider.dialect,
            quirks: provider.quirks.clone(),
            price: None,
            retires: None,
            source: "".into(),
        }
    }
}
