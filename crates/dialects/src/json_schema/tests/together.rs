//! Schemas that hold together: what one of them names holds for the others.

use super::*;

#[test]
fn a_part_may_require_what_another_names() {
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "allOf": [{"required": ["a"]}]});
    for subset in [&JSON, &OPEN_API, &CLOSED] {
        let (cleaned, lost) = cleaned(&schema, subset);
        assert_eq!((&cleaned["required"], lost), (&json!(["a"]), vec![]));
    }
    let base = json!({
        "allOf": [{"$ref": "#/$defs/b"}, {"required": ["a", "nowhere"]}],
        "$defs": {"b": {"type": "object", "properties": {"a": {"type": "string"}}}},
    });
    let (cleaned, lost) = cleaned(&base, &JSON);
    assert_eq!(
        (&cleaned["required"], lost),
        (&json!(["a"]), vec!["required".to_owned()])
    );
}

#[test]
fn what_a_choice_requires_of_those_beside_it_is_kept_where_they_stand_in_it() {
    let schema = json!({
        "type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    });
    let (cleaned, lost) = cleaned(&schema, &OPEN_API);
    assert_eq!(cleaned["anyOf"][1]["required"], json!(["b"]));
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn two_closed_objects_that_hold_together_cannot_be_said() {
    let b = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let own = json!({"b": {"type": "string"}});
    for schema in [
        json!({"type": "object", "allOf": [{"$ref": "#/$defs/B"}], "properties": own, "$defs": {"B": b}}),
        json!({"$ref": "#/$defs/B", "properties": own, "$defs": {"B": b}}),
        json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/B", "properties": own}}, "$defs": {"B": b}}),
        json!({"type": "object", "anyOf": [b, {"type": "object", "properties": own}], "properties": own}),
        json!({"type": "object", "properties": own, "additionalProperties": {"type": "integer"}}),
    ] {
        assert_eq!(
            clean(&schema.to_string(), &CLOSED),
            Err(Unclean::Unsayable),
            "{schema}"
        );
    }
    let open = json!({"type": "object", "properties": own, "additionalProperties": true});
    assert_eq!(cleaned(&open, &CLOSED).1, ["additionalProperties"]);
}

#[test]
fn a_reference_that_has_to_stand_alone_does_so_out_of_parts_too() {
    let with = |property: Value| {
        let schema = json!({
            "type": "object", "properties": {"p": property},
            "definitions": {"B": {"type": "object", "properties": {"a": {"type": "string"}}}},
        });
        cleaned(&schema, &JSON).0["properties"]["p"].clone()
    };
    let reference = json!([{"$ref": "#/definitions/B"}]);
    assert_eq!(
        with(json!({"allOf": reference, "description": "d", "default": null})),
        json!({"$ref": "#/$defs/B"})
    );
    assert_eq!(
        with(json!({"allOf": [reference[0], {"properties": {"b": {"type": "integer"}}}]})),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}})
    );
}
