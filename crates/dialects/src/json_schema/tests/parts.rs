use super::*;

#[test]
fn what_merging_parts_makes_optional_or_wider_is_told() {
    let apart = json!({"allOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object", "required": ["b"]}]});
    let (_, lost) = cleaned(&apart, &OPEN_API);
    assert_eq!(lost, ["required"]);

    let twice = json!({"allOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}]});
    assert_eq!(
        whole(&twice, &OPEN_API)["properties"],
        json!({"a": {"type": "string", "minLength": 2}})
    );
    let against = json!({"allOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"type": "integer"}}}]});
    assert_eq!(cleaned(&against, &OPEN_API).1, ["type"]);
}

#[test]
fn parts_are_merged_and_contradictions_among_them_are_told() {
    let schema = json!({
        "allOf": [
            {"$ref": "#/$defs/base"},
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
        ],
        "description": "both",
        "$defs": {"base": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
    });
    assert_eq!(
        whole(&schema, &OPEN_API),
        json!({
            "description": "both", "type": "object", "required": ["a", "b"],
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        })
    );
    let (_, lost) = cleaned(
        &json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
        &OPEN_API,
    );
    assert_eq!(lost, ["type"]);
}

#[test]
fn what_constrains_and_cannot_be_said_is_told_once_and_remarks_are_not() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "T", "x-own": 1,
        "type": "object", "additionalProperties": {"type": "string"}, "patternProperties": {"^a": {}},
        "properties": {
            "a": {"type": "string", "pattern": "^a", "format": "uuid", "examples": ["x"], "default": ""},
            "b": {"type": "string", "pattern": "^b"},
            "c": {"enum": [1, 2]},
            "d": {"not": {"type": "string"}},
            "e": false,
        },
        "required": ["a", "nowhere"],
    });
    let (cleaned, lost) = cleaned(&schema, &OPEN_API);
    assert_eq!(
        lost,
        [
            "additionalProperties",
            "enum",
            "not",
            "pattern",
            "patternProperties",
            "properties",
            "required"
        ]
    );
    assert_eq!(
        cleaned,
        json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string", "description": "Remarks: format \"uuid\", examples [\"x\"], default \"\"."},
            "b": {"type": "string"}, "c": {"type": "integer"}, "d": {}, "e": {}}})
    );
}
