//! Schemas that hold together of one value: references with others beside them, and `allOf`.

use std::borrow::Cow;

use tollgate_chat::json::Json;

use super::{Rewriter, bare, null_schema};
use crate::json_schema::{
    Losses, References, Unclean,
    keywords::is_annotation,
    reference,
    tree::{Members, get},
};

/// Deepest that properties are looked for in schemas of schemas.
const HOPS_LIMIT: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Around {
    /// Properties that the others name.
    pub named: Vec<String>,
    /// Whether references are replaced, since what they stand for is laid beside the others.
    pub inlines: bool,
}

impl<'a> Rewriter<'_, 'a> {
    /// A schema of another value under that keyword: of a member, or of an item.
    pub(super) fn inner(
        &mut self,
        keyword: &str,
        node: &Json<'a>,
        depth: usize,
    ) -> Result<Members<'a>, Unclean> {
        let around = std::mem::take(&mut self.around);
        let cleaned = self.schema(keyword, node, depth);
        self.around = around;
        cleaned
    }

    pub(super) fn all_of(
        &mut self,
        parts: &[Json<'a>],
        members: &Members<'a>,
        depth: usize,
    ) -> Result<Members<'a>, Unclean> {
        if parts.len() > 1 && self.subset.losses == Losses::Described {
            return Err(Unclean::Unsayable);
        }
        let alone = self.subset.references == References::Kept { alone: true };
        // How older generators describe a reference.
        if let [Json::Object(only)] = parts
            && alone
            && let [(name, Json::String(reference))] = &**only
            && name == "$ref"
            && members
                .iter()
                .all(|(name, _)| matches!(&**name, "allOf" | "nullable") || is_annotation(name))
        {
            let beside = self.copy(members, |name| name != "allOf")?;
            return self.reference(reference, &beside, depth);
        }
        let mut named = self.around.named.clone();
        self.name_properties(members, 0, &mut named)?;
        let inlines = self.around.inlines || alone;
        let around = std::mem::replace(&mut self.around, Around { named, inlines });
        let beside = self.copy(members, |name| name != "allOf")?;
        let mut whole = self.object(&beside, depth)?;
        for part in parts {
            let part = self.schema("allOf", part, depth + 1)?;
            self.merge(&mut whole, part, depth)?;
        }
        self.around = around;
        self.require_known(&mut whole)?;
        self.closed_once(&whole)?;
        Ok(whole)
    }

    pub(super) fn reference(
        &mut self,
        reference: &str,
        members: &Members<'a>,
        depth: usize,
    ) -> Result<Members<'a>, Unclean> {
        let siblings = self.copy(members, |name| name != "$ref")?;
        let Some(target) = reference::resolve(self.root, reference) else {
            if reference::is_outside(reference) {
                const SHOWN: usize = 200;
                let end = reference.floor_char_boundary(SHOWN);
                return Err(Unclean::Outside(reference[..end].to_owned()));
            }
            self.lose("$ref");
            return self.object(&siblings, depth);
        };
        if let References::Kept { alone } = self.subset.references
            && !self.around.inlines
            && let Some(kept) = reference::kept(reference)
        {
            let beside = match alone {
                true => self.remarks_of(&siblings, depth)?,
                false => self.object(&siblings, depth)?,
            };
            // What holds for the whole is one object: what it says of itself stands in that.
            if !alone || depth > 0 || beside.is_empty() {
                if let Some(name) = kept.strip_prefix("#/$defs/")
                    && !self.used.iter().any(|used| used == name)
                {
                    self.used.push(name.to_owned());
                }
                let kept = vec![(Cow::Borrowed("$ref"), Json::String(Cow::Owned(kept.into_owned())))];
                let whole = match alone {
                    true => {
                        let null = get(&siblings, "nullable") == Some(&Json::Bool(true));
                        self.as_only_choice(beside, kept, null)
                    }
                    false => [kept, beside].concat(),
                };
                self.closed_once(&whole)?;
                return Ok(whole);
            }
        }
        let mut named = self.around.named.clone();
        self.name_properties(&siblings, 0, &mut named)?;
        if let Json::Object(target) = target {
            self.name_properties(target, 0, &mut named)?;
        }
        let outer = std::mem::replace(&mut self.around.named, named);
        let mut whole = self.object(&siblings, depth)?;
        let target = if self.inside.iter().any(|open| open == reference) {
            self.lose("$ref");
            match target {
                Json::Object(target) => bare(target),
                _ => Members::new(),
            }
        } else {
            self.inside.push(reference.to_owned());
            let target = self.schema("$ref", target, depth + 1);
            self.inside.pop();
            target?
        };
        self.around.named = outer;
        self.merge(&mut whole, target, depth)?;
        self.require_known(&mut whole)?;
        Ok(whole)
    }

    /// What stands beside a reference that has to stand alone and limits nothing. The rest is lost.
    fn remarks_of(&mut self, siblings: &Members<'a>, depth: usize) -> Result<Members<'a>, Unclean> {
        let limits = siblings
            .iter()
            .filter(|(name, _)| !is_annotation(name) && name != "nullable");
        limits.for_each(|(name, _)| self.lose(name));
        let remarks = self.copy(siblings, is_annotation)?;
        self.object(&remarks, depth)
    }

    /// A reference that has to stand alone as the only choice, so that something may be said of it. `null`: it passes
    /// too.
    fn as_only_choice(&mut self, mut said: Members<'a>, reference: Members<'a>, null: bool) -> Members<'a> {
        if !self.takes("anyOf") || (said.is_empty() && !null) {
            said.iter().for_each(|(name, _)| self.lose(name));
            return reference;
        }
        let mut choices = vec![Json::Object(reference)];
        choices.extend(null.then(null_schema));
        said.push((Cow::Borrowed("anyOf"), Json::Array(choices)));
        said
    }

    /// Adds the properties that a schema names, by itself or by those that hold beside it.
    fn name_properties(
        &mut self,
        members: &Members<'a>,
        hops: usize,
        named: &mut Vec<String>,
    ) -> Result<(), Unclean> {
        self.spend(1)?;
        if let Some(Json::Object(properties)) = get(members, "properties") {
            self.spend(properties.len())?;
            named.extend(properties.iter().map(|(name, _)| name.clone().into_owned()));
        }
        if hops == HOPS_LIMIT {
            return Ok(());
        }
        let root = self.root;
        let target = super::text(members, "$ref").and_then(|reference| reference::resolve(root, reference));
        if let Some(Json::Object(target)) = target {
            self.name_properties(target, hops + 1, named)?;
        }
        for part in get(members, "allOf").and_then(Json::as_array).unwrap_or_default() {
            if let Json::Object(part) = part {
                self.name_properties(part, hops + 1, named)?;
            }
        }
        Ok(())
    }

    /// Leaves out of `required` what is no property after all.
    fn require_known(&mut self, whole: &mut Members<'a>) -> Result<(), Unclean> {
        let properties = match get(whole, "properties") {
            Some(Json::Object(properties)) => properties.iter().map(|(name, _)| name.clone()).collect(),
            _ => Vec::new(),
        };
        let Some(place) = whole.iter().position(|(name, _)| name == "required") else {
            return Ok(());
        };
        let around = &self.around.named;
        let is_known = |name: &Json<'_>| {
            let name = name.as_str().unwrap_or_default();
            properties.iter().any(|known| known == name) || around.iter().any(|known| known == name)
        };
        let Some((_, Json::Array(names))) = whole.get_mut(place) else {
            return Ok(());
        };
        let before = names.len();
        names.retain(is_known);
        let (after, is_empty) = (names.len(), names.is_empty());
        if is_empty {
            whole.remove(place);
        }
        match after < before {
            true if self.subset.closed_objects => self.bend("required"),
            true => {
                self.lose("required");
                Ok(())
            }
            false => Ok(()),
        }
    }

    /// Where every object is closed, two that hold together let nothing pass but what both name.
    pub(super) fn closed_once(&mut self, whole: &Members<'a>) -> Result<(), Unclean> {
        let says = |name: &&&str| get(whole, name).is_some();
        let closed = ["properties", "$ref", "anyOf"].iter().filter(says).count();
        let open = closed == 1
            && get(whole, "$ref").is_some()
            && get(whole, "type").is_some()
            && get(whole, "additionalProperties").is_none();
        match self.subset.closed_objects && (closed > 1 || open) {
            true => self.bend("additionalProperties"),
            false => Ok(()),
        }
    }

    /// What a reference that has to stand alone stands for, to be laid beside something else.
    fn unfolded(&mut self, members: Members<'a>, depth: usize) -> Result<Members<'a>, Unclean> {
        let Some(reference) = super::text(&members, "$ref") else {
            return Ok(members);
        };
        let older = reference.replacen("#/$defs/", "#/definitions/", 1);
        let reference = match reference::resolve(self.root, reference) {
            Some(_) => reference.to_owned(),
            None => older,
        };
        let inlines = std::mem::replace(&mut self.around.inlines, true);
        let unfolded = self.reference(&reference, &Members::new(), depth + 1);
        self.around.inlines = inlines;
        unfolded
    }

    /// Lays `part` beside what is there. What both say differently stays as it was said first.
    pub(super) fn merge(
        &mut self,
        whole: &mut Members<'a>,
        mut part: Members<'a>,
        depth: usize,
    ) -> Result<(), Unclean> {
        let refers = |members: &Members<'a>| get(members, "$ref").is_some();
        let alone = self.subset.references == References::Kept { alone: true };
        if alone && *whole != part && (refers(whole) || refers(&part)) {
            let remarks = |members: &Members<'a>| members.iter().all(|(name, _)| is_annotation(name));
            if remarks(&part) {
                *whole = self.as_only_choice(part, std::mem::take(whole), false);
                return Ok(());
            }
            if remarks(whole) {
                *whole = self.as_only_choice(std::mem::take(whole), part, false);
                return Ok(());
            }
            *whole = self.unfolded(std::mem::take(whole), depth)?;
            part = self.unfolded(part, depth)?;
        }
        for (name, value) in part {
            let Some((_, there)) = whole.iter_mut().find(|(known, _)| *known == name) else {
                whole.push((name, value));
                continue;
            };
            match (&*name, there, value) {
                ("properties", Json::Object(there), Json::Object(properties)) => {
                    for (property, schema) in properties {
                        let known = there.iter_mut().find(|(known, _)| *known == property);
                        match (known.map(|(_, known)| known), schema) {
                            (None, schema) => there.push((property, schema)),
                            (Some(Json::Object(known)), Json::Object(schema)) => {
                                let around = std::mem::take(&mut self.around);
                                let merged = self.merge(known, schema, depth + 1);
                                self.around = around;
                                merged?;
                            }
                            (Some(known), schema) if *known != schema => self.bend("properties")?,
                            _ => {}
                        }
                    }
                }
                ("required", Json::Array(there), Json::Array(required)) => {
                    there.extend(
                        required
                            .into_iter()
                            .filter(|name| !there.contains(name))
                            .collect::<Vec<_>>(),
                    );
                }
                (name, there, value) if *there != value => self.bend(name)?,
                _ => {}
            }
        }
        Ok(())
    }
}
