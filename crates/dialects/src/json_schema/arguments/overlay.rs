//! Schemas put together at the top (`allOf`, `anyOf`, `oneOf`), laid over each other into one.
//!
//! The one takes whatever all of them, or any of them, take, and may take more: a member that several of a choice
//! name may be what it is in any of them. Parts that are put together themselves are laid first. Work is bounded.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use tollgate_chat::json::Json;

use super::{COMBINED, TOO_LARGE};
use crate::json_schema::{
    NODES_LIMIT, SIZE_LIMIT,
    keywords::is_annotation,
    reference::{is_outside, resolve},
    tree::{Members, get, set, take},
    write,
};

/// Deepest that parts of parts are laid.
const HOPS_LIMIT: usize = 8;
const OUTSIDE: &str = "the schema is put together at its top with something outside of itself or by a name; use \
                       references such as `#/$defs/name`";

pub(super) struct Overlay<'w, 'a> {
    whole: &'w Json<'a>,
    /// Nodes of definitions taken over so far.
    spent: usize,
}

/// A part whose own references and parts were followed.
struct Part<'a> {
    members: Members<'a>,
    /// Whether its members say all that it did.
    says_all: bool,
    /// Whether there is more of it that was not looked into.
    is_opaque: bool,
}

/// Members by name, with each of the schemas that were given for one.
#[derive(Default)]
struct Named<'a> {
    members: Vec<(Cow<'a, str>, Vec<Json<'a>>)>,
    places: HashMap<String, usize>,
}

impl<'w, 'a> Overlay<'w, 'a> {
    pub fn new(whole: &'w Json<'a>) -> Self {
        Self { whole, spent: 0 }
    }

    /// Lays the schemas over `root`: all their members, and required what all of them require, or any where every
    /// one of them holds. Returns whether that says all that they did. Fails with what is wrong, where one is
    /// outside of the schema or they are too many.
    pub fn lay(
        &mut self,
        root: &mut Members<'a>,
        schemas: Vec<Json<'a>>,
        all_hold: bool,
    ) -> Result<bool, &'static str> {
        self.lay_at(root, schemas, all_hold, 0)
    }

    fn lay_at(
        &mut self,
        root: &mut Members<'a>,
        schemas: Vec<Json<'a>>,
        all_hold: bool,
        hops: usize,
    ) -> Result<bool, &'static str> {
        // Of several, one has to hold: which properties come together is not said any more.
        let mut says_all = all_hold || schemas.len() == 1;
        let mut parts = Vec::with_capacity(schemas.len());
        for schema in schemas {
            match schema {
                Json::Object(schema) => parts.push(self.unfolded(schema, hops)?),
                // Lets nothing pass, so that another one has to hold.
                Json::Bool(false) if !all_hold => {}
                other => {
                    says_all &= other == Json::Bool(true);
                    parts.push(Part {
                        members: Members::new(),
                        says_all: true,
                        is_opaque: true,
                    });
                }
            }
        }
        let count = parts.len();
        let mut properties = Named::default();
        let mut patterns = Named::default();
        let mut required: Option<Vec<String>> = None;
        let mut additional = Some(Vec::new());
        for part in parts {
            let mut schema = part.members;
            says_all &= part.says_all;
            let own = names(take(&mut schema, "required"));
            required = Some(match required {
                None => own,
                Some(mut held) if all_hold => {
                    held.extend(own);
                    held
                }
                Some(held) => {
                    let own: HashSet<String> = own.into_iter().collect();
                    held.into_iter().filter(|name| own.contains(name)).collect()
                }
            });
            properties.add_all(take(&mut schema, "properties"));
            if !all_hold {
                patterns.add_all(take(&mut schema, "patternProperties"));
                let more = take(&mut schema, "additionalProperties");
                says_all &= more.is_none();
                match (more, &mut additional) {
                    (Some(more), Some(known)) if !takes_all(&more) && !part.is_opaque => known.push(more),
                    _ => additional = None,
                }
            }
            let is_object = |value: &Json<'_>| value.as_str() == Some("object");
            let says_no_more = |(name, value): &(Cow<'_, str>, Json<'_>)| {
                is_annotation(name) || (name == "type" && is_object(value))
            };
            says_all &= schema.iter().all(says_no_more);
        }
        says_all &= put(root, "properties", properties, all_hold, count)?;
        if !patterns.members.is_empty() {
            says_all &= put(root, "patternProperties", patterns, all_hold, count)?;
        }
        if let Some(additional) = additional.filter(|each| !each.is_empty())
            && get(root, "additionalProperties").is_none()
        {
            set(root, "additionalProperties", either(additional)?);
        }
        let mut together = names(take(root, "required"));
        let mut known: HashSet<String> = together.iter().cloned().collect();
        let new = required.unwrap_or_default().into_iter();
        together.extend(new.filter(|name| known.insert(name.clone())));
        if !together.is_empty() {
            let together = together.into_iter().map(|name| Json::String(name.into()));
            set(root, "required", Json::Array(together.collect()));
        }
        Ok(says_all)
    }

    /// A part with what it refers to, and what it is put together of itself, in its own members.
    fn unfolded(&mut self, mut members: Members<'a>, hops: usize) -> Result<Part<'a>, &'static str> {
        let mut says_all = true;
        let goes_on = |members: &Members<'a>| {
            let parts = COMBINED.iter().any(|name| get(members, name).is_some());
            parts || get(members, "$ref").is_some()
        };
        if hops == HOPS_LIMIT {
            return Ok(Part {
                is_opaque: goes_on(&members),
                says_all: !goes_on(&members),
                members,
            });
        }
        let mut is_opaque = false;
        if let Some(reference) = take(&mut members, "$ref") {
            let reference = reference.as_str().unwrap_or_default();
            match resolve(self.whole, reference) {
                Some(target) => {
                    self.spend(target)?;
                    let target = target.clone();
                    match target {
                        Json::Object(target) if members.iter().all(|(name, _)| is_annotation(name)) => {
                            let part = self.unfolded(target, hops + 1)?;
                            return Ok(part);
                        }
                        // What stands beside it holds as well.
                        target => says_all &= self.lay_at(&mut members, vec![target], true, hops + 1)?,
                    }
                }
                None if is_outside(reference) => return Err(OUTSIDE),
                None => is_opaque = true,
            }
        }
        for name in COMBINED {
            if let Some(Json::Array(parts)) = take(&mut members, name) {
                says_all &= self.lay_at(&mut members, parts, name == "allOf", hops + 1)?;
            }
        }
        Ok(Part {
            members,
            says_all: says_all && !is_opaque,
            is_opaque,
        })
    }

    fn spend(&mut self, target: &Json<'_>) -> Result<(), &'static str> {
        self.spent += nodes(target, NODES_LIMIT);
        match self.spent > NODES_LIMIT {
            true => Err(TOO_LARGE),
            false => Ok(()),
        }
    }
}

impl<'a> Named<'a> {
    fn add_all(&mut self, named: Option<Json<'a>>) {
        let Some(Json::Object(named)) = named else { return };
        for (name, schema) in named {
            match self.places.get(&*name) {
                Some(place) => self.members[*place].1.push(schema),
                None => {
                    self.places.insert(name.clone().into_owned(), self.members.len());
                    self.members.push((name, vec![schema]));
                }
            }
        }
    }
}

/// Puts members beside those that `root` has under `keyword`. Returns whether that says all: of what holds together,
/// the first that was said stays.
fn put<'a>(
    root: &mut Members<'a>,
    keyword: &'static str,
    named: Named<'a>,
    all_hold: bool,
    count: usize,
) -> Result<bool, &'static str> {
    let mut says_all = true;
    let mut out = match take(root, keyword) {
        Some(Json::Object(own)) => own,
        _ => Vec::new(),
    };
    let own = out.iter().enumerate();
    let own: HashMap<String, usize> = own
        .map(|(place, (name, _))| (name.clone().into_owned(), place))
        .collect();
    for (name, schemas) in named.members {
        let by_all = all_hold || schemas.len() == count;
        let schema = match all_hold {
            false => either(schemas)?,
            true => {
                let mut schemas = schemas.into_iter();
                let Some(first) = schemas.next() else { continue };
                says_all &= schemas.all(|other| other == first);
                first
            }
        };
        match own.get(&*name).and_then(|place| out.get_mut(*place)) {
            None => out.push((name, schema)),
            Some((_, own)) => {
                says_all &= *own == schema;
                if !all_hold && by_all {
                    say_closer(own, schema);
                }
            }
        }
    }
    set(root, keyword, Json::Object(out));
    Ok(says_all)
}

/// A schema that takes what any of these takes.
fn either<'a>(schemas: Vec<Json<'a>>) -> Result<Json<'a>, &'static str> {
    let mut known = HashSet::new();
    let mut different = Vec::new();
    for schema in schemas.into_iter().flat_map(choices) {
        if takes_all(&schema) {
            return Ok(schema);
        }
        if known.insert(write::to_text(&schema, SIZE_LIMIT).ok_or(TOO_LARGE)?) {
            different.push(schema);
        }
    }
    if different.len() > 1 {
        different.retain(|schema| *schema != Json::Bool(false));
    }
    if let [_] = &*different {
        return Ok(different.remove(0));
    }
    Ok(match values(&different) {
        Some(values) => values,
        None => Json::Object(vec![("anyOf".into(), Json::Array(different))]),
    })
}

/// The schemas of which one is a choice and nothing else; itself where it is none.
fn choices(schema: Json<'_>) -> Vec<Json<'_>> {
    match schema {
        Json::Object(mut members) if members.len() == 1 && members[0].0 == "anyOf" => {
            match members.remove(0).1 {
                Json::Array(choices) if !choices.is_empty() => choices,
                other => vec![Json::Object(vec![("anyOf".into(), other)])],
            }
        }
        schema => vec![schema],
    }
}

/// One enum of all, where each names its values and nothing else that counts.
fn values<'a>(schemas: &[Json<'a>]) -> Option<Json<'a>> {
    let mut known = HashSet::new();
    let mut values = Vec::new();
    let mut kinds = Vec::new();
    for schema in schemas {
        let Json::Object(members) = schema else {
            return None;
        };
        let is_plain = |name: &str| matches!(name, "type" | "const" | "enum") || is_annotation(name);
        if !members.iter().all(|(name, _)| is_plain(name)) {
            return None;
        }
        let own = match (get(members, "const"), get(members, "enum")) {
            (Some(value), None) => std::slice::from_ref(value),
            (None, Some(Json::Array(own))) => own,
            _ => return None,
        };
        for value in own {
            if known.insert(write::to_text(value, SIZE_LIMIT)?) {
                values.push(value.clone());
            }
        }
        kinds.push(get(members, "type"));
    }
    let mut members = Members::new();
    // A type that only some have would hold for all.
    if let Some(Some(kind)) = kinds
        .first()
        .filter(|first| kinds.iter().all(|kind| kind == *first))
    {
        members.push(("type".into(), (*kind).clone()));
    } else if kinds.iter().any(Option::is_some) {
        return None;
    }
    members.push(("enum".into(), Json::Array(values)));
    Some(Json::Object(members))
}

/// Adds what every one of a choice says of a member to what is said of it anyway, where that is its type alone.
fn say_closer<'a>(own: &mut Json<'a>, choice: Json<'a>) {
    let (Json::Object(own), Json::Object(choice)) = (own, choice) else {
        return;
    };
    let is_bare = own.iter().all(|(name, _)| name == "type" || is_annotation(name));
    let agrees = get(&choice, "type").is_none_or(|kind| get(own, "type").is_none_or(|own| own == kind));
    if is_bare && agrees {
        for (name, value) in choice {
            if get(own, &name).is_none() {
                own.push((name, value));
            }
        }
    }
}

fn takes_all(schema: &Json<'_>) -> bool {
    match schema {
        Json::Bool(takes) => *takes,
        Json::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn names(list: Option<Json<'_>>) -> Vec<String> {
    let Some(Json::Array(names)) = list else {
        return Vec::new();
    };
    let names = names.iter().filter_map(|name| name.as_str().map(str::to_owned));
    names.collect()
}

/// Nodes of a value; counted no further than `limit`.
fn nodes(value: &Json<'_>, limit: usize) -> usize {
    let mut count = 1;
    let mut each = |inner: &Json<'_>| {
        if count <= limit {
            count += nodes(inner, limit);
        }
    };
    match value {
        Json::Array(items) => items.iter().for_each(&mut each),
        Json::Object(members) => members.iter().for_each(|(_, inner)| each(inner)),
        _ => {}
    }
    count
}
