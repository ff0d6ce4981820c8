//! Fifty schemas: what real requests ask for, in words of our own, and what is hard to keep to.

use serde_json::{Value, json};

/// An object that needs all of its members and has no others.
fn object(properties: Value) -> Value {
    let names: Vec<_> = properties.as_object().unwrap().keys().cloned().collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn list(items: Value, least: u32, most: u32) -> Value {
    json!({"type": "array", "items": items, "minItems": least, "maxItems": most})
}

/// The schemas by name.
pub fn schemas() -> Vec<(&'static str, Value)> {
    let mut all = asked_for();
    all.extend(unions());
    all.extend(numbers_and_patterns());
    all.extend(nested());
    all
}

/// The kinds of answers and arguments that recorded requests want.
fn asked_for() -> Vec<(&'static str, Value)> {
    let whole = json!({"type": "integer"});
    let number = json!({"type": "number"});
    let person = object(json!({"name": text(), "age": {"type": "integer", "minimum": 0, "maximum": 130}}));
    vec![
        (
            "place",
            json!({"type": "object", "properties": {"place": text()}}),
        ),
        (
            "topic",
            object(json!({"topic": {"type": "string", "description": "What to look for"}})),
        ),
        ("nothing", object(json!({}))),
        ("point", object(json!({"x": number, "y": number}))),
        ("person", person.clone()),
        ("city_and_land", object(json!({"city": text(), "land": text()}))),
        (
            "unit",
            object(json!({"place": text(), "unit": {"type": "string", "enum": ["metric", "imperial"]}})),
        ),
        ("labels", object(json!({"labels": list(text(), 1, 4)}))),
        (
            "sum",
            object(json!({"sum": {"type": "integer", "format": "int64"}})),
        ),
        (
            "calculation",
            object(json!({"kind": {"enum": ["add", "divide"]}, "left": number, "right": whole})),
        ),
        (
            "state",
            object(
                json!({"task": text(), "state": {"anyOf": [{"enum": ["open", "done"]}, {"type": "null"}]}}),
            ),
        ),
        (
            "pet",
            object(json!({"name": {"title": "Name", "type": "string"}, "age": whole, "story": text()})),
        ),
        ("people", object(json!({"people": list(person, 1, 3)}))),
        (
            "moods",
            object(
                json!({"good": {"type": "number", "minimum": 0, "maximum": 1}, "bad": {"type": "number", "minimum": 0, "maximum": 1}}),
            ),
        ),
        (
            "traits",
            object(json!({"traits": list(object(json!({"name": text(), "value": text()})), 0, 3)})),
        ),
        (
            "plan",
            object(
                json!({"project": text(), "flags": object(json!({"urgent": {"type": "boolean"}, "tries": {"type": "integer", "maximum": 9}})), "steps": list(object(json!({"name": text(), "weight": {"type": "integer", "minimum": 1, "maximum": 10}})), 1, 2)}),
            ),
        ),
        (
            "order",
            object(
                json!({"order": {"type": "string", "format": "uuid"}, "due": {"type": "string", "format": "date"}}),
            ),
        ),
    ]
}

fn unions() -> Vec<(&'static str, Value)> {
    let tagged = |kind: &str, member: &str, schema: Value| {
        let mut properties = json!({"kind": {"const": kind}});
        properties[member] = schema;
        object(properties)
    };
    let circle = tagged(
        "circle",
        "radius",
        json!({"type": "number", "minimum": 0, "maximum": 10}),
    );
    let square = tagged(
        "square",
        "side",
        json!({"type": "integer", "minimum": 1, "maximum": 5}),
    );
    vec![
        ("any_of_objects", json!({"anyOf": [circle, square]})),
        ("one_of_by_tag", json!({"oneOf": [circle, square]})),
        (
            "number_or_null",
            object(json!({"value": {"type": ["integer", "null"], "maximum": 99}})),
        ),
        (
            "text_or_list",
            object(json!({"to": {"anyOf": [text(), list(text(), 1, 2)]}})),
        ),
        (
            "all_of",
            json!({"allOf": [{"type": "object", "properties": {"a": text()}, "required": ["a"]}, {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}]}),
        ),
        (
            "enum_of_everything",
            object(json!({"pick": {"enum": ["one", 2, true, null, {"a": [1]}]}})),
        ),
        (
            "const",
            object(json!({"version": {"const": 3}, "name": {"const": "fixed \"name\""}})),
        ),
        (
            "any_value",
            object(json!({"value": {"type": ["string", "number", "boolean", "null"]}})),
        ),
        (
            "list_of_unions",
            list(json!({"anyOf": [{"type": "boolean"}, circle]}), 1, 2),
        ),
        (
            "union_at_the_root",
            json!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "boolean"}]}),
        ),
        (
            "refs_in_a_union",
            json!({"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": {"a": tagged("a", "x", json!({"type": "boolean"})), "b": tagged("b", "y", json!({"type": "null"}))}}),
        ),
    ]
}

fn numbers_and_patterns() -> Vec<(&'static str, Value)> {
    let patterned = |pattern: &str| json!({"type": "string", "pattern": pattern});
    vec![
        (
            "bounds",
            object(json!({"n": {"type": "integer", "minimum": -5, "maximum": 17}})),
        ),
        (
            "open_bounds",
            object(json!({"n": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}})),
        ),
        (
            "multiples",
            object(json!({"n": {"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 100}})),
        ),
        (
            "one_number",
            json!({"type": "integer", "minimum": 1000, "maximum": 1003}),
        ),
        ("postcode", object(json!({"code": patterned("^[0-9]{5}$")}))),
        (
            "number_plate",
            object(json!({"plate": patterned("^[A-Z]{1,3}-[A-Z]{1,2} [1-9][0-9]{0,3}$")})),
        ),
        (
            "word_within",
            object(json!({"said": {"type": "string", "pattern": "ok", "maxLength": 20}})),
        ),
        (
            "either_word",
            object(json!({"word": patterned("^(yes|no|maybe)$")})),
        ),
        (
            "lengths",
            object(json!({"short": {"type": "string", "minLength": 3, "maxLength": 8}})),
        ),
        (
            "moments",
            object(
                json!({"at": {"type": "string", "format": "date-time"}, "day": {"type": "string", "format": "date"}, "hour": {"type": "string", "format": "time"}}),
            ),
        ),
        (
            "addresses",
            object(
                json!({"mail": {"type": "string", "format": "email"}, "host": {"type": "string", "format": "ipv4"}}),
            ),
        ),
        (
            "escapes",
            object(
                json!({"quoted \"name\"": {"type": "boolean"}, "back\\slash": {"type": "boolean"}, "ümläut": {"type": "boolean"}}),
            ),
        ),
    ]
}

fn nested() -> Vec<(&'static str, Value)> {
    let tree = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 12}, "children": list(json!({"$ref": "#/$defs/node"}), 0, 2)},
            "required": ["name", "children"],
            "additionalProperties": false,
        }},
    });
    let chain = json!({
        "type": "object",
        "properties": {"value": {"type": "integer", "maximum": 9}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["value", "next"],
        "additionalProperties": false,
    });
    let bit = json!({"type": "integer", "minimum": 0, "maximum": 1});
    vec![
        ("grid", object(json!({"rows": list(list(bit, 2, 2), 2, 3)}))),
        (
            "deep",
            object(
                json!({"a": object(json!({"b": object(json!({"c": object(json!({"d": {"type": "boolean"}}))}))}))}),
            ),
        ),
        (
            "tuple",
            json!({"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "integer", "maximum": 9}, {"enum": ["x", "y"]}], "items": false, "minItems": 3}),
        ),
        ("tree", tree),
        ("chain", chain),
        (
            "map_of_numbers",
            json!({"type": "object", "additionalProperties": {"type": "integer", "maximum": 9}, "maxProperties": 3}),
        ),
        (
            "map_by_pattern",
            json!({"type": "object", "patternProperties": {"^s_[a-z]{1,4}$": {"type": "boolean"}}, "additionalProperties": false, "maxProperties": 2}),
        ),
        (
            "optional",
            json!({"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"type": "boolean"}, "c": {"type": "boolean"}}, "required": ["b"]}),
        ),
        (
            "definitions",
            json!({"type": "object", "definitions": {"point": object(json!({"lat": {"type": "integer", "minimum": -90, "maximum": 90}}))}, "properties": {"from": {"$ref": "#/definitions/point"}, "to": {"$ref": "#/definitions/point"}}, "required": ["from", "to"], "additionalProperties": false}),
        ),
        (
            "catalogue",
            object(
                json!({"groups": list(object(json!({"title": text(), "items": list(object(json!({"id": {"type": "integer", "maximum": 99}, "tags": list(json!({"enum": ["a", "b"]}), 0, 2)})), 1, 2)})), 1, 2)}),
            ),
        ),
    ]
}
