//! What a channel keeps when its settings change.
//!
//! Connections stay where they lead to the same server in the same way; what is known of its health, where that server
//! is asked with the same credential: who mends one of these wants it to be tried at once, and whoever changes anything
//! else has mended nothing.

use secrecy::ExposeSecret;
use tollgate_catalog::{
    channel::{ChannelSettings, Proxy},
    model::ModelId,
};

use super::connect_timeouts;

/// Words in the name of a header that may say who asks.
const CREDENTIAL_WORDS: [&str; 10] = [
    "account",
    "auth",
    "cookie",
    "credential",
    "key",
    "organization",
    "project",
    "secret",
    "signature",
    "token",
];

/// Whether connections of the one do for the other.
pub fn connections(a: &ChannelSettings, b: &ChannelSettings) -> bool {
    a.base_url == b.base_url && connect_timeouts(a) == connect_timeouts(b) && same_proxy(&a.proxy, &b.proxy)
}

/// Whether what is known of the one holds for the other.
pub fn health(a: &ChannelSettings, b: &ChannelSettings) -> bool {
    a.base_url == b.base_url
        && a.provider.name == b.provider.name
        && same_proxy(&a.proxy, &b.proxy)
        && a.api_key.expose_secret() == b.api_key.expose_secret()
        && credential_headers(a).eq(credential_headers(b))
}

/// The models of `now`, and whether each is called there as it was `before`.
pub fn models<'s>(
    before: &'s ChannelSettings,
    now: &'s ChannelSettings,
) -> impl Iterator<Item = (&'s ModelId, bool)> {
    now.models.iter().map(|(id, serving)| {
        let earlier = before.models.get(id);
        let is_same = earlier.is_some_and(|earlier| earlier.upstream_id == serving.upstream_id);
        (id, is_same)
    })
}

fn credential_headers(settings: &ChannelSettings) -> impl Iterator<Item = &(String, String)> {
    settings.headers.iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        CREDENTIAL_WORDS.iter().any(|word| name.contains(word))
    })
}

fn same_proxy(a: &Option<Proxy>, b: &Option<Proxy>) -> bool {
    let authorization = |proxy: &Proxy| {
        proxy
            .authorization
            .as_ref()
            .map(|value| value.expose_secret().to_owned())
    };
    let parts = |proxy: &Option<Proxy>| {
        proxy
            .as_ref()
            .map(|proxy| (proxy.url.clone(), authorization(proxy)))
    };
    parts(a) == parts(b)
}
