//! Tools, the choice among them and schemas in Google's words, one rule a test.

use serde_json::{Value, json};

use super::fixtures::{body, encode, notes, sent};

pub fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}})
}

#[test]
fn the_choice_of_tools_has_googles_words() {
    let config = |choice: Value| {
        sent(
            "gemini-2.5-flash",
            json!({"tools": [tool("f"), tool("g")], "tool_choice": choice}),
        )["toolConfig"]
            .take()
    };
    let calling = |mode: Value| json!({ "functionCallingConfig": mode });
    assert_eq!(config(json!("auto")), Value::Null);
    assert_eq!(config(json!("none")), calling(json!({"mode": "NONE"})));
    assert_eq!(config(json!("required")), calling(json!({"mode": "ANY"})));
    assert_eq!(
        config(json!({"type": "function", "function": {"name": "g"}})),
        calling(json!({"mode": "ANY", "allowedFunctionNames": ["g"]}))
    );
    let none = sent("gemini-2.5-flash", json!({"tools": []}));
    assert_eq!(none.get("tools"), None);
}

#[test]
fn names_that_google_does_not_take_are_changed_for_the_whole_request_and_put_back() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({
            "tools": [tool("7up"), tool("_7up")],
            "tool_choice": {"type": "function", "function": {"name": "7up"}},
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "tool_calls": [
                    {"id": "x", "type": "function", "function": {"name": "7up", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "x", "content": "1"},
            ],
        }),
    )
    .unwrap();
    let sent = body(&encoded);
    let declared = &sent["tools"][0]["functionDeclarations"];
    assert_eq!(
        (&declared[0]["name"], &declared[1]["name"]),
        (&json!("_7up"), &json!("_7up_2"))
    );
    assert_eq!(
        sent["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"],
        json!(["_7up"])
    );
    assert_eq!(sent["contents"][1]["parts"][0]["functionCall"]["name"], "_7up");
    assert_eq!(
        sent["contents"][2]["parts"][0]["functionResponse"]["name"],
        "_7up"
    );
    assert_eq!(
        encoded.undo.tool_names.get("_7up").map(String::as_str),
        Some("7up")
    );
    assert_eq!(
        encoded.undo.tool_names.get("_7up_2").map(String::as_str),
        Some("_7up")
    );
}

#[test]
fn one_call_at_a_time_is_asked_for_in_words_and_seen_to() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"tools": [tool("f"), tool("g")], "parallel_tool_calls": false}),
    )
    .unwrap();
    assert!(encoded.undo.emulated.one_call);
    assert_eq!(notes(&encoded), ["emulated:parallel_tool_calls"]);
    let told = body(&encoded)["systemInstruction"]["parts"][0]["text"].take();
    assert!(told.as_str().unwrap().contains("at most one tool"), "{told}");
}

#[test]
fn json_together_with_tools_is_emulated_where_google_refuses_the_two() {
    let members = json!({"tools": [tool("f")], "response_format": {"type": "json_object"}});
    let both = sent("gemini-3-flash-preview", members.clone());
    assert_eq!(both["generationConfig"]["responseMimeType"], "application/json");
    let encoded = encode("gemini-2.5-flash", members).unwrap();
    assert_eq!(body(&encoded)["generationConfig"].get("responseMimeType"), None);
    assert!(encoded.undo.emulated.json_object);
    assert!(notes(&encoded).contains(&"emulated:response_format".to_owned()));
}

#[test]
fn a_schema_that_google_takes_only_in_part_is_told_and_a_strict_one_is_checked() {
    let format = |strict: bool| {
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": strict, "schema": {
            "type": "object", "properties": {"a": {"type": "string", "pattern": "^x"}}, "required": ["a"],
            "additionalProperties": false}}}})
    };
    let loose = encode("gemini-2.5-flash", format(false)).unwrap();
    assert_eq!(notes(&loose), ["omitted:response_format.json_schema.pattern"]);
    assert!(loose.undo.emulated.schema.is_none());
    let strict = encode("gemini-2.5-flash", format(true)).unwrap();
    assert!(strict.undo.emulated.schema.is_some());
    let older = sent("gemini-2.0-flash", format(false));
    assert_eq!(
        older["generationConfig"]["responseSchema"],
        json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^x"}}, "required": ["a"]})
    );
}

#[test]
fn what_a_tools_schema_loses_is_told_with_the_tool() {
    let parts = json!([
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "required": ["b"]},
    ]);
    let apart = json!({"type": "function", "function": {"name": "g", "parameters": {"type": "object", "allOf": parts}}});
    let encoded = encode("gemini-2.5-flash", json!({"tools": [tool("f"), apart]})).unwrap();
    assert_eq!(notes(&encoded), ["omitted:tools[1].function.parameters.required"]);
}

#[test]
fn a_schema_that_refers_outside_of_itself_is_refused_and_its_place_named() {
    let outside = json!({"type": "object", "properties": {"at": {"$ref": "https://example.com/place.json"}}});
    let with_tool =
        json!({"tools": [tool("f"), {"type": "function", "function": {"name": "g", "parameters": outside}}]});
    let with_format =
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": outside}}});
    for model in ["gemini-2.5-flash", "gemini-2.0-flash"] {
        for (members, param) in [
            (&with_tool, "tools[1].function.parameters"),
            (&with_format, "response_format.json_schema.schema"),
        ] {
            let refused = encode(model, members.clone()).expect_err("the answer would be another");
            assert_eq!(refused.param, param, "{model}");
            assert!(
                refused.problem.contains("`https://example.com/place.json`"),
                "{}",
                refused.problem
            );
        }
    }
}

#[test]
fn marks_for_the_prompt_cache_are_left_out_by_name_wherever_they_stand() {
    let mark = json!({"type": "ephemeral"});
    let tool = |place: &str| {
        let mut tool = json!({"type": "function", "function": {"name": "f"}});
        match place {
            "tool" => tool["cache_control"] = mark.clone(),
            "function" => tool["function"]["cache_control"] = mark.clone(),
            _ => {}
        }
        tool
    };
    let messages = |place: &str| {
        let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let mut messages = json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ]);
        match place {
            "call" => messages[1]["tool_calls"][0]["cache_control"] = mark.clone(),
            "result" => messages[2]["cache_control"] = mark.clone(),
            _ => {}
        }
        messages
    };
    for place in ["tool", "function", "call", "result", "nowhere"] {
        let asked = json!({"messages": messages(place), "tools": [tool(place)]});
        let request = encode("gemini-3-flash-preview", asked).unwrap();
        let expected: &[&str] = if place == "nowhere" {
            &[]
        } else {
            &["omitted:cache_control"]
        };
        assert_eq!(notes(&request), expected, "{place}");
        assert!(!body(&request).to_string().contains("cache_control"), "{place}");
    }
}
