//! Schemas that the provider holds answers to: a part of JSON Schema (wire notes, section 3).

use std::{borrow::Cow, collections::HashSet};

use tollgate_chat::json::{Json, Number};

use super::tree::{Members, definition, get, set, take, write};

/// Most optional parameters, and most that may be one of several types, in all such schemas together.
const OPTIONAL_LIMIT: usize = 24;
const UNIONS_LIMIT: usize = 16;

/// Keywords that pass as they are.
const TAKEN: [&str; 7] = ["type", "title", "default", "required", "$ref", "const", "enum"];
/// Keywords that limit nothing; left out.
const REMARKS: [&str; 12] = [
    "$schema",
    "$id",
    "id",
    "$comment",
    "$anchor",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
];
const FORMATS: [&str; 9] = [
    "date-time",
    "date",
    "time",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
];

/// A schema in the provider's part of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub json: String,
    /// Whether a limit was taken out, so that an answer may break the schema as the client wrote it.
    pub weaker: bool,
    pub complexity: Complexity,
}

/// What the provider counts of schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Complexity {
    optional: usize,
    unions: usize,
}

impl Complexity {
    pub fn add(&mut self, other: Self) {
        self.optional += other.optional;
        self.unions += other.unions;
    }

    pub fn is_too_much(self) -> bool {
        self.optional > OPTIONAL_LIMIT || self.unions > UNIONS_LIMIT
    }
}

/// The schema as the provider takes it; `None` where it cannot say it: recursion, objects of any
/// members, several schemas that hold at once, more than it counts.
pub fn of_output(schema: &str) -> Option<Output> {
    let tree = Json::parse(schema).ok()?;
    let Json::Object(root) = &tree else { return None };
    if !ends(&tree, root, &mut Vec::new(), &mut HashSet::new()) {
        return None;
    }
    let mut narrow = Narrow::default();
    let json = narrow.schema(tree)?;
    (!narrow.complexity.is_too_much()).then(|| Output {
        json: write(&json),
        weaker: narrow.weaker,
        complexity: narrow.complexity,
    })
}

/// Longest chain of definitions that is followed.
const CHAIN_LIMIT: usize = 16;

/// Whether every reference has a definition, and following them comes to an end.
fn ends<'m>(
    schema: &'m Json<'_>,
    root: &'m Members<'_>,
    chain: &mut Vec<&'m str>,
    done: &mut HashSet<&'m str>,
) -> bool {
    match schema {
        Json::Array(items) => items.iter().all(|item| ends(item, root, chain, done)),
        Json::Object(members) => members.iter().all(|(name, value)| match value {
            Json::String(reference) if name == "$ref" => {
                if chain.contains(&&**reference) || chain.len() >= CHAIN_LIMIT {
                    return false;
                }
                if !done.insert(reference) {
                    return true;
                }
                let target = definition(reference).and_then(|(holder, name)| get(root, holder)?.get(name));
                let Some(target) = target else { return false };
                chain.push(reference);
                let all_end = ends(target, root, chain, done);
                chain.pop();
                all_end
            }
            _ => ends(value, root, chain, done),
        }),
        _ => true,
    }
}

/// The way from JSON Schema to the part of it.
#[derive(Default)]
struct Narrow {
    weaker: bool,
    complexity: Complexity,
}

impl Narrow {
    fn schema<'a>(&mut self, schema: Json<'a>) -> Option<Json<'a>> {
        let Json::Object(mut members) = schema else {
            return None;
        };
        if let Some(Json::Array(schemas)) = take(&mut members, "allOf") {
            merge_only(&mut members, schemas)?;
        }
        if let Some(choice) = take(&mut members, "oneOf") {
            if get(&members, "anyOf").is_some() {
                return None;
            }
            self.weaker = true;
            members.push(("anyOf".into(), choice));
        }
        self.object(&mut members)?;
        let mut kept: Members<'a> = Vec::with_capacity(members.len());
        let mut said = String::new();
        let mut limits = Vec::new();
        for (name, value) in members {
            match &*name {
                "description" => said = value.as_str().unwrap_or_default().to_owned(),
                "enum" | "const" if !is_plain(&value) => limits.push((name, value)),
                name_taken if TAKEN.contains(&name_taken) => kept.push((name, value)),
                remark if REMARKS.contains(&remark) || remark.starts_with("x-") => {}
                "additionalProperties" => kept.push((name, value)),
                "properties" | "$defs" | "definitions" => {
                    let schemas = self.named(value)?;
                    kept.push((name, schemas));
                }
                "items" => {
                    let schema = self.schema(value)?;
                    kept.push((name, schema));
                }
                "anyOf" => {
                    let Json::Array(schemas) = value else { return None };
                    let schemas: Option<Vec<_>> =
                        schemas.into_iter().map(|schema| self.schema(schema)).collect();
                    self.complexity.unions += 1;
                    kept.push((name, Json::Array(schemas?)));
                }
                "format" if value.as_str().is_some_and(|format| FORMATS.contains(&format)) => {
                    kept.push((name, value));
                }
                "pattern" if value.as_str().is_some_and(is_plain_pattern) => kept.push((name, value)),
                "minItems" if matches!(value, Json::Number(number) if matches!(number.as_i64(), Some(0 | 1))) =>
                {
                    kept.push((name, value));
                }
                "minItems" => {
                    kept.push((name.clone(), Json::Number(Number::Unsigned(1))));
                    limits.push((name, value));
                }
                _ => limits.push((name, value)),
            }
        }
        // Nobody checks formats: they are remarks.
        self.weaker |= limits.iter().any(|(name, _)| name != "format");
        if matches!(get(&kept, "type"), Some(Json::Array(kinds)) if kinds.len() > 1) {
            self.complexity.unions += 1;
        }
        if let Some(description) = describe(said, &limits) {
            set(&mut kept, "description", Json::String(description.into()));
        }
        Some(Json::Object(kept))
    }

    /// Objects have the members that they name and no others.
    fn object(&mut self, members: &mut Members<'_>) -> Option<()> {
        let named = match get(members, "properties") {
            Some(Json::Object(properties)) => properties.len(),
            _ => 0,
        };
        let is_object = match get(members, "type") {
            Some(Json::String(kind)) => kind == "object",
            Some(Json::Array(kinds)) => kinds.iter().any(|kind| kind.as_str() == Some("object")),
            _ => named > 0,
        };
        if !is_object {
            return Some(());
        }
        let closed = get(members, "additionalProperties") == Some(&Json::Bool(false));
        if named == 0 && !closed {
            return None;
        }
        let required = get(members, "required")
            .and_then(Json::as_array)
            .map_or(0, <[_]>::len);
        self.complexity.optional += named.saturating_sub(required);
        set(members, "additionalProperties", Json::Bool(false));
        Some(())
    }

    fn named<'a>(&mut self, schemas: Json<'a>) -> Option<Json<'a>> {
        let Json::Object(schemas) = schemas else {
            return None;
        };
        let schemas = schemas
            .into_iter()
            .map(|(name, schema)| Some((name, self.schema(schema)?)));
        schemas.collect::<Option<Vec<_>>>().map(Json::Object)
    }
}

/// One schema in `allOf` is the schema itself; several cannot be said.
fn merge_only<'a>(members: &mut Members<'a>, schemas: Vec<Json<'a>>) -> Option<()> {
    let Ok([Json::Object(only)]) = <[_; 1]>::try_from(schemas) else {
        return None;
    };
    for (name, value) in only {
        match get(members, &name) {
            // What stands beside it describes this use of it.
            Some(_) if matches!(&*name, "title" | "description" | "default") => {}
            Some(_) => return None,
            None => members.push((name, value)),
        }
    }
    Some(())
}

/// Whether a value, or every value of a list, is neither a list nor an object.
fn is_plain(value: &Json<'_>) -> bool {
    let plain = |value: &Json<'_>| !matches!(value, Json::Array(_) | Json::Object(_));
    match value {
        Json::Array(values) => values.iter().all(plain),
        value => plain(value),
    }
}

/// Whether a pattern has none of what the provider's grammar lacks: looking around, references back,
/// borders of words.
fn is_plain_pattern(pattern: &str) -> bool {
    let digits = (1..=9).map(|digit| format!("\\{digit}"));
    let lacking = ["(?", "\\b", "\\B", "\\k", "\\p", "\\P"].map(String::from);
    !digits.chain(lacking).any(|part| pattern.contains(&part))
}

/// The description, with the limits that only the model can keep.
fn describe(said: String, limits: &[(Cow<'_, str>, Json<'_>)]) -> Option<String> {
    if limits.is_empty() {
        return (!said.is_empty()).then_some(said);
    }
    let limits: Vec<String> = limits
        .iter()
        .map(|(name, value)| format!("{name} {}", write(value)))
        .collect();
    let limits = format!("Limits: {}.", limits.join(", "));
    Some(match said.is_empty() {
        true => limits,
        false => format!("{said} {limits}"),
    })
}
