use super::*;

#[test]
fn constants_null_and_lists_of_types_are_said_in_openapis_words() {
    let schema = json!({
        "type": "object",
        "properties": {
            "kind": {"const": "cat"},
            "name": {"type": ["string", "null"], "description": "its name"},
            "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "mood": {"enum": ["good", null]},
            "either": {"type": ["string", "integer", "null"], "minimum": 1, "minLength": 2, "description": "d"},
            "both": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "string"}}}],
                     "description": "d"},
        },
    });
    assert_eq!(
        whole(&schema, &OPEN_API)["properties"],
        json!({
            "kind": {"type": "string", "enum": ["cat"]},
            "name": {"type": "string", "description": "its name", "nullable": true},
            "age": {"type": "integer", "nullable": true},
            "mood": {"type": "string", "enum": ["good"], "nullable": true},
            "either": {"anyOf": [
                {"type": "string", "minLength": 2, "description": "d", "nullable": true},
                {"type": "integer", "minimum": 1, "description": "d", "nullable": true}]},
            "both": {"anyOf": [
                {"type": "string", "description": "d"},
                {"type": "object", "properties": {"a": {"type": "string"}}, "description": "d"}]},
        })
    );
}

#[test]
fn null_among_the_values_of_an_enum_stays_one_of_them() {
    for (schema, json, open_api) in [
        (
            json!({"enum": ["x", 1, null]}),
            json!({"enum": ["x", 1, null]}),
            json!({"nullable": true}),
        ),
        (
            json!({"enum": ["x", "y", null]}),
            json!({"type": ["string", "null"], "enum": ["x", "y", null]}),
            json!({"type": "string", "enum": ["x", "y"], "nullable": true}),
        ),
        (
            json!({"type": ["string", "null"], "enum": ["x", null]}),
            json!({"type": ["string", "null"], "enum": ["x", null]}),
            json!({"type": "string", "enum": ["x"], "nullable": true}),
        ),
        (
            json!({"enum": [true, 1, null]}),
            json!({}),
            json!({"nullable": true}),
        ),
        (
            json!({"enum": [null]}),
            json!({"type": "null"}),
            json!({"nullable": true}),
        ),
        (
            json!({"nullable": true, "description": "d"}),
            json!({"description": "d"}),
            json!({"description": "d", "nullable": true}),
        ),
        (
            json!({"type": "string", "enum": ["x"], "nullable": true}),
            json!({"type": ["string", "null"], "enum": ["x", null]}),
            json!({"type": "string", "enum": ["x"], "nullable": true}),
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "boolean"}], "nullable": true}),
            json!({"anyOf": [{"type": "string"}, {"type": "boolean"}, {"type": "null"}]}),
            json!({"anyOf": [{"type": "string", "nullable": true}, {"type": "boolean", "nullable": true}]}),
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "nullable": true}),
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"type": "string", "nullable": true}),
        ),
        (
            json!({"type": ["string", "integer"], "enum": ["x", "y"]}),
            json!({"type": ["string", "integer"], "enum": ["x", "y"]}),
            json!({"type": "string", "enum": ["x", "y"]}),
        ),
    ] {
        assert_eq!(cleaned(&schema, &JSON).0, json, "{schema}");
        assert_eq!(cleaned(&schema, &OPEN_API).0, open_api, "{schema}");
    }
}

#[test]
fn bounds_are_kept_as_far_as_they_can_be_said() {
    let schema = json!({"type": "object", "properties": {
        "whole": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
        "fraction": {"type": "number", "exclusiveMinimum": 0},
        "old": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
    }});
    let (cleaned, lost) = cleaned(&schema, &OPEN_API);
    assert_eq!(
        cleaned["properties"],
        json!({
            "whole": {"type": "integer", "minimum": 1, "maximum": 9},
            "fraction": {"type": "number", "minimum": 0},
            "old": {"type": "number", "minimum": 0},
        })
    );
    assert_eq!(lost, ["exclusiveMinimum"]);
}

#[test]
fn items_by_place_become_any_of_them_where_places_are_not_taken() {
    let schema = json!({"type": "array", "items": [{"type": "string"}, {"type": "integer"}]});
    let no_more = json!({"type": "array", "prefixItems": [{"type": "string"}], "items": false});
    assert_eq!(
        cleaned(&no_more, &JSON).1,
        ["items"],
        "its own name, not its value"
    );
    let by_place = json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]});
    assert_eq!(whole(&schema, &JSON), by_place);
    let (any, lost) = cleaned(&schema, &OPEN_API);
    assert_eq!(lost, ["prefixItems"]);
    assert_eq!(
        any["items"],
        json!({"anyOf": [{"type": "string"}, {"type": "integer"}]})
    );
    let bare = whole(&json!({"type": "array"}), &OPEN_API);
    assert_eq!(bare["items"], json!({"type": "string"}), "OpenAPI demands items");
}
