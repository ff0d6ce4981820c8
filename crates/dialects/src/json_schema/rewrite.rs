//! Walks a schema and says it again within a subset.

mod choices;
mod losses;
mod together;
mod values;

use std::{borrow::Cow, collections::BTreeSet};

use tollgate_chat::json::Json;

use super::{
    DEPTH_LIMIT, Losses, NODES_LIMIT, Subset, Unclean,
    keywords::{implied_type, is_remark},
    reference,
    tree::{Members, get},
    types,
};

pub(super) struct Rewriter<'r, 'a> {
    root: &'r Json<'a>,
    subset: &'r Subset,
    lost: BTreeSet<String>,
    /// Limits of the schema that is being said, for its description: a keyword and its value.
    limits: Vec<String>,
    /// The same of what limits nothing and is worth reading.
    remarks: Vec<String>,
    /// What holds of the schema that is being said because of others that hold of the same value.
    around: together::Around,
    /// Nodes made so far.
    spent: usize,
    /// The references being inlined, the innermost last.
    inside: Vec<String>,
    /// Definitions that are referred to, in the order of their first use.
    used: Vec<String>,
}

impl<'r, 'a> Rewriter<'r, 'a> {
    pub fn new(root: &'r Json<'a>, subset: &'r Subset) -> Self {
        Self {
            root,
            subset,
            lost: BTreeSet::new(),
            limits: Vec::new(),
            remarks: Vec::new(),
            around: together::Around::default(),
            spent: 0,
            inside: Vec::new(),
            used: Vec::new(),
        }
    }

    pub fn into_lost(self) -> Vec<String> {
        self.lost.into_iter().collect()
    }

    /// The whole schema, with the definitions that it still refers to.
    pub fn root(&mut self) -> Result<Json<'a>, Unclean> {
        let mut members = self.schema("false", self.root, 0)?;
        let mut definitions = Members::new();
        while let Some(name) = self.used.get(definitions.len()).cloned() {
            let target = self.definition(&name);
            let cleaned = match target {
                Some(target) => self.schema("$ref", target, 1)?,
                None => Members::new(),
            };
            definitions.push((Cow::Owned(name), Json::Object(cleaned)));
        }
        if !definitions.is_empty() {
            members.push((Cow::Borrowed("$defs"), Json::Object(definitions)));
        }
        Ok(Json::Object(members))
    }

    fn definition(&self, name: &str) -> Option<&'r Json<'a>> {
        let named = |under: &str| reference::resolve(self.root, &format!("#/{under}/{name}"));
        named("$defs").or_else(|| named("definitions"))
    }

    fn spend(&mut self, nodes: usize) -> Result<(), Unclean> {
        self.spent += nodes;
        if self.spent > NODES_LIMIT {
            return Err(Unclean::TooLarge);
        }
        Ok(())
    }

    /// The members that are wanted. Copies are paid for, since one schema may be inlined often.
    fn copy(&mut self, members: &Members<'a>, wanted: impl Fn(&str) -> bool) -> Result<Members<'a>, Unclean> {
        let mut out = Members::new();
        for (name, value) in members.iter().filter(|(name, _)| wanted(name)) {
            self.spend(size(value))?;
            out.push((name.clone(), value.clone()));
        }
        Ok(out)
    }

    fn takes(&self, keyword: &str) -> bool {
        self.subset.keywords.contains(&keyword)
    }

    /// A schema that stands under that keyword.
    fn schema(&mut self, keyword: &str, node: &Json<'a>, depth: usize) -> Result<Members<'a>, Unclean> {
        self.spend(1)?;
        match node {
            Json::Object(members) if depth > DEPTH_LIMIT => {
                self.bend("nesting")?;
                Ok(bare(members))
            }
            Json::Object(members) => self.object(members, depth),
            Json::Bool(false) => {
                self.bend(keyword)?;
                Ok(Members::new())
            }
            // `true`, and what is no schema: anything goes.
            _ if self.subset.losses == Losses::Described => Err(Unclean::Unsayable),
            _ => Ok(Members::new()),
        }
    }

    fn object(&mut self, members: &Members<'a>, depth: usize) -> Result<Members<'a>, Unclean> {
        if let Some(reference) = text(members, "$ref") {
            return self.reference(reference, members, depth);
        }
        if let Some(Json::Array(parts)) = get(members, "allOf") {
            return self.all_of(parts, members, depth);
        }
        let (types, nullable) = types::named(members);
        if !self.subset.type_lists && types.len() > 1 {
            return self.split_types(members, &types, nullable, depth);
        }
        self.plain(members, depth)
    }

    /// A schema without references and parts, of one type.
    fn plain(&mut self, members: &Members<'a>, depth: usize) -> Result<Members<'a>, Unclean> {
        let around = (
            std::mem::take(&mut self.limits),
            std::mem::take(&mut self.remarks),
        );
        let mut out = Members::new();
        let mut choices = None;
        let (types, mut nullable) = types::named(members);
        // OpenAPI's word: whatever the others say, null passes.
        let opened = get(members, "nullable") == Some(&Json::Bool(true));
        nullable |= opened;
        for (name, value) in members {
            self.spend(1)?;
            match &**name {
                // Said at the end; references and parts are done with.
                "type" | "nullable" | "$ref" | "allOf" | "$defs" | "definitions" => {}
                "const" | "enum" => nullable |= self.enumeration(name, value, opened, &mut out)?,
                "properties" => {
                    let properties = self.properties(value, depth)?;
                    self.put("properties", properties, &mut out);
                }
                "required" => self.required(value, members, &mut out)?,
                "items" | "prefixItems" => self.items(name, value, depth, &mut out)?,
                "additionalProperties" => self.additional(value, members, depth, &mut out)?,
                "unevaluatedProperties" if self.subset.closed_objects => {
                    self.additional(value, members, depth, &mut out)?;
                }
                "patternProperties" if !self.takes(name) => self.by_pattern(value, members)?,
                "anyOf" | "oneOf" if choices.is_none() => {
                    choices = value.as_array().filter(|choices| !choices.is_empty());
                    if name == "oneOf" && choices.is_some() && self.subset.losses == Losses::Described {
                        // That no two of them fit is a limit too.
                        self.lose(name);
                    }
                }
                // Both would have to hold.
                "anyOf" | "oneOf" => self.bend(name)?,
                "exclusiveMinimum" | "exclusiveMaximum" => {
                    self.exclusive(name, value, members, &types, &mut out)?;
                }
                "format" => self.format(value, &mut out)?,
                "pattern" => self.pattern(value, &mut out)?,
                "minItems" => self.min_items(value, &mut out)?,
                _ if self.takes(name) => {
                    self.spend(size(value))?;
                    out.push((name.clone(), value.clone()));
                }
                _ if is_remark(name) => self.remark(name, value)?,
                _ => self.lose_limit(name, value)?,
            }
        }
        self.say_type(types, nullable, only_null(members), choices.is_some(), &mut out);
        self.close(members, &mut out)?;
        let limits = std::mem::replace(&mut self.limits, around.0);
        let remarks = std::mem::replace(&mut self.remarks, around.1);
        losses::say("Limits", &limits, &mut out);
        losses::say("Remarks", &remarks, &mut out);
        match choices {
            None => Ok(out),
            Some(choices) => {
                let is_null = |choice: &Json<'_>| matches!(choice, Json::Object(choice) if only_null(choice));
                let opened = opened && self.subset.type_lists && !choices.iter().any(is_null);
                let mut with_null = Vec::new();
                if opened {
                    self.spend(choices.iter().map(size).sum())?;
                    with_null.extend(choices.iter().cloned().chain([null_schema()]));
                }
                let choices = if opened { &with_null[..] } else { choices };
                let whole = self.choices(choices, out, nullable, depth)?;
                self.closed_once(&whole)?;
                Ok(whole)
            }
        }
    }

    /// Puts a member where the keyword is taken.
    fn put(&mut self, name: &'static str, value: Json<'a>, out: &mut Members<'a>) {
        match self.takes(name) {
            true => out.push((Cow::Borrowed(name), value)),
            false => self.lose(name),
        }
    }

    /// `only_null`: nothing else passes, so that null is the type.
    fn say_type(
        &mut self,
        mut types: Vec<String>,
        nullable: bool,
        only_null: bool,
        has_choices: bool,
        out: &mut Members<'a>,
    ) {
        // Left there by an enum that is not taken.
        let of_enum = out.extract_if(.., |(name, _)| name == "type");
        let of_enum: Vec<String> = of_enum
            .filter_map(|(_, kind)| kind.as_str().map(str::to_owned))
            .collect();
        if types.is_empty() {
            types = of_enum;
        }
        if types.is_empty() && !has_choices {
            let enumerated = match get(out, "enum") {
                Some(Json::Array(values)) => types::of_values(values),
                _ => None,
            };
            let implied = implied_type(out.iter().map(|(name, _)| &**name));
            types.extend(enumerated.or(implied).map(str::to_owned));
        }
        let words = types.into_iter().map(|word| Json::String(Cow::Owned(word)));
        let mut list: Vec<Json<'a>> = words.collect();
        if nullable && self.subset.type_lists && !list.is_empty() {
            list.push(Json::String(Cow::Borrowed("null")));
        }
        match list.len() {
            0 if only_null && !has_choices && self.subset.type_lists => {
                out.insert(0, (Cow::Borrowed("type"), Json::String(Cow::Borrowed("null"))));
            }
            0 => {}
            1 => out.insert(0, (Cow::Borrowed("type"), list.remove(0))),
            _ => out.insert(0, (Cow::Borrowed("type"), Json::Array(list))),
        }
        if nullable && !self.subset.type_lists && !has_choices && self.takes("nullable") {
            out.push((Cow::Borrowed("nullable"), Json::Bool(true)));
        }
        let is_array = get(out, "type") == Some(&Json::String(Cow::Borrowed("array")));
        // OpenAPI demands it.
        if is_array && !self.subset.type_lists && get(out, "items").is_none() {
            let text = vec![(Cow::Borrowed("type"), Json::String(Cow::Borrowed("string")))];
            out.push((Cow::Borrowed("items"), Json::Object(text)));
        }
    }

    /// Closing an object takes nothing in that did not fit before; only one that names no members would be
    /// another.
    fn close(&mut self, members: &Members<'a>, out: &mut Members<'a>) -> Result<(), Unclean> {
        if !self.subset.closed_objects || !types::named(out).0.iter().any(|kind| kind == "object") {
            return Ok(());
        }
        let names_none = !matches!(get(out, "properties"), Some(Json::Object(named)) if !named.is_empty());
        if names_none && !self.around.named.is_empty() {
            // Those that hold beside it are closed.
            return Ok(());
        }
        if names_none && get(members, "additionalProperties") != Some(&Json::Bool(false)) {
            self.bend("additionalProperties")?;
        }
        out.push((Cow::Borrowed("additionalProperties"), Json::Bool(false)));
        Ok(())
    }
}

/// The schema of null alone.
fn null_schema<'a>() -> Json<'a> {
    Json::Object(vec![(Cow::Borrowed("type"), Json::String(Cow::Borrowed("null")))])
}

/// Whether a schema names null as its type, or as its only value.
fn only_null(members: &Members<'_>) -> bool {
    let (types, nullable) = types::named(members);
    let is_null = |values: &[Json<'_>]| !values.is_empty() && values.iter().all(|value| *value == Json::Null);
    let values = get(members, "enum").and_then(Json::as_array);
    let constant = get(members, "const").map(std::slice::from_ref);
    match values.or(constant) {
        Some(values) => types.is_empty() && is_null(values),
        None => types.is_empty() && nullable,
    }
}

/// A type and a description: what is left of a schema that cannot be followed.
fn bare<'a>(members: &Members<'a>) -> Members<'a> {
    let (types, _) = types::named(members);
    let kind = types.into_iter().next().unwrap_or_else(|| "object".to_owned());
    let mut out = vec![(Cow::Borrowed("type"), Json::String(Cow::Owned(kind)))];
    out.extend(members.iter().find(|(name, _)| name == "description").cloned());
    out
}

fn text<'m>(members: &'m Members<'_>, name: &str) -> Option<&'m str> {
    get(members, name).and_then(Json::as_str)
}

/// Nodes of a value that is taken over as it is.
fn size(value: &Json<'_>) -> usize {
    match value {
        Json::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Json::Object(members) => 1 + members.iter().map(|(_, value)| size(value)).sum::<usize>(),
        _ => 1,
    }
}
