//! Objects that name a member twice: readers differ on which of the two counts, so that what is checked might
//! not be what is used.

use std::{borrow::Cow, collections::HashSet};

use tollgate_chat::json::Json;

use crate::contract::violation::{Code, Found, Path, Word};

/// Adds a violation for every such object in `value`, at whatever depth. Returns whether there is none.
pub(super) fn check(value: &Json<'_>, at: Path<'_>, found: &mut Found) -> bool {
    match value {
        Json::Array(items) => {
            let items = items.iter().enumerate();
            items.fold(true, |none, (index, item)| {
                check(item, at.item(index), found) && none
            })
        }
        Json::Object(members) => {
            let repeated = repeated(members);
            if let Some(name) = repeated {
                found.add(
                    at,
                    Code::InvalidValue,
                    format_args!("has the member {} twice", Word(name)),
                );
            }
            members.iter().fold(repeated.is_none(), |none, (name, value)| {
                check(value, at.member(name), found) && none
            })
        }
        _ => true,
    }
}

fn repeated<'m>(members: &'m [(Cow<'_, str>, Json<'_>)]) -> Option<&'m str> {
    /// Up to so many members, comparing each with each is faster than a set.
    const FEW: usize = 16;

    if members.len() > FEW {
        let mut names = HashSet::with_capacity(members.len());
        let mut all = members.iter().map(|(name, _)| &**name);
        return all.find(|name| !names.insert(*name));
    }
    let mut rest = members;
    while let Some(((name, _), later)) = rest.split_first() {
        if later.iter().any(|(other, _)| other == name) {
            return Some(name);
        }
        rest = later;
    }
    None
}
