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
    only: Option<String>,
    not: Vec<String>,
}

impl Pin {
    /// What the headers say. They are for operators who allow it, and nothing to all others.
    pub fn of(headers: &HeaderMap, allowed: bool) -> Self {
        if !allowed {
            return Self::default();
        }
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let names = text(X_TOLLGATE_EXCLUDE)
            .unwrap_or_default()
            .split(',')
            .map(str::trim);
        Self {
            only: text(X_TOLLGATE_CHANNEL).map(|name| name.trim().to_owned()),
            not: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        }
    }

    /// Whether the request may go to this channel.
    pub fn takes(&self, channel: &ChannelName) -> bool {
        let channel = channel.as_str();
        self.only.as_deref().is_none_or(|only| only == channel) && !self.not.iter().any(|not| not == channel)
    }
}
