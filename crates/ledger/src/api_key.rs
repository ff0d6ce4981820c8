//! API keys: what one may do, and whether it may be used now.
//!
//! Not here: finding a key (`store`), the status of a refusal (`gateway`).

mod channels;

use core::net::IpAddr;
use std::{fmt, str::FromStr, sync::Arc};

use ipnet::IpNet;
use jiff::Timestamp;
use tollgate_catalog::model::ModelId;

use crate::{
    key::{KeyId, KeyPrefix},
    limits::Limits,
    network::is_in,
};

pub use channels::{AllowedChannels, ChannelNames, NotChannels};

/// What is known of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    /// What its maker called it; no two keys that are not revoked have the same.
    pub name: String,
    /// Of the text that it was found by; in lists, of its newest text.
    pub prefix: KeyPrefix,
    pub created: Timestamp,
    pub revoked: Option<Timestamp>,
    pub settings: KeySettings,
}

/// What an operator may set, and change while the key is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// Name of the account that owns it.
    pub account: String,
    pub enabled: bool,
    /// First moment at which it is of no more use; `None`: never.
    pub expires: Option<Timestamp>,
    pub models: AllowedModels,
    /// Where its requests may go, whatever they say of channels themselves.
    pub channels: AllowedChannels,
    pub networks: AllowedNetworks,
    pub limits: Limits,
    pub reserve: Reserve,
    /// Whether a parameter that the answering provider does not take as it is fails the request, where
    /// otherwise a note says so.
    pub strict_parameters: bool,
}

impl KeySettings {
    /// Settings that bound nothing, in this account.
    pub fn of_account(account: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            enabled: true,
            expires: None,
            models: AllowedModels::default(),
            channels: AllowedChannels::default(),
            networks: AllowedNetworks::default(),
            limits: Limits::default(),
            reserve: Reserve::default(),
            strict_parameters: false,
        }
    }
}

impl ApiKey {
    /// Whether the key may be used at `now`.
    ///
    /// What somebody decided is told before what came about by itself: a key that is revoked and expired
    /// counts as revoked.
    pub fn usable(&self, now: Timestamp) -> Result<(), Unusable> {
        if self.revoked.is_some() {
            Err(Unusable::Revoked)
        } else if !self.settings.enabled {
            Err(Unusable::Disabled)
        } else if self.settings.expires.is_some_and(|end| end <= now) {
            Err(Unusable::Expired)
        } else {
            Ok(())
        }
    }
}

/// Why a known key may not be used; since when is in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("expired")]
    Expired,
    #[error("disabled")]
    Disabled,
    #[error("revoked")]
    Revoked,
    /// Another text took the place of the one that was presented.
    #[error("replaced")]
    Replaced,
}

/// How much is held for a request before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reserve {
    /// What it will probably use.
    #[default]
    Expected,
    /// The most that it can use.
    Full,
}

impl Reserve {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Full => "full",
        }
    }
}

impl FromStr for Reserve {
    type Err = NotReserve;

    fn from_str(text: &str) -> Result<Self, NotReserve> {
        match text {
            "expected" => Ok(Self::Expected),
            "full" => Ok(Self::Full),
            _ => Err(NotReserve),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `expected` or `full`")]
pub struct NotReserve;

/// The models that a key may call: all, or those that are named.
///
/// Written as IDs with commas between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedModels(Option<Arc<[ModelId]>>);

impl AllowedModels {
    /// Those that are named and no others.
    pub fn only(ids: impl IntoIterator<Item = ModelId>) -> Self {
        Self(Some(ids.into_iter().collect()))
    }

    pub fn permits(&self, model: &ModelId) -> bool {
        self.0.as_deref().is_none_or(|ids| ids.contains(model))
    }

    /// The named ones; `None`: all.
    pub fn named(&self) -> Option<&[ModelId]> {
        self.0.as_deref()
    }
}

impl FromStr for AllowedModels {
    type Err = NotModels;

    /// Says nothing about whether there are such models.
    fn from_str(text: &str) -> Result<Self, NotModels> {
        let ids = text.split(',').map(|id| {
            let is_id = !id.is_empty() && !id.contains(|c: char| c.is_whitespace() || c.is_control());
            is_id.then(|| ModelId::new(id)).ok_or(NotModels)
        });
        Ok(Self(Some(ids.collect::<Result<_, _>>()?)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("models are written as IDs with a comma and no white space between them")]
pub struct NotModels;

/// The addresses that a key may be used from: any, or those in the networks that are named.
///
/// Written as `10.0.0.0/8,192.0.2.7`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedNetworks(Box<[IpNet]>);

impl AllowedNetworks {
    /// Any address where none is named.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    pub fn permit(&self, client: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| is_in(network, client))
    }

    /// The named ones; none: any address.
    pub fn named(&self) -> &[IpNet] {
        &self.0
    }
}

impl FromStr for AllowedNetworks {
    type Err = NotNetworks;

    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        let networks = text.split(',').map(|text| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse().or_else(|_| address()).map_err(|_| NotNetworks)
        });
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected addresses or networks such as 192.0.2.7 or 10.0.0.0/8, with commas between them")]
pub struct NotNetworks;

/// As they are read again, with commas; nothing where all are allowed.
impl fmt::Display for AllowedModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_commas(f, self.named().unwrap_or_default())
    }
}

/// As they are read again, with commas; nothing where any address is allowed.
impl fmt::Display for AllowedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_commas(f, self.named())
    }
}

fn with_commas(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            f.write_str(",")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
