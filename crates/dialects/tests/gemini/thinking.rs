//! Thinking in Google's words, one rule a test.

use serde_json::{Value, json};

use super::fixtures::{body, encode, notes};

fn thinking(model: &str, members: Value) -> (Value, Vec<String>) {
    let encoded = encode(model, members).unwrap();
    (
        body(&encoded)["generationConfig"]["thinkingConfig"].take(),
        notes(&encoded),
    )
}

#[test]
fn older_models_are_told_a_budget() {
    let thoughts = |budget: i64| json!({"includeThoughts": true, "thinkingBudget": budget});
    let none = Vec::<String>::new;
    for (model, asked, config, told) in [
        (
            "gemini-2.5-flash",
            json!({}),
            json!({"includeThoughts": true}),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "none"}),
            json!({"thinkingBudget": 0}),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"enable_thinking": false}),
            json!({"thinkingBudget": 0}),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "low"}),
            thoughts(1_024),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "medium"}),
            thoughts(8_192),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "high"}),
            thoughts(24_576),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "xhigh"}),
            thoughts(24_576),
            vec!["moved:reasoning_effort".to_owned()],
        ),
        (
            "gemini-2.5-flash",
            json!({"thinking": {"type": "enabled", "budget_tokens": 100_000}}),
            thoughts(24_576),
            vec!["moved:thinking.budget_tokens".to_owned()],
        ),
        ("gemini-2.5-flash-lite", json!({}), Value::Null, none()),
        (
            "gemini-2.5-flash-lite",
            json!({"enable_thinking": true}),
            thoughts(-1),
            none(),
        ),
        (
            "gemini-2.5-pro",
            json!({"enable_thinking": false}),
            thoughts(128),
            vec!["moved:enable_thinking".to_owned()],
        ),
    ] {
        assert_eq!(thinking(model, asked.clone()), (config, told), "{model}: {asked}");
    }
}

#[test]
fn newer_models_are_told_a_level() {
    let level = |word: &str| json!({"includeThoughts": true, "thinkingLevel": word});
    let none = Vec::<String>::new;
    let moved = |name: &str| vec![format!("moved:{name}")];
    for (model, asked, config, told) in [
        (
            "gemini-3-flash-preview",
            json!({}),
            json!({"includeThoughts": true}),
            none(),
        ),
        (
            "gemini-3-flash-preview",
            json!({"reasoning_effort": "minimal"}),
            level("minimal"),
            none(),
        ),
        (
            "gemini-3-flash-preview",
            json!({"reasoning_effort": "none"}),
            level("minimal"),
            moved("reasoning_effort"),
        ),
        (
            "gemini-3.1-pro-preview",
            json!({"reasoning_effort": "minimal"}),
            level("low"),
            moved("reasoning_effort"),
        ),
        (
            "gemini-3.1-pro-preview",
            json!({"reasoning_effort": "high"}),
            level("high"),
            none(),
        ),
    ] {
        assert_eq!(thinking(model, asked.clone()), (config, told), "{model}: {asked}");
    }
    let (config, told) = thinking("gemini-2.0-flash", json!({"reasoning_effort": "high"}));
    assert_eq!(
        (config, told),
        (Value::Null, vec!["omitted:reasoning_effort".to_owned()])
    );
}
