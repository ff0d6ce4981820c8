//! Schemas of arguments for a provider that takes all of JSON Schema but demands an object at the top, with
//! no choice between schemas there, in the words of draft 2020-12.

mod overlay;

use std::borrow::Cow;

use tollgate_chat::json::{Json, Number};

use self::overlay::Overlay;
use super::{
    SIZE_LIMIT,
    keywords::is_annotation,
    reference::resolve,
    tree::{Members, get, set, take, walk},
    write,
};

/// Ways to put schemas together, which the provider does not take at the top.
const COMBINED: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const TOO_LARGE: &str = "the schema is too large";

/// A schema of arguments in that form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments<'a> {
    /// As JSON; as it came where nothing had to be changed.
    pub schema: Cow<'a, str>,
    /// Keywords of the top whose limits it no longer has.
    pub lost: Vec<&'static str>,
}

/// Puts a schema into that form. Fails with what is wrong where it does not describe an object, or what it is
/// put together of is not in it. Other references to the outside stay: the provider reads them as they are.
pub fn arguments(schema: &str) -> Result<Arguments<'_>, &'static str> {
    const NO_OBJECT: &str = "the schema has to describe an object: give it type \"object\"";
    let mut tree = Json::parse(schema).map_err(|_| "the schema is nested too deeply")?;
    let before = tree.clone();
    walk(&mut tree, &mut modernise);
    let whole = tree.clone();
    let Json::Object(root) = &mut tree else {
        return Err(NO_OBJECT);
    };
    let mut lost = Vec::new();
    if !follow_reference(root, &whole) {
        lost.push("$ref");
    }
    let mut overlay = Overlay::new(&whole);
    for name in COMBINED {
        let Some(Json::Array(schemas)) = take(root, name) else {
            continue;
        };
        if !overlay.lay(root, schemas, name == "allOf")? {
            lost.push(name);
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
    let schema = match tree == before {
        true => Cow::Borrowed(schema),
        false => Cow::Owned(write::to_text(&tree, SIZE_LIMIT).ok_or(TOO_LARGE)?),
    };
    Ok(Arguments { schema, lost })
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

/// Puts a definition in the place of a reference at the top. Returns whether it still says all that it did.
fn follow_reference<'a>(root: &mut Members<'a>, whole: &Json<'a>) -> bool {
    let Some(Json::Object(target)) = target(root, whole) else {
        return true;
    };
    take(root, "$ref");
    let mut says_all = true;
    for (name, value) in target {
        match get(root, &name) {
            None => root.push((name, value)),
            Some(own) => says_all &= *own == value || is_annotation(&name),
        }
    }
    says_all
}

fn target<'a>(schema: &Members<'a>, whole: &Json<'a>) -> Option<Json<'a>> {
    resolve(whole, get(schema, "$ref")?.as_str()?).cloned()
}
