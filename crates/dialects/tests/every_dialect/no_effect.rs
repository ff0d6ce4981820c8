//! Values that say the same as leaving their parameter out are never a reason to refuse and leave no note, in
//! every dialect; values that say something are never taken for such.

use serde_json::{Value, json};
use tollgate_catalog::serving::Serving;

use crate::harness::{CATALOG, alone, body, notes, valid};

/// A model of each dialect, and of hosts of chat completions that take little.
const SERVINGS: [(&str, &str); 5] = [
    ("minimax", "minimax-m2.5"),
    ("openai", "gpt-4o"),
    ("openai", "gpt-5-3-codex"),
    ("anthropic", "claude-sonnet-4-6"),
    ("gemini", "gemini-2.5-flash"),
];

fn serving(provider: &str, model: &str) -> std::sync::Arc<Serving> {
    CATALOG.serving(model, CATALOG.provider(provider).unwrap())
}

/// What goes out and what is noted, or the parameter that is refused.
fn asked(provider: &str, model: &str, members: &Value) -> Result<(Value, Vec<String>), String> {
    let request = valid(&CATALOG, model, members);
    match tollgate_dialects::encode(&request, &serving(provider, model), &alone()) {
        Ok(request) => Ok((body(&request), notes(&request))),
        Err(refused) => Err(refused.param),
    }
}

fn tool() -> Value {
    json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}})
}

#[test]
fn what_says_nothing_is_neither_refused_nor_noted() {
    let members = json!({
        "tools": [tool()], "parallel_tool_calls": true, "logprobs": false, "top_logprobs": 0, "logit_bias": { },
        "frequency_penalty": 0.0, "presence_penalty": 0, "n": 1, "stop": [], "functions": [], "modalities": ["text"],
        "metadata": {}, "store": false, "user": "", "service_tier": "auto", "web_search_options": null,
    });
    for (provider, model) in SERVINGS {
        let (_, notes) =
            asked(provider, model, &members).unwrap_or_else(|refused| panic!("{model}: {refused}"));
        assert_eq!(notes, Vec::<String>::new(), "{model}");
    }
}

/// Each parameter with a value by which nothing is asked for.
fn nothing() -> Vec<(&'static str, Value)> {
    vec![
        ("temperature", json!(1)),
        ("temperature", json!(1.0)),
        ("top_p", json!(1)),
        ("frequency_penalty", json!(0)),
        ("frequency_penalty", json!(0.0)),
        ("presence_penalty", json!(0)),
        ("presence_penalty", json!(-0.0)),
        ("seed", Value::Null),
        ("logit_bias", json!({})),
        ("logprobs", json!(false)),
        ("top_logprobs", json!(0)),
        ("n", json!(1)),
        ("stop", json!([])),
        ("stop", Value::Null),
        ("stream", json!(false)),
        ("stream_options", Value::Null),
        ("response_format", json!({"type": "text"})),
        ("tools", json!([])),
        ("parallel_tool_calls", json!(true)),
        ("functions", json!([])),
        ("function_call", json!("none")),
        ("modalities", json!(["text"])),
        ("metadata", json!({})),
        ("store", json!(false)),
        ("user", json!("")),
        ("safety_identifier", json!("")),
        ("prompt_cache_key", json!("")),
        ("service_tier", json!("auto")),
        ("verbosity", json!("medium")),
        ("reasoning_effort", Value::Null),
        ("thinking", Value::Null),
        ("enable_thinking", Value::Null),
        ("thinking_budget", Value::Null),
        ("prediction", Value::Null),
        ("web_search_options", Value::Null),
    ]
}

#[test]
fn nothing_that_is_asked_for_is_noted_for_any_model_at_any_provider() {
    let mut wrong = Vec::new();
    for model in CATALOG.models() {
        for provider in CATALOG.providers() {
            let serving = CATALOG.serving(model.id.as_str(), provider);
            let bare = valid(&CATALOG, model.id.as_str(), &json!({}));
            let bare = notes(&tollgate_dialects::encode(&bare, &serving, &alone()).unwrap());
            for (name, value) in nothing() {
                let request = valid(&CATALOG, model.id.as_str(), &json!({ name: value }));
                match tollgate_dialects::encode(&request, &serving, &alone()) {
                    Ok(request) if notes(&request) == bare => {}
                    Ok(request) => wrong.push(format!(
                        "{} at {}: {name} {value}: {:?}",
                        model.id,
                        provider.name,
                        notes(&request)
                    )),
                    Err(refused) => wrong.push(format!(
                        "{} at {}: {name} {value}: {refused}",
                        model.id, provider.name
                    )),
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_a_page_says_has_no_effect_is_left_out_without_a_word() {
    let members = json!({"frequency_penalty": 1.5, "presence_penalty": -0.5});
    let (sent, noted) = asked("dashscope", "deepseek-v4-flash", &members).unwrap();
    assert_eq!(noted, Vec::<String>::new());
    assert_eq!(
        (sent.get("frequency_penalty"), sent.get("presence_penalty")),
        (None, None)
    );
    let (_, noted) = asked("dashscope", "deepseek-v3-2", &members).unwrap();
    assert_eq!(
        noted,
        ["omitted:frequency_penalty"],
        "there its page knows of an effect"
    );
}

#[test]
fn an_empty_object_that_asks_for_a_search_is_a_wish() {
    for (provider, model) in [("anthropic", "claude-sonnet-4-6"), ("gemini", "gemini-2.5-flash")] {
        for options in [json!({}), json!({"search_context_size": "low"})] {
            let refused = asked(provider, model, &json!({"web_search_options": options}));
            assert_eq!(
                refused,
                Err("web_search_options".to_owned()),
                "{model}: {options}"
            );
        }
    }
    let searches = asked("openai", "gpt-5-3-codex", &json!({"web_search_options": {}}));
    assert_eq!(searches.unwrap().0["tools"], json!([{"type": "web_search"}]));
}

#[test]
fn one_call_at_a_time_is_kept_everywhere() {
    let members = json!({"tools": [tool()], "parallel_tool_calls": false});
    for (provider, model) in SERVINGS {
        let request = valid(&CATALOG, model, &members);
        let request = tollgate_dialects::encode(&request, &serving(provider, model), &alone()).unwrap();
        let sent = body(&request);
        let told =
            sent["parallel_tool_calls"] == false || sent["tool_choice"]["disable_parallel_tool_use"] == true;
        assert_ne!(told, request.undo.emulated.one_call, "{model}: {sent}");
        assert_eq!(
            notes(&request).contains(&"emulated:parallel_tool_calls".to_owned()),
            !told,
            "{model}"
        );
    }
}

#[test]
fn a_member_that_nobody_knows_is_noted_whatever_it_says() {
    for (provider, model) in [("anthropic", "claude-sonnet-4-6"), ("gemini", "gemini-2.5-flash")] {
        for value in [json!(false), json!({}), json!(0)] {
            let (_, notes) = asked(provider, model, &json!({"enable_search": value})).unwrap();
            assert_eq!(notes, ["omitted:enable_search"], "{model}: {value}");
        }
    }
}
