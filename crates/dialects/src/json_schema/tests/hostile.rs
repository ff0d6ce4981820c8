use proptest::prelude::*;

use super::*;

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
        for subset in [&JSON, &OPEN_API, &CLOSED] {
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
