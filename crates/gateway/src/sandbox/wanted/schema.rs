//! A client's JSON Schema, made ready for a small model.
//!
//! What the engine's library does not know is named with its place. The rest keeps its meaning, but
//! where it leaves a length open it gets a limit, and an object that names its members gets no others,
//! since a small model goes on without end: what fits the narrower schema fits the client's.

use std::fmt;

use serde_json::{Map, Value, json};

/// Most items of an array, and letters of a text, where the schema sets no limit.
const ITEMS: u64 = 8;
const LETTERS: u64 = 160;

/// Most keywords that are left out one by one to find the one to blame.
const TRIES: usize = 100;

/// Keywords that restrict a value in ways that cannot be kept to letter by letter.
const UNKNOWN: [&str; 17] = [
    "$dynamicRef",
    "$recursiveRef",
    "contains",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "minContains",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "contentSchema",
];

/// Members that hold one schema, a list of schemas, and schemas by name.
const ONE: [&str; 3] = ["items", "additionalProperties", "additionalItems"];
const LISTS: [&str; 4] = ["prefixItems", "allOf", "anyOf", "oneOf"];
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// Keywords whose schemas hold beside those that stand next to them.
const JOINING: [&str; 4] = ["$ref", "allOf", "anyOf", "oneOf"];

/// A keyword that cannot be followed.
#[derive(Debug, PartialEq, Eq)]
pub struct Keyword {
    pub name: String,
    /// JSON Pointer of the schema that it stands in; `/` is the whole.
    pub place: String,
}

impl Keyword {
    fn new(name: &str, place: &str) -> Self {
        Self {
            name: name.to_owned(),
            place: if place.is_empty() { "/" } else { place }.to_owned(),
        }
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at `{}`", self.name, self.place)
    }
}

/// The schema as the engine takes it.
pub fn prepared(mut schema: Value) -> Result<Value, Keyword> {
    let closes = !joins(&schema);
    prepare(&mut schema, &mut String::new(), closes)?;
    Ok(schema)
}

/// The schema of arguments: they are an object, whether or not the schema says so.
pub fn of_object(mut schema: Value) -> Value {
    if let Value::Object(members) = &mut schema
        && !members.contains_key("type")
        && !JOINING.iter().any(|name| members.contains_key(*name))
    {
        members.insert("type".to_owned(), json!("object"));
    }
    schema
}

/// Whether somewhere an object is described in several places, so that none of them knows all of its
/// members.
fn joins(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let has = |name: &&str| members.contains_key(*name);
            let joined = has(&"properties") && JOINING.iter().any(has);
            joined || has(&"allOf") || members.values().any(joins)
        }
        Value::Array(values) => values.iter().any(joins),
        _ => false,
    }
}

fn prepare(schema: &mut Value, place: &mut String, closes: bool) -> Result<(), Keyword> {
    let Value::Object(members) = schema else {
        return Ok(());
    };
    // The value that it has anyway.
    if members.get("uniqueItems") == Some(&Value::Bool(false)) {
        members.shift_remove("uniqueItems");
    }
    if let Some(name) = UNKNOWN.into_iter().find(|name| members.contains_key(*name)) {
        return Err(Keyword::new(name, place));
    }
    if closes && members.contains_key("properties") && !members.contains_key("patternProperties") {
        let open = members
            .entry("additionalProperties")
            .or_insert(Value::Bool(false));
        if *open == Value::Bool(true) {
            *open = Value::Bool(false);
        }
    }
    limit(members);
    for (name, member) in members.iter_mut() {
        let length = place.len();
        place.push('/');
        place.push_str(name);
        if NAMED.contains(&name.as_str()) {
            if let Value::Object(schemas) = member {
                for (name, schema) in schemas.iter_mut() {
                    prepare_at(schema, place, name, closes)?;
                }
            }
        } else if LISTS.contains(&name.as_str()) || ONE.contains(&name.as_str()) {
            match member {
                Value::Array(schemas) => {
                    for (index, schema) in schemas.iter_mut().enumerate() {
                        prepare_at(schema, place, &index.to_string(), closes)?;
                    }
                }
                schema => prepare(schema, place, closes)?,
            }
        }
        place.truncate(length);
    }
    Ok(())
}

fn prepare_at(schema: &mut Value, place: &mut String, name: &str, closes: bool) -> Result<(), Keyword> {
    let length = place.len();
    place.push('/');
    place.push_str(name);
    prepare(schema, place, closes)?;
    place.truncate(length);
    Ok(())
}

/// Ends what would have no end. Only where a type is named: a limit of its own would give the others one.
fn limit(members: &mut Map<String, Value>) {
    let is = |kind: &str| match members.get("type") {
        Some(Value::String(only)) => only == kind,
        Some(Value::Array(kinds)) => kinds.iter().any(|other| other == kind),
        _ => false,
    };
    let (array, text) = (is("array"), is("string"));
    let least = |name: &str| members.get(name).and_then(Value::as_u64).unwrap_or(0);
    if array && !members.contains_key("maxItems") && !members.contains_key("const") {
        let fixed = members
            .get("prefixItems")
            .and_then(Value::as_array)
            .map_or(0, Vec::len) as u64;
        let most = least("minItems").saturating_add(ITEMS).saturating_add(fixed);
        members.insert("maxItems".to_owned(), json!(most));
    }
    let least = |name: &str| members.get(name).and_then(Value::as_u64).unwrap_or(0);
    let settled = ["maxLength", "pattern", "format", "enum", "const", "$ref"];
    if text && !settled.iter().any(|name| members.contains_key(*name)) {
        let most = least("minLength").saturating_add(LETTERS);
        members.insert("maxLength".to_owned(), json!(most));
    }
}

/// The keyword without which a schema that is not taken would be. `is_taken` is asked a limited number of
/// times; `None` where that is not enough, or where several keywords are to blame.
pub fn culprit(schema: &Value, is_taken: impl Fn(&Value) -> bool) -> Option<Keyword> {
    let mut keywords = Vec::new();
    collect(schema, &mut String::new(), &mut keywords);
    keywords.truncate(TRIES);
    keywords.into_iter().find_map(|(place, name)| {
        let mut without = schema.clone();
        without.pointer_mut(&place)?.as_object_mut()?.shift_remove(&name);
        is_taken(&without).then(|| Keyword::new(&name, &place))
    })
}

/// All members of all objects in a schema, the innermost first, with the JSON Pointers of the objects.
fn collect(value: &Value, place: &mut String, found: &mut Vec<(String, String)>) {
    let inside = |name: &str, value: &Value, place: &mut String, found: &mut Vec<_>| {
        let length = place.len();
        place.push('/');
        place.push_str(&name.replace('~', "~0").replace('/', "~1"));
        collect(value, place, found);
        place.truncate(length);
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                inside(name, value, place, found);
            }
            found.extend(members.keys().map(|name| (place.clone(), name.clone())));
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                inside(&index.to_string(), value, place, found);
            }
        }
        _ => {}
    }
}
