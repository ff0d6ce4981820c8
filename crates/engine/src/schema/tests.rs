mod hostile;
mod large;
mod numbers;
mod objects;

use serde_json::{Value, json};

use super::*;
use crate::form::tests::{maker, takes};
use crate::form::{Form, FormMaker, Grammar};

/// A form with what takes texts letter by letter.
struct Judge {
    maker: FormMaker,
}

impl Judge {
    fn new() -> Self {
        Self { maker: maker() }
    }

    fn form(&self, schema: &Value) -> Form {
        let form =
            JsonForm::of(schema, &Effort::default()).unwrap_or_else(|problem| panic!("{schema}: {problem}"));
        let form = self.maker.form(&Grammar::Json(form));
        form.unwrap_or_else(|problem| panic!("{schema}: {problem}"))
    }

    fn assert(&self, schema: Value, right: &[&str], wrong: &[&str]) {
        let form = self.form(&schema);
        for text in right {
            assert!(takes(&form, text, &self.maker), "{text} fits {schema}");
        }
        for text in wrong {
            assert!(!takes(&form, text, &self.maker), "{text} is not for {schema}");
        }
    }
}

fn refused(schema: Value) -> String {
    match JsonForm::of(&schema, &Effort::default()) {
        Ok(_) => panic!("{schema} is taken"),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn what_contradicts_itself_is_named_by_the_keyword_that_does() {
    for (schema, keyword) in [
        (
            json!({"type": "integer", "minimum": 3, "maximum": 2}),
            "`minimum`",
        ),
        (
            json!({"type": "string", "minLength": 3, "maxLength": 2}),
            "`minLength`",
        ),
        (
            json!({"type": "array", "minItems": 3, "maxItems": 2}),
            "`minItems`",
        ),
        (
            json!({"type": "object", "minProperties": 3, "maxProperties": 2}),
            "`minProperties`",
        ),
        (
            json!({"type": "integer", "multipleOf": 10, "minimum": 1, "maximum": 9}),
            "`multipleOf`",
        ),
        (json!({"type": "integer", "enum": ["a", 1.5]}), "`enum`"),
        (
            json!({"type": "string", "pattern": "^a{9}$", "maxLength": 3}),
            "`pattern`",
        ),
        (
            json!({"type": "string", "allOf": [{"type": "integer"}]}),
            "`type`",
        ),
        (
            json!({"properties": {"a": {}}, "required": ["a", "zz"], "additionalProperties": false}),
            "`additionalProperties`",
        ),
        (
            json!({"type": "array", "prefixItems": [{}], "items": false, "minItems": 2}),
            "`items`",
        ),
    ] {
        let problem = refused(schema.clone());
        assert!(problem.contains(keyword), "{schema}: {problem}");
    }
}

#[test]
fn what_cannot_be_kept_to_is_named_with_its_place() {
    for (schema, named) in [
        (
            json!({"properties": {"tags": {"type": "array", "uniqueItems": true}}}),
            "`uniqueItems` at `/properties/tags`",
        ),
        (json!({"not": {"type": "string"}}), "`not` at `/`"),
        (
            json!({"type": "string", "format": "colour"}),
            "`format` at `/` is \"colour\"",
        ),
        (
            json!({"properties": {"a/b": {"type": "string", "pattern": "(?=a)b"}}}),
            "`pattern` at `/properties/a~1b`",
        ),
        (
            json!({"type": "string", "pattern": "(?<!a)b"}),
            "`pattern` at `/` cannot be followed: it looks ahead or back",
        ),
        (
            json!({"type": "string", "pattern": "(a)\\1"}),
            "it refers to a group",
        ),
        (
            json!({"type": "string", "pattern": "\\bfoo\\b"}),
            "it asks where a word begins or ends",
        ),
        (
            json!({"type": "string", "pattern": "^{[a-z]+}$"}),
            "it is no regular expression that can be read",
        ),
        (
            json!({"propertyNames": {"type": "string", "maxLength": 3}}),
            "`propertyNames`",
        ),
        (json!({"$ref": "#/$defs/absent"}), "`$ref`"),
        (json!({"$ref": "other.json"}), "`$ref`"),
        (json!({"type": "text"}), "`type`"),
        (json!({"type": "string", "minLength": -1}), "`minLength`"),
        (json!({"type": "string", "minLength": 1e9}), "`minLength`"),
        (
            json!({"oneOf": [{"type": "integer"}, {"type": "number"}]}),
            "`oneOf`",
        ),
        (
            json!({"type": "object", "patternProperties": {"^a": {}, "b$": {}}}),
            "`patternProperties`",
        ),
        (
            json!({"type": "object", "patternProperties": {"(?=a)b": {}}}),
            "`patternProperties`",
        ),
    ] {
        let problem = refused(schema);
        assert!(problem.contains(named), "{problem}");
    }
}

#[test]
fn keywords_that_restrict_nothing_are_no_reason_to_refuse() {
    let judge = Judge::new();
    judge.assert(
        json!({"type": "array", "uniqueItems": false, "items": {"type": "boolean"}}),
        &["[]", "[true, true]"],
        &[],
    );
    judge.assert(
        json!({
            "type": "object",
            "properties": {"not": {"enum": ["if"]}, "if": {"const": {"not": 1}}},
            "x-guidance": {"lenient": true},
            "title": "T",
        }),
        &[r#"{"not": "if", "if": {"not": 1}}"#],
        &[r#"{"not": 1}"#],
    );
    judge.assert(
        json!({"type": "string", "minLength": 2.0, "maxLength": 1e18}),
        &["\"ab\""],
        &["\"a\""],
    );
    for remark in ["password", "binary", "path"] {
        judge.assert(
            json!({"type": "string", "format": remark, "minLength": 1}),
            &["\"ab\""],
            &["\"\"", "1"],
        );
    }
    judge.assert(
        json!({
            "type": "object",
            "propertyNames": {"type": "string"},
            "additionalProperties": {"type": "string", "contentMediaType": "application/json", "contentSchema": {}},
        }),
        &[r#"{"a": "1"}"#],
        &[r#"{"a": 1}"#],
    );
}

#[test]
fn texts_and_formats_come_to_an_end() {
    let judge = Judge::new();
    let letters = |count: usize| format!("\"{}\"", "a".repeat(count));
    judge.assert(
        json!({"type": "string"}),
        &["\"\"", &letters(160)],
        &[&letters(161)],
    );
    judge.assert(
        json!({"type": "string", "maxLength": 300}),
        &[&letters(300)],
        &[&letters(301)],
    );
    judge.assert(
        json!({"type": "string", "pattern": "^[a-z]{200}$"}),
        &[&letters(200)],
        &[&letters(199)],
    );
    judge.assert(
        json!({"type": "string", "pattern": "^abc|def$"}),
        &["\"abc\"", "\"x def\""],
        &["\"x\"", &format!("\"abc{}\"", "d".repeat(160))],
    );
    judge.assert(
        json!({"type": "string", "pattern": "^/[a-z/]+$"}),
        &["\"/a/b\""],
        &["\"a\""],
    );
    // A class has no classes in it, and no sums of some.
    judge.assert(
        json!({"type": "string", "pattern": "^[[:alpha:]]$"}),
        &["\"a]\"", "\"[]\""],
        &["\"A\"", "\"z\""],
    );
    judge.assert(
        json!({"type": "string", "pattern": "^[a&&b]$"}),
        &["\"a\"", "\"&\"", "\"b\""],
        &["\"c\""],
    );
    for (format, right, wrong) in [
        (
            "date-time",
            "2026-11-21T10:20:30.123Z",
            "2026-11-21T10:20:30.1234567Z",
        ),
        ("date", "2026-02-28", "2026-02-29"),
        ("time", "10:20:30+01:00", "10:20:60Z"),
        ("duration", "P3DT4H", "P"),
        ("email", "ada@example.org", "ada"),
        ("hostname", "example.org", "-a"),
        ("ipv4", "10.0.0.255", "10.0.0.256"),
        ("ipv6", "1:2:3:4:5:6:7:8", "1:2"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        (
            "uuid4",
            "123e4567-e89b-42d3-a456-426614174000",
            "123e4567-e89b-12d3-a456-426614174000",
        ),
        ("base64", "QUJD", "QUJ"),
        ("regex", "abc", "("),
        ("uri", "https://example.org/a/b?c=d", "example"),
    ] {
        let quoted = |text: &str| format!("\"{text}\"");
        judge.assert(
            json!({"type": "string", "format": format}),
            &[&quoted(right)],
            &[&quoted(wrong)],
        );
    }
}

#[test]
fn what_is_said_in_several_places_holds_together() {
    let judge = Judge::new();
    judge.assert(
        json!({
            "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}],
            "$defs": {"base": {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]}},
        }),
        &[r#"{"a": null, "b": true}"#],
        &[r#"{"a": null}"#, r#"{"b": true}"#],
    );
    judge.assert(
        json!({
            "type": "object",
            "properties": {"a": {"type": "null"}, "b": {"type": "null"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        }),
        &[r#"{"a": null}"#, r#"{"b": null}"#, r#"{"a": null, "b": null}"#],
        &["{}"],
    );
    judge.assert(
        json!({"enum": ["a", "bc", 3, null], "minLength": 2, "maximum": 2}),
        &["\"bc\"", "null"],
        &["\"a\"", "3"],
    );
    judge.assert(
        json!({"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"type": "boolean"}}}),
        &["true"],
        &["1"],
    );
    judge.assert(
        json!({"properties": {"s_id": {"minimum": 1}}, "patternProperties": {"^s_": {"type": "integer"}}, "required": ["s_id"]}),
        &[r#"{"s_id": 2}"#],
        &[r#"{"s_id": 0}"#, r#"{"s_id": 1.5}"#],
    );
}

#[test]
fn named_values_keep_to_keywords_that_cannot_be_written_by() {
    let judge = Judge::new();
    let (one, two) = (r#"{"x": {"a": 1}}"#, r#"{"x": {"a": 2, "bc": [1, 1.0]}}"#);
    let named = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
    for (rest, right, wrong) in [
        (json!({"properties": {"a": {"not": {"const": 1}}}}), two, one),
        (
            json!({"properties": {"a": {"if": {"const": 1}, "then": false}}}),
            two,
            one,
        ),
        (
            json!({"properties": {"a": {"if": {"const": 2}, "else": false}}}),
            two,
            one,
        ),
        (json!({"dependentRequired": {"a": ["bc"]}}), two, one),
        (json!({"dependentSchemas": {"a": {"minProperties": 2}}}), two, one),
        (json!({"dependencies": {"a": ["bc"]}}), two, one),
        (json!({"propertyNames": {"enum": ["a"]}}), one, two),
        (json!({"properties": {"bc": {"uniqueItems": true}}}), one, two),
        (
            json!({"properties": {"bc": {"contains": {"const": 2}}}}),
            one,
            two,
        ),
        (
            json!({"properties": {"bc": {"contains": {"const": 1}, "maxContains": 1}}}),
            one,
            two,
        ),
    ] {
        judge.assert(
            json!({"enum": [named(one), named(two)], "properties": {"x": rest}}),
            &[right],
            &[wrong],
        );
    }
}

#[test]
fn named_texts_without_the_format_that_they_need_are_left_out() {
    let judge = Judge::new();
    judge.assert(
        json!({"enum": ["", "::1", "1:2"], "anyOf": [{"type": "string", "format": "ipv6"}, {"const": 3}]}),
        &["\"::1\""],
        &["\"\"", "\"1:2\"", "3"],
    );
    let problem = refused(json!({"enum": [""], "anyOf": [{"type": "string", "format": "ipv6"}]}));
    assert!(problem.contains("names no value that fits"), "{problem}");
    // What is named may be wider than what is written.
    for (format, right, wrong) in [
        ("date-time", "2024-02-29T23:59:60.123456Z", "2026-02-30T10:20:30Z"),
        ("date", "2000-02-29", "1900-02-29"),
        ("time", "10:20:30.1234567+23:59", "25:00:00Z"),
        ("duration", "P1Y2M3DT4H5M6.5S", "1 day"),
        ("email", "o'neil@example.org", "o'neil"),
        ("hostname", "EXAMPLE.org", "-a"),
        ("ipv4", "1.2.3.4", "1.2.3"),
        (
            "uuid4",
            "123E4567-e89b-42d3-a456-426614174000",
            "123e4567-e89b-12d3-a456-426614174000",
        ),
        ("base64", "QUI=", "QUJ"),
        ("uri", "urn:isbn:1", "no uri"),
        ("json-pointer", "", "a"),
    ] {
        let quoted = |text: &str| format!("\"{text}\"");
        judge.assert(
            json!({"enum": [right, wrong, 1], "format": format}),
            &[&quoted(right), "1"],
            &[&quoted(wrong)],
        );
    }
}

#[test]
fn one_branch_is_one_where_no_other_can_hold() {
    let judge = Judge::new();
    let tagged =
        |kind: &str| json!({"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]});
    judge.assert(
        json!({"oneOf": [tagged("a"), tagged("b"), {"type": "null"}]}),
        &[r#"{"kind": "a"}"#, r#"{"kind": "b"}"#, "null"],
        &["{}"],
    );
    judge.assert(
        json!({"type": "object", "oneOf": [
            {"properties": {"a": {"type": "null"}}, "required": ["a"], "additionalProperties": false},
            {"properties": {"b": {"type": "null"}}, "required": ["b"], "additionalProperties": false},
        ]}),
        &[r#"{"a": null}"#, r#"{"b": null}"#],
        &[r#"{"a": null, "b": null}"#],
    );
}

#[test]
fn what_stands_within_its_own_kind_comes_to_an_end() {
    let judge = Judge::new();
    let list = json!({
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    });
    let nested = |depth: usize| format!("{}null{}", "{\"next\": ".repeat(depth), "}".repeat(depth));
    judge.assert(list, &[&nested(1), &nested(2)], &[&nested(9)]);

    let endless = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]});
    let problem = refused(endless);
    assert!(problem.starts_with("`$ref` at `/properties/next`"), "{problem}");

    // Its least answer is deeper than others get.
    let deep = json!({
        "$ref": "#/$defs/a",
        "$defs": {
            "a": {"properties": {"b": {"$ref": "#/$defs/b"}}, "required": ["b"]},
            "b": {"properties": {"c": {"$ref": "#/$defs/c"}}, "required": ["c"]},
            "c": {"properties": {"d": {"$ref": "#/$defs/d"}}, "required": ["d"]},
            "d": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]},
        },
    });
    judge.assert(deep, &[r#"{"b": {"c": {"d": null}}}"#], &[]);
    judge.assert(json!({"$ref": "#"}), &["1", "{}"], &[]);
}

#[test]
fn arguments_are_an_object() {
    assert!(JsonForm::of_arguments(&json!({}), &Effort::default()).is_ok());
    for kind in ["string", "array"] {
        let problem = JsonForm::of_arguments(&json!({"type": kind}), &Effort::default()).unwrap_err();
        assert!(problem.to_string().starts_with("`type` at `/`"), "{problem}");
    }
}
