//! The channels that a key's requests may go to.

use std::{fmt, str::FromStr, sync::Arc};

use tollgate_catalog::channel::ChannelName;

use super::with_commas;

/// Names of channels, at least one; there need not be such channels.
///
/// Written with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelNames(Arc<[ChannelName]>);

impl ChannelNames {
    /// The names; none: there is nothing to name.
    pub fn new(names: impl IntoIterator<Item = ChannelName>) -> Option<Self> {
        let names: Arc<[ChannelName]> = names.into_iter().collect();
        (!names.is_empty()).then_some(Self(names))
    }

    pub fn iter(&self) -> impl Iterator<Item = &ChannelName> {
        self.0.iter()
    }

    fn has(&self, channel: &ChannelName) -> bool {
        self.0.contains(channel)
    }
}

impl FromStr for ChannelNames {
    type Err = NotChannels;

    /// Says nothing about whether there are such channels.
    fn from_str(text: &str) -> Result<Self, NotChannels> {
        let names = text.split(',').map(|name| {
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            is_name.then(|| ChannelName::new(name)).ok_or(NotChannels)
        });
        Ok(Self(names.collect::<Result<_, _>>()?))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("channels are written as names with a comma and no white space between them")]
pub struct NotChannels;

/// As they are read again.
impl fmt::Display for ChannelNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_commas(f, &self.0)
    }
}

/// The channels that a key's requests may go to: all, unless it is said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedChannels {
    /// These and no others.
    pub only: Option<ChannelNames>,
    /// Any but these.
    pub not: Option<ChannelNames>,
}

impl AllowedChannels {
    pub fn permit(&self, channel: &ChannelName) -> bool {
        self.only.as_ref().is_none_or(|only| only.has(channel))
            && !self.not.as_ref().is_some_and(|not| not.has(channel))
    }

    /// All that are named, for whatever reason.
    pub fn named(&self) -> impl Iterator<Item = &ChannelName> {
        [&self.only, &self.not]
            .into_iter()
            .flatten()
            .flat_map(ChannelNames::iter)
    }
}
