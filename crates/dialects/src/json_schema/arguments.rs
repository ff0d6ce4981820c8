//! Schemas of arguments for a provider that takes all of JSON Schema but demands an object at the top, with
//! no choice between schemas there, in the words of draft 2020-12.

use std::borrow::Cow;

use tollgate_chat::json::{Json, Number};

use super::{
    SIZE_LIMIT,
    reference::resolve,
    tree::{Members, get, set, take, walk},
    write,
};

/// Ways to put schemas together, which the provider does not take at the top.
const COMBINED: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// The schema in that form; as it came where nothing has to be changed. Fails with what is wrong where it
/// does not describe an object.
pub fn arguments(schema: &str) -> Result<Cow<'_, str>, &'static str> {
    const NO_OBJECT: &str = "the schema has to describe an object: give it type \"object\"";
    let mut tree = Json::parse(schema).map_err(|_| "the schema is nested too deeply")?;
    let before = tree.clone();
    walk(&mut tree, &mut modernise);
    let whole = tree.clone();
    let Json::Object(root) = &mut tree else {
        return Err(NO_OBJECT);
    };
    follow_reference(root, &whole);
    for name in COMBINED {
        if let Some(Json::Array(schemas)) = take(root, name) {
            combine(root, schemas, &whole, name == "allOf");
        }
    }
    match get(root, "type") {
        Some(Json::String(kind)) if kind == "object" => {}
        None | Some(Json::Null) => {
            take(root, "type");
            root.insert(0, ("type".into(), Json::String("object".into())));
        }
        Some(Json::Array(kinds)) if kinds.iter().any(|kind| kind.as_str() == Some("object")) => {
            set(root, "type", Json::String("object".into()));
        }
        Some(_) => return Err(NO_OBJECT),
    }
    Ok(match tree == before {
        true => Cow::Borrowed(schema),
        false => Cow::Owned(write::to_text(&tree, SIZE_LIMIT).ok_or("the schema is too large")?),
    })
}

/// What earlier drafts said otherwise.
fn modernise(members: &mut Members<'_>) {
    if let Some(Json::Array(_)) = get(members, "items") {
        let tuple = take(members, "items");
        if let Some(more) = take(members, "additionalItems") {
            set(members, "items", more);
        }
        if let Some(tuple) = tuple {
            set(members, "prefixItems", tuple);
        }
    }
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(Json::Bool(excludes)) = get(members, exclusive) {
            let excludes = *excludes;
            take(members, exclusive);
            if let Some(limit @ Json::Number(Number::Unsigned(_) | Number::Negative(_) | Number::Float(_))) =
                get(members, inclusive).cloned().filter(|_| excludes)
            {
                take(members, inclusive);
                set(members, exclusive, limit);
            }
        }
    }
    if let Some(Json::Bool(_)) = get(members, "required") {
        take(members, "required");
    }
}

/// Puts a definition in the place of a reference at the top.
fn follow_reference<'a>(root: &mut Members<'a>, whole: &Json<'a>) {
    let Some(Json::Object(target)) = target(root, whole) else {
        return;
    };
    take(root, "$ref");
    for (name, value) in target {
        if get(root, &name).is_none() {
            root.push((name, value));
        }
    }
}

fn target<'a>(schema: &Members<'a>, whole: &Json<'a>) -> Option<Json<'a>> {
    resolve(whole, get(schema, "$ref")?.as_str()?).cloned()
}

/// Lays schemas that were combined at the top over each other: all their properties, and required what
/// all of them require, or any where every one of them holds.
fn combine<'a>(root: &mut Members<'a>, schemas: Vec<Json<'a>>, whole: &Json<'a>, all_hold: bool) {
    let mut properties = match take(root, "properties") {
        Some(Json::Object(properties)) => properties,
        _ => Vec::new(),
    };
    let mut required: Option<Vec<Json<'a>>> = None;
    for schema in schemas {
        let Json::Object(mut schema) = schema else {
            continue;
        };
        if let Some(Json::Object(target)) = target(&schema, whole) {
            schema = target;
        }
        let own = match take(&mut schema, "required") {
            Some(Json::Array(own)) => own,
            _ => Vec::new(),
        };
        required = Some(match required {
            None => own,
            Some(mut held) if all_hold => {
                held.extend(own);
                held
            }
            Some(held) => held.into_iter().filter(|name| own.contains(name)).collect(),
        });
        if let Some(Json::Object(own)) = take(&mut schema, "properties") {
            for (name, value) in own {
                if get(&properties, &name).is_none() {
                    properties.push((name, value));
                }
            }
        }
    }
    set(root, "properties", Json::Object(properties));
    let mut together = match take(root, "required") {
        Some(Json::Array(held)) => held,
        _ => Vec::new(),
    };
    for name in required.unwrap_or_default() {
        if !together.contains(&name) {
            together.push(name);
        }
    }
    if !together.is_empty() {
        set(root, "required", Json::Array(together));
    }
}
