//! What goes to a provider: one rule of the quirks a test.

use serde_json::{Value, json};
use tollgate_catalog::{
    quirks::{Quirks, ThinkingForm},
    thinking::Effort,
};
use tollgate_dialects::Note;

use super::fixtures::{CATALOG, body, encode, encode_with, notes, sent, serving, valid};

#[test]
fn a_documented_default_of_no_thinking_is_told_to_a_provider_that_takes_every_switch() {
    let serving = serving("qwen3.6-flash", "anyfast");
    let encode = |members| body(&encode(&valid("qwen3.6-flash", members), &serving).unwrap());
    assert_eq!(encode(json!({}))["enable_thinking"], false);
    assert_eq!(encode(json!({"enable_thinking": true}))["enable_thinking"], true);
    let other = encode(json!({"thinking": {"type": "enabled"}}));
    assert!(
        other.get("enable_thinking").is_none(),
        "the client's own switch goes alone: {other}"
    );
    let unset = sent(Quirks::default(), json!({}));
    assert!(
        unset.get("enable_thinking").is_none(),
        "no default, nothing to tell: {unset}"
    );
}

#[test]
fn a_budget_alone_is_told_where_it_can_be() {
    let model = "qwen3-32b";
    let request = encode(
        &valid(model, json!({"thinking_budget": 100})),
        &serving(model, "dashscope"),
    )
    .unwrap();
    let sent = body(&request);
    assert_eq!(
        (&sent["enable_thinking"], &sent["thinking_budget"]),
        (&json!(true), &json!(100))
    );
    for (model, provider) in [
        ("deepseek-v4-flash", "deepseek"),
        ("doubao-seed-1-6-251015", "ark"),
    ] {
        let request = encode(
            &valid(model, json!({"thinking_budget": 100})),
            &serving(model, provider),
        )
        .unwrap();
        assert_eq!(notes(&request), ["omitted:thinking_budget"], "{model}");
        assert_eq!(body(&request)["thinking"], json!({"type": "enabled"}), "{model}");
    }
}

#[test]
fn the_model_decides_whether_it_thinks_where_it_can_be_left_to_it() {
    let told = |model: &str, provider: &str, members: Value| {
        let request = encode(&valid(model, members), &serving(model, provider)).unwrap();
        body(&request)["thinking"]["type"].clone()
    };
    for word in ["auto", "adaptive"] {
        let asked = json!({"thinking": {"type": word}});
        assert_eq!(told("doubao-seed-1-6-251015", "ark", asked.clone()), "auto");
        assert_eq!(told("doubao-seed-1-8-251228", "ark", asked), "enabled");
    }
    let with_level = json!({"thinking": {"type": "auto"}, "reasoning_effort": "high"});
    assert_eq!(told("doubao-seed-1-6-251015", "ark", with_level), "enabled");
}

#[test]
fn a_budget_that_cannot_be_told_is_noted() {
    for (form, member, budget) in [
        (
            ThinkingForm::ReasoningEffort,
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            "thinking.budget_tokens",
        ),
        (
            ThinkingForm::ThinkingObject,
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            "thinking.budget_tokens",
        ),
        (
            ThinkingForm::ThinkingObject,
            json!({"enable_thinking": true, "thinking_budget": 2000}),
            "thinking_budget",
        ),
    ] {
        let quirks = Quirks {
            thinking: form,
            efforts: vec![Effort::Low, Effort::High],
            ..Quirks::default()
        };
        let request = encode_with(quirks, "gpt-4o", member.clone()).unwrap();
        assert!(
            request.notes.contains(&Note::Omitted(budget.to_owned())),
            "{member}: {:?}",
            request.notes
        );
        assert!(
            !body(&request).to_string().contains("budget"),
            "{}",
            body(&request)
        );
    }
    let quirks = Quirks {
        thinking: ThinkingForm::EnableThinking,
        ..Quirks::default()
    };
    let request = encode_with(
        quirks,
        "gpt-4o",
        json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
    )
    .unwrap();
    assert_eq!(body(&request)["thinking_budget"], 2000);
    assert_eq!(request.notes, []);
}

#[test]
fn a_budget_beyond_what_is_taken_moves_to_the_most() {
    let model = "kimi-k2.5";
    for (asked, told, notes_of_it) in [
        (81_920, 81_920, &[][..]),
        (200_000, 81_920, &["moved:thinking_budget"][..]),
    ] {
        let members = json!({"enable_thinking": true, "thinking_budget": asked});
        let request = encode(&valid(model, members), &serving(model, "dashscope")).unwrap();

        assert_eq!(body(&request)["thinking_budget"], told);
        assert_eq!(notes(&request), notes_of_it);
    }
}

#[test]
fn a_stop_string_goes_as_a_list_where_the_provider_wants_one() {
    let quirks = Quirks {
        stop_array: true,
        ..Quirks::default()
    };
    assert_eq!(
        sent(quirks.clone(), json!({"stop": "END"}))["stop"],
        json!(["END"])
    );
    assert_eq!(sent(quirks, json!({"stop": ["END"]}))["stop"], json!(["END"]));
    assert_eq!(sent(Quirks::default(), json!({"stop": "END"}))["stop"], "END");
    assert!(CATALOG.provider("zhipu").unwrap().quirks.stop_array);
}

#[test]
fn a_text_that_the_provider_refuses_for_its_length_is_left_out() {
    let quirks = CATALOG.provider("zhipu").unwrap().quirks.clone();
    let user = |id: &str| {
        sent(quirks.clone(), json!({"user_id": id}))
            .get("user_id")
            .cloned()
    };
    assert_eq!(user("ab"), None);
    assert_eq!(user("abcdef"), Some(json!("abcdef")));
}

#[test]
fn a_null_reaches_no_provider_but_inside_a_schema() {
    let parameters = json!({"type": "object", "properties": {"a": {"enum": ["x", null], "default": null}}, "description": null});
    let tool = json!({"type": "function", "function": {"strict": null, "name": "f", "description": null, "parameters": parameters}});
    let schema = json!({"const": null});
    let sent = sent(
        Quirks::default(),
        json!({
            "tools": [tool],
            "tool_choice": {"type": "function", "function": {"name": "f", "extra": null}},
            "stream": true,
            "stream_options": {"include_obfuscation": null},
            "response_format": {"type": "json_schema", "json_schema": {"description": null, "name": "s", "strict": null, "schema": schema}},
        }),
    );
    assert_eq!(
        sent["tools"],
        json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}])
    );
    assert_eq!(
        sent["tool_choice"],
        json!({"type": "function", "function": {"name": "f"}})
    );
    assert_eq!(sent["stream_options"], json!({"include_usage": true}));
    assert_eq!(
        sent["response_format"],
        json!({"type": "json_schema", "json_schema": {"name": "s", "schema": schema}})
    );
}

#[test]
fn strict_and_nulls_go_together() {
    let quirks = Quirks {
        tool_strict: false,
        ..Quirks::default()
    };
    let function = json!({"strict": true, "description": null, "name": "f", "parameters": null});
    let sent = sent(
        quirks,
        json!({"tools": [{"type": "function", "function": function}]}),
    );
    assert_eq!(
        sent["tools"],
        json!([{"type": "function", "function": {"name": "f"}}])
    );
}

#[test]
fn nulls_at_any_depth_of_a_message_are_taken_out() {
    let part = json!({"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": null, "x": {"y": null, "z": 1}}});
    let sent = sent(
        Quirks::default(),
        json!({"messages": [{"role": "user", "content": [part], "name": null}]}),
    );
    assert_eq!(
        sent["messages"],
        json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png", "x": {"z": 1}}}]}])
    );
}

#[test]
fn an_empty_list_as_an_assistants_content_is_no_content() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [], "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]);
    for (null_content, expected) in [(true, Value::Null), (false, json!(""))] {
        let quirks = Quirks {
            null_content,
            ..Quirks::default()
        };
        let sent = sent(quirks, json!({"messages": messages}));
        assert_eq!(sent["messages"][1]["content"], expected);
    }
}

#[test]
fn a_value_without_effect_is_left_out_and_never_refused() {
    let quirks = Quirks {
        refuse: vec!["modalities".to_owned()],
        legacy_functions: false,
        ..Quirks::default()
    };
    let request = encode_with(
        quirks.clone(),
        "gpt-4o",
        json!({"modalities": ["text"], "functions": [], "function_call": "none"}),
    )
    .unwrap();
    let sent = body(&request);
    for name in ["modalities", "functions", "function_call"] {
        assert!(sent.get(name).is_none(), "{sent}");
    }
    assert_eq!(request.notes, []);
    for (members, param) in [
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"functions": [{"name": "f"}]}), "functions"),
        (
            json!({"function_call": {"name": "f"}, "functions": [{"name": "f"}]}),
            "function_call",
        ),
        (
            json!({"function_call": "none", "messages": [
                {"role": "user", "content": "Hi"}, {"role": "function", "name": "f", "content": "1"}]}),
            "messages[1].role",
        ),
        (
            json!({"messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}]}),
            "messages[1].function_call",
        ),
    ] {
        let refused = encode_with(quirks.clone(), "gpt-4o", members.clone()).unwrap_err();
        assert_eq!(refused.param, param, "{members}");
    }
}

#[test]
fn the_forerunners_of_tools_pass_to_who_knows_them() {
    let messages = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    ]);
    let request = valid("gpt-4o", json!({ "messages": messages }));
    let sent = body(&encode(&request, &serving("gpt-4o", "openai")).unwrap());
    assert_eq!(sent["messages"], messages);
}

#[test]
fn a_forced_tool_that_stops_the_model_from_thinking_is_told() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let asked = |members: Value| {
        let request = valid("deepseek-v4-flash", members);
        encode(&request, &serving("deepseek-v4-flash", "deepseek"))
    };
    let forced = asked(json!({"tools": tools, "tool_choice": "required"})).unwrap();
    assert_eq!(body(&forced)["thinking"], json!({"type": "disabled"}));
    assert_eq!(notes(&forced), ["omitted:thinking"]);
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let by_tool = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}});
    let by_tool = asked(json!({ "response_format": by_tool })).unwrap();
    assert_eq!(notes(&by_tool), ["omitted:thinking", "emulated:response_format"]);
    let free = asked(json!({ "tools": tools })).unwrap();
    assert_eq!(notes(&free), Vec::<String>::new());
}

#[test]
fn a_provider_that_wants_to_hear_the_user_hears_one() {
    assert!(CATALOG.provider("zhipu").unwrap().quirks.needs_user);
    let quirks = Quirks {
        needs_user: true,
        ..Quirks::default()
    };
    let roles = |quirks: &Quirks, messages: Value, more: Value| {
        let mut members = more;
        members["messages"] = messages;
        let sent = sent(quirks.clone(), members)["messages"].take();
        let messages = sent.as_array().unwrap().clone();
        let said = messages.iter().map(|message| {
            let text = message["content"].as_str().unwrap_or_default();
            format!("{}: {text}", message["role"].as_str().unwrap())
        });
        said.collect::<Vec<_>>()
    };
    let system = json!({"role": "system", "content": "Be brief."});
    let assistant = json!({"role": "assistant", "content": "Well,"});
    let user = json!({"role": "user", "content": "Hi"});
    let plain = json!({});

    let heard = roles(&quirks, json!([system]), plain.clone());
    assert_eq!(heard, ["system: Be brief.", "user: ."]);
    let heard = roles(&quirks, json!([system, system, assistant, system]), plain.clone());
    assert_eq!(
        heard,
        [
            "system: Be brief.",
            "system: Be brief.",
            "user: .",
            "assistant: Well,",
            "system: Be brief."
        ]
    );
    let heard = roles(&quirks, json!([assistant]), plain.clone());
    assert_eq!(heard, ["user: .", "assistant: Well,"], "the user speaks first");
    let heard = roles(&quirks, json!([system, user]), plain.clone());
    assert_eq!(heard, ["system: Be brief.", "user: Hi"], "that one has spoken");
    let heard = roles(&Quirks::default(), json!([system]), plain);
    assert_eq!(heard, ["system: Be brief."], "others do not ask");

    let no_formats = Quirks {
        response_formats: vec![],
        ..quirks
    };
    let json = json!({"response_format": {"type": "json_object"}});
    let joined = Quirks {
        text_part_arrays: false,
        ..no_formats.clone()
    };
    let both = [&no_formats, &joined];
    let cases = both
        .into_iter()
        .flat_map(|quirks| [json!([assistant]), json!([system])].map(|messages| (quirks, messages)));
    for (quirks, messages) in cases {
        let heard = roles(quirks, messages, json.clone());
        let user = heard.iter().position(|said| said == "user: .").unwrap();
        let told = heard.iter().position(|said| said.contains("JSON")).unwrap();
        assert!(told < user, "instructions come first: {heard:?}");
    }
}
