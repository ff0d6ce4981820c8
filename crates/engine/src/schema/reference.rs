//! References within a schema: where they point, and which come back to themselves.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::Unfollowable;

/// Values that are looked at to find what comes back to itself.
const LOOKS: usize = 2_000_000;

/// The schema that a reference of a document points to; `None` where it points elsewhere or nowhere.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    // What is no JSON Pointer is an anchor, which is not looked for.
    root.pointer(&decoded(pointer)?)
}

/// A part of a URI without its `%` escapes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

/// The addresses of schemas that are reached again from themselves.
pub(super) fn recursive(root: &Value) -> Result<HashSet<usize>, Unfollowable> {
    let mut looks = LOOKS;
    let mut leads: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut todo = vec![root];
    while let Some(schema) = todo.pop() {
        if leads.contains_key(&address(schema)) {
            continue;
        }
        let mut targets = Vec::new();
        if !collect(root, schema, &mut targets, &mut looks) {
            return Err(Unfollowable {
                keyword: "$ref".to_owned(),
                place: "/".to_owned(),
                reason: "stands in the schema too often".to_owned(),
            });
        }
        leads.insert(
            address(schema),
            targets.iter().map(|target| address(target)).collect(),
        );
        todo.extend(targets);
    }
    let comes_back = |start: &usize| {
        let mut seen = HashSet::new();
        let mut todo = leads[start].clone();
        while let Some(next) = todo.pop() {
            if next == *start {
                return true;
            }
            if seen.insert(next) {
                todo.extend(&leads[&next]);
            }
        }
        false
    };
    Ok(leads.keys().copied().filter(comes_back).collect())
}

fn address(schema: &Value) -> usize {
    std::ptr::from_ref(schema) as usize
}

/// Adds what the references in a value point to; `false`: there is too much to look at.
fn collect<'a>(root: &'a Value, value: &'a Value, found: &mut Vec<&'a Value>, looks: &mut usize) -> bool {
    if *looks == 0 {
        return false;
    }
    *looks -= 1;
    match value {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            if let Some(target) = target.and_then(|reference| resolve(root, reference))
                && !found.iter().any(|other| std::ptr::eq(*other, target))
            {
                found.push(target);
            }
            members.values().all(|value| collect(root, value, found, looks))
        }
        Value::Array(values) => values.iter().all(|value| collect(root, value, found, looks)),
        _ => true,
    }
}
