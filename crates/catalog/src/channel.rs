//! One channel's settings, resolved: every value is final, no `Option` means "default".

use std::{collections::BTreeMap, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{model::ModelId, provider::Provider, serving::Serving};

/// Name of a channel: what operators, logs and metrics call it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// Takes the name as it is; which names are allowed is the configuration's business.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One credentialed route to a provider.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    pub name: ChannelName,
    pub provider: Arc<Provider>,
    /// Chat-speaking providers: the path before `/chat/completions`; Anthropic and Gemini: the host.
    /// Without a final slash.
    pub base_url: Url,
    pub api_key: SecretString,
    /// What this channel serves, and how. Public model ID to the provider's side of it.
    pub models: BTreeMap<ModelId, Arc<Serving>>,
    /// 0 is tried first.
    pub priority: u32,
    /// Share of the traffic among channels of one priority; at least 1.
    pub weight: u32,
    /// What stands between the gate and the provider; `None`: nothing.
    pub proxy: Option<Proxy>,
    /// Of models without some of their own.
    pub timeouts: Timeouts,
    pub model_timeouts: BTreeMap<ModelId, Timeouts>,
    /// How slow a stream may be; `None`: as slow as it likes.
    pub speed_floor: Option<SpeedFloor>,
    /// Most attempts under way at once; `None`: as many as come.
    pub concurrency: Option<NonZeroU32>,
    /// Sent with each request, after the dialect's own.
    pub headers: Vec<(String, String)>,
    /// Whether references into the provider's own storage (`file_id`, `ms://`, `gs://`) may pass:
    /// they resolve with the operator's credential.
    pub provider_files: bool,
    /// Whether what has no known price may be asked for by those whose money is counted, and costs them nothing.
    pub allow_unpriced: bool,
}

/// An HTTP proxy on the way to a provider, asked with CONNECT (RFC 9110, section 9.3.6).
#[derive(Debug, Clone)]
pub struct Proxy {
    /// `http`, a host and a port; without user and password.
    pub url: Url,
    /// Value of `Proxy-Authorization`, where it wants one.
    pub authorization: Option<SecretString>,
}

/// How long a provider may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From the last byte of the request to the first of a stream.
    pub first_byte: Duration,
    /// Between two reads of an answer.
    pub idle: Duration,
    /// Until the whole answer is there, or a stream's first output.
    pub total: Duration,
}

/// A floor under the speed of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeedFloor {
    pub tokens_per_second: NonZeroU32,
    /// Over how much waiting it is measured.
    pub window: Duration,
}

impl ChannelSettings {
    /// Whether requests are sent with a credential.
    pub fn has_credential(&self) -> bool {
        !self.api_key.expose_secret().is_empty()
    }

    /// How long the provider may take with this model.
    pub fn timeouts_of(&self, model: &ModelId) -> Timeouts {
        self.model_timeouts.get(model).copied().unwrap_or(self.timeouts)
    }
}
