use super::*;

fn unsayable(schema: &Value) -> bool {
    clean(&schema.to_string(), &CLOSED) == Err(Unclean::Unsayable)
}

#[test]
fn objects_are_closed_which_takes_nothing_in_that_did_not_fit() {
    let schema = json!({"type": "object", "properties": {"a": {"properties": {"b": {"type": "string"}}}}});
    assert_eq!(
        whole(&schema, &CLOSED),
        json!({"type": "object", "additionalProperties": false, "properties": {"a": {
            "type": "object", "additionalProperties": false, "properties": {"b": {"type": "string"}}}}})
    );
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {}});
    let (closed, lost) = cleaned(&open, &CLOSED);
    assert_eq!(closed["additionalProperties"], false);
    assert_eq!(
        lost,
        ["additionalProperties"],
        "no answer can have the members that were allowed"
    );
    let none = json!({"type": "object", "additionalProperties": false});
    assert_eq!(whole(&none, &CLOSED), none);
}

#[test]
fn limits_that_cannot_be_said_stand_in_the_description_of_what_they_limit() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "string", "description": "A name.", "maxLength": 3, "pattern": "^(?=x)"},
        "b": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "uniqueItems": true},
        "c": {"enum": [[1], "x"]},
        "d": {"type": "string", "format": "uuid", "pattern": "^x"},
    }});
    let (cleaned, lost) = cleaned(&schema, &CLOSED);
    assert_eq!(
        cleaned["properties"],
        json!({
            "a": {"type": "string", "description": "A name. Limits: maxLength 3, pattern \"^(?=x)\"."},
            "b": {
                "type": "array", "minItems": 1, "description": "Limits: minItems 2, uniqueItems true.",
                "items": {"type": "integer", "description": "Limits: minimum 1."},
            },
            "c": {"description": "Limits: enum [[1],\"x\"]."},
            "d": {"type": "string", "pattern": "^x", "description": "Remarks: format \"uuid\"."},
        })
    );
    assert_eq!(
        lost,
        [
            "enum",
            "maxLength",
            "minItems",
            "minimum",
            "pattern",
            "uniqueItems"
        ],
        "a format is a remark"
    );
}

#[test]
fn a_choice_of_which_only_one_may_fit_is_a_choice_and_the_limit_is_told() {
    let schema = json!({"oneOf": [{"type": "string"}, {"type": "null"}]});
    let (cleaned, lost) = cleaned(&schema, &CLOSED);
    assert_eq!(cleaned, json!({"anyOf": [{"type": "string"}, {"type": "null"}]}));
    assert_eq!(lost, ["oneOf"]);
}

#[test]
fn one_part_is_the_schema_itself_with_what_stands_beside_it() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"allOf": [{"$ref": "#/definitions/a"}], "description": "its use"}},
        "definitions": {"a": {"type": "boolean"}},
    });
    assert_eq!(
        whole(&schema, &CLOSED)["properties"]["a"],
        json!({"$ref": "#/$defs/a", "description": "its use"})
    );
}

#[test]
fn what_is_no_limit_and_cannot_be_said_makes_the_schema_another_and_is_refused() {
    let object = |property: Value| json!({"type": "object", "properties": {"a": property}});
    let both = json!([{"type": "string"}, {"type": "null"}]);
    for schema in [
        object(json!({"$ref": "#"})),
        json!({"$ref": "#/$defs/a", "$defs": {"a": object(json!({"$ref": "#/$defs/a"}))}}),
        object(json!({"$ref": "#/$defs/nowhere"})),
        object(json!({"$ref": "https://example.com/schema.json"})),
        object(json!({"type": "object"})),
        object(json!({"type": "object", "additionalProperties": {"type": "string"}})),
        object(json!(true)),
        object(json!(false)),
        object(json!({"allOf": [{"type": "string"}, {"minLength": 2}]})),
        object(json!({"allOf": [{"type": "string"}], "type": "integer"})),
        object(json!({"anyOf": both, "oneOf": both})),
    ] {
        assert!(unsayable(&schema), "{schema}");
    }
}

/// Closed, it would have none of the members that it is for, and `{}` would be all that fits.
#[test]
fn an_object_whose_members_are_named_by_a_pattern_cannot_be_closed() {
    let map = json!({"type": "object", "patternProperties": {"^[a-z]{2}$": {"type": "string"}}, "additionalProperties": false});
    let mut beside = map.clone();
    beside["properties"] = json!({"a": {"type": "string"}});
    let within = json!({"type": "object", "properties": {"names": map}, "required": ["names"]});
    for schema in [&map, &beside, &within] {
        assert!(unsayable(schema), "{schema}");
    }
    let none = json!({"type": "object", "properties": {"a": {"type": "string"}}, "patternProperties": {}});
    assert!(!unsayable(&none));
    let named = json!({"a": {"type": "string"}});
    let unevaluated =
        |more: Value| json!({"type": "object", "properties": named, "unevaluatedProperties": more});
    assert!(unsayable(&unevaluated(json!({"type": "integer"}))));
    assert_eq!(
        cleaned(&unevaluated(json!(true)), &CLOSED).1,
        ["additionalProperties"]
    );
    assert_eq!(
        cleaned(&unevaluated(json!(false)), &CLOSED).1,
        Vec::<String>::new()
    );
}

#[test]
fn what_names_by_pattern_leave_to_others_goes_with_them() {
    let schema = |more: Value| json!({"type": "object", "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": more});
    for more in [json!(false), json!({"type": "integer"})] {
        let (cleaned, lost) = cleaned(&schema(more), &JSON);
        assert_eq!(cleaned, json!({"type": "object"}));
        assert_eq!(lost, ["additionalProperties", "patternProperties"]);
    }
    let (open, lost) = cleaned(&schema(json!(true)), &JSON);
    assert_eq!(open, json!({"type": "object", "additionalProperties": true}));
    assert_eq!(lost, ["patternProperties"]);
}
