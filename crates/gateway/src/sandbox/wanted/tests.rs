use std::sync::Arc;

use serde_json::json;
use tollgate_catalog::contract::{self, check::CheckLimits};
use tollgate_chat::request::ChatRequest;

use super::*;

const MODEL: &str = "gpt-4o";

pub fn request(members: Value) -> ValidRequest {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    let catalog = tollgate_catalog::load::builtin().unwrap();
    let request = ChatRequest::parse(body.to_string().into()).unwrap();
    let model = Arc::clone(catalog.model(MODEL).unwrap());
    contract::check(request, model, &CheckLimits { n_max: 1 }).unwrap()
}

fn wanted(members: Value) -> Result<Wanted, Unsupported> {
    let request = request(members);
    Wanted::of(&request, &functions(&request), &Effort::default())
}

fn tools(schema: Value) -> Value {
    json!([
        {"type": "function", "function": {"name": "time"}},
        {"type": "function", "function": {"name": "weather", "description": "Of today", "parameters": schema}},
    ])
}

pub fn by_schema(schema: Value) -> Value {
    json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}})
}

#[test]
fn text_is_free_unless_something_is_asked_of_it() {
    for members in [
        json!({}),
        json!({"response_format": {"type": "text"}, "tools": []}),
        json!({"tools": tools(json!({})), "tool_choice": "none"}),
    ] {
        let wanted = wanted(members.clone()).unwrap();
        assert!(
            wanted.grammar.is_none() && wanted.text && wanted.calls.is_none(),
            "{members}"
        );
    }
}

#[test]
fn a_call_that_is_required_leaves_no_room_for_text() {
    let tools = tools(json!({"type": "object"}));
    let named = json!({"type": "function", "function": {"name": "weather"}});
    for choice in [json!("required"), named] {
        let wanted = wanted(json!({"tools": tools, "tool_choice": choice})).unwrap();
        assert!(
            wanted.calls == Some(Where::AtTheStart) && !wanted.text,
            "{choice}"
        );
    }
    let free = wanted(json!({"tools": tools})).unwrap();
    assert!(free.calls == Some(Where::Anywhere) && free.text);
    // JSON may hold what begins calls in text.
    let json = wanted(json!({"tools": tools, "response_format": {"type": "json_object"}})).unwrap();
    assert!(json.calls == Some(Where::AtTheStart) && json.text);
}

#[test]
fn only_the_function_that_is_named_can_be_called() {
    let named = json!({"type": "function", "function": {"name": "weather"}});
    let members = json!({"tools": tools(json!({"type": "object"})), "tool_choice": named});
    let grammar = format!("{:?}", wanted(members).unwrap().grammar);
    assert!(
        grammar.contains("weather") && !grammar.contains("time"),
        "{grammar}"
    );
}

#[test]
fn a_keyword_that_cannot_be_kept_to_is_named_with_its_place() {
    let schema = json!({
        "type": "object",
        "properties": {"tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true}},
    });
    let refused = wanted(by_schema(schema.clone())).unwrap_err();
    assert_eq!(refused.param, "response_format.json_schema.schema");
    assert!(
        refused.problem.contains("`uniqueItems` at `/properties/tags`"),
        "{refused}"
    );

    let refused = wanted(json!({"tools": tools(schema)})).unwrap_err();
    assert_eq!(refused.param, "tools[1].function.parameters");
}

#[test]
fn a_member_of_that_name_is_no_keyword() {
    let schema = json!({
        "type": "object",
        "properties": {"not": {"type": "string", "enum": ["if"]}, "if": {"const": {"not": 1}}},
        "uniqueItems": false,
    });
    assert!(wanted(by_schema(schema)).is_ok());
}

#[test]
fn arguments_that_are_no_object_are_refused_by_their_type() {
    for kind in ["string", "array"] {
        let refused = wanted(json!({"tools": tools(json!({"type": kind}))})).unwrap_err();
        assert_eq!(refused.param, "tools[1].function.parameters.type");
    }
    for schema in [json!({}), json!({"properties": {"a": {}}}), Value::Null] {
        assert!(wanted(json!({"tools": tools(schema)})).is_ok());
    }
}

#[test]
fn what_cannot_be_called_need_not_be_followed() {
    let named = json!({"type": "function", "function": {"name": "time"}});
    let members = json!({"tools": tools(json!({"not": {}})), "tool_choice": named});
    assert!(wanted(members).is_ok());
}

#[test]
fn a_function_without_arguments_is_not_called_again() {
    let time = json!([{"type": "function", "function": {"name": "time"}}]);
    let grammar = wanted(json!({"tools": time, "tool_choice": "required"}))
        .unwrap()
        .grammar;
    assert!(!format!("{grammar:?}").contains("AtMost"), "{grammar:?}");

    let both = tools(json!({"properties": {"city": {"type": "string"}}}));
    let grammar = wanted(json!({"tools": both, "tool_choice": "required"}))
        .unwrap()
        .grammar;
    let grammar = format!("{grammar:?}");
    let again = &grammar[grammar.find("AtMost").unwrap()..];
    assert!(again.contains("weather") && !again.contains("time"), "{again}");
}

#[test]
fn a_function_that_names_no_arguments_gets_none() {
    let grammar = |schema: Value| {
        let named = json!({"type": "function", "function": {"name": "weather"}});
        let members = json!({"tools": tools(schema), "tool_choice": named});
        format!("{:?}", wanted(members).unwrap().grammar)
    };
    let none = grammar(json!({"type": "object", "additionalProperties": false}));
    assert_eq!(grammar(json!({"type": "object", "properties": {}})), none);
    assert_ne!(
        grammar(json!({"type": "object"})),
        none,
        "it says nothing of its members"
    );
}
