//! Objects: members in the order of the schema, and how many.

use std::collections::HashSet;

use serde_json::Value;

use super::fragment::{Fragment, Keywords, Trouble, tightest};
use super::open_keys;
use super::rules::Part;
use super::text::no_pattern;
use super::write::{Room, Writer};

/// Members beyond which a limit is none.
const MANY: u64 = 1_000;
/// Most members times how many of them are counted.
const COUNTED: u64 = 10_000;

/// Letters of a name or place that are one step.
const LETTERS: usize = 64;

/// Most members that may be left out: all that may come next are looked at.
const OPTIONAL: usize = 1_000;

/// A member that may come, or has to.
struct Member {
    name: Part,
    value: usize,
    required: bool,
}

impl<'a> Writer<'a> {
    /// The rule of objects that fit all of these keywords.
    pub(super) fn object(
        &mut self,
        parts: &[Keywords<'a>],
        room: Room,
        depth: usize,
    ) -> Result<usize, Trouble> {
        let place = parts.first().map_or("", |part| &part.place).to_owned();
        let members_of = |part: &Keywords<'a>| part.get("properties")?.as_object().map(|named| named.len());
        let listed = |part: &Keywords<'a>| part.get("required")?.as_array().map(Vec::len);
        self.pay(parts.iter().filter_map(members_of).sum(), &place)?;
        self.pay(parts.iter().filter_map(listed).sum(), &place)?;
        let required = required(parts)?;
        let mut names: Vec<&str> = Vec::new();
        let mut seen: HashSet<&str> = HashSet::new();
        for part in parts {
            let own = part.named("properties")?.into_iter().map(|(name, _)| name);
            names.extend(own.filter(|name| seen.insert(name)));
        }
        let named = names.len();
        names.extend(required.iter().copied().filter(|name| seen.insert(name)));
        let required: HashSet<&str> = required.into_iter().collect();

        let mut members = Vec::new();
        for name in &names {
            let is_needed = required.contains(name);
            match self.value(self.member(parts, name)?, room.in_object(), depth + 1) {
                Ok(value) => members.push(Member {
                    name: Part::Literal(format!("{}: ", Value::from(*name))),
                    value,
                    required: is_needed,
                }),
                Err(Trouble::Empty(problem)) => {
                    if is_needed {
                        return Err(Trouble::Empty(problem));
                    }
                }
                Err(refused) => return Err(refused),
            }
        }
        if members.iter().filter(|member| !member.required).count() > OPTIONAL {
            let speaker = parts.iter().find(|part| part.get("properties").is_some());
            let reason = format!("names more than {OPTIONAL} members that may be left out");
            return Err(speaker.unwrap_or(&parts[0]).refused("properties", reason));
        }
        let least = tightest(parts, "minProperties", |a, b| a > b)?;
        let most = tightest(parts, "maxProperties", |a, b| a < b)?;
        let wanted = least.map_or(0, |(least, _)| least);
        let is_open = named == 0 || wanted > members.len() as u64 || has_schema_for_others(parts);
        self.add_others(&mut members, &names, parts, is_open, room, depth)?;

        if let Some((most, part)) = most
            && members.iter().filter(|member| member.required).count() as u64 > most
        {
            return Err(part.empty(
                "maxProperties",
                "is less than the number of members that are required",
            ));
        }
        if let Some((least, part)) = least {
            if most.is_some_and(|(most, _)| most < least) {
                return Err(part.empty("minProperties", "contradicts `maxProperties`"));
            }
            if least > members.len() as u64 {
                let reason = format!(
                    "asks for more members than the {} that can be told apart",
                    members.len()
                );
                return Err(part.empty("minProperties", reason));
            }
        }
        let counted = most.or(least);
        let most = most.map(|(most, _)| most).filter(|most| *most <= MANY);
        if let Some((count, part)) = counted
            && count.min(members.len() as u64) * members.len() as u64 > COUNTED
        {
            let keyword = if most.is_some() {
                "maxProperties"
            } else {
                "minProperties"
            };
            return Err(part.refused(keyword, "is too much to be counted"));
        }
        let counted = most.unwrap_or(wanted).min(members.len() as u64) as usize;
        self.pay(members.len() * (counted + 2), &place)?;
        Ok(self.object_of(&members, wanted, most))
    }

    /// What all of these keywords say of a member.
    pub(super) fn member(&self, parts: &[Keywords<'a>], name: &str) -> Result<Vec<Fragment<'a>>, Trouble> {
        let mut said = Vec::new();
        for part in parts {
            self.pay(1 + (part.place.len() + name.len()) / LETTERS, &part.place)?;
            let before = said.len();
            said.extend(part.member("properties", name)?);
            for (pattern, schema) in part.named("patternProperties")? {
                let fits = self.is_match(pattern, name);
                let refused = |_| {
                    part.refused(
                        "patternProperties",
                        format!("has {pattern:?}, which {}", no_pattern(pattern)),
                    )
                };
                if fits.map_err(refused)? {
                    said.push(schema);
                }
            }
            if said.len() == before {
                said.extend(part.one("additionalProperties"));
            }
        }
        Ok(said)
    }

    /// Adds members whose names the schema leaves open.
    fn add_others(
        &mut self,
        members: &mut Vec<Member>,
        names: &[&str],
        parts: &[Keywords<'a>],
        is_open: bool,
        room: Room,
        depth: usize,
    ) -> Result<(), Trouble> {
        let patterns = patterns(parts)?;
        let count = room.items() as usize;
        for (index, (pattern, part)) in patterns.iter().enumerate() {
            let keyword = "patternProperties";
            let overlaps =
                |(other, _): &(&str, &Keywords<'a>)| open_keys::may_overlap(self.effort, pattern, other);
            if patterns[..index].iter().any(overlaps) {
                return Err(part.refused(keyword, "has patterns that may fit the same name"));
            }
            let keys = open_keys::by_pattern(self.effort, pattern, names);
            let keys = keys.map_err(|_| {
                part.refused(keyword, format!("has {pattern:?}, which {}", no_pattern(pattern)))
            })?;
            let mut schemas = Vec::new();
            for part in parts {
                let own = part.member(keyword, pattern)?;
                schemas.extend(own.or_else(|| part.one("additionalProperties")));
            }
            self.add_open(members, keys, schemas, room, depth)?;
        }
        if is_open {
            let patterns: Vec<&str> = patterns.iter().map(|(pattern, _)| *pattern).collect();
            let keys = open_keys::any(self.effort, count, names, &patterns);
            let schemas = parts.iter().filter_map(|part| part.one("additionalProperties"));
            self.add_open(members, keys, schemas.collect(), room, depth)?;
        }
        Ok(())
    }

    fn add_open(
        &mut self,
        members: &mut Vec<Member>,
        keys: Vec<Part>,
        schemas: Vec<Fragment<'a>>,
        room: Room,
        depth: usize,
    ) -> Result<(), Trouble> {
        let value = match self.value(schemas, room.in_open_object(), depth + 1) {
            Ok(value) => value,
            Err(Trouble::Empty(_)) => return Ok(()),
            Err(refused) => return Err(refused),
        };
        for key in keys {
            let name = self.rules.add(vec![vec![key, Part::literal(": ")]]);
            members.push(Member {
                name: Part::Rule(name),
                value,
                required: false,
            });
        }
        Ok(())
    }

    /// The rule of an object of these members, between so many of them. There are enough of them.
    fn object_of(&mut self, members: &[Member], least: u64, most: Option<u64>) -> usize {
        // How many there are is counted as far as it matters: whether there is one, enough, or too many.
        let top = most.unwrap_or(least.max(1)).min(members.len() as u64) as usize;
        let is_limit = most.is_some_and(|most| most < members.len() as u64);
        let end = self.rules.add(vec![vec![Part::literal("}")]]);
        let mut after: Vec<Option<usize>> = (0..=top)
            .map(|count| (count as u64 >= least).then_some(end))
            .collect();
        for member in members.iter().rev() {
            let mut here = Vec::with_capacity(after.len());
            for count in 0..=top {
                let mut options = Vec::new();
                let next = after[(count + 1).min(top)].filter(|_| count < top || !is_limit);
                if let Some(next) = next {
                    let mut taken = vec![member.name.clone(), Part::Rule(member.value), Part::Rule(next)];
                    if count > 0 {
                        taken.insert(0, Part::literal(", "));
                    }
                    options.push(taken);
                }
                if !member.required
                    && let Some(next) = after[count]
                {
                    options.push(vec![Part::Rule(next)]);
                }
                here.push((!options.is_empty()).then(|| self.rules.add(options)));
            }
            after = here;
        }
        // What is needed was compared with what there is.
        let rest = after[0].unwrap_or(end);
        self.rules.add(vec![vec![Part::literal("{"), Part::Rule(rest)]])
    }
}

type Named<'k, 'a> = Vec<(&'a str, &'k Keywords<'a>)>;

/// The members that have to be there, each once.
fn required<'a>(parts: &[Keywords<'a>]) -> Result<Vec<&'a str>, Trouble> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for part in parts {
        let Some(value) = part.get("required") else {
            continue;
        };
        let list = value.as_array().map(|list| list.iter().map(Value::as_str));
        let list = list.and_then(|names| names.collect::<Option<Vec<_>>>());
        let list = list.ok_or_else(|| part.refused("required", "is no list of names"))?;
        names.extend(list.into_iter().filter(|name| seen.insert(*name)));
    }
    Ok(names)
}

fn patterns<'k, 'a>(parts: &'k [Keywords<'a>]) -> Result<Named<'k, 'a>, Trouble> {
    let mut patterns: Named<'k, 'a> = Vec::new();
    let mut seen = HashSet::new();
    for part in parts {
        let own = part
            .named("patternProperties")?
            .into_iter()
            .map(|(pattern, _)| pattern);
        patterns.extend(
            own.filter(|pattern| seen.insert(*pattern))
                .map(|pattern| (pattern, part)),
        );
    }
    Ok(patterns)
}

/// Whether something is said of members that have no name: `true` says nothing.
fn has_schema_for_others(parts: &[Keywords<'_>]) -> bool {
    let others = parts.iter().filter_map(|part| part.get("additionalProperties"));
    others
        .into_iter()
        .any(|schema| schema.as_object().is_some_and(|schema| !schema.is_empty()))
}
