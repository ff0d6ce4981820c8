//! References within a schema: where they point, and which come back to themselves.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{TOO_MUCH_WORK, Unfollowable};
use crate::effort::Effort;

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
pub(super) fn recursive(root: &Value, effort: &Effort<'_>) -> Result<HashSet<usize>, Unfollowable> {
    let too_much = || Unfollowable {
        keyword: "$ref".to_owned(),
        place: "/".to_owned(),
        reason: TOO_MUCH_WORK.to_owned(),
    };
    let mut leads: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut todo = vec![root];
    while let Some(schema) = todo.pop() {
        if leads.contains_key(&address(schema)) {
            continue;
        }
        let mut targets = Targets::default();
        if !targets.collect(root, schema, effort) {
            return Err(too_much());
        }
        let targets = targets.found;
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
            if effort.spend(1) && seen.insert(next) {
                todo.extend(&leads[&next]);
            }
        }
        false
    };
    let found = leads.keys().copied().filter(comes_back).collect();
    match effort.is_spent() {
        true => Err(too_much()),
        false => Ok(found),
    }
}

/// What tells a schema from others of its document.
pub(super) fn address(schema: &Value) -> usize {
    std::ptr::from_ref(schema) as usize
}

/// What references point to, each once.
#[derive(Default)]
struct Targets<'a> {
    found: Vec<&'a Value>,
    seen: HashSet<usize>,
}

impl<'a> Targets<'a> {
    /// Adds what the references in a value point to; `false`: there is too much to look at.
    fn collect(&mut self, root: &'a Value, value: &'a Value, effort: &Effort<'_>) -> bool {
        if !effort.spend(1) {
            return false;
        }
        match value {
            Value::Object(members) => {
                let reference = members.get("$ref").and_then(Value::as_str);
                let target = reference.and_then(|reference| {
                    effort.spend(reference.len() as u64 / 64);
                    resolve(root, reference)
                });
                if let Some(target) = target
                    && self.seen.insert(address(target))
                {
                    self.found.push(target);
                }
                members.values().all(|value| self.collect(root, value, effort))
            }
            Value::Array(values) => values.iter().all(|value| self.collect(root, value, effort)),
            _ => true,
        }
    }
}
