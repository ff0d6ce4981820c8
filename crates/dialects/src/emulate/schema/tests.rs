use serde_json::{Value, json};

use super::{Root, Schema, Uncheckable};

fn compile(schema: &Value) -> Result<Schema, Uncheckable> {
    Schema::compile(&schema.to_string())
}

/// A chain of definitions, each of which uses the next one twice.
fn doubling(steps: usize) -> Value {
    let mut definitions = serde_json::Map::new();
    for step in 0..steps {
        let next = json!({"$ref": format!("#/$defs/s{}", step + 1)});
        definitions.insert(format!("s{step}"), json!({"allOf": [next, next]}));
    }
    definitions.insert(format!("s{steps}"), json!({"type": "integer"}));
    json!({"$ref": "#/$defs/s0", "$defs": definitions})
}

#[test]
fn a_value_is_taken_or_not() {
    let schema = compile(&json!({
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 1}},
        "required": ["name"],
        "additionalProperties": false,
    }))
    .unwrap();
    assert!(schema.takes(r#"{"name": "Ada"}"#));
    for wrong in [
        "",
        "{}",
        r#"{"name": ""}"#,
        r#"{"name": "Ada", "age": 1}"#,
        r#"{"name": "Ada"} {}"#,
        r#"{"name": "#,
    ] {
        assert!(!schema.takes(wrong), "{wrong}");
    }
}

#[test]
fn an_older_draft_is_understood_by_its_name() {
    let schema = compile(&json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "definitions": {"age": {"type": "integer", "minimum": 0, "exclusiveMinimum": true}},
        "type": "object",
        "properties": {"age": {"$ref": "#/definitions/age"}},
    }))
    .unwrap();
    assert!(schema.takes(r#"{"age": 1}"#));
    assert!(!schema.takes(r#"{"age": 0}"#));
}

#[test]
fn a_tree_of_its_own_kind_is_checked_to_its_leaves() {
    let schema = compile(&json!({
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "left": {"$ref": "#"},
            "right": {"$ref": "#"},
        },
        "required": ["value"],
    }))
    .unwrap();
    assert!(schema.takes(r#"{"value": 1, "left": {"value": 2, "right": {"value": 3}}}"#));
    assert!(!schema.takes(r#"{"value": 1, "left": {"value": 2, "right": {"value": "3"}}}"#));
}

#[test]
fn a_schema_that_is_none_is_refused_with_a_reason() {
    let refused = compile(&json!({"type": "strin"})).unwrap_err();
    assert!(matches!(refused, Uncheckable::Invalid(_)), "{refused}");
    assert!(matches!(
        Schema::compile("{\"type\":"),
        Err(Uncheckable::Invalid(_))
    ));
    let pattern = compile(&json!({"type": "string", "pattern": "(((a{100}){100}){100}){100}"}));
    assert!(matches!(pattern, Err(Uncheckable::Invalid(_))), "{pattern:?}");
}

#[test]
fn a_reference_out_of_the_schema_is_refused_and_nothing_fetched() {
    for reference in [
        "https://schemas.example/person.json",
        "file:///etc/passwd",
        "#person",
        "#/$defs/nobody",
        "other.json#/a",
    ] {
        let refused = compile(&json!({"$ref": reference})).unwrap_err();
        assert_eq!(refused, Uncheckable::Reference, "{reference}");
    }
    let rebased = json!({"properties": {"a": {"$id": "https://a.example/", "$ref": "#/b"}}});
    assert_eq!(compile(&rebased).unwrap_err(), Uncheckable::Reference);
}

#[test]
fn a_schema_that_would_take_for_ever_is_refused() {
    assert!(compile(&doubling(8)).unwrap().takes("1"));
    assert_eq!(compile(&doubling(40)).unwrap_err(), Uncheckable::Large);
    let mut unevaluated = json!({"properties": {"a": {}}});
    for _ in 0..30 {
        unevaluated = json!({"allOf": [unevaluated], "unevaluatedProperties": false});
    }
    assert_eq!(compile(&unevaluated).unwrap_err(), Uncheckable::Large);
    let long = json!({"description": "a".repeat(300_000)});
    assert_eq!(compile(&long).unwrap_err(), Uncheckable::Long);
}

#[test]
fn a_long_chain_of_references_is_refused_and_a_loop_ends() {
    let mut definitions = serde_json::Map::new();
    for step in 0..5_000 {
        let next = format!("#/$defs/s{}", step + 1);
        definitions.insert(format!("s{step}"), json!({"$ref": next}));
    }
    definitions.insert("s5000".to_owned(), json!({}));
    let chain = json!({"$ref": "#/$defs/s0", "$defs": definitions});
    assert_eq!(compile(&chain).unwrap_err(), Uncheckable::Large);
    for circle in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$dynamicRef": "#"}),
    ] {
        compile(&circle).unwrap().takes("1");
    }
}

#[test]
fn a_deep_answer_under_a_recursive_schema_does_not_run_out_of_stack() {
    let mut definitions = serde_json::Map::new();
    for step in 0..50 {
        let next = json!({"$ref": format!("#/$defs/s{}", step + 1)});
        definitions.insert(format!("s{step}"), json!({"allOf": [next, {"type": "array"}]}));
    }
    definitions.insert("s50".to_owned(), json!({"items": {"$ref": "#/$defs/s0"}}));
    let schema = compile(&json!({"$ref": "#/$defs/s0", "$defs": definitions})).unwrap();
    assert!(schema.takes("[[[]]]"));
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(!schema.takes(&deep(120)), "too deep to be checked");
    assert!(!schema.takes(&deep(5_000)), "too deep to be read");
}

#[test]
fn a_hostile_pattern_ends_in_time() {
    let schema = compile(&json!({"type": "string", "pattern": "^(?=a)(a+)+\\1$"})).unwrap();
    assert!(!schema.takes(&format!("\"{}!\"", "a".repeat(200))));
}

#[test]
fn the_root_is_what_the_schema_says_of_it_by_whatever_way() {
    for (schema, root) in [
        (json!({"type": "object"}), Root::Object),
        (json!({"properties": {"a": {}}}), Root::Object),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array"}}}),
            Root::Array,
        ),
        (json!({"type": ["object", "null"]}), Root::Any),
        (json!({"type": "string"}), Root::Any),
        (json!({}), Root::Any),
        (json!(true), Root::Any),
    ] {
        assert_eq!(compile(&schema).unwrap().root(), root, "{schema}");
    }
}

#[test]
fn null_is_taken_where_a_schema_is_nullable_in_openapis_way() {
    let object = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    for (member, fits, wrong) in [
        (json!({"type": "string", "nullable": true}), "\"a\"", "1"),
        (
            json!({"type": ["string", "null"], "nullable": true}),
            "\"a\"",
            "1",
        ),
        (
            json!({"type": "string", "enum": ["a"], "nullable": true}),
            "\"a\"",
            "\"b\"",
        ),
        (json!({"enum": ["a", null], "nullable": true}), "\"a\"", "\"b\""),
        (json!({"const": "a", "nullable": true}), "\"a\"", "\"b\""),
        (
            json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "nullable": true}),
            "{\"a\": 1}",
            "{}",
        ),
        (
            json!({"$ref": "#/$defs/object", "nullable": true}),
            "{\"a\": 1}",
            "{}",
        ),
        (
            json!({"allOf": [{"$ref": "#/$defs/object"}], "nullable": true}),
            "{\"a\": 1}",
            "{}",
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}], "nullable": true}),
            "\"a\"",
            "1",
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "boolean"}], "nullable": true}),
            "true",
            "1",
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "boolean"}], "not": {"const": "b"}, "nullable": true}),
            "true",
            "\"b\"",
        ),
    ] {
        let mut named = json!({"type": "object", "properties": {"m": member}, "required": ["m"]});
        named["$defs"] = json!({"object": object});
        let schema = compile(&named).unwrap();
        for (value, is_taken) in [("null", true), (fits, true), (wrong, false)] {
            let value = format!("{{\"m\": {value}}}");
            assert_eq!(schema.takes(&value), is_taken, "{value} for {member}");
        }
    }
}

#[test]
fn what_is_only_called_nullable_changes_nothing() {
    for schema in [
        json!({"type": "object", "properties": {"nullable": {"type": "string"}}, "required": ["nullable"]}),
        json!({"type": "object", "nullable": false}),
        json!({"const": {"nullable": true}}),
        json!({"type": "object", "default": {"nullable": true}}),
    ] {
        assert!(!compile(&schema).unwrap().takes("null"), "{schema}");
    }
}

#[test]
fn a_nullable_schema_still_tells_what_its_root_is() {
    let schema = compile(&json!({"type": "object", "properties": {"a": {}}, "nullable": true})).unwrap();
    assert_eq!(schema.root(), Root::Object);
    assert!(schema.knows_no_member("b"));
}
