//! Tools, their schemas, and which of them must be called; answers by schema.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::{DIALECT, body, decode_answer, encode, notes, refused, sent, serving, shown, valid};

const SONNET: &str = "claude-sonnet-4-6";

fn tool(name: &str, parameters: Value) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": parameters}})
}

fn sent_schema(parameters: Value) -> Value {
    sent(SONNET, json!({"tools": [tool("f", parameters)]}))["tools"][0]["input_schema"].clone()
}

#[test]
fn tool_choices_have_other_names() {
    let tools = json!([
        tool("f", json!({"type": "object"})),
        tool("g", json!({"type": "object"}))
    ]);
    let choice = |choice: Value, parallel: Value| {
        let members = json!({"tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel});
        sent(SONNET, members)["tool_choice"].clone()
    };
    let named = json!({"type": "function", "function": {"name": "g"}});
    assert_eq!(choice(json!("auto"), json!(null)), Value::Null);
    assert_eq!(choice(json!("auto"), json!(true)), Value::Null);
    assert_eq!(
        choice(json!(null), json!(false)),
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    assert_eq!(choice(json!("required"), json!(null)), json!({"type": "any"}));
    assert_eq!(choice(json!("none"), json!(false)), json!({"type": "none"}));
    assert_eq!(choice(named, json!(null)), json!({"type": "tool", "name": "g"}));
}

#[test]
fn a_history_with_calls_needs_some_tool_on_offer() {
    let request = sent(
        SONNET,
        json!({"messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "1"}
        ]}),
    );
    assert_eq!(request["tools"].as_array().unwrap().len(), 1);
    assert_eq!(
        request["tool_choice"],
        json!({"type": "none"}),
        "it is not to be called"
    );
    assert_eq!(request["messages"][1]["content"][0]["input"], json!({}));
}

#[test]
fn a_schema_that_is_taken_as_it_is_leaves_as_it_came() {
    let text = r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{ "type" : "object", "properties": {"b":{},"a":{"minimum":1.50}} }}}],"messages":[{"role":"user","content":"Hi"}],"model":"claude-sonnet-4-6"}"#;
    let request = encode(&super::fixtures::checked(SONNET, text), &serving(SONNET)).unwrap();
    let sent = String::from_utf8(request.body.concat()).unwrap();
    let schema = r#"{ "type" : "object", "properties": {"b":{},"a":{"minimum":1.50}} }"#;
    assert!(sent.contains(schema), "{sent}");
}

#[test]
fn arguments_are_an_object_whatever_the_schema_forgot_to_say() {
    let properties = json!({"a": {"type": "string"}});
    assert_eq!(sent_schema(json!({})), json!({"type": "object"}));
    assert_eq!(
        sent_schema(json!({"properties": properties})),
        json!({"type": "object", "properties": properties})
    );
    assert_eq!(
        sent_schema(json!({"type": ["object", "null"], "properties": properties}))["type"],
        "object"
    );
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let request = sent(SONNET, json!({"tools": tools}));
    assert_eq!(
        request["tools"][0]["input_schema"],
        json!({"type": "object", "properties": {}})
    );
    let unsupported = refused(SONNET, json!({"tools": [tool("f", json!({"type": "string"}))]}));
    assert_eq!(unsupported.param, "tools[0].function.parameters");
}

#[test]
fn words_of_earlier_drafts_become_those_of_today() {
    let sent = sent_schema(json!({
        "type": "object",
        "properties": {
            "a": {"type": "integer", "minimum": 1, "exclusiveMinimum": true},
            "b": {"type": "array", "items": [{"type": "string"}]},
            "c": {"type": "string", "required": true}
        }
    }));
    assert_eq!(
        sent["properties"],
        json!({
            "a": {"type": "integer", "exclusiveMinimum": 1},
            "b": {"type": "array", "prefixItems": [{"type": "string"}]},
            "c": {"type": "string"}
        })
    );
}

#[test]
fn a_choice_between_schemas_at_the_top_becomes_one_schema() {
    let one = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}, "id": {}}, "required": [name, "id"]});
    let sent = sent_schema(json!({"anyOf": [one("a"), {"$ref": "#/$defs/B"}], "$defs": {"B": one("b")}}));
    assert_eq!(sent["type"], "object");
    assert_eq!(
        sent["properties"],
        json!({"a": {"type": "string"}, "b": {"type": "string"}, "id": {}})
    );
    assert_eq!(sent["required"], json!(["id"]), "what every choice requires");
    assert!(sent.get("anyOf").is_none());
    let sent = sent_schema(json!({"$ref": "#/definitions/A", "definitions": {"A": one("a")}}));
    assert_eq!(sent["properties"]["a"], json!({"type": "string"}));
}

#[test]
fn what_a_choice_at_the_top_has_lost_is_told_with_its_tool() {
    let part =
        |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
    let text = json!({"type": "string"});
    let told = |parameters: Value| {
        notes(
            SONNET,
            json!({"tools": [tool("e", json!({})), tool("f", parameters)]}),
        )
    };
    for (parameters, lost) in [
        (json!({"anyOf": [part("a"), part("b")]}), vec!["anyOf"]),
        (json!({"oneOf": [part("a"), part("b")]}), vec!["oneOf"]),
        (json!({"anyOf": [part("a")]}), vec![]),
        (json!({"allOf": [part("a"), part("b")]}), vec![]),
        (json!({"allOf": [part("a"), {"minProperties": 1}]}), vec!["allOf"]),
        (
            json!({"allOf": [part("a"), {"properties": {"a": {"type": "integer"}}}]}),
            vec!["allOf"],
        ),
        (
            json!({"allOf": [part("a")], "anyOf": [part("b"), part("c")]}),
            vec!["anyOf"],
        ),
        (json!({"$ref": "#/$defs/A", "$defs": {"A": part("a")}}), vec![]),
        (
            json!({"$ref": "#/$defs/A", "properties": {"b": text}, "$defs": {"A": part("a")}}),
            vec!["$ref"],
        ),
    ] {
        let lost: Vec<String> = lost
            .iter()
            .map(|keyword| format!("omitted:tools[1].function.parameters.{keyword}"))
            .collect();
        assert_eq!(told(parameters.clone()), lost, "{parameters}");
    }
}

#[test]
fn a_reference_to_the_outside_stays_unless_the_top_is_put_together_of_it() {
    let outside = json!({"$ref": "https://example.com/place.json"});
    let within = json!({"type": "object", "properties": {"at": outside}});
    assert_eq!(sent_schema(within.clone()), within, "the model reads it");
    let tops = [
        json!({"allOf": [outside]}),
        json!({"anyOf": [within, {"$ref": "#/$defs/at"}], "$defs": {"at": outside}}),
    ];
    for parameters in tops {
        let tools = json!({"tools": [tool("e", json!({})), tool("f", parameters)]});
        let refusal =
            encode(&valid(SONNET, tools), &serving(SONNET)).expect_err("the arguments would be others");
        assert_eq!(refusal.param, "tools[1].function.parameters");
        assert!(
            refusal.problem.contains("outside of itself"),
            "{}",
            refusal.problem
        );
    }
}

#[test]
fn strict_tools_are_closed_and_their_limits_become_words() {
    let strict = |parameters: Value| {
        let mut tool = tool("f", parameters);
        tool["function"]["strict"] = json!(true);
        json!({"tools": [tool]})
    };
    let members = strict(json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}));
    let tool = sent(SONNET, members)["tools"][0].clone();
    assert_eq!(tool["strict"], true);
    assert_eq!(tool["input_schema"]["additionalProperties"], false);
    assert_eq!(
        tool["input_schema"]["properties"]["a"]["description"],
        "Limits: minimum 1."
    );

    let recursive = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}});
    let members = strict(recursive.clone());
    let tool = sent(SONNET, members.clone())["tools"][0].clone();
    assert!(tool.get("strict").is_none(), "recursion cannot be strict");
    assert_eq!(tool["input_schema"], recursive);
    assert_eq!(notes(SONNET, members.clone()), ["omitted:tools.strict"]);
    assert_eq!(
        notes("claude-3-7-sonnet-20250219", members),
        ["omitted:tools.strict"]
    );
}

#[test]
fn more_strictness_than_the_provider_takes_is_none() {
    let many = |count: usize, properties: usize| {
        let properties: serde_json::Map<String, Value> = (0..properties)
            .map(|at| (format!("p{at}"), json!({"type": "string"})))
            .collect();
        let tools: Vec<Value> = (0..count)
            .map(|at| {
                let mut tool = tool(
                    &format!("f{at}"),
                    json!({"type": "object", "properties": properties}),
                );
                tool["function"]["strict"] = json!(true);
                tool
            })
            .collect();
        let request = sent(SONNET, json!({"tools": tools}));
        let tools = request["tools"].as_array().unwrap();
        tools.iter().filter(|tool| tool.get("strict").is_some()).count()
    };
    assert_eq!(many(20, 1), 20);
    assert_eq!(many(21, 1), 0, "20 tools at most");
    assert_eq!(many(2, 12), 2);
    assert_eq!(many(2, 13), 0, "24 optional parameters at most");
}

#[test]
fn objects_that_the_client_left_open_and_that_are_closed_are_named() {
    let open =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": true});
    let mut strict = tool("f", open.clone());
    strict["function"]["strict"] = json!(true);
    for (members, name) in [
        (json!({"tools": [strict]}), "tools[0].function.parameters"),
        (formatted(open), "response_format.json_schema"),
    ] {
        assert_eq!(
            notes(SONNET, members),
            [format!("omitted:{name}.additionalProperties")]
        );
    }
}

#[test]
fn a_strict_tool_that_requires_a_member_without_naming_it_is_not_held_to_it() {
    let mut strict = tool(
        "f",
        json!({"type": "object", "properties": {"a": {}}, "required": ["a", "b"]}),
    );
    strict["function"]["strict"] = json!(true);
    let members = json!({"tools": [strict]});
    assert_eq!(notes(SONNET, members.clone()), ["omitted:tools.strict"]);
    let sent = sent(SONNET, members)["tools"][0].take();
    assert_eq!(sent["input_schema"]["required"], json!(["a", "b"]));
}

fn formatted(schema: Value) -> Value {
    json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}})
}

#[test]
fn a_schema_whose_limits_had_to_go_is_kept_for_the_answer() {
    let plain = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let request = encode(&valid(SONNET, formatted(plain.clone())), &serving(SONNET)).unwrap();
    assert!(request.undo.is_nothing(), "the provider sees to all of it");
    let mut limited = plain;
    limited["properties"]["a"]["maxLength"] = json!(3);
    let request = encode(&valid(SONNET, formatted(limited)), &serving(SONNET)).unwrap();
    assert!(request.undo.emulated.schema.is_some());
    let schema = &body(&request)["output_config"]["format"]["schema"];
    assert_eq!(
        schema["properties"]["a"],
        json!({"type": "string", "description": "Limits: maxLength 3."})
    );
}

#[test]
fn a_schema_that_the_provider_cannot_say_is_asked_for_in_words_and_checked() {
    for schema in [
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]}),
        json!({"type": "object", "properties": {"a": {"$ref": "#"}}}),
        json!({"type": "object", "patternProperties": {"^[a-z]{2}$": {"type": "string"}}, "additionalProperties": false}),
        json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}}),
        json!({"allOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object", "properties": {"b": {}}}]}),
    ] {
        let request = encode(&valid(SONNET, formatted(schema.clone())), &serving(SONNET)).unwrap();
        assert!(body(&request).get("output_config").is_none(), "{schema}");
        assert!(request.undo.emulated.schema.is_some(), "{schema}");
        let system = body(&request)["system"].to_string();
        assert!(system.contains("JSON"), "{system}");
        assert_eq!(request.notes[0].to_string(), "emulated:response_format");
    }
}

#[test]
fn without_a_way_for_schemas_a_tool_takes_the_answer() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let model = "claude-3-7-sonnet-20250219";
    let request = encode(&valid(model, formatted(schema.clone())), &serving(model)).unwrap();
    let sent = body(&request);
    assert_eq!(sent["tools"][0]["input_schema"], schema);
    assert_eq!(
        sent["tool_choice"],
        json!({"type": "tool", "name": "a", "disable_parallel_tool_use": true})
    );
    assert_eq!(request.undo.emulated.content_tool.as_deref(), Some("a"));
}

#[test]
fn what_was_changed_on_the_way_out_is_put_back_on_the_way_in() {
    let model = "claude-3-7-sonnet-20250219";
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let request = encode(&valid(model, formatted(schema)), &serving(model)).unwrap();
    let message = json!({
        "type": "message",
        "content": [{"type": "tool_use", "id": "x", "name": "a", "input": {"a": "b"}}],
        "stop_reason": "tool_use"
    });
    let message = message.to_string().into();
    let decoded = decode_answer(DIALECT, &serving(model).quirks, &request.undo, &message).unwrap();
    let answer = shown(&decoded.answer);
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "{\"a\":\"b\"}");
    assert!(choice["message"].get("tool_calls").is_none());
    assert_eq!(choice["finish_reason"], "stop");
}

/// Schemas with every keyword in odd places, for the ways through them.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string", "maxLength": 3})),
        Just(json!({"type": ["integer", "null"], "minimum": 1, "exclusiveMinimum": true})),
        Just(json!({"enum": [1, "a", [2]]})),
        Just(json!({"$ref": "#/$defs/A"})),
        Just(json!({"$ref": "#"})),
        Just(json!(true)),
        Just(json!("no schema")),
        Just(json!({"type": "object"})),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| json!({"anyOf": all})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| json!({"oneOf": all, "allOf": all})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| json!({"type": "array", "items": all})),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| json!({
                "type": "object",
                "properties": {"a": one, "$ref": other},
                "required": ["a"],
                "$defs": {"A": other}
            })),
            inner.prop_map(
                |one| json!({"items": one, "not": one, "additionalProperties": one, "minItems": 3})
            ),
        ]
    })
}

proptest! {
    #[test]
    fn no_schema_makes_a_request_that_is_none(schema in schemas()) {
        let schema = match schema {
            Value::Object(_) => schema,
            other => json!({"properties": {"a": other}}),
        };
        let mut strict = tool("f", schema.clone());
        strict["function"]["strict"] = json!(true);
        for members in [formatted(schema.clone()), json!({"tools": [tool("g", schema), strict]})] {
            if let Ok(request) = encode(&valid(SONNET, members), &serving(SONNET)) {
                let sent = body(&request);
                for tool in sent["tools"].as_array().into_iter().flatten() {
                    prop_assert_eq!(&tool["input_schema"]["type"], "object");
                }
            }
        }
    }
}

/// The provider takes no JSON that is no text.
#[test]
fn half_a_character_in_earlier_arguments_becomes_the_replacement_character() {
    let call =
        json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": r#"{"x":"\ud800"}"#}});
    let request = sent(
        "claude-sonnet-4-6",
        json!({"messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "1"}
        ]}),
    );
    let input = &request["messages"][1]["content"][0]["input"];
    assert_eq!(*input, json!({"x": "\u{fffd}"}));
}
