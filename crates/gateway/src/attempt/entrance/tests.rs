#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, time::Duration};

use tollgate_catalog::channel::{ChannelName, Timeouts};

use super::*;

fn settings(base_url: &str, api_key: &str, headers: &[(&str, &str)]) -> ChannelSettings {
    let catalog = tollgate_catalog::load::builtin().unwrap();
    ChannelSettings {
        name: ChannelName::new("channel"),
        provider: catalog.provider("openai-compatible").unwrap().clone(),
        base_url: base_url.parse().unwrap(),
        api_key: api_key.into(),
        models: BTreeMap::new(),
        priority: 0,
        weight: 1,
        proxy: None,
        timeouts: Timeouts {
            connect: Duration::ZERO,
            total: Duration::ZERO,
            first_byte: Duration::ZERO,
            idle: Duration::ZERO,
        },
        model_timeouts: BTreeMap::new(),
        speed_floor: None,
        concurrency: None,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        provider_files: false,
        allow_unpriced: false,
    }
}

fn sent(entrances: &Entrances, dialect: Dialect, name: &str) -> Option<String> {
    let value = entrances.headers(dialect, false).get(name)?;
    Some(value.to_str().unwrap().to_owned())
}

#[test]
fn each_dialect_gets_the_credential_in_its_own_header_and_in_no_other() {
    let entrances = Entrances::of(&settings("https://host", "key", &[]));

    for (dialect, name, value) in [
        (Dialect::OpenaiChat, "authorization", "Bearer key"),
        (Dialect::OpenaiResponses, "authorization", "Bearer key"),
        (Dialect::AnthropicMessages, "x-api-key", "key"),
        (Dialect::Gemini, "x-goog-api-key", "key"),
    ] {
        assert_eq!(sent(&entrances, dialect, name).as_deref(), Some(value));
        for other in ["authorization", "x-api-key", "x-goog-api-key"] {
            assert_eq!(
                sent(&entrances, dialect, other).is_some(),
                other == name,
                "{dialect:?}"
            );
        }
    }
}

#[test]
fn the_operators_own_headers_go_over_the_dialects() {
    let own = [("anthropic-version", "2024-01-01"), ("x-team", "search")];
    let entrances = Entrances::of(&settings("https://host", "key", &own));

    let version = sent(&entrances, Dialect::AnthropicMessages, "anthropic-version");
    assert_eq!(version.as_deref(), Some("2024-01-01"));
    assert_eq!(
        sent(&entrances, Dialect::Gemini, "x-team").as_deref(),
        Some("search")
    );
}

#[test]
fn without_a_credential_none_is_sent() {
    let entrances = Entrances::of(&settings("http://host", "", &[]));

    assert_eq!(sent(&entrances, Dialect::OpenaiChat, "authorization"), None);
}

#[test]
fn a_path_follows_the_base_url_whether_it_is_fixed_or_made_for_the_request() {
    let entrances = Entrances::of(&settings("https://host/v1/", "key", &[]));
    let uri = |path| {
        entrances
            .uri(Dialect::OpenaiChat, path)
            .map(|uri| uri.to_string())
    };

    for path in ["/chat/completions", "/chat/completions", "/other?alt=sse"] {
        assert_eq!(uri(path.into()), Some(format!("https://host/v1{path}")));
    }
    let made = "/models/m:generateContent".to_owned();
    assert_eq!(
        uri(made.into()).as_deref(),
        Some("https://host/v1/models/m:generateContent")
    );
}

#[test]
fn a_name_that_cannot_stand_in_an_address_is_no_panic() {
    let entrances = Entrances::of(&settings("https://host", "key", &[]));

    assert_eq!(
        entrances.uri(Dialect::Gemini, "/models/a b".to_owned().into()),
        None
    );
}
