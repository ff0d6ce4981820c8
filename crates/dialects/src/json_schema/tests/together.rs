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
    for subset in [&OPEN_API, &JSON] {
        let (cleaned, lost) = cleaned(&schema, subset);
        assert_eq!(cleaned["anyOf"][1]["required"], json!(["b"]));
        assert_eq!(cleaned["anyOf"][1]["properties"], schema["properties"]);
        assert_eq!(lost, Vec::<String>::new());
    }
}

#[test]
fn a_member_that_nobody_names_and_that_has_to_be_there_cannot_be_said_of_closed_objects() {
    let inner = json!({"type": "object", "properties": {"b": {"type": "string"}}, "required": ["a"]});
    for schema in [
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city", "country"]}),
        json!({"type": "object", "properties": {"c": inner}}),
        json!({"type": "object", "properties": {"c": {"type": "string"}}, "allOf": [{"required": ["d"]}]}),
    ] {
        let text = schema.to_string();
        assert_eq!(clean(&text, &CLOSED), Err(Unclean::Unsayable), "{schema}");
        assert_eq!(cleaned(&schema, &JSON).1, ["required"], "{schema}");
    }
}

#[test]
fn a_reference_stays_alone_where_another_part_says_more_of_the_same_property() {
    let of = |own: Value| {
        json!({
            "type": "object", "allOf": [{"$ref": "#/$defs/Base"}], "properties": {"p": own},
            "$defs": {
                "Base": {"type": "object", "properties": {"p": {"$ref": "#/$defs/P"}}},
                "P": {"type": "object", "properties": {"x": {"$ref": "#/$defs/P"}}},
            },
        })
    };
    let (described, _) = cleaned(&of(json!({"description": "home address"})), &JSON);
    assert_eq!(
        described["properties"]["p"],
        json!({"description": "home address", "anyOf": [{"$ref": "#/$defs/P"}]})
    );
    let own = json!({"type": "object", "properties": {"y": {"type": "string"}}, "required": ["y"]});
    let (more, _) = cleaned(&of(own), &JSON);
    assert_eq!(
        more["properties"]["p"],
        json!({
            "type": "object", "required": ["y"],
            "properties": {"y": {"type": "string"}, "x": {"$ref": "#/$defs/P"}},
        })
    );
    let circle = json!({
        "$ref": "#/$defs/P",
        "$defs": {"P": {"allOf": [
            {"type": "object", "properties": {"p": {"$ref": "#/$defs/P"}}},
            {"type": "object", "properties": {"p": {"type": "object", "properties": {"q": {"type": "string"}}}}},
        ]}},
    });
    for (name, value) in cleaned(&circle, &JSON).0["$defs"]["P"].as_object().unwrap() {
        assert!(name != "$ref" && value["p"].get("$ref").is_none(), "{value}");
    }
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
        json!({"description": "d Remarks: default null.", "anyOf": [{"$ref": "#/$defs/B"}]})
    );
    assert_eq!(with(json!({"allOf": reference})), json!({"$ref": "#/$defs/B"}));
    assert_eq!(
        with(json!({"allOf": reference, "nullable": true})),
        json!({"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]})
    );
    assert_eq!(
        with(json!({"allOf": [reference[0], {"properties": {"b": {"type": "integer"}}}]})),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}})
    );
}
