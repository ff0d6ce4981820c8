use secrecy::ExposeSecret as _;

use super::*;
use crate::config::source::Sources;

/// The proxy of a channel at `base_url` that has this `proxy` written, as `URL authorization`.
fn proxy_of_channel(
    own: Option<&str>,
    base_url: &str,
    environment: &[(&str, &str)],
) -> Result<Option<String>, ()> {
    let environment: Environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let sources = Sources::default();
    let mut mistakes = Mistakes::new(&sources);
    let written = own.map(|own| Spanned::new(0..own.len(), own.to_owned()));
    let base_url = Url::parse(base_url).expect("a URL");
    let proxies = Proxies::of(&environment);
    let resolved = resolve(written, 0, &base_url, &proxies, &mut mistakes);
    assert_eq!(resolved.is_none(), mistakes.into_result().is_err());
    let shown = |proxy: Proxy| match proxy.authorization {
        Some(value) => format!("{} {}", proxy.url, value.expose_secret()),
        None => proxy.url.to_string(),
    };
    resolved.map(|proxy| proxy.map(shown)).ok_or(())
}

const OPENAI: &str = "https://api.openai.com/v1";

#[test]
fn a_channel_has_no_proxy_where_nothing_names_one() {
    assert_eq!(proxy_of_channel(None, OPENAI, &[]), Ok(None));
}

#[test]
fn a_channel_takes_the_proxy_that_is_written_for_it() {
    let own = Some("http://user:pa%20ss@proxy.example:3128");
    let found = proxy_of_channel(own, OPENAI, &[("HTTPS_PROXY", "http://other.example:1")]);
    assert_eq!(
        found,
        Ok(Some(
            "http://proxy.example:3128/ Basic dXNlcjpwYSBzcw==".to_owned()
        ))
    );
}

#[test]
fn what_is_reached_over_tls_goes_through_the_environments_proxy() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let found = proxy_of_channel(None, OPENAI, &[(name, "http://proxy.example:3128")]);
        assert_eq!(found, Ok(Some("http://proxy.example:3128/".to_owned())), "{name}");
    }
}

#[test]
fn the_environments_proxy_is_left_out_where_it_should_be() {
    let environment = [
        ("HTTPS_PROXY", "http://proxy.example:3128"),
        ("NO_PROXY", "internal.example,10.0.0.0/8"),
    ];
    for direct in [
        "https://models.internal.example/v1",
        "https://10.1.2.3/v1",
        "https://127.0.0.1:8443/v1",
        "https://localhost/v1",
        "https://[::1]/v1",
        "http://api.openai.com/v1",
    ] {
        assert_eq!(proxy_of_channel(None, direct, &environment), Ok(None), "{direct}");
    }
    assert_eq!(proxy_of_channel(Some("none"), OPENAI, &environment), Ok(None));
}

#[test]
fn what_is_no_proxy_that_can_be_asked_is_a_mistake() {
    for own in [
        "",
        "socks5://proxy.example:1080",
        "https://proxy.example:3128",
        "http://",
    ] {
        assert_eq!(proxy_of_channel(Some(own), OPENAI, &[]), Err(()), "{own}");
    }
    let environment = [("HTTPS_PROXY", "socks5://proxy.example:1080")];
    assert_eq!(proxy_of_channel(None, OPENAI, &environment), Err(()));
}
