//! `anyOf`, `oneOf`, and lists of types, which are choices too.

use std::borrow::Cow;

use tollgate_chat::json::Json;

use super::{Rewriter, only_null};
use crate::json_schema::{
    Unclean,
    keywords::{is_annotation, is_of_another_type},
    tree::{Members, get},
    types,
};

impl<'a> Rewriter<'_, 'a> {
    /// Several types where only one can be said: a choice between schemas of one type each.
    pub(super) fn split_types(
        &mut self,
        members: &Members<'a>,
        types: &[String],
        nullable: bool,
        depth: usize,
    ) -> Result<Members<'a>, Unclean> {
        let beside = |name: &str| is_annotation(name) && name != "format";
        let mut whole = self.copy(members, beside)?;
        if get(members, "anyOf").or_else(|| get(members, "oneOf")).is_some() {
            self.lose("type");
            whole.extend(self.copy(members, |name| name != "type" && !beside(name))?);
            return self.object(&whole, depth);
        }
        let mut choices = Vec::new();
        let values = get(members, "enum").and_then(Json::as_array);
        let has_value =
            |kind: &&String| values.is_none_or(|values| values.iter().any(|value| types::fits(value, kind)));
        // A type that none of the values has lets nothing pass.
        let mut fitting: Vec<&String> = types.iter().filter(has_value).collect();
        if fitting.is_empty() {
            self.lose("enum");
            fitting = types.iter().collect();
        }
        for kind in fitting {
            let mut choice = vec![(Cow::Borrowed("type"), Json::String(Cow::Owned(kind.clone())))];
            choice.extend(self.copy(members, |name| {
                name != "type" && name != "nullable" && !beside(name) && !is_of_another_type(name, kind)
            })?);
            for (name, value) in &mut choice {
                if let ("enum", Json::Array(values)) = (&**name, value) {
                    values.retain(|value| types::fits(value, kind));
                }
            }
            choices.push(Json::Object(choice));
        }
        if nullable {
            whole.push((Cow::Borrowed("nullable"), Json::Bool(true)));
        }
        whole.push((Cow::Borrowed("anyOf"), Json::Array(choices)));
        self.object(&whole, depth)
    }

    /// Adds the choices to what is said beside them. `oneOf` becomes `anyOf`.
    pub(super) fn choices(
        &mut self,
        choices: &[Json<'a>],
        mut beside: Members<'a>,
        mut nullable: bool,
        depth: usize,
    ) -> Result<Members<'a>, Unclean> {
        let mut cleaned = Vec::with_capacity(choices.len());
        // What is required has to be named beside it.
        let shares = self.subset.any_of_alone
            || (!self.subset.closed_objects && choices.iter().any(requires_what_stands_beside));
        // Properties that each of the choices will have.
        let mut named = match get(&beside, "properties") {
            Some(Json::Object(properties)) if shares => properties
                .iter()
                .map(|(name, _)| name.clone().into_owned())
                .collect(),
            _ => Vec::new(),
        };
        std::mem::swap(&mut self.around.named, &mut named);
        for choice in choices {
            if !self.subset.type_lists && is_null(choice) {
                nullable = true;
            } else {
                cleaned.push(self.schema("anyOf", choice, depth + 1)?);
            }
        }
        self.around.named = named;
        let flag = (Cow::Borrowed("nullable"), Json::Bool(true));
        let says_nullable = nullable && !self.subset.type_lists && self.takes("nullable");
        if cleaned.is_empty() {
            beside.extend(says_nullable.then_some(flag));
            return Ok(beside);
        }
        if cleaned.len() == 1 {
            let only = cleaned.remove(0);
            self.merge(&mut beside, only, depth)?;
            if says_nullable && get(&beside, "nullable").is_none() {
                beside.push(flag);
            }
            return Ok(beside);
        }
        if !self.takes("anyOf") {
            self.lose("anyOf");
            return Ok(beside);
        }
        if shares {
            self.share_out(std::mem::take(&mut beside), &mut cleaned);
        }
        if says_nullable {
            for choice in &mut cleaned {
                if get(choice, "nullable").is_none() {
                    choice.push(flag.clone());
                }
            }
        }
        let cleaned = cleaned.into_iter().map(Json::Object).collect();
        beside.push((Cow::Borrowed("anyOf"), Json::Array(cleaned)));
        Ok(beside)
    }

    /// Puts what may not stand beside a choice into every one of the choices.
    fn share_out(&mut self, beside: Members<'a>, choices: &mut [Members<'a>]) {
        for (name, value) in beside {
            for choice in choices.iter_mut() {
                match get(choice, &name) {
                    None => choice.push((name.clone(), value.clone())),
                    Some(own) if *own == value => {}
                    Some(_) => self.lose(&name),
                }
            }
            self.spent += choices.len();
        }
    }
}

/// Whether a schema demands members and names none.
fn requires_what_stands_beside(schema: &Json<'_>) -> bool {
    schema.get("required").is_some() && schema.get("properties").is_none()
}

/// Whether a schema lets nothing but null pass.
fn is_null(schema: &Json<'_>) -> bool {
    matches!(schema, Json::Object(members) if only_null(members))
}
