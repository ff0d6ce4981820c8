//! Schemas with their places, and what is wrong with them.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::Unfollowable;

/// A schema that a value has to fit, and where it stands: a JSON Pointer.
#[derive(Debug, Clone)]
pub(super) struct Fragment<'a> {
    pub(super) schema: &'a Value,
    pub(super) place: Rc<str>,
}

/// The keywords of a fragment.
#[derive(Debug, Clone)]
pub(super) struct Keywords<'a> {
    pub(super) map: &'a Map<String, Value>,
    pub(super) place: Rc<str>,
}

/// Why there are no rules for some fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// They ask for what cannot be kept to.
    Refused(Unfollowable),
    /// Nothing fits all of them: harmless where nothing has to.
    Empty(Unfollowable),
}

impl<'a> Fragment<'a> {
    /// A schema within this one; `names`: the way to it.
    pub(super) fn inside(place: &str, names: &[&str], schema: &'a Value) -> Self {
        let mut place = place.to_owned();
        for name in names {
            place.push('/');
            place.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        Self {
            schema,
            place: place.into(),
        }
    }

    /// What tells it from others.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self.schema) as usize
    }
}

impl<'a> Keywords<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name)
    }

    /// The schema that a keyword holds.
    pub(super) fn one(&self, name: &str) -> Option<Fragment<'a>> {
        Some(Fragment::inside(&self.place, &[name], self.get(name)?))
    }

    /// The schemas in a keyword's list.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Fragment<'a>>, Trouble> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let list = value.as_array().ok_or_else(|| self.refused(name, "is no list"))?;
        let inside = |(index, schema): (usize, &'a Value)| {
            Fragment::inside(&self.place, &[name, &index.to_string()], schema)
        };
        Ok(list.iter().enumerate().map(inside).collect())
    }

    /// The schemas that a keyword holds by name.
    pub(super) fn named(&self, name: &str) -> Result<Vec<(&'a str, Fragment<'a>)>, Trouble> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let map = value
            .as_object()
            .ok_or_else(|| self.refused(name, "is no object"))?;
        let inside = |(member, schema): (&'a String, &'a Value)| {
            (
                member.as_str(),
                Fragment::inside(&self.place, &[name, member], schema),
            )
        };
        Ok(map.iter().map(inside).collect())
    }

    /// The schema that a keyword holds by this name.
    pub(super) fn member(&self, keyword: &str, name: &str) -> Result<Option<Fragment<'a>>, Trouble> {
        let Some(value) = self.get(keyword) else {
            return Ok(None);
        };
        let map = value
            .as_object()
            .ok_or_else(|| self.refused(keyword, "is no object"))?;
        let inside = |schema| Fragment::inside(&self.place, &[keyword, name], schema);
        Ok(map.get(name).map(inside))
    }

    /// A keyword's count: a whole number from 0 on, also where it is written `2.0`.
    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, Trouble> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = value.as_u64().or_else(|| {
            let number = value
                .as_f64()
                .filter(|number| number.fract() == 0.0 && *number >= 0.0)?;
            Some(number as u64)
        });
        let number = number.ok_or_else(|| self.refused(name, "is no whole number from 0 on"))?;
        Ok(Some(number))
    }

    pub(super) fn refused(&self, keyword: &str, reason: impl Into<String>) -> Trouble {
        Trouble::Refused(self.problem(keyword, reason))
    }

    pub(super) fn empty(&self, keyword: &str, reason: impl Into<String>) -> Trouble {
        Trouble::Empty(self.problem(keyword, reason))
    }

    pub(super) fn problem(&self, keyword: &str, reason: impl Into<String>) -> Unfollowable {
        Unfollowable {
            keyword: keyword.to_owned(),
            place: shown(&self.place),
            reason: reason.into(),
        }
    }
}

/// The trouble with whatever holds the schema that stands here.
pub(super) fn trouble_at(place: &str, reason: impl Into<String>) -> Trouble {
    const HOLDING_MANY: [&str; 9] = [
        "$defs",
        "allOf",
        "anyOf",
        "definitions",
        "items",
        "oneOf",
        "patternProperties",
        "prefixItems",
        "properties",
    ];
    let (before, name) = place.rsplit_once('/').unwrap_or(("", "$ref"));
    let (place, keyword) = match before.rsplit_once('/') {
        Some((place, keyword)) if HOLDING_MANY.contains(&keyword) => (place, keyword),
        _ => (before, name),
    };
    Trouble::Refused(Unfollowable {
        keyword: keyword.replace("~1", "/").replace("~0", "~"),
        place: shown(place),
        reason: reason.into(),
    })
}

/// A place for people: the whole is `/`.
pub(super) fn shown(place: &str) -> String {
    if place.is_empty() { "/" } else { place }.to_owned()
}

/// The tightest of a keyword's counts, and who says it. `tighter`: whether the first is tighter.
pub(super) fn tightest<'k, 'a>(
    parts: &'k [Keywords<'a>],
    name: &str,
    tighter: impl Fn(u64, u64) -> bool,
) -> Result<Option<(u64, &'k Keywords<'a>)>, Trouble> {
    let mut found: Option<(u64, &Keywords<'a>)> = None;
    for part in parts {
        if let Some(count) = part.count(name)?
            && found.is_none_or(|(other, _)| tighter(count, other))
        {
            found = Some((count, part));
        }
    }
    Ok(found)
}
