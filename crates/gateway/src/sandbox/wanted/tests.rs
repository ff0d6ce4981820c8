use std::sync::Arc;

use serde_json::json;
use tollgate_catalog::contract::{self, check::CheckLimits};
use tollgate_chat::request::ChatRequest;

use super::*;

const MODEL: &str = "gpt-4o";

fn request(members: Value) -> ValidRequest {
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
    Wanted::of(&request, &functions(&request))
}

fn tools(schema: Value) -> Value {
    json!([
        {"type": "function", "function": {"name": "time"}},
        {"type": "function", "function": {"name": "weather", "description": "Of today", "parameters": schema}},
    ])
}

fn by_schema(schema: Value) -> Value {
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
            wanted.grammar.is_none() && wanted.text && !wanted.calls,
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
        assert!(wanted.calls && !wanted.text, "{choice}");
    }
    let free = wanted(json!({"tools": tools})).unwrap();
    assert!(free.calls && free.text);
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
fn what_would_have_no_end_gets_one_and_what_has_one_keeps_it() {
    let open = json!({"type": "array", "minItems": 2, "items": {"type": "string"}});
    let prepared = schema::prepared(open).unwrap();
    assert_eq!(
        (&prepared["maxItems"], &prepared["items"]["maxLength"]),
        (&json!(10), &json!(160))
    );

    let settled = json!({
        "type": "array",
        "maxItems": 40,
        "items": {"anyOf": [{"type": "string", "pattern": "^a*$"}, {"type": "string", "maxLength": 999}]},
    });
    assert_eq!(schema::prepared(settled.clone()).unwrap(), settled);
}

#[test]
fn an_object_gets_no_members_but_its_own_unless_it_is_described_in_several_places() {
    let plain = json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {}}}}});
    let prepared = schema::prepared(plain).unwrap();
    assert_eq!(prepared["additionalProperties"], json!(false));
    assert_eq!(prepared["properties"]["a"]["additionalProperties"], json!(false));

    let map = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    assert_eq!(schema::prepared(map.clone()).unwrap(), map);

    let joined = json!({
        "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"b": {"type": "integer"}}}],
        "$defs": {"base": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    });
    assert_eq!(schema::prepared(joined.clone()).unwrap(), joined);
}

#[test]
fn the_keyword_to_blame_is_the_one_without_which_it_works() {
    let schema = json!({"properties": {"a/b": {"type": "string", "pattern": "(?=x)"}}});
    let keyword = schema::culprit(&schema, |schema| !schema.to_string().contains("(?="));
    assert_eq!(keyword.unwrap().to_string(), "`pattern` at `/properties/a~1b`");
    assert_eq!(schema::culprit(&schema, |_| false), None);
}
