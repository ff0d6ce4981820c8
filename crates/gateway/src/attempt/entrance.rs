//! Where a channel's requests go and which headers they carry, by dialect.
//!
//! One channel may speak several dialects: a model's serving says which, and sometimes the request.
//! What does not change from request to request is put together once.

use std::{borrow::Cow, sync::OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use secrecy::ExposeSecret;
use tollgate_catalog::channel::ChannelSettings;
use tollgate_dialects::{Credential, Dialect};

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
    /// Credential, content type, the dialect's headers, the operator's own.
    headers: HeaderMap,
    /// The address of the path that the dialect always names; made when it is first asked for.
    fixed: OnceLock<(&'static str, Uri)>,
}

impl Entrances {
    pub fn of(settings: &ChannelSettings) -> Self {
        let entrance = |dialect| Entrance {
            headers: headers(settings, dialect),
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
    pub fn headers(&self, dialect: Dialect) -> &HeaderMap {
        &self.entrance(dialect).headers
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

/// The headers that every request of a channel carries in this dialect. The configuration has checked
/// that they can stand in a header; what cannot is left out.
fn headers(settings: &ChannelSettings, dialect: Dialect) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(settings.headers.len() + 8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
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
