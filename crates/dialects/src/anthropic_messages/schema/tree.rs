//! A schema as a tree whose members keep their order: the order of properties is the order in which a
//! model writes them.

use std::{borrow::Cow, fmt::Write};

use tollgate_chat::json::{Json, Number, quote};

pub type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// Keywords whose value is one schema.
pub const SCHEMA: [&str; 10] = [
    "items",
    "additionalProperties",
    "additionalItems",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
pub const SCHEMAS: [&str; 5] = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];
/// Keywords whose value has a schema under each name.
pub const NAMED_SCHEMAS: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];

/// Calls `change` on every schema object below and at `schema`, inner ones first.
pub fn walk<'a>(schema: &mut Json<'a>, change: &mut impl FnMut(&mut Members<'a>)) {
    let Json::Object(members) = schema else { return };
    for (name, value) in members.iter_mut() {
        let name: &str = name;
        match value {
            Json::Object(inner) if NAMED_SCHEMAS.contains(&name) => {
                inner.iter_mut().for_each(|(_, schema)| walk(schema, change));
            }
            Json::Object(_) if SCHEMA.contains(&name) => walk(value, change),
            Json::Array(schemas) if SCHEMAS.contains(&name) => {
                schemas.iter_mut().for_each(|schema| walk(schema, change));
            }
            _ => {}
        }
    }
    change(members);
}

/// Takes the member `name` out.
pub fn take<'a>(members: &mut Members<'a>, name: &str) -> Option<Json<'a>> {
    let place = members.iter().position(|(key, _)| key == name)?;
    Some(members.remove(place).1)
}

pub fn get<'m, 'a>(members: &'m Members<'a>, name: &str) -> Option<&'m Json<'a>> {
    members
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// Gives the member `name` this value, at its place where it has one.
pub fn set<'a>(members: &mut Members<'a>, name: &'static str, value: Json<'a>) {
    match members.iter_mut().find(|(key, _)| key == name) {
        Some((_, held)) => *held = value,
        None => members.push((name.into(), value)),
    }
}

/// The definition that `reference` names, which has to be one of the root's own.
pub fn definition(reference: &str) -> Option<(&'static str, &str)> {
    let inside = |prefix| {
        let name: &str = reference.strip_prefix(prefix)?;
        (!name.is_empty() && !name.contains(['/', '~', '%'])).then_some(name)
    };
    inside("#/$defs/")
        .map(|name| ("$defs", name))
        .or_else(|| inside("#/definitions/").map(|name| ("definitions", name)))
}

/// The tree as JSON, without white space.
pub fn write(json: &Json<'_>) -> String {
    let mut text = String::new();
    write_into(json, &mut text);
    text
}

fn write_into(json: &Json<'_>, text: &mut String) {
    match json {
        Json::Null => text.push_str("null"),
        Json::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => write_number(*number, text),
        Json::String(value) => text.push_str(&quote(value)),
        Json::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_into(item, text);
            }
            text.push(']');
        }
        Json::Object(members) => {
            text.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&quote(name));
                text.push(':');
                write_into(value, text);
            }
            text.push('}');
        }
    }
}

fn write_number(number: Number, text: &mut String) {
    let _ = match number {
        Number::Unsigned(value) => write!(text, "{value}"),
        Number::Negative(value) => write!(text, "{value}"),
        Number::Float(value) => write!(text, "{}", serde_json::Value::from(value)),
    };
}
