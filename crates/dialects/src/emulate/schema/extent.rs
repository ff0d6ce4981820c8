//! How much a schema asks for, with every reference replaced by what it refers to.

use std::collections::HashMap;

use serde_json::Value;

use super::Uncheckable;

/// Most subschemas, references replaced. Checking a value looks at about so many for each of its parts.
const SIZE_LIMIT: usize = 50_000;
/// Most levels, references replaced.
const DEPTH_LIMIT: usize = 120;
/// A subschema beside `unevaluated…` is looked at once more for it.
const UNEVALUATED_FACTOR: usize = 3;

/// Keywords whose value is a schema, or a list of schemas.
pub(super) const SCHEMAS: [&str; 16] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value holds schemas by name. Definitions count only where they are referred to.
pub(super) const NAMED_SCHEMAS: [&str; 4] = [
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];
const REFERENCES: [&str; 3] = ["$dynamicRef", "$recursiveRef", "$ref"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Subschemas.
    pub size: usize,
    /// Levels of subschemas, from one turn of a loop of references to the next.
    pub depth: usize,
    /// Whether some part refers to one that it is a part of.
    pub recursive: bool,
}

/// Measures a schema. Fails beyond the limits, and for references that do not point into it.
pub fn of(root: &Value) -> Result<Extent, Uncheckable> {
    let mut walk = Walk {
        root,
        known: HashMap::new(),
        recursive: false,
    };
    let (size, depth) = walk.schema(root, 0)?;
    Ok(Extent {
        size,
        depth,
        recursive: walk.recursive,
    })
}

/// The schema that `schema` refers to in the end, itself where it refers to nothing.
pub fn without_references<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut schema = schema;
    for _ in 0..DEPTH_LIMIT {
        match schema
            .get("$ref")
            .and_then(Value::as_str)
            .map(|name| target(root, name))
        {
            Some(Ok(next)) => schema = next,
            _ => break,
        }
    }
    schema
}

fn target<'s>(root: &'s Value, reference: &str) -> Result<&'s Value, Uncheckable> {
    let pointer = reference
        .strip_prefix('#')
        .filter(|pointer| !pointer.contains('%'));
    pointer
        .filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
        .and_then(|pointer| root.pointer(pointer))
        .ok_or(Uncheckable::Reference)
}

struct Walk<'s> {
    root: &'s Value,
    /// Size and depth by address; `None`: being measured.
    known: HashMap<*const Value, Option<(usize, usize)>>,
    recursive: bool,
}

impl<'s> Walk<'s> {
    fn schema(&mut self, schema: &'s Value, level: usize) -> Result<(usize, usize), Uncheckable> {
        let Value::Object(members) = schema else {
            return Ok((1, 1));
        };
        match self.known.get(&std::ptr::from_ref(schema)) {
            Some(Some((_, depth))) if level + depth > DEPTH_LIMIT => return Err(Uncheckable::Large),
            Some(Some(known)) => return Ok(*known),
            // Checking goes around such a loop no further than the value is nested.
            Some(None) => {
                self.recursive = true;
                return Ok((1, 1));
            }
            None if level > DEPTH_LIMIT => return Err(Uncheckable::Large),
            None => {}
        }
        // Another base would make every reference below it mean something else.
        if level > 0 && members.get("$id").is_some_and(Value::is_string) {
            return Err(Uncheckable::Reference);
        }
        self.known.insert(std::ptr::from_ref(schema), None);
        let (mut size, mut depth) = (0, 0);
        for part in parts(self.root, members) {
            let (part_size, part_depth) = self.schema(part?, level + 1)?;
            size += part_size;
            depth = depth.max(part_depth);
            if size > SIZE_LIMIT {
                return Err(Uncheckable::Large);
            }
        }
        if ["unevaluatedItems", "unevaluatedProperties"]
            .iter()
            .any(|name| members.contains_key(*name))
        {
            size *= UNEVALUATED_FACTOR;
        }
        let measured = (size + 1, depth + 1);
        self.known.insert(std::ptr::from_ref(schema), Some(measured));
        Ok(measured)
    }
}

/// The subschemas right below a schema, those that it refers to among them.
fn parts<'s>(
    root: &'s Value,
    members: &'s serde_json::Map<String, Value>,
) -> impl Iterator<Item = Result<&'s Value, Uncheckable>> {
    members.iter().flat_map(move |(name, value)| {
        let name = &**name;
        let mut parts = Vec::new();
        match value {
            Value::String(reference) if REFERENCES.contains(&name) => parts.push(target(root, reference)),
            Value::Array(schemas) if SCHEMAS.contains(&name) => parts.extend(schemas.iter().map(Ok)),
            _ if SCHEMAS.contains(&name) => parts.push(Ok(value)),
            Value::Object(schemas) if NAMED_SCHEMAS.contains(&name) => parts.extend(schemas.values().map(Ok)),
            _ => {}
        }
        parts
    })
}
