#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::to_send;
use crate::{
    contract::check::tests::gate::{assert_taken, with},
    quirks::{Quirks, Range, TokenLimitField},
};

fn sent(page: &str, members: Value, quirks: &Quirks) -> Vec<(&'static str, String)> {
    to_send(&assert_taken(with(page, members)), quirks)
}

fn one(name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    vec![(name, value.to_owned())]
}

/// A provider whose own default for `name` is `value`.
fn with_own_default(name: &str, value: impl Into<toml::Value>) -> Quirks {
    let mut quirks = Quirks::default();
    quirks.provider_defaults.insert(name.to_owned(), value.into());
    quirks
}

#[test]
fn a_documented_output_limit_is_sent_under_the_providers_name() {
    let newer = Quirks {
        token_limit_field: TokenLimitField::MaxCompletionTokens,
        ..Quirks::default()
    };
    assert_eq!(
        sent("qwen3.6-flash", json!({}), &newer),
        one("max_completion_tokens", "65536")
    );
    assert_eq!(
        sent("qwen3.6-flash", json!({}), &Quirks::default()),
        one("max_tokens", "65536")
    );
    assert_eq!(
        sent("doubao-vision", json!({}), &Quirks::default()),
        one("max_tokens", "8192")
    );
}

#[test]
fn nothing_is_sent_where_the_client_said_it_under_either_name() {
    for name in ["max_tokens", "max_completion_tokens"] {
        assert_eq!(sent("qwen3.6-flash", json!({ name: 5 }), &Quirks::default()), []);
    }
    let quirks = with_own_default("temperature", 0.6);
    assert_eq!(sent("general", json!({ "temperature": 0.2 }), &quirks), []);
}

#[test]
fn a_null_is_nothing_said() {
    assert_eq!(
        sent("doubao-vision", json!({ "max_tokens": null }), &Quirks::default()),
        one("max_tokens", "8192")
    );
}

#[test]
fn a_default_is_sent_only_where_the_providers_own_is_known_to_differ() {
    assert_eq!(sent("general", json!({}), &Quirks::default()), []);
    assert_eq!(
        sent("general", json!({}), &with_own_default("temperature", 0.6)),
        one("temperature", "1")
    );
    assert_eq!(
        sent("general", json!({}), &with_own_default("temperature", 1.0)),
        []
    );
    assert_eq!(
        sent("general", json!({}), &with_own_default("temperature", 1)),
        []
    );
    assert_eq!(
        sent("general", json!({}), &with_own_default("presence_penalty", 1.5)),
        one("presence_penalty", "0")
    );
    assert_eq!(
        sent("general", json!({}), &with_own_default("top_p", 0.8)),
        [],
        "the page states none"
    );
    assert_eq!(
        sent("deepseek-v4-flash", json!({}), &with_own_default("top_p", 0.8)),
        one("top_p", "1")
    );
}

#[test]
fn a_default_that_the_provider_does_not_take_is_not_sent() {
    let not_taken = Quirks {
        temperature: None,
        ..with_own_default("temperature", 0.6)
    };
    let other_range = Quirks {
        temperature: Some(Range::closed(0.0, 0.9)),
        ..with_own_default("temperature", 0.6)
    };
    let omitted = Quirks {
        omit: vec!["temperature".into()],
        ..with_own_default("temperature", 0.6)
    };
    for quirks in [not_taken, other_range, omitted] {
        assert_eq!(sent("general", json!({}), &quirks), []);
    }
}

#[test]
fn a_default_that_is_not_taken_while_thinking_is_sent_only_without_it() {
    let quirks = Quirks {
        omit_while_thinking: vec!["temperature".into()],
        thinks_by_default: true,
        ..with_own_default("temperature", 0.6)
    };
    assert_eq!(sent("general", json!({}), &quirks), []);
    assert_eq!(
        sent("general", json!({ "reasoning_effort": "high" }), &quirks),
        []
    );
    assert_eq!(
        sent("general", json!({ "thinking": { "type": "disabled" } }), &quirks),
        one("temperature", "1")
    );
}
