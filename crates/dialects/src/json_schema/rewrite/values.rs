//! Keywords whose values are looked into.

use std::borrow::Cow;

use tollgate_chat::json::{Json, Number};

use super::{Rewriter, size};
use crate::json_schema::{
    Unclean, Values,
    tree::{Members, get},
    types,
};

impl<'a> Rewriter<'_, 'a> {
    /// `enum`, or `const` as an enum of one. Returns whether null is among the values; `opened`: it passes even if not.
    pub(super) fn enumeration(
        &mut self,
        name: &str,
        value: &Json<'a>,
        opened: bool,
        out: &mut Members<'a>,
    ) -> Result<bool, Unclean> {
        let values = match name {
            "const" => std::slice::from_ref(value),
            _ => value.as_array().unwrap_or_default(),
        };
        self.spend(values.iter().map(size).sum())?;
        let nullable = values.contains(&Json::Null);
        let mut kept: Vec<Json<'a>> = values
            .iter()
            .filter(|value| **value != Json::Null)
            .cloned()
            .collect();
        let is_taken = |value: &Json<'_>| match value {
            Json::String(_) => true,
            Json::Number(_) => self.subset.values != Values::Strings,
            Json::Bool(_) => self.subset.values == Values::Plain,
            _ => false,
        };
        let any_taken = !kept.is_empty() && kept.iter().all(is_taken) && self.takes("enum");
        if !any_taken {
            if !kept.is_empty() {
                self.lose("enum");
                self.describe(name, value)?;
                if let Some(kind) = types::of_values(&kept).filter(|_| get(out, "type").is_none()) {
                    // The type is what is left of it; `say_type` finds it where none is named.
                    out.push((Cow::Borrowed("type"), Json::String(Cow::Borrowed(kind))));
                }
            }
            return Ok(nullable);
        }
        if self.subset.values == Values::Strings && kept.contains(&Json::String(Cow::Borrowed(""))) {
            // Google refuses an empty one.
            kept.retain(|value| *value != Json::String(Cow::Borrowed("")));
            self.lose("enum");
        }
        if !kept.is_empty() && get(out, "enum").is_none() {
            // Where null is a type, it is a value as well; else `nullable` says it.
            if nullable && self.subset.type_lists {
                kept = values.to_vec();
            } else if opened && self.subset.type_lists {
                kept.push(Json::Null);
            }
            out.push((Cow::Borrowed("enum"), Json::Array(kept)));
        }
        Ok(nullable)
    }

    pub(super) fn properties(&mut self, value: &Json<'a>, depth: usize) -> Result<Json<'a>, Unclean> {
        let Json::Object(properties) = value else {
            return Ok(Json::Object(Vec::new()));
        };
        let mut out = Members::with_capacity(properties.len());
        for (name, schema) in properties {
            let schema = self.inner("properties", schema, depth + 1)?;
            out.push((name.clone(), Json::Object(schema)));
        }
        Ok(Json::Object(out))
    }

    /// The names that are properties, here or in a schema that holds beside this one: others are refused.
    pub(super) fn required(
        &mut self,
        value: &Json<'a>,
        members: &Members<'a>,
        out: &mut Members<'a>,
    ) -> Result<(), Unclean> {
        let properties = get(members, "properties");
        let known = |name: &Json<'_>| {
            let name = name.as_str();
            name.is_some_and(|name| {
                properties.is_some_and(|properties| properties.get(name).is_some())
                    || self.around.named.iter().any(|known| known == name)
            })
        };
        // Draft 3 had a flag here.
        let names = value.as_array().unwrap_or_default();
        let kept: Vec<Json<'a>> = names.iter().filter(|name| known(name)).cloned().collect();
        if kept.len() < names.len() {
            if self.subset.closed_objects {
                // Nothing could fit: what has to be there is no member that may.
                self.bend("required")?;
            }
            self.lose_limit("required", value)?;
        }
        if !kept.is_empty() {
            self.put("required", Json::Array(kept), out);
        }
        Ok(())
    }

    /// Items by place (`prefixItems`, an array of `items` in older drafts) or all alike.
    pub(super) fn items(
        &mut self,
        name: &str,
        value: &Json<'a>,
        depth: usize,
        out: &mut Members<'a>,
    ) -> Result<(), Unclean> {
        let Json::Array(places) = value else {
            if name == "items" {
                let items = Json::Object(self.inner("items", value, depth + 1)?);
                match get(out, "items") {
                    None => self.put("items", items, out),
                    Some(_) => self.lose("items"),
                }
            }
            return Ok(());
        };
        if self.takes("prefixItems") {
            let mut cleaned = Vec::with_capacity(places.len());
            for place in places {
                cleaned.push(Json::Object(self.inner("prefixItems", place, depth + 1)?));
            }
            out.push((Cow::Borrowed("prefixItems"), Json::Array(cleaned)));
            return Ok(());
        }
        self.lose_limit("prefixItems", value)?;
        // Any of them, at any place.
        if !places.is_empty() && get(out, "items").is_none() {
            let items = self.choices(places, Members::new(), false, depth + 1)?;
            self.put("items", Json::Object(items), out);
        }
        Ok(())
    }

    /// What may be there beside the members that are named. Names by pattern that cannot be said take it along: what
    /// fits one of them is none of the others.
    pub(super) fn additional(
        &mut self,
        value: &Json<'a>,
        members: &Members<'a>,
        depth: usize,
        out: &mut Members<'a>,
    ) -> Result<(), Unclean> {
        if self.subset.closed_objects {
            return match value {
                Json::Bool(false) => Ok(()),
                // Whatever it is may be left out, but not what it has to be.
                Json::Object(schema) if !schema.is_empty() => self.bend("additionalProperties"),
                _ => {
                    self.lose("additionalProperties");
                    Ok(())
                }
            };
        }
        if *value != Json::Bool(true) && names_by_pattern(members) && !self.takes("patternProperties") {
            if !matches!(value, Json::Bool(_)) || self.takes("additionalProperties") {
                self.lose("additionalProperties");
            }
            return Ok(());
        }
        match value {
            Json::Bool(_) if self.takes("additionalProperties") => {
                out.push((Cow::Borrowed("additionalProperties"), value.clone()));
            }
            // Whoever cannot say it adds no properties that nobody named.
            Json::Bool(_) => {}
            _ => {
                let schema = Json::Object(self.inner("additionalProperties", value, depth + 1)?);
                self.put("additionalProperties", schema, out);
            }
        }
        Ok(())
    }

    /// Where objects are closed, members that are named by a pattern alone could never be there.
    pub(super) fn by_pattern(&mut self, value: &Json<'a>, members: &Members<'a>) -> Result<(), Unclean> {
        if self.subset.closed_objects && names_by_pattern(members) {
            self.bend("patternProperties")?;
        }
        self.lose_limit("patternProperties", value)
    }

    /// A bound that is itself left out. Older drafts have a flag beside `minimum` instead of a number.
    pub(super) fn exclusive(
        &mut self,
        name: &str,
        value: &Json<'a>,
        members: &Members<'a>,
        types: &[String],
        out: &mut Members<'a>,
    ) -> Result<(), Unclean> {
        let bound = match name {
            "exclusiveMinimum" => "minimum",
            _ => "maximum",
        };
        match value {
            Json::Number(_) if self.takes(name) => out.push((Cow::Owned(name.to_owned()), value.clone())),
            Json::Number(number) if get(members, bound).is_none() && self.takes(bound) => {
                let step = if bound == "minimum" { 1 } else { -1 };
                let next = number.as_i64().and_then(|limit| limit.checked_add(step));
                match next.filter(|_| types == ["integer"]) {
                    Some(next) => out.push((Cow::Borrowed(bound), Json::Number(whole(next)))),
                    None => {
                        self.lose(name);
                        out.push((Cow::Borrowed(bound), value.clone()));
                    }
                }
            }
            Json::Bool(false) => {}
            _ => self.lose_limit(name, value)?,
        }
        Ok(())
    }

    /// What cannot be said is a remark: nobody checks formats.
    pub(super) fn format(&mut self, value: &Json<'a>, out: &mut Members<'a>) -> Result<(), Unclean> {
        let known = value.as_str().is_some_and(|format| match self.subset.formats {
            None => true,
            Some(formats) => formats.contains(&format),
        });
        if known && self.takes("format") {
            out.push((Cow::Borrowed("format"), value.clone()));
            return Ok(());
        }
        self.remark("format", value)
    }

    pub(super) fn pattern(&mut self, value: &Json<'a>, out: &mut Members<'a>) -> Result<(), Unclean> {
        let lacks = |pattern: &str| {
            self.subset
                .pattern_lacks
                .iter()
                .any(|part| pattern.contains(part))
        };
        if self.takes("pattern") && !value.as_str().is_some_and(lacks) {
            out.push((Cow::Borrowed("pattern"), value.clone()));
            return Ok(());
        }
        self.lose_limit("pattern", value)
    }

    pub(super) fn min_items(&mut self, value: &Json<'a>, out: &mut Members<'a>) -> Result<(), Unclean> {
        let most = self.subset.min_items;
        let beyond = |least: i64| most.filter(|most| u64::try_from(least).is_ok_and(|least| least > *most));
        let asked = match value {
            Json::Number(number) => number.as_i64(),
            _ => None,
        };
        match asked.and_then(beyond) {
            _ if !self.takes("minItems") => self.lose_limit("minItems", value)?,
            None => out.push((Cow::Borrowed("minItems"), value.clone())),
            Some(most) => {
                out.push((Cow::Borrowed("minItems"), Json::Number(Number::Unsigned(most))));
                self.lose_limit("minItems", value)?;
            }
        }
        Ok(())
    }
}

fn names_by_pattern(members: &Members<'_>) -> bool {
    matches!(get(members, "patternProperties"), Some(Json::Object(named)) if !named.is_empty())
}

fn whole(value: i64) -> Number {
    match u64::try_from(value) {
        Ok(value) => Number::Unsigned(value),
        Err(_) => Number::Negative(value),
    }
}
