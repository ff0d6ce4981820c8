use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A provider that takes references and most of the rest.
const JSON: Subset = Subset {
    keywords: &[
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "minimum",
        "maximum",
        "anyOf",
        "properties",
        "additionalProperties",
        "required",
    ],
    references: References::Kept { alone: true },
    type_lists: true,
    enums_of_numbers: true,
    formats: None,
    any_of_alone: false,
    closed_objects: false,
};

/// One that takes what OpenAPI 3.0 has.
const OPEN_API: Subset = Subset {
    keywords: &[
        "type",
        "format",
        "description",
        "nullable",
        "enum",
        "items",
        "minimum",
        "maximum",
        "minLength",
        "anyOf",
        "properties",
        "required",
    ],
    references: References::Inlined,
    type_lists: false,
    enums_of_numbers: false,
    formats: Some(&["date-time"]),
    any_of_alone: true,
    closed_objects: false,
};

fn cleaned(schema: &Value, subset: &Subset) -> (Value, Vec<String>) {
    let cleaned = clean(&schema.to_string(), subset).unwrap_or_else(|problem| panic!("{schema}: {problem}"));
    (serde_json::from_str(&cleaned.schema).expect("JSON"), cleaned.lost)
}

/// Cleans without loss.
fn whole(schema: &Value, subset: &Subset) -> Value {
    let (cleaned, lost) = cleaned(schema, subset);
    assert_eq!(lost, Vec::<String>::new(), "{schema}");
    cleaned
}

#[test]
fn a_schema_within_the_subset_stays_as_it_is_and_keeps_its_order() {
    let text = concat!(
        r##"{"type":"object","properties":{"z":{"type":"string","description":"last \"letter\""},"##,
        r##""a":{"type":["integer","null"],"minimum":-1.5},"m":{"type":"array","items":{"$ref":"#/$defs/m"}}},"##,
        r##""required":["z"],"additionalProperties":false,"$defs":{"m":{"enum":["x","y"],"type":"string"}}}"##,
    );
    let cleaned = clean(text, &JSON).expect("it is a schema");
    let members = |text: &str| {
        let of = |name: &str| text.find(name);
        (of("\"z\"") < of("\"a\"")) && (of("\"a\"") < of("\"m\""))
    };
    assert!(
        members(&cleaned.schema),
        "models answer in this order: {}",
        cleaned.schema
    );
    assert_eq!(cleaned.lost, Vec::<String>::new());
    let same: Value = serde_json::from_str(&cleaned.schema).expect("JSON");
    let mut expected: Value = serde_json::from_str(text).expect("JSON");
    expected["$defs"]["m"] = json!({"type": "string", "enum": ["x", "y"]});
    assert_eq!(same, expected);
}

#[test]
fn definitions_of_older_drafts_get_their_newer_name_and_unused_ones_go() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/a"}, "self": {"$ref": "#"}},
        "definitions": {"a": {"type": "array", "items": {"$ref": "#/definitions/b"}}, "b": {"type": "string"},
                        "unused": {"pattern": "x"}},
    });
    assert_eq!(
        whole(&schema, &JSON),
        json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/a"}, "self": {"$ref": "#"}},
            "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}, "b": {"type": "string"}},
        })
    );
}

#[test]
fn references_are_inlined_with_what_stands_beside_them() {
    let schema = json!({
        "type": "object",
        "properties": {
            "from": {"$ref": "#/$defs/place", "description": "where from"},
            "to": {"$ref": "#/properties/from"},
            "odd": {"$ref": "#/$defs/a~1b%25"},
        },
        "$defs": {"place": {"type": "string", "description": "a place", "minLength": 2},
                  "a/b%": {"type": "boolean"}},
    });
    assert_eq!(
        whole(&schema, &OPEN_API)["properties"],
        json!({
            "from": {"type": "string", "description": "where from", "minLength": 2},
            "to": {"type": "string", "description": "where from", "minLength": 2},
            "odd": {"type": "boolean"},
        })
    );
}

#[test]
fn a_recursive_schema_is_followed_once_and_the_loss_is_told() {
    let schema = json!({
        "$ref": "#/$defs/tree",
        "$defs": {"tree": {"type": "object", "description": "a tree", "properties": {
            "leaf": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}},
    });
    let (cleaned, lost) = cleaned(&schema, &OPEN_API);
    assert_eq!(lost, ["$ref"]);
    assert_eq!(
        cleaned["properties"]["children"]["items"],
        json!({"type": "object", "description": "a tree"})
    );
}

#[test]
fn a_reference_to_nowhere_is_lost_and_not_followed() {
    for reference in [
        "https://example.com/schema.json",
        "#/$defs/none",
        "#name",
        "file:///etc/passwd",
        "#/$defs",
    ] {
        for subset in [&JSON, &OPEN_API] {
            let schema = json!({"type": "object", "properties": {"a": {"$ref": reference}}, "$defs": {}});
            let (cleaned, _) = cleaned(&schema, subset);
            assert!(!cleaned.to_string().contains("$ref"), "{reference}: {cleaned}");
        }
    }
}

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
fn what_merging_parts_makes_optional_or_wider_is_told() {
    let apart = json!({"allOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object", "required": ["a"]}]});
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
            "false",
            "not",
            "pattern",
            "patternProperties",
            "required"
        ]
    );
    assert_eq!(
        cleaned,
        json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "integer"}, "d": {}, "e": {}}})
    );
}

#[test]
fn items_by_place_become_any_of_them_where_places_are_not_taken() {
    let schema = json!({"type": "array", "items": [{"type": "string"}, {"type": "integer"}]});
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

#[test]
fn objects_are_closed_for_providers_that_demand_it() {
    let closed = Subset {
        closed_objects: true,
        ..JSON
    };
    let schema = json!({"type": "object", "properties": {"a": {"properties": {"b": {"type": "string"}}}}});
    assert_eq!(
        whole(&schema, &closed),
        json!({"type": "object", "additionalProperties": false, "properties": {"a": {
            "type": "object", "additionalProperties": false, "properties": {"b": {"type": "string"}}}}})
    );
    let open = json!({"type": "object", "additionalProperties": {"type": "string"}});
    assert_eq!(cleaned(&open, &closed).1, ["additionalProperties"]);
}

#[test]
fn a_property_may_have_the_name_of_a_keyword() {
    let schema = json!({"type": "object", "properties": {
        "$ref": {"type": "string"}, "properties": {"type": "string"}, "pattern": {"type": "string"}}});
    assert_eq!(whole(&schema, &OPEN_API), schema);
}

#[test]
fn what_explodes_when_references_are_followed_is_refused_in_time() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = format!("#/$defs/d{}", level + 1);
        let both = json!({"type": "object", "properties": {"l": {"$ref": next}, "r": {"$ref": next}}});
        definitions.insert(format!("d{level}"), both);
    }
    definitions.insert("d40".to_owned(), json!({"type": "string"}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions});
    assert_eq!(clean(&schema.to_string(), &OPEN_API), Err(Unclean::TooLarge));
    assert!(
        clean(&schema.to_string(), &JSON).is_ok(),
        "kept references do not multiply"
    );

    let long = "x".repeat(10_000);
    let uses: Vec<Value> = (0..200).map(|_| json!({"$ref": "#/$defs/long"})).collect();
    let schema = json!({"anyOf": uses, "$defs": {"long": {"type": "string", "description": long}}});
    assert_eq!(clean(&schema.to_string(), &OPEN_API), Err(Unclean::TooLarge));
}

#[test]
fn what_is_no_schema_is_refused() {
    for text in ["", "[]", "true", "\"object\"", "{", "null"] {
        assert_eq!(clean(text, &JSON), Err(Unclean::NotASchema), "{text}");
    }
}

fn names() -> impl Strategy<Value = String> {
    let keywords = [
        "$ref",
        "$defs",
        "definitions",
        "type",
        "properties",
        "required",
        "items",
        "prefixItems",
        "anyOf",
        "oneOf",
        "allOf",
        "enum",
        "const",
        "nullable",
        "additionalProperties",
        "exclusiveMinimum",
        "minimum",
        "format",
        "description",
        "not",
        "a",
        "b",
    ];
    prop::sample::select(keywords.to_vec()).prop_map(str::to_owned)
}

fn leaves() -> impl Strategy<Value = Value> {
    let words = [
        "string",
        "object",
        "array",
        "integer",
        "null",
        "#",
        "#/$defs/a",
        "#/definitions/a",
        "#/properties/b",
        "#/anyOf/0",
        "a",
        "",
    ];
    prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(|word| json!(word)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        Just(Value::Null),
    ]
}

/// Anything in the shape of JSON, made of the words of schemas.
fn schemas() -> impl Strategy<Value = Value> {
    let nested = leaves().prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((names(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::vec((names(), nested), 0..8)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// The keywords of a cleaned schema, not the names of properties.
fn keywords_within(schema: &Value, subset: &Subset) -> bool {
    let Some(members) = schema.as_object() else {
        return true;
    };
    members.iter().all(|(name, value)| match &**name {
        "$ref" => true,
        "$defs" | "properties" => value
            .as_object()
            .is_none_or(|named| named.values().all(|schema| keywords_within(schema, subset))),
        "additionalProperties" if subset.closed_objects => true,
        "anyOf" | "prefixItems" => value
            .as_array()
            .is_none_or(|schemas| schemas.iter().all(|schema| keywords_within(schema, subset))),
        "items" | "additionalProperties" => keywords_within(value, subset),
        name => subset.keywords.contains(&name),
    })
}

proptest! {
    #[test]
    fn any_schema_ends_within_the_caps_and_within_the_subset(schema in schemas()) {
        for subset in [&JSON, &OPEN_API] {
            let Ok(cleaned) = clean(&schema.to_string(), subset) else { continue };
            prop_assert!(cleaned.schema.len() <= SIZE_LIMIT);
            let value: Value = serde_json::from_str(&cleaned.schema).expect("JSON");
            prop_assert!(keywords_within(&value, subset), "{schema} became {value}");
            if subset.references == References::Inlined {
                prop_assert!(!names_a_reference(&value), "{schema} became {value}");
            }
        }
    }

    #[test]
    fn any_text_is_refused_or_cleaned_and_never_panics(text in "\\PC*") {
        let _ = clean(&text, &OPEN_API);
    }
}

fn names_a_reference(schema: &Value) -> bool {
    let Some(members) = schema.as_object() else {
        return false;
    };
    let named = members.get("properties").and_then(Value::as_object);
    members.contains_key("$ref") || named.is_some_and(|named| named.values().any(names_a_reference))
}
