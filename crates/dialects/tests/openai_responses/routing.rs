//! Which requests go out as Responses, by catalogue data alone.

use std::borrow::Cow;

use serde_json::{Value, json};
use tollgate_catalog::dialect_name::DialectName;
use tollgate_dialects::{Dialect, dialect_of, serving_for};

use super::fixtures::{body, encode, serving, valid};

fn tools() -> Value {
    json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}])
}

#[test]
fn gpt_5_4_speaks_chat_until_tools_meet_effort() {
    for (members, expected) in [
        (json!({}), Dialect::OpenaiChat),
        (json!({"tools": tools()}), Dialect::OpenaiChat),
        (json!({"reasoning_effort": "high"}), Dialect::OpenaiChat),
        (
            json!({"tools": [], "reasoning_effort": "high"}),
            Dialect::OpenaiChat,
        ),
        (
            json!({"tools": tools(), "reasoning_effort": "none"}),
            Dialect::OpenaiChat,
        ),
        (
            json!({"tools": tools(), "enable_thinking": false}),
            Dialect::OpenaiChat,
        ),
        (
            json!({"tools": tools(), "reasoning_effort": "low"}),
            Dialect::OpenaiResponses,
        ),
        (
            json!({"tools": tools(), "enable_thinking": true}),
            Dialect::OpenaiResponses,
        ),
        (
            json!({"tools": tools(), "thinking": {"type": "enabled"}}),
            Dialect::OpenaiResponses,
        ),
        (
            json!({"tools": tools(), "reasoning_effort": "xhigh", "stream": true, "tool_choice": "required"}),
            Dialect::OpenaiResponses,
        ),
    ] {
        let request = encode("gpt-5-4", members.clone()).unwrap();
        assert_eq!(request.dialect, expected, "{members}");
        assert_eq!(
            dialect_of(&valid("gpt-5-4", members.clone()), &serving("gpt-5-4")),
            Some(expected)
        );
        let (path, list) = match expected {
            Dialect::OpenaiChat => ("/chat/completions", "messages"),
            _ => ("/responses", "input"),
        };
        assert_eq!(request.path, path, "{members}");
        assert!(body(&request)[list].is_array(), "{members}");
        assert_eq!(body(&request)["model"], "gpt-5.4");
    }
}

#[test]
fn the_other_dialect_has_quirks_of_its_own() {
    let serving = serving("gpt-5-4");
    let chat = valid("gpt-5-4", json!({"tools": tools()}));
    assert!(matches!(serving_for(&chat, &serving), Cow::Borrowed(_)));
    assert_eq!(serving.quirks.n_max, 128);

    let tools_and_effort = valid("gpt-5-4", json!({"tools": tools(), "reasoning_effort": "low"}));
    let other = serving_for(&tools_and_effort, &serving);
    assert_eq!(other.dialect, DialectName::OpenaiResponses);
    assert_eq!(other.upstream_id, serving.upstream_id);
    assert_eq!(
        (other.quirks.n_max, other.quirks.stop_max, other.quirks.audio),
        (1, 0, false)
    );
    assert!(other.quirks.file_urls && !serving.quirks.file_urls);
    assert_eq!(other.quirks.efforts, serving.quirks.efforts);

    let again = serving_for(&tools_and_effort, &other);
    assert!(matches!(again, Cow::Borrowed(_)), "asking twice changes nothing");
}

#[test]
fn models_without_chat_always_go_out_as_responses() {
    for (model, upstream, effort) in [
        ("gpt-5-3-codex", "gpt-5.3-codex", None),
        ("gpt-5-2-codex", "gpt-5.2-codex", None),
        ("gpt-5-1-codex-mini", "gpt-5.1-codex-mini", None),
        ("gpt-5-codex", "gpt-5-codex", None),
        ("gpt-5-codex-high", "gpt-5-codex", Some("high")),
        ("gpt-5-codex-low", "gpt-5-codex", Some("low")),
        ("gpt-5-pro", "gpt-5-pro", None),
    ] {
        let request = encode(model, json!({})).unwrap();
        assert_eq!(request.dialect, Dialect::OpenaiResponses, "{model}");
        let body = body(&request);
        assert_eq!(body["model"], upstream, "{model}");
        assert_eq!(body["reasoning"]["effort"].as_str(), effort, "{model}");
    }
}

#[test]
fn an_explicit_effort_counts_before_the_one_that_the_models_name_stands_for() {
    let effort = |model, members| body(&encode(model, members).unwrap())["reasoning"]["effort"].clone();
    assert_eq!(
        effort("gpt-5-codex-high", json!({"reasoning_effort": "low"})),
        "low"
    );
    assert_eq!(
        effort("gpt-5-codex-high", json!({"enable_thinking": true})),
        "high"
    );
    assert_eq!(effort("gpt-5-codex-low", json!({"tools": tools()})), "low");
}

#[test]
fn gpt_5_pro_is_never_asked_for_a_stream() {
    for stream in [false, true] {
        let request = encode("gpt-5-pro", json!({"stream": stream})).unwrap();
        assert!(!request.streamed);
        assert_eq!(body(&request).get("stream"), None);
    }
    let request = encode("gpt-5-codex", json!({"stream": true})).unwrap();
    assert!(request.streamed && body(&request)["stream"] == true);
}
