//! Whether two schemas certainly have no value in common.

use super::alternatives::Alternative;
use super::fits::{fits_all, same};
use super::fragment::{Fragment, Trouble};
use super::kinds::Kinds;
use super::literal::candidates;
use super::write::Writer;

/// How deep members are compared.
const DEPTH: usize = 4;

/// Two lists of schemas, the kinds that their values may have, and how deep they stand.
pub(super) type Pair = (Vec<usize>, Vec<usize>, Kinds, usize);

/// Whether no value of these kinds fits both. `false` where that cannot be told.
pub(super) fn are_disjoint<'a>(
    writer: &Writer<'a>,
    one: &[Fragment<'a>],
    other: &[Fragment<'a>],
    among: Kinds,
    depth: usize,
) -> Result<bool, Trouble> {
    if depth > DEPTH {
        return Ok(false);
    }
    let pair_of = (writer.addresses(one), writer.addresses(other), among, depth);
    if let Some(known) = writer.disjoint.borrow().get(&pair_of) {
        return Ok(*known);
    }
    let found = every_pair_is(writer, one, other, among, depth)?;
    writer.disjoint.borrow_mut().insert(pair_of, found);
    Ok(found)
}

fn every_pair_is<'a>(
    writer: &Writer<'a>,
    one: &[Fragment<'a>],
    other: &[Fragment<'a>],
    among: Kinds,
    depth: usize,
) -> Result<bool, Trouble> {
    let alternatives = |fragments| match writer.alternatives(fragments, true) {
        Err(Trouble::Empty(_)) => Ok(Vec::new()),
        other => other,
    };
    let (ones, others) = (alternatives(one)?, alternatives(other)?);
    for one in &ones {
        for other in &others {
            if !pair(writer, one, other, among, depth)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn pair<'a>(
    writer: &Writer<'a>,
    one: &Alternative<'a>,
    other: &Alternative<'a>,
    among: Kinds,
    depth: usize,
) -> Result<bool, Trouble> {
    let place = one.parts.first().map_or("", |part| &part.place);
    writer.pay(4 + one.parts.len() + other.parts.len(), place)?;
    let (values, others) = (candidates(&one.parts)?, candidates(&other.parts)?);
    match (values, others) {
        (Some(values), Some(others)) => {
            let mut values = values.values.iter();
            return Ok(!values.any(|value| {
                others
                    .values
                    .iter()
                    .any(|other| same(writer.effort, value, other))
            }));
        }
        (Some(values), None) => {
            return Ok(!values
                .values
                .iter()
                .any(|value| fits_all(writer, value, &other.parts)));
        }
        (None, Some(values)) => {
            return Ok(!values
                .values
                .iter()
                .any(|value| fits_all(writer, value, &one.parts)));
        }
        (None, None) => {}
    }
    let kinds = |alternative: &Alternative<'a>| match Kinds::allowed(&alternative.parts) {
        Err(Trouble::Empty(_)) => Ok(Kinds::NONE),
        other => other,
    };
    let common = kinds(one)?.and(kinds(other)?).and(among);
    if common == Kinds::NONE {
        return Ok(true);
    }
    if common != Kinds::OBJECT {
        return Ok(false);
    }
    // A member that one of them needs and that cannot be the same in both.
    for name in required(one).chain(required(other)) {
        let (in_one, in_other) = (
            writer.member(&one.parts, name)?,
            writer.member(&other.parts, name)?,
        );
        if are_disjoint(writer, &in_one, &in_other, Kinds::ALL, depth + 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn required<'a>(alternative: &Alternative<'a>) -> impl Iterator<Item = &'a str> {
    let lists = alternative.parts.iter().filter_map(|part| part.get("required"));
    let names = lists.filter_map(|list| list.as_array()).flatten();
    names
        .filter_map(|name| name.as_str())
        .collect::<Vec<_>>()
        .into_iter()
}
