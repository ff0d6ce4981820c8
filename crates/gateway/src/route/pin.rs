//! The channels that a request may go to: those of its API key, and of these the ones that it asks for itself.

use http::{HeaderMap, HeaderName};
use tollgate_catalog::channel::ChannelName;
use tollgate_ledger::AllowedChannels;

use crate::story::Why;

/// Names the one channel that the request is for; on answers, the one that answered.
const X_TOLLGATE_CHANNEL: HeaderName = HeaderName::from_static("x-tollgate-channel");
/// Names channels, with commas between them, that the request is not for.
const X_TOLLGATE_EXCLUDE: HeaderName = HeaderName::from_static("x-tollgate-exclude");

/// Which channels a request may go to. The default: all.
#[derive(Debug, Default)]
pub struct Pin {
    of_key: AllowedChannels,
    only: Vec<String>,
    not: Vec<String>,
}

impl Pin {
    /// What the key's operator says, and the headers. These are for operators who allow it (`allowed`), and nothing
    /// to all others.
    pub fn of(of_key: &AllowedChannels, headers: &HeaderMap, allowed: bool) -> Self {
        let of_key = of_key.clone();
        if !allowed {
            return Self {
                of_key,
                ..Self::default()
            };
        }
        // What is no text is no channel's name either.
        let lines = |name: HeaderName| {
            let values = headers.get_all(name).into_iter();
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
        };
        let not = lines(X_TOLLGATE_EXCLUDE).flat_map(|line| {
            let names = line.split(',').map(|name| name.trim().to_owned());
            names.filter(|name| !name.is_empty()).collect::<Vec<_>>()
        });
        Self {
            of_key,
            only: lines(X_TOLLGATE_CHANNEL).collect(),
            not: not.collect(),
        }
    }

    /// What the request itself says of channels, each word with a mark of its kind.
    pub fn asked(&self) -> impl Iterator<Item = String> {
        let only = self.only.iter().map(|name| format!("={name}"));
        only.chain(self.not.iter().map(|name| format!("-{name}")))
    }

    /// Why the request may not go to this channel; `None`: it may.
    pub fn refuses(&self, channel: &ChannelName) -> Option<Why> {
        if !self.of_key.permit(channel) {
            return Some(Why::NotForKey);
        }
        let channel = channel.as_str();
        let takes =
            self.only.iter().all(|only| only == channel) && !self.not.iter().any(|not| not == channel);
        (!takes).then_some(Why::Pinned)
    }
}
