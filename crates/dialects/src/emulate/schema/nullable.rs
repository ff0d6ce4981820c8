//! `nullable: true` as OpenAPI means it: null is taken too, whatever else the schema says.
//!
//! The keyword is unknown to JSON Schema, and a validator passes over it. Providers are told that null is allowed,
//! so an answer that has it is as asked. Schemas without the keyword stay as they are.

use serde_json::{Map, Value, json};

use super::extent::{NAMED_SCHEMAS, SCHEMAS};

/// Keywords that hold for null as for any other value. `anyOf` is another matter: one choice more is enough.
const FOR_NULL_TOO: [&str; 10] = [
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "const",
];
/// Keywords that hold definitions, which count where they are referred to.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// The schema in the words of JSON Schema alone.
pub fn read(mut schema: Value) -> Value {
    open(&mut schema);
    schema
}

fn open(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    for (name, value) in members.iter_mut() {
        let name = &**name;
        match value {
            Value::Object(named) if NAMED_SCHEMAS.contains(&name) || DEFINITIONS.contains(&name) => {
                named.values_mut().for_each(open);
            }
            Value::Array(schemas) if SCHEMAS.contains(&name) => schemas.iter_mut().for_each(open),
            _ if SCHEMAS.contains(&name) => open(value),
            _ => {}
        }
    }
    if members.get("nullable") == Some(&Value::Bool(true)) {
        take_null(members);
    }
}

/// Everything stays at its place where that is possible, since references may point to it.
fn take_null(members: &mut Map<String, Value>) {
    if let Some(kind) = members.get_mut("type") {
        let mut kinds = match kind.take() {
            Value::Array(kinds) => kinds,
            kind => vec![kind],
        };
        if !kinds.contains(&json!("null")) {
            kinds.push(json!("null"));
        }
        *kind = Value::Array(kinds);
    }
    for (name, null) in [("enum", Value::Null), ("anyOf", json!({"type": "null"}))] {
        if let Some(Value::Array(choices)) = members.get_mut(name)
            && !choices.is_empty()
            && !choices.contains(&null)
        {
            choices.push(null);
        }
    }
    let held: Vec<String> = members
        .keys()
        .filter(|name| FOR_NULL_TOO.contains(&&***name))
        .cloned()
        .collect();
    if held.is_empty() {
        return;
    }
    let held: Map<String, Value> = held
        .into_iter()
        .filter_map(|name| members.remove_entry(&name))
        .collect();
    let either = json!([held, {"type": "null"}]);
    match members.contains_key("anyOf") {
        false => members.insert("anyOf".to_owned(), either),
        true => members.insert("allOf".to_owned(), json!([{"anyOf": either}])),
    };
}
