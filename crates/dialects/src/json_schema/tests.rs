mod closed;
mod hostile;
mod parts;
mod references;
mod together;
mod values;

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
    values: Values::Numbers,
    formats: None,
    pattern_lacks: &[],
    min_items: None,
    any_of_alone: false,
    closed_objects: false,
    losses: Losses::Dropped,
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
    values: Values::Strings,
    formats: Some(&["date-time"]),
    pattern_lacks: &[],
    min_items: None,
    any_of_alone: true,
    closed_objects: false,
    losses: Losses::Dropped,
};

/// One that holds answers to objects without further members, and reads the rest in descriptions.
const CLOSED: Subset = Subset {
    keywords: &[
        "type",
        "description",
        "enum",
        "items",
        "minItems",
        "anyOf",
        "format",
        "pattern",
        "properties",
        "required",
    ],
    references: References::Kept { alone: false },
    type_lists: true,
    values: Values::Plain,
    formats: Some(&["date"]),
    pattern_lacks: &["(?"],
    min_items: Some(1),
    any_of_alone: false,
    closed_objects: true,
    losses: Losses::Described,
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
fn a_property_may_have_the_name_of_a_keyword() {
    let schema = json!({"type": "object", "properties": {
        "$ref": {"type": "string"}, "properties": {"type": "string"}, "pattern": {"type": "string"}}});
    assert_eq!(whole(&schema, &OPEN_API), schema);
}

#[test]
fn what_is_no_schema_is_refused() {
    for text in ["", "[]", "true", "\"object\"", "{", "null"] {
        assert_eq!(clean(text, &JSON), Err(Unclean::NotASchema), "{text}");
    }
}

#[test]
fn of_two_choices_that_both_have_to_hold_one_is_said() {
    let schema = r#"{"oneOf": [{"type": "string"}, {"type": "integer"}], "anyOf": [{"type": "string"}, {"minimum": 1}]}"#;
    for subset in [&JSON, &OPEN_API] {
        let cleaned = clean(schema, subset).expect("it is a schema");
        assert_eq!(cleaned.lost, ["anyOf"]);
        assert_eq!(cleaned.schema.matches("anyOf").count(), 1, "{}", cleaned.schema);
    }
}
