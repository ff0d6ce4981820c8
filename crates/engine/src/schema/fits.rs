//! Whether a value fits a schema: for the values of `enum` and `const` beside other keywords.

use serde_json::{Map, Number, Value};

use super::fragment::Keywords;
use super::reference::resolve;
use super::text::format;
use super::write::Writer;
use crate::effort::Effort;

/// How deep schemas are followed; what lies deeper is taken to fit.
const DEPTH: usize = 32;

/// Letters of a text that are one step.
const LETTERS: usize = 64;

/// Whether a value fits all of these keywords. Without steps nothing does.
pub(super) fn fits_all(writer: &Writer<'_>, value: &Value, parts: &[Keywords<'_>]) -> bool {
    parts.iter().all(|part| fits_map(writer, value, part.map, 0))
}

/// Whether two values are one by JSON Schema, in which 1 and 1.0 are.
pub(super) fn same(effort: &Effort<'_>, one: &Value, other: &Value) -> bool {
    let same = |one: &Value, other: &Value| same(effort, one, other);
    let steps = match (one, other) {
        (Value::String(one), Value::String(other)) if one.len() == other.len() => one.len() / LETTERS,
        _ => 0,
    };
    if !effort.spend(1 + steps as u64) {
        return false;
    }
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other =
                |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(in_other)
        }
        _ => one == other,
    }
}

/// Whether a value is listed; told at once where it was taken from the list.
fn is_one_of(effort: &Effort<'_>, value: &Value, values: &[Value]) -> bool {
    values.as_ptr_range().contains(&std::ptr::from_ref(value))
        || values.iter().any(|other| same(effort, other, value))
}

fn fits(writer: &Writer<'_>, value: &Value, schema: &Value, depth: usize) -> bool {
    match schema {
        Value::Object(map) if depth < DEPTH => fits_map(writer, value, map, depth),
        Value::Bool(allowed) => *allowed,
        _ => true,
    }
}

fn fits_map(writer: &Writer<'_>, value: &Value, map: &Map<String, Value>, depth: usize) -> bool {
    if !writer.effort.spend(2) {
        return false;
    }
    let holds = |schema: &Value| fits(writer, value, schema, depth + 1);
    let list = |name: &str| map.get(name).and_then(Value::as_array);
    let target = map
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|name| resolve(writer.root, name));
    target.is_none_or(&holds)
        && list("allOf").is_none_or(|all| all.iter().all(&holds))
        && list("anyOf").is_none_or(|any| any.iter().any(&holds))
        && list("oneOf").is_none_or(|one| one.iter().filter(|schema| holds(schema)).count() == 1)
        && map
            .get("const")
            .is_none_or(|only| same(writer.effort, only, value))
        && list("enum").is_none_or(|values| is_one_of(writer.effort, value, values))
        && map.get("type").is_none_or(|kind| is_of_type(value, kind))
        && map.get("not").is_none_or(|schema| !holds(schema))
        && map
            .get("if")
            .and_then(|condition| map.get(if holds(condition) { "then" } else { "else" }))
            .is_none_or(&holds)
        && match value {
            Value::Number(number) => fits_number(number, map),
            Value::String(text) => fits_text(writer, text, map),
            Value::Array(items) => fits_array(writer, items, map, depth),
            Value::Object(members) => fits_object(writer, members, map, depth),
            Value::Null | Value::Bool(_) => true,
        }
}

fn is_of_type(value: &Value, kind: &Value) -> bool {
    match (kind, value) {
        (Value::Array(kinds), _) => kinds.iter().any(|kind| is_of_type(value, kind)),
        (Value::String(kind), value) => match (kind.as_str(), value) {
            ("null", Value::Null)
            | ("boolean", Value::Bool(_))
            | ("number", Value::Number(_))
            | ("string", Value::String(_))
            | ("array", Value::Array(_))
            | ("object", Value::Object(_)) => true,
            ("integer", Value::Number(number)) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
            _ => false,
        },
        _ => true,
    }
}

fn fits_number(number: &Number, map: &Map<String, Value>) -> bool {
    let number = number.as_f64().unwrap_or(f64::NAN);
    let get = |name: &str| map.get(name).and_then(Value::as_f64);
    let flag = |name: &str| map.get(name) == Some(&Value::Bool(true));
    get("minimum").is_none_or(|least| number > least || number == least && !flag("exclusiveMinimum"))
        && get("maximum").is_none_or(|most| number < most || number == most && !flag("exclusiveMaximum"))
        && get("exclusiveMinimum").is_none_or(|least| number > least)
        && get("exclusiveMaximum").is_none_or(|most| number < most)
        && get("multipleOf").is_none_or(|step| (number / step).fract() == 0.0)
}

fn fits_text(writer: &Writer<'_>, text: &str, map: &Map<String, Value>) -> bool {
    if !writer.effort.spend((text.len() / LETTERS) as u64) {
        return false;
    }
    let letters = text.chars().count() as f64;
    let get = |name: &str| map.get(name).and_then(Value::as_str);
    let fits = |pattern: &str| writer.is_match(pattern, text).unwrap_or(false);
    within(letters, map, "minLength", "maxLength")
        && get("pattern").is_none_or(fits)
        && get("format").is_none_or(|format| format::may_have(format, text, fits))
}

fn fits_array(writer: &Writer<'_>, items: &[Value], map: &Map<String, Value>, depth: usize) -> bool {
    let (first, rest) = match (map.get("prefixItems"), map.get("items")) {
        (Some(Value::Array(first)), rest) => (first.as_slice(), rest),
        // As drafts before 2020-12 wrote it.
        (_, Some(Value::Array(first))) => (first.as_slice(), map.get("additionalItems")),
        (_, rest) => (&[][..], rest),
    };
    let fits_item = |(index, item): (usize, &Value)| {
        let schema = first.get(index).or(rest);
        schema.is_none_or(|schema| fits(writer, item, schema, depth + 1))
    };
    within(items.len() as f64, map, "minItems", "maxItems")
        && items.iter().enumerate().all(fits_item)
        && contains_enough(writer, items, map, depth)
        && (map.get("uniqueItems") != Some(&Value::Bool(true)) || are_different(writer.effort, items))
}

fn contains_enough(writer: &Writer<'_>, items: &[Value], map: &Map<String, Value>, depth: usize) -> bool {
    map.get("contains").is_none_or(|schema| {
        let fitting = items
            .iter()
            .filter(|item| fits(writer, item, schema, depth + 1))
            .count();
        (fitting > 0 || map.contains_key("minContains"))
            && within(fitting as f64, map, "minContains", "maxContains")
    })
}

fn are_different(effort: &Effort<'_>, items: &[Value]) -> bool {
    items
        .iter()
        .enumerate()
        .all(|(index, item)| !items[..index].iter().any(|other| same(effort, other, item)))
}

fn fits_object(
    writer: &Writer<'_>,
    members: &Map<String, Value>,
    map: &Map<String, Value>,
    depth: usize,
) -> bool {
    let schemas = |name: &str| map.get(name).and_then(Value::as_object);
    let fits_member = |(name, value): (&String, &Value)| {
        let own = schemas("properties").and_then(|named| named.get(name));
        let mut by_pattern = schemas("patternProperties")
            .into_iter()
            .flatten()
            .filter(|(pattern, _)| writer.is_match(pattern, name).unwrap_or(false))
            .map(|(_, schema)| schema)
            .peekable();
        let rest = (own.is_none() && by_pattern.peek().is_none())
            .then(|| map.get("additionalProperties"))
            .flatten();
        own.into_iter()
            .chain(by_pattern)
            .chain(rest)
            .all(|schema| fits(writer, value, schema, depth + 1))
    };
    let has_all = |names: &Value| {
        let mut names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.all(|name| writer.effort.spend(1) && members.contains_key(name))
    };
    let fits_here = |schema: &Value| fits(writer, &Value::Object(members.clone()), schema, depth + 1);
    // `dependencies` is what both were before 2019-09.
    let depends = ["dependentRequired", "dependentSchemas", "dependencies"]
        .into_iter()
        .filter_map(schemas)
        .flatten()
        .filter(|(name, _)| members.contains_key(*name))
        .all(|(_, needs)| match needs {
            Value::Array(_) => has_all(needs),
            schema => fits_here(schema),
        });
    let fits_names = |schema: &Value| {
        let mut names = members.keys();
        names.all(|name| fits(writer, &Value::String(name.clone()), schema, depth + 1))
    };
    within(members.len() as f64, map, "minProperties", "maxProperties")
        && map.get("required").is_none_or(has_all)
        && depends
        && map.get("propertyNames").is_none_or(fits_names)
        && members.iter().all(fits_member)
}

fn within(count: f64, map: &Map<String, Value>, least: &str, most: &str) -> bool {
    let get = |name: &str| map.get(name).and_then(Value::as_f64);
    get(least).is_none_or(|least| count >= least) && get(most).is_none_or(|most| count <= most)
}
