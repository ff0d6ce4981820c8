//! The proxy on the way to a channel's provider: its own `proxy`, else the environment's.

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use secrecy::SecretString;
use tollgate_catalog::channel::Proxy;
use toml::Spanned;
use url::Url;

use crate::config::{
    environment::Environment,
    mistake::{Mistake, Mistakes},
};

/// Written for a channel that goes past the environment's proxy.
const NONE: &str = "none";

/// Never behind a proxy: what it would reach there is another machine.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The proxies that the environment names, in the variables that curl reads.
pub struct Proxies(Matcher);

impl Proxies {
    /// What is read of an environment.
    pub const VARIABLES: [&str; 6] = [
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ];

    pub fn of(environment: &Environment) -> Self {
        let value = |names: [&str; 2]| {
            let mut found = names.iter().filter_map(|name| environment.get(name));
            found.find(|value| !value.is_empty()).unwrap_or_default()
        };
        // `HTTP_PROXY` is not read: what is reached without TLS is the operator's own.
        let matcher = Matcher::builder()
            .all(String::new())
            .https(match value(["https_proxy", "HTTPS_PROXY"]) {
                "" => value(["all_proxy", "ALL_PROXY"]).to_owned(),
                https => https.to_owned(),
            })
            .no(format!("{LOOPBACK},{}", value(["no_proxy", "NO_PROXY"])))
            .build();
        Self(matcher)
    }

    fn towards(&self, base_url: &Url) -> Option<Intercept> {
        let destination = Uri::try_from(base_url.as_str()).ok()?;
        self.0.intercept(&destination)
    }
}

/// The proxy of one channel. `None`: what is written is none.
pub fn resolve(
    written: Option<Spanned<String>>,
    start: usize,
    base_url: &Url,
    proxies: &Proxies,
    mistakes: &mut Mistakes<'_>,
) -> Option<Option<Proxy>> {
    let (found, start) = match written {
        Some(written) if written.get_ref() == NONE => return Some(None),
        Some(written) => {
            let own = Matcher::builder().all(written.get_ref().clone()).build();
            let found = Uri::try_from(base_url.as_str()).ok();
            let found = found.and_then(|destination| own.intercept(&destination));
            (Some(found), written.span().start)
        }
        None => (proxies.towards(base_url).map(Some), start),
    };
    let Some(found) = found else {
        return Some(None);
    };
    let proxy = found.as_ref().and_then(proxy_of);
    if proxy.is_none() {
        mistakes.add(start, Mistake::Proxy);
    }
    proxy.map(Some)
}

fn proxy_of(intercept: &Intercept) -> Option<Proxy> {
    let url = Url::parse(&intercept.uri().to_string()).ok()?;
    let authorization = intercept.basic_auth().map(|value| value.to_str()).transpose();
    let authorization = authorization.ok()?.map(SecretString::from);
    let is_plain = url.scheme() == "http" && url.has_host();
    is_plain.then_some(Proxy { url, authorization })
}

#[cfg(test)]
mod tests;
