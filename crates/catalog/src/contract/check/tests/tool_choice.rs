//! Which tools may, or must, be called.

use serde_json::{Value, json};

use super::gate::{PAGES, assert_refused, assert_taken, with};
use crate::contract::ToolChoice;

#[test]
fn tool_choice_is_a_word_or_names_a_tool() {
    let tools = json!([{ "type": "function", "function": { "name": "weather" } }]);
    let named = |name: &str| json!({ "type": "function", "function": { "name": name } });
    for page in PAGES {
        let choose = |choice: Value| with(page, json!({ "tools": tools, "tool_choice": choice }));
        for word in ["none", "auto", "required"] {
            assert_taken(choose(json!(word)));
        }
        assert_taken(choose(named("weather")));
        assert_refused(choose(json!("<string>")), "tool_choice", "invalid_value");
        assert_refused(
            choose(json!({})),
            "tool_choice.type",
            "missing_required_parameter",
        );
        assert_refused(
            choose(named("time")),
            "tool_choice.function.name",
            "invalid_value",
        );
        // Without tools these two change nothing; the others cannot be kept.
        assert_taken(with(page, json!({ "tool_choice": "none" })));
        assert_taken(with(page, json!({ "tool_choice": "auto" })));
        assert_refused(
            with(page, json!({ "tool_choice": "required" })),
            "tool_choice",
            "invalid_value",
        );
    }
}

#[test]
fn a_choice_among_some_tools_offers_no_others() {
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let tools = json!([tool("weather"), tool("time"), tool("news")]);
    let allowed = |mode: &str, names: &[&str]| {
        let tools: Vec<Value> = names.iter().map(|name| tool(name)).collect();
        json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": tools } })
    };
    for page in PAGES {
        let choose = |choice: Value| with(page, json!({ "tools": tools, "tool_choice": choice }));
        for (mode, names, choice, kept) in [
            (
                "auto",
                &["news", "weather"][..],
                ToolChoice::Auto,
                json!([tool("weather"), tool("news")]),
            ),
            ("required", &["time"], ToolChoice::Required, json!([tool("time")])),
            (
                "auto",
                &["weather", "time", "news"],
                ToolChoice::Auto,
                tools.clone(),
            ),
        ] {
            let valid = assert_taken(choose(allowed(mode, names)));
            assert_eq!(valid.tool_choice, choice);
            assert_eq!(valid.tools as usize, names.len());
            let sent: Value = serde_json::from_str(valid.request.get("tools").unwrap()).unwrap();
            assert_eq!(sent, kept);
            assert_eq!(valid.request.get("tool_choice"), Some(&*format!("{mode:?}")));
            assert_eq!(valid.traits.narrowed_tools, names.len() < 3);
        }
        assert_refused(
            choose(allowed("auto", &["weather", "tides"])),
            "tool_choice.allowed_tools.tools[1].function.name",
            "invalid_value",
        );
        assert_refused(
            choose(allowed("none", &["weather"])),
            "tool_choice.allowed_tools.mode",
            "invalid_value",
        );
        assert_refused(
            choose(json!({ "type": "allowed_tools" })),
            "tool_choice.allowed_tools",
            "missing_required_parameter",
        );
        assert_refused(
            choose(json!({ "type": "function" })),
            "tool_choice.function",
            "missing_required_parameter",
        );
    }
}
