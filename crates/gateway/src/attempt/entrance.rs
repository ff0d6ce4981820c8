//! Where a channel's requests go and which headers they carry, by dialect.
//!
//! One channel may speak several dialects: a model's serving says which, and sometimes the request.
//! What does not change from request to request is put together once.

use std::{borrow::Cow, sync::OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use secrecy::ExposeSecret;
use tollgate_catalog::channel::ChannelSettings;
use tollgate_dialects::{Credential, Dialect};
use url::Url;

const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// The entrances of one channel's provider, one a dialect.
#[derive(Debug)]
pub struct Entrances {
    /// Without the final slash.
    base: String,
    openai_chat: Entrance,
    openai_responses: Entrance,
    anthropic_messages: Entrance,
    gemini: Entrance,
}

#[derive(Debug)]
struct Entrance {
    /// Credential, content types, the dialect's headers, the operator's own; for whole answers.
    whole: HeaderMap,
    /// The same for streams.
    streamed: HeaderMap,
    /// The address of the path that the dialect always names; made when it is first asked for.
    fixed: OnceLock<(&'static str, Uri)>,
}

impl Entrances {
    pub fn of(settings: &ChannelSettings) -> Self {
        let entrance = |dialect| Entrance {
            whole: headers(settings, dialect, "application/json"),
            streamed: headers(settings, dialect, "text/event-stream"),
            fixed: OnceLock::new(),
        };
        Self {
            base: settings.base_url.as_str().trim_end_matches('/').to_owned(),
            openai_chat: entrance(Dialect::OpenaiChat),
            openai_responses: entrance(Dialect::OpenaiResponses),
            anthropic_messages: entrance(Dialect::AnthropicMessages),
            gemini: entrance(Dialect::Gemini),
        }
    }

    /// What each request in this dialect carries beside its body.
    pub fn headers(&self, dialect: Dialect, streamed: bool) -> &HeaderMap {
        let entrance = self.entrance(dialect);
        match streamed {
            true => &entrance.streamed,
            false => &entrance.whole,
        }
    }

    /// The whole address of a path. `None`: it cannot be written as one, because of the name that the
    /// provider's side of a model has.
    pub fn uri(&self, dialect: Dialect, path: Cow<'static, str>) -> Option<Uri> {
        let made = |path: &str| Uri::try_from(format!("{}{path}", self.base)).ok();
        let path = match path {
            Cow::Borrowed(path) => path,
            Cow::Owned(path) => return made(&path),
        };
        let fixed = &self.entrance(dialect).fixed;
        if let Some((_, uri)) = fixed.get().filter(|(known, _)| *known == path) {
            return Some(uri.clone());
        }
        let uri = made(path)?;
        // The first path stays; where a dialect has another one, that is put together each time.
        let _ = fixed.set((path, uri.clone()));
        Some(uri)
    }

    fn entrance(&self, dialect: Dialect) -> &Entrance {
        match dialect {
            Dialect::OpenaiChat => &self.openai_chat,
            Dialect::OpenaiResponses => &self.openai_responses,
            Dialect::AnthropicMessages => &self.anthropic_messages,
            Dialect::Gemini => &self.gemini,
        }
    }
}

/// What `Host` says of an address.
pub fn host_of(base: &Url) -> HeaderValue {
    let name = base.host_str().unwrap_or_default();
    let host = match base.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    HeaderValue::try_from(host).expect("a URL's host is ASCII")
}

/// The headers that every request of a channel carries in this dialect. The configuration has checked
/// that they can stand in a header; what cannot is left out. `accept`: what the provider is asked to answer with.
fn headers(settings: &ChannelSettings, dialect: Dialect, accept: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(settings.headers.len() + 8);
    headers.insert(header::HOST, host_of(&settings.base_url));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, value) in dialect.headers() {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // A server of one's own may want no credential at all.
    let key = settings.api_key.expose_secret();
    if !key.is_empty() {
        let (name, value) = match dialect.credential() {
            Credential::Bearer => (
                header::AUTHORIZATION,
                HeaderValue::from_str(&format!("Bearer {key}")),
            ),
            Credential::Header(name) => (HeaderName::from_static(name), HeaderValue::from_str(key)),
        };
        if let Ok(mut value) = value {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    for (name, value) in &settings.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests;
