//! Rules across parameters, and what a checked request tells.

use serde_json::{Value, json};

use super::gate::{PAGES, assert_refused, assert_taken, check_text, model, with};
use crate::{
    contract::{ResponseFormatAsked, ToolChoice, check::model_of},
    thinking::{Effort, Thinking},
};
use tollgate_chat::request::ChatRequest;

fn thinking(page: &str, members: Value) -> Thinking {
    assert_taken(with(page, members)).thinking
}

const ON: Thinking = Thinking::On {
    effort: None,
    budget: None,
};

#[test]
fn the_three_switches_say_one_thing_on_every_page() {
    let high = Thinking::On {
        effort: Some(Effort::High),
        budget: None,
    };
    let said = [
        (json!({ "enable_thinking": true }), ON),
        (json!({ "enable_thinking": false }), Thinking::Off),
        (json!({ "thinking": { "type": "enabled" } }), ON),
        (json!({ "thinking": { "type": "adaptive" } }), ON),
        (json!({ "thinking": { "type": "auto" } }), ON),
        (json!({ "thinking": { "type": "disabled" } }), Thinking::Off),
        (json!({ "reasoning_effort": "none" }), Thinking::Off),
        (json!({ "reasoning_effort": "high" }), high),
        (json!({ "thinking": { "reasoning_effort": "high" } }), high),
        (
            json!({ "thinking": { "type": "enabled" }, "reasoning_effort": "high" }),
            high,
        ),
        (
            json!({ "thinking": { "type": "enabled", "reasoning_effort": "high" }, "reasoning_effort": "high" }),
            high,
        ),
        (
            json!({ "thinking": { "type": "disabled" }, "enable_thinking": false, "reasoning_effort": "none" }),
            Thinking::Off,
        ),
        (
            json!({ "thinking": { "type": "enabled", "budget_tokens": 2048 } }),
            Thinking::On {
                effort: None,
                budget: Some(2048),
            },
        ),
        (
            json!({ "thinking_budget": 100 }),
            Thinking::On {
                effort: None,
                budget: Some(100),
            },
        ),
        (json!({ "thinking_budget": 0 }), Thinking::Off),
        (
            json!({ "enable_thinking": false, "thinking_budget": 0 }),
            Thinking::Off,
        ),
        (json!({ "thinking": { "budget_tokens": 0 } }), Thinking::Off),
        (
            json!({ "enable_thinking": false, "thinking_budget": 100 }),
            Thinking::Off,
        ),
        (
            json!({ "enable_thinking": true, "thinking_budget": 100 }),
            Thinking::On {
                effort: None,
                budget: Some(100),
            },
        ),
    ];
    for page in PAGES {
        for (members, meaning) in &said {
            assert_eq!(thinking(page, members.clone()), *meaning, "{page}: {members}");
        }
    }
}

#[test]
fn an_empty_switch_leaves_the_pages_default() {
    for empty in [
        json!({}),
        json!({ "thinking": {} }),
        json!({ "thinking": { "type": null } }),
        json!({ "thinking": null }),
    ] {
        assert_eq!(thinking("deepseek-v4-flash", empty.clone()), Thinking::Unset);
        assert_eq!(
            thinking("qwen3.6-flash", empty),
            Thinking::Off,
            "the page says false"
        );
    }
}

#[test]
fn switches_that_contradict_are_refused_and_the_later_one_is_named() {
    let contradictions = [
        (
            json!({ "enable_thinking": false, "thinking": { "type": "enabled" } }),
            "thinking",
        ),
        (
            json!({ "enable_thinking": true, "reasoning_effort": "none" }),
            "reasoning_effort",
        ),
        (
            json!({ "reasoning_effort": "low", "thinking": { "type": "disabled" } }),
            "thinking",
        ),
        (
            json!({ "reasoning_effort": "low", "thinking": { "reasoning_effort": "high" } }),
            "thinking",
        ),
        (
            json!({ "thinking": { "type": "disabled", "reasoning_effort": "high" } }),
            "thinking",
        ),
        (
            json!({ "enable_thinking": true, "thinking": { "type": "disabled", "budget_tokens": 1024 } }),
            "thinking",
        ),
        (
            json!({ "thinking": { "type": "enabled", "budget_tokens": 0 } }),
            "thinking",
        ),
        (
            json!({ "enable_thinking": true, "thinking_budget": 0 }),
            "thinking_budget",
        ),
        (
            json!({ "reasoning_effort": "high", "thinking_budget": 0 }),
            "thinking_budget",
        ),
    ];
    for (members, param) in contradictions {
        assert_refused(with("general", members), param, "invalid_value");
    }
}

#[test]
fn wrong_words_in_switches_are_refused() {
    let page = "deepseek-v4-flash";
    assert_refused(
        with(page, json!({ "thinking": "enabled" })),
        "thinking",
        "invalid_type",
    );
    assert_refused(
        with(page, json!({ "thinking": { "type": "on" } })),
        "thinking.type",
        "invalid_value",
    );
    assert_refused(
        with(page, json!({ "thinking_budget": -1 })),
        "thinking_budget",
        "integer_below_min_value",
    );
    let budget = json!({ "thinking": { "type": "enabled", "budget_tokens": -1 } });
    assert_refused(
        with(page, budget),
        "thinking.budget_tokens",
        "integer_below_min_value",
    );
}

#[test]
fn of_two_output_limits_the_newer_name_wins() {
    let both = assert_taken(with(
        "general",
        json!({ "max_tokens": 10, "max_completion_tokens": 20 }),
    ));
    assert_eq!(both.max_tokens, Some(20));
    let old = assert_taken(with("qwen3.6-flash", json!({ "max_tokens": 10 })));
    assert_eq!(old.max_tokens, Some(10));
}

#[test]
fn a_documented_output_limit_is_in_force_when_none_is_sent() {
    let limits = PAGES.map(|page| assert_taken(with(page, json!({}))).max_tokens);
    assert_eq!(limits, [None, None, Some(65_536), None, Some(8_192)]);
}

#[test]
fn all_violations_are_found_at_once_in_the_order_of_the_body() {
    let body = r#"{
        "model": "m", "temperature": 3, "stream_options": {"include_usage": true},
        "messages": [{"content": "x"}, {"role": "user"}], "top_p": -1, "n": 0, "stop": 5
    }"#;
    let violations = check_text(model("deepseek-v4-flash"), body).unwrap_err();
    assert_eq!(violations.total(), 7);
    let shown: Vec<&str> = violations
        .shown()
        .iter()
        .map(|violation| violation.path())
        .collect();
    assert_eq!(
        shown,
        [
            "temperature",
            "stream_options",
            "messages[0].role",
            "messages[1].content",
            "top_p"
        ]
    );
}

#[test]
fn a_missing_conversation_is_named_first() {
    let violations = check_text(model("general"), r#"{"model": "m", "temperature": 3}"#).unwrap_err();
    assert_eq!(
        (violations.param(), violations.code().as_str()),
        ("messages", "missing_required_parameter")
    );
    assert_refused(
        with("general", json!({ "messages": [] })),
        "messages",
        "empty_array",
    );
    assert_refused(
        with("general", json!({ "messages": ["Hello"] })),
        "messages[0]",
        "invalid_type",
    );
}

#[test]
fn nesting_without_end_is_a_violation_and_not_a_crash() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(
        r#"{{"model": "m", "messages": [{{"role": "user", "content": "x"}}], "metadata": {deep}, "unknown": {deep}}}"#
    );
    assert_refused(check_text(model("general"), &body), "metadata", "invalid_value");
}

#[test]
fn text_that_is_no_unicode_is_a_violation() {
    let body = r#"{"model": "m", "messages": [{"role": "user", "content": "\ud83d"}]}"#;
    assert_refused(check_text(model("general"), body), "messages", "invalid_value");
}

#[test]
fn a_checked_request_tells_what_was_asked() {
    let request = assert_taken(with(
        "general",
        json!({
            "stream": true,
            "stream_options": { "include_usage": true },
            "n": 3,
            "stop": ["a", "b"],
            "temperature": 0.5,
            "top_p": 0.9,
            "frequency_penalty": -1,
            "presence_penalty": 1,
            "seed": 42,
            "response_format": { "type": "json_object" },
            "tools": [{ "type": "function", "function": { "name": "weather", "strict": true } }],
            "tool_choice": { "type": "function", "function": { "name": "weather" } }
        }),
    ));
    assert!(request.stream && request.include_usage);
    assert_eq!((request.n, request.tools), (3, 1));
    assert_eq!(request.stop, ["a", "b"]);
    assert_eq!((request.temperature, request.top_p), (Some(0.5), Some(0.9)));
    assert_eq!(
        (request.frequency_penalty, request.presence_penalty),
        (Some(-1.0), Some(1.0))
    );
    assert_eq!(request.seed, Some(42));
    assert_eq!(request.response_format, ResponseFormatAsked::JsonObject);
    assert_eq!(request.tool_choice, ToolChoice::Named("weather".into()));
    assert!(request.traits.tool_strict);
}

#[test]
fn the_older_function_parameters_pass_by_shape_and_are_flagged() {
    let functions = json!([{ "name": "weather", "parameters": { "type": "object" } }]);
    let request = assert_taken(with(
        "general",
        json!({ "functions": functions, "function_call": "auto" }),
    ));
    assert!(request.traits.legacy_functions);
    let none = assert_taken(with("general", json!({ "functions": [], "function_call": null })));
    assert!(!none.traits.legacy_functions);
    assert_refused(
        with("general", json!({ "functions": [{}] })),
        "functions[0].name",
        "missing_required_parameter",
    );
    assert_refused(
        with("general", json!({ "function_call": {} })),
        "function_call.name",
        "missing_required_parameter",
    );
}

#[test]
fn a_model_that_is_missing_or_no_string_can_be_told() {
    let named = |body: &str| {
        let request = ChatRequest::parse(body.as_bytes().to_vec().into()).unwrap();
        model_of(&request)
            .map(|name| name.into_owned())
            .map_err(|violation| violation.code().as_str())
    };
    assert_eq!(named(r#"{"model": "gpt-\u0034o"}"#), Ok("gpt-4o".into()));
    assert_eq!(named(r#"{}"#), Err("missing_required_parameter"));
    assert_eq!(named(r#"{"model": null}"#), Err("missing_required_parameter"));
    assert_eq!(named(r#"{"model": 4}"#), Err("invalid_type"));
    assert_eq!(named(r#"{"model": ""}"#), Err("string_below_min_length"));
}
