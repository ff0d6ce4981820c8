//! Channels that a request names: the only one that it wants, and those that it does not want.

use http::{HeaderMap, HeaderName};
use tollgate_catalog::channel::ChannelName;

/// Names the one channel that the request is for; on answers, the one that answered.
const X_TOLLGATE_CHANNEL: HeaderName = HeaderName::from_static("x-tollgate-channel");
/// Names channels, with commas between them, that the request is not for.
const X_TOLLGATE_EXCLUDE: HeaderName = HeaderName::from_static("x-tollgate-exclude");

/// Which channels a request may go to. The default: all.
#[derive(Debug, Default)]
pub struct Pin {
    only: Vec<String>,
    not: Vec<String>,
}

impl Pin {
    /// What the headers say. They are for operators who allow it, and nothing to all others.
    pub fn of(headers: &HeaderMap, allowed: bool) -> Self {
        if !allowed {
            return Self::default();
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
            only: lines(X_TOLLGATE_CHANNEL).collect(),
            not: not.collect(),
        }
    }

    /// Whether the request may go to this channel.
    pub fn takes(&self, channel: &ChannelName) -> bool {
        let channel = channel.as_str();
        self.only.iter().all(|only| only == channel) && !self.not.iter().any(|not| not == channel)
    }
}
