//! Choices between schemas at the top of a tool's parameters, which Claude does not take: what is sent in their
//! place takes each of them.

use serde_json::{Value, json};

use super::fixtures::{body, encode, notes, sent, serving, valid};

const SONNET: &str = "claude-sonnet-4-6";

/// What tools with a discriminator look like, as zod and pydantic write them.
fn variants() -> [Value; 3] {
    let closed = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let text = json!({"type": "string"});
    [
        closed(
            json!({"op": {"const": "create"}, "path": text}),
            json!(["op", "path"]),
        ),
        closed(
            json!({"op": {"const": "delete"}, "path": text, "force": {"type": "boolean"}}),
            json!(["op", "path"]),
        ),
        closed(
            json!({"op": {"const": "move"}, "path": {"type": "array", "items": text}}),
            json!(["op", "path"]),
        ),
    ]
}

fn tool(parameters: Value, strict: bool) -> Value {
    let function = json!({"name": "f", "parameters": parameters, "strict": strict});
    json!({"tools": [{"type": "function", "function": function}]})
}

fn sent_schema(parameters: Value, strict: bool) -> Value {
    sent(SONNET, tool(parameters, strict))["tools"][0]["input_schema"].take()
}

fn all_of_them() -> Value {
    json!({
        "type": "object",
        "properties": {
            "op": {"enum": ["create", "delete", "move"]},
            "path": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "force": {"type": "boolean"},
        },
        "required": ["op", "path"],
        "additionalProperties": false,
    })
}

#[test]
fn a_property_that_several_choices_name_takes_what_any_of_them_does() {
    for keyword in ["oneOf", "anyOf"] {
        for strict in [false, true] {
            let schema = sent_schema(json!({"type": "object", keyword: variants()}), strict);
            let mut expected = all_of_them();
            if strict {
                expected["properties"]["op"]["type"] = json!("string");
            }
            assert_eq!(schema, expected, "{keyword}, strict: {strict}");
        }
    }
}

#[test]
fn choices_by_reference_and_choices_of_choices_are_the_same() {
    let [create, delete, relocate] = variants();
    let definitions = json!({
        "Create": create, "Delete": delete, "Move": relocate,
        "Other": {"oneOf": [{"$ref": "#/$defs/Delete"}, {"$ref": "#/$defs/Move"}]},
    });
    let [first, second, third, other] =
        ["Create", "Delete", "Move", "Other"].map(|name| json!({"$ref": format!("#/$defs/{name}")}));
    for choices in [json!([first, second, third]), json!([first, other])] {
        let mut schema = sent_schema(
            json!({"type": "object", "oneOf": choices, "$defs": definitions}),
            false,
        );
        schema.as_object_mut().unwrap().remove("$defs");
        assert_eq!(schema, all_of_them());
    }
}

#[test]
fn what_all_choices_say_of_a_property_is_added_to_its_type() {
    let parameters = json!({
        "type": "object", "oneOf": variants(),
        "properties": {"op": {"type": "string", "description": "What to do."}},
    });
    let schema = sent_schema(parameters, false);
    assert_eq!(
        schema["properties"]["op"],
        json!({"type": "string", "description": "What to do.", "enum": ["create", "delete", "move"]})
    );
}

#[test]
fn a_discriminator_keeps_its_type_where_all_choices_name_it() {
    let of = |name: &str| {
        let kind = json!({"type": "string", "const": name, "title": "Kind", "default": name});
        json!({"type": "object", "properties": {"kind": kind}, "required": ["kind"]})
    };
    let schema = sent_schema(json!({"anyOf": [of("a"), of("b")]}), true);
    assert_eq!(
        schema["properties"]["kind"],
        json!({"type": "string", "enum": ["a", "b"]})
    );
    assert_eq!(
        notes(SONNET, tool(json!({"anyOf": [of("a"), of("b")]}), true)),
        ["omitted:tools[0].function.parameters.anyOf"],
        "which properties come together is not said any more"
    );
}

#[test]
fn a_choice_that_is_open_leaves_the_whole_open() {
    let [create, ..] = variants();
    let open = json!({"type": "object", "properties": {"op": {"const": "say"}}, "required": ["op"]});
    let schema = sent_schema(json!({"oneOf": [create, open]}), false);
    assert_eq!(schema.get("additionalProperties"), None);
    assert_eq!(schema["required"], json!(["op"]));
}

#[test]
fn a_strict_tool_is_not_held_to_a_choice_whose_members_have_no_names() {
    let [create, ..] = variants();
    let map = json!({"type": "object", "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": false});
    let members = tool(json!({"oneOf": [create, map]}), true);
    let tool = sent(SONNET, members)["tools"][0].take();
    assert_eq!(tool.get("strict"), None);
    assert_eq!(
        tool["input_schema"]["patternProperties"],
        json!({"^x": {"type": "string"}})
    );
}

#[test]
fn choices_that_grow_beyond_bounds_are_refused() {
    let mut definitions = serde_json::Map::new();
    for at in 0..8 {
        let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
        definitions.insert(format!("d{at}"), json!({"anyOf": vec![next; 40]}));
    }
    definitions.insert("d8".to_owned(), json!({"type": "object"}));
    let parameters = json!({"type": "object", "anyOf": [{"$ref": "#/$defs/d0"}], "$defs": definitions});
    let refusal = encode(&valid(SONNET, tool(parameters, false)), &serving(SONNET)).unwrap_err();
    assert_eq!(refusal.param, "tools[0].function.parameters");
    assert!(refusal.problem.contains("too large"), "{}", refusal.problem);
}

/// A tool would say less than was asked for, and an answer that fits it would be thrown away.
#[test]
fn an_answer_that_is_one_of_several_objects_is_asked_for_in_words() {
    let model = "claude-opus-4-20250514";
    let schema = json!({"type": "object", "oneOf": variants()});
    let format = json!({"type": "json_schema", "json_schema": {"name": "edit", "schema": schema}});
    let request = encode(&valid(model, json!({"response_format": format})), &serving(model)).unwrap();
    let sent = body(&request);
    assert_eq!((sent.get("tools"), sent.get("tool_choice")), (None, None));
    let said = sent["system"].to_string();
    assert!(said.contains("move") && said.contains("oneOf"), "{said}");
    assert_eq!(request.undo.emulated.content_tool, None);
    assert!(request.undo.emulated.schema.is_some(), "and is checked");
    let notes: Vec<String> = request.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["emulated:response_format"]);
}
