//! A schema as a tree whose members keep their order: the order of properties is the order in which a
//! model writes them.

use std::borrow::Cow;

use tollgate_chat::json::Json;

/// Members of a schema, in their order.
pub type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// Keywords whose value is one schema.
const SCHEMA: [&str; 10] = [
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
const SCHEMAS: [&str; 5] = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];
/// Keywords whose value has a schema under each name.
const NAMED_SCHEMAS: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];

/// Calls `visit` on every schema object below and at `schema`, inner ones first.
pub fn walk<'a>(schema: &mut Json<'a>, visit: &mut impl FnMut(&mut Members<'a>)) {
    let Json::Object(members) = schema else { return };
    for (name, value) in members.iter_mut() {
        let name: &str = name;
        match value {
            Json::Object(inner) if NAMED_SCHEMAS.contains(&name) => {
                inner.iter_mut().for_each(|(_, schema)| walk(schema, visit));
            }
            Json::Object(_) if SCHEMA.contains(&name) => walk(value, visit),
            Json::Array(schemas) if SCHEMAS.contains(&name) => {
                schemas.iter_mut().for_each(|schema| walk(schema, visit));
            }
            _ => {}
        }
    }
    visit(members);
}

/// The member `name`.
pub(super) fn get<'m, 'a>(members: &'m Members<'a>, name: &str) -> Option<&'m Json<'a>> {
    let member = members.iter().find(|(known, _)| known == name);
    member.map(|(_, value)| value)
}

/// Takes the member `name` out.
pub(super) fn take<'a>(members: &mut Members<'a>, name: &str) -> Option<Json<'a>> {
    let place = members.iter().position(|(known, _)| known == name)?;
    Some(members.remove(place).1)
}

/// Gives the member `name` this value, at its place where it has one.
pub(super) fn set<'a>(members: &mut Members<'a>, name: &'static str, value: Json<'a>) {
    match members.iter_mut().find(|(known, _)| known == name) {
        Some((_, held)) => *held = value,
        None => members.push((name.into(), value)),
    }
}
