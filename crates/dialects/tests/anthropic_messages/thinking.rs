//! Thinking in all its forms, and what earlier turns thought.

use serde_json::{Value, json};

use super::fixtures::{notes, refused, sent};

/// Thinks with an effort.
const ADAPTIVE: &str = "claude-sonnet-4-6";
/// Thinks with a budget.
const BUDGET: &str = "claude-sonnet-4-5-20250929";

fn adaptive() -> Value {
    json!({"type": "adaptive", "display": "summarized"})
}

#[test]
fn every_switch_says_the_same() {
    for switch in [
        json!({"reasoning_effort": "medium"}),
        json!({"thinking": {"type": "enabled"}, "reasoning_effort": "medium"}),
        json!({"enable_thinking": true, "reasoning_effort": "medium"}),
    ] {
        let request = sent(ADAPTIVE, switch);
        assert_eq!(request["thinking"], adaptive());
        assert_eq!(request["output_config"], json!({"effort": "medium"}));
    }
    for switch in [
        json!({"thinking": {"type": "enabled"}}),
        json!({"enable_thinking": true}),
    ] {
        let request = sent(ADAPTIVE, switch);
        assert_eq!(request["thinking"], adaptive());
        assert!(
            request.get("output_config").is_none(),
            "how much is the model's business"
        );
    }
    for switch in [
        json!({"reasoning_effort": "none"}),
        json!({"thinking": {"type": "disabled"}}),
        json!({"enable_thinking": false}),
    ] {
        assert_eq!(sent(ADAPTIVE, switch)["thinking"], json!({"type": "disabled"}));
    }
    assert!(sent(ADAPTIVE, json!({})).get("thinking").is_none());
}

#[test]
fn a_level_becomes_a_budget_where_there_are_no_levels() {
    for (level, budget) in [
        ("minimal", 1_024),
        ("low", 1_024),
        ("medium", 2_048),
        ("high", 4_096),
        ("xhigh", 8_192),
        ("max", 16_384),
    ] {
        let request = sent(BUDGET, json!({"reasoning_effort": level}));
        assert_eq!(
            request["thinking"],
            json!({"type": "enabled", "budget_tokens": budget}),
            "{level}"
        );
    }
}

#[test]
fn a_budget_lies_between_the_providers_least_and_the_limit() {
    let budget = |budget: u64, limit: u64| {
        let members = json!({"thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": limit});
        (
            sent(BUDGET, members.clone())["thinking"]["budget_tokens"].clone(),
            notes(BUDGET, members),
        )
    };
    assert_eq!(budget(3_000, 4_000), (json!(3_000), vec![]));
    assert_eq!(
        budget(100, 4_000),
        (json!(1_024), vec!["moved:thinking.budget_tokens".to_owned()])
    );
    assert_eq!(
        budget(9_000, 4_000),
        (json!(3_999), vec!["moved:thinking.budget_tokens".to_owned()])
    );
    assert_eq!(
        budget(1_024, 1_024),
        (Value::Null, vec!["omitted:thinking".to_owned()])
    );
}

#[test]
fn a_level_leaves_half_of_the_limit_to_the_answer() {
    let members = json!({"reasoning_effort": "high", "max_tokens": 5_000});
    assert_eq!(sent(BUDGET, members.clone())["thinking"]["budget_tokens"], 2_500);
    assert_eq!(notes(BUDGET, members), ["moved:reasoning_effort"]);
}

#[test]
fn models_with_levels_take_a_budget_as_long_as_they_know_budgets() {
    let members = json!({"thinking": {"type": "enabled", "budget_tokens": 3_000}});
    assert_eq!(
        sent(ADAPTIVE, members.clone())["thinking"],
        json!({"type": "enabled", "budget_tokens": 3_000})
    );
    assert_eq!(sent("claude-opus-4-7", members.clone())["thinking"], adaptive());
    assert_eq!(
        notes("claude-opus-4-7", members),
        ["omitted:thinking.budget_tokens"]
    );
}

#[test]
fn sampling_is_left_alone_while_the_model_thinks() {
    let members = json!({"reasoning_effort": "low", "temperature": 0.2, "top_k": 5});
    let request = sent(ADAPTIVE, members.clone());
    assert!(request.get("temperature").is_none() && request.get("top_k").is_none());
    let mut told = notes(ADAPTIVE, members);
    told.sort_unstable();
    assert_eq!(told, ["omitted:temperature", "omitted:top_k"]);
}

#[test]
fn a_forced_tool_and_thinking_exclude_each_other() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]);
    let forced = json!({"tools": tools, "tool_choice": "required", "reasoning_effort": "high"});
    assert_eq!(refused(BUDGET, forced.clone()).param, "tool_choice");
    let request = sent("claude-opus-4-6", forced);
    assert_eq!(
        (&request["thinking"], &request["tool_choice"]),
        (&adaptive(), &json!({"type": "any"})),
        "opus 4.6 has been seen to take both"
    );
}
