//! Members of objects and items of arrays: which, how many, in which order.

use super::*;

#[test]
fn an_object_has_the_members_that_it_names_in_their_order() {
    let judge = Judge::new();
    let schema = json!({
        "type": "object",
        "properties": {"b": {"type": "integer"}, "a": {"type": "boolean"}, "c": {"type": "null"}},
        "required": ["a"],
    });
    judge.assert(
        schema,
        &[
            r#"{"a": true}"#,
            r#"{"b": 1, "a": true}"#,
            r#"{"b": 1, "a": true, "c": null}"#,
            r#"{"a": true, "c": null}"#,
        ],
        &[
            r#"{}"#,
            r#"{"b": 1}"#,
            r#"{"a": true, "b": 1}"#,
            r#"{"a": true, "d": 1}"#,
            r#"{"a":true}"#,
        ],
    );
    // Only the gate closes the object, so the name is one more member.
    judge.assert(
        json!({"properties": {"a": {"type": "null"}}, "required": ["a", "zz"]}),
        &[r#"{"a": null, "zz": 5}"#, r#"{"a": null, "zz": {"key": "x"}}"#],
        &[r#"{"a": null}"#],
    );
    judge.assert(json!({"required": ["a"]}), &[r#"{"a": [1]}"#], &["5", "{}"]);
}

#[test]
fn the_number_of_members_is_kept_to() {
    let judge = Judge::new();
    let optional = json!({"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}});
    judge.assert(
        json!({"type": "object", "properties": optional, "minProperties": 1, "maxProperties": 2}),
        &[r#"{"a": null}"#, r#"{"a": null, "c": null}"#],
        &["{}", r#"{"a": null, "b": null, "c": null}"#],
    );
    judge.assert(
        json!({"type": "object", "maxProperties": 0}),
        &["{}"],
        &[r#"{"a": 1}"#],
    );
    judge.assert(
        json!({"type": "object", "properties": {"a": {"type": "null"}}, "minProperties": 2}),
        &[r#"{"a": null, "b": 1}"#],
        &[r#"{"a": null}"#],
    );
}

#[test]
fn no_name_comes_twice() {
    let judge = Judge::new();
    judge.assert(
        json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 9}}),
        &["{}", r#"{"age": 3}"#, r#"{"age": 3, "year": 4}"#],
        &[
            r#"{"age": 3, "age": 4}"#,
            r#"{"age": 3, "\u0061ge": 4}"#,
            r#"{"age": "x"}"#,
        ],
    );
    let by_pattern = json!({
        "type": "object",
        "patternProperties": {"^s_[a-z]{1,4}$": {"type": "boolean"}},
        "additionalProperties": false,
        "minProperties": 2,
        "maxProperties": 2,
    });
    judge.assert(
        by_pattern,
        &[r#"{"s_d": true, "s_a": true}"#],
        &[
            r#"{"s_a": true, "s_a": true}"#,
            r#"{"s_a": true}"#,
            r#"{"x": true}"#,
        ],
    );
    judge.assert(
        json!({"properties": {"id": {"type": "null"}}, "additionalProperties": {"type": "null"}}),
        &[r#"{"id": null, "name": null}"#],
        &[r#"{"id": null, "id": null}"#, r#"{"i\u0064": null}"#],
    );
    let problem = refused(json!({
        "type": "object", "patternProperties": {"^a$": {}}, "additionalProperties": false, "minProperties": 2,
    }));
    assert!(problem.contains("`minProperties`"), "{problem}");
}

#[test]
fn arrays_have_their_items_in_order_and_number() {
    let judge = Judge::new();
    let bit = json!({"type": "integer", "minimum": 0, "maximum": 1});
    judge.assert(
        json!({"type": "array", "items": bit, "minItems": 2, "maxItems": 3}),
        &["[0, 1]", "[0, 1, 1]"],
        &["[]", "[0]", "[0, 0, 0, 0]", "[2, 2]"],
    );
    judge.assert(
        json!({"type": "array", "items": bit}),
        &["[]", "[1, 1, 1, 1, 1, 1, 1, 1]"],
        &["[1, 1, 1, 1, 1, 1, 1, 1, 1]"],
    );
    judge.assert(
        json!({"type": "array", "prefixItems": [bit, {"type": "boolean"}]}),
        &["[]", "[0]", "[0, true]"],
        &["[true]", "[0, true, 1]"],
    );
    judge.assert(
        json!({"type": "array", "prefixItems": [bit], "items": {"type": "null"}, "minItems": 2}),
        &["[0, null]", "[0, null, null]"],
        &["[0]", "[null, null]"],
    );
    // As older drafts wrote it.
    judge.assert(
        json!({"type": "array", "items": [bit, bit], "additionalItems": false}),
        &["[0, 1]"],
        &["[0, 1, 1]"],
    );
    judge.assert(json!({"type": "array", "maxItems": 0}), &["[]"], &["[1]"]);
    judge.assert(json!({"type": "array", "items": false}), &["[]"], &["[1]"]);
}
