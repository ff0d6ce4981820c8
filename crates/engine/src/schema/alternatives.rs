//! Takes fragments apart: references are followed, and each way through `anyOf` and `oneOf` is one
//! alternative.

use std::collections::{HashSet, VecDeque};

use serde_json::Value;

use super::disjoint::are_disjoint;
use super::fragment::{Fragment, Keywords, Trouble, shown, trouble_at};
use super::kinds::Kinds;
use super::reference::{address, resolve};
use super::{Unfollowable, write::Writer};

/// Most ways through the unions of one value.
const ALTERNATIVES: usize = 128;

/// Letters of a place or reference that are one step.
const LETTERS: usize = 64;

/// Most schemas that hold for one value together.
const TOGETHER: usize = 128;

/// Most unions that are looked into to tell the branches of another from each other.
const UNIONS_WITHIN: usize = 32;

/// Keywords that restrict a value in ways that cannot be kept to letter by letter.
const UNKNOWN: [&str; 17] = [
    "$dynamicRef",
    "$recursiveRef",
    "contains",
    "contentSchema",
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
];

/// Keywords that say something to people only.
const REMARKS: [&str; 6] = [
    "$comment",
    "default",
    "deprecated",
    "description",
    "examples",
    "title",
];

/// Keywords that all hold for one value.
#[derive(Debug, Clone, Default)]
pub(super) struct Alternative<'a> {
    pub(super) parts: Vec<Keywords<'a>>,
    /// Whether it is within a value of its own kind.
    pub(super) is_deeper: bool,
}

/// An alternative that is being put together.
#[derive(Clone, Default)]
struct Open<'a> {
    todo: VecDeque<Fragment<'a>>,
    seen: Vec<usize>,
    unions: VecDeque<Vec<Fragment<'a>>>,
    so_far: Alternative<'a>,
}

impl<'a> Writer<'a> {
    /// The ways to fit all of the fragments; at least one. `may_deepen`: whether a reference may lead into
    /// a value of the same kind again.
    pub(super) fn alternatives(
        &self,
        fragments: &[Fragment<'a>],
        may_deepen: bool,
    ) -> Result<Vec<Alternative<'a>>, Trouble> {
        let mut found = Vec::new();
        let mut blame = None;
        let mut open = vec![Open {
            todo: fragments.iter().cloned().collect(),
            ..Open::default()
        }];
        while let Some(mut next) = open.pop() {
            // Ways that lead nowhere count as well.
            self.pay(
                1 + next.seen.len(),
                next.todo.front().map_or("", |fragment| &fragment.place),
            )?;
            match self.take_apart(&mut next, may_deepen) {
                Ok(()) => {}
                Err(Trouble::Empty(problem)) => {
                    blame.get_or_insert(problem);
                    continue;
                }
                Err(refused) => return Err(refused),
            }
            let Some(union) = next.unions.pop_front() else {
                found.push(next.so_far);
                continue;
            };
            if found.len() + open.len() + union.len() > ALTERNATIVES {
                return Err(too_many(&union));
            }
            // The last is taken up first, so they are put in backwards.
            for branch in union.into_iter().rev() {
                let mut with = next.clone();
                with.todo.push_back(branch);
                open.push(with);
            }
        }
        match blame {
            Some(problem) if found.is_empty() => Err(Trouble::Empty(problem)),
            _ => Ok(found),
        }
    }

    fn take_apart(&self, open: &mut Open<'a>, may_deepen: bool) -> Result<(), Trouble> {
        while let Some(fragment) = open.todo.pop_front() {
            self.pay(4 + fragment.place.len() / LETTERS, &fragment.place)?;
            if open.seen.contains(&fragment.address()) {
                continue;
            }
            if open.seen.len() == TOGETHER {
                let reason = format!("makes more than {TOGETHER} schemas hold for one value");
                return Err(trouble_at(&fragment.place, reason));
            }
            open.seen.push(fragment.address());
            let map = match fragment.schema {
                Value::Bool(true) => continue,
                Value::Bool(false) => return Err(Trouble::Empty(nothing(&fragment.place))),
                Value::Object(map) => map,
                _ => {
                    let mut problem = nothing(&fragment.place);
                    problem.reason = "is no schema".to_owned();
                    return Err(Trouble::Refused(problem));
                }
            };
            let part = Keywords {
                map,
                place: fragment.place,
            };
            if let Some(name) = UNKNOWN.into_iter().find(|name| is_restricting(&part, name)) {
                return Err(part.refused(name, "cannot be kept to"));
            }
            if let Some(reference) = part.get("$ref") {
                self.pay(reference.as_str().map_or(0, str::len) / LETTERS, &part.place)?;
                let target = reference.as_str().and_then(|name| resolve(self.root, name));
                let schema =
                    target.ok_or_else(|| part.refused("$ref", "points to nothing within the schema"))?;
                let target = Fragment {
                    schema,
                    // Where it points is where the keywords are.
                    place: reference_place(reference),
                };
                if self.recursive.contains(&target.address()) {
                    if !may_deepen {
                        return Err(part.empty("$ref", "leads into itself without end"));
                    }
                    open.so_far.is_deeper = true;
                }
                open.todo.push_front(target);
            }
            for fragment in part.list("allOf")?.into_iter().rev() {
                open.todo.push_front(fragment);
            }
            for name in ["anyOf", "oneOf"] {
                if part.get(name).is_none() {
                    continue;
                }
                let branches = part.list(name)?;
                if branches.len() > ALTERNATIVES {
                    return Err(part.refused(name, format!("has more than {ALTERNATIVES} branches")));
                }
                if branches.is_empty() {
                    return Err(part.empty(name, "has no branch"));
                }
                let among =
                    Kinds::allowed(&open.so_far.parts)?.and(Kinds::allowed(std::slice::from_ref(&part))?);
                if name == "oneOf" && !self.exclude_each_other(&branches, among)? {
                    return Err(part.refused(name, "has branches that may hold at once"));
                }
                open.unions.push_back(branches);
            }
            open.so_far.parts.push(part);
        }
        Ok(())
    }

    /// What tells a list of fragments from others: their addresses, without those that allow everything.
    pub(super) fn addresses(&self, fragments: &[Fragment<'a>]) -> Vec<usize> {
        let mut seen = HashSet::new();
        fragments
            .iter()
            .filter(|fragment| *fragment.schema != Value::Bool(true))
            .map(|fragment| self.aim(fragment.schema))
            .filter(|address| seen.insert(*address))
            .collect()
    }

    /// The address of a schema, or of what it refers to if it says nothing else.
    fn aim(&self, mut schema: &'a Value) -> usize {
        loop {
            let target = schema
                .as_object()
                .filter(|map| {
                    map.keys()
                        .all(|name| name == "$ref" || REMARKS.contains(&name.as_str()))
                })
                .and_then(|map| map.get("$ref")?.as_str())
                // Where the steps are used up, whoever asked comes to know of it at his next one.
                .filter(|name| self.effort.spend(1 + (name.len() / LETTERS) as u64))
                .and_then(|name| resolve(self.root, name));
            match target {
                // What comes back to itself is told apart by how it was come to.
                Some(target) if !self.recursive.contains(&address(target)) => schema = target,
                _ => return address(schema),
            }
        }
    }

    /// Whether no value of these kinds fits two of the branches.
    ///
    /// A branch may lead back to the union itself. Then it is taken for granted there what is being found out here: if
    /// that is wrong, all of the schema is refused.
    fn exclude_each_other(&self, branches: &[Fragment<'a>], among: Kinds) -> Result<bool, Trouble> {
        let union = (self.addresses(branches), among);
        if self.unions.borrow().contains(&union) {
            return Ok(true);
        }
        if self.unions.borrow().len() == UNIONS_WITHIN {
            let place = branches.first().map_or("", |branch| &branch.place);
            let reason = format!("leads through more than {UNIONS_WITHIN} unions, one within the other");
            return Err(trouble_at(place, reason));
        }
        self.unions.borrow_mut().push(union);
        let found = self.each_excludes_the_others(branches, among);
        self.unions.borrow_mut().pop();
        found
    }

    fn each_excludes_the_others(&self, branches: &[Fragment<'a>], among: Kinds) -> Result<bool, Trouble> {
        let one_of = std::slice::from_ref;
        for (index, one) in branches.iter().enumerate() {
            for other in &branches[index + 1..] {
                match are_disjoint(self, one_of(one), one_of(other), among, 0) {
                    Ok(true) => {}
                    Ok(false) => return Ok(false),
                    // It is this union that makes the work.
                    Err(_) if self.effort.is_spent() => return Ok(false),
                    Err(trouble) => return Err(trouble),
                }
            }
        }
        Ok(true)
    }
}

/// Whether a keyword is there with a value that restricts anything.
fn is_restricting(part: &Keywords<'_>, name: &str) -> bool {
    match part.get(name) {
        None => false,
        Some(value) => match name {
            "uniqueItems" => *value != Value::Bool(false),
            "propertyNames" => !is_any(value, true),
            "contentSchema" => !is_any(value, false),
            _ => true,
        },
    }
}

/// Whether a schema says nothing but, of names, that they are texts: so records are written.
fn is_any(schema: &Value, of_names: bool) -> bool {
    match schema {
        Value::Object(map) => map
            .iter()
            .all(|(keyword, value)| of_names && keyword == "type" && value == "string"),
        other => *other == Value::Bool(true),
    }
}

fn reference_place(reference: &Value) -> std::rc::Rc<str> {
    let reference = reference.as_str().unwrap_or_default();
    reference.strip_prefix('#').unwrap_or(reference).into()
}

/// The problem of a place where nothing may stand.
fn nothing(place: &str) -> Unfollowable {
    let (before, keyword) = place.rsplit_once('/').unwrap_or(("", "false"));
    Unfollowable {
        keyword: keyword.replace("~1", "/").replace("~0", "~"),
        place: shown(before),
        reason: "allows nothing".to_owned(),
    }
}

fn too_many(union: &[Fragment<'_>]) -> Trouble {
    let place = union.first().map_or("", |branch| &branch.place);
    trouble_at(place, "makes too many combinations with other unions")
}
