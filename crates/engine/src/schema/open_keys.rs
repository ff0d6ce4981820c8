//! Names for members that a schema does not name.
//!
//! A grammar does not know which names came before, so each such member has names of its own: they begin,
//! or end, with letters that no other member's names begin, or end, with. So no name comes twice.

use std::collections::HashSet;

use super::rules::Part;
use super::text::{NoPattern, Pattern, leaf};
use crate::effort::Effort;

/// Letters of a name.
const LETTERS: u64 = 24;
/// Letters of a name that has a pattern.
const PATTERNED: u64 = 48;

/// Groups of letters that names with a pattern are told apart by.
const GROUPS: usize = 4;

/// Names that nothing is said of, for at most so many members. None of them is one of `taken`, nor fits a
/// pattern.
pub(super) fn any(effort: &Effort<'_>, count: usize, taken: &[&str], patterns: &[&str]) -> Vec<Part> {
    effort.spend(taken.len() as u64);
    let begun = taken
        .iter()
        .filter_map(|name| name.chars().next()?.to_lowercase().next());
    let begun: HashSet<char> = begun.collect();
    let letters: Vec<char> = ('a'..='z').filter(|letter| !begun.contains(letter)).collect();
    let each = letters.len().div_ceil(count.max(1)).max(1);
    let groups = letters.chunks(each).map(|group| {
        let group: String = group.iter().collect();
        format!("[{group}{}][A-Za-z0-9_]{{0,{LETTERS}}}", group.to_uppercase())
    });
    let fits_none = |names: &String| {
        let names = Pattern::search(&format!("^{names}$"));
        let apart = |pattern: &&str| names.and(&Pattern::search(pattern)).fits_something(effort) == Ok(false);
        patterns.iter().all(apart)
    };
    groups
        .filter(fits_none)
        .map(|names| Part::Terminal(format!("/\"{names}\"/")))
        .collect()
}

/// Names that fit a pattern, for as many members as can be told apart. None of them is one of `taken`.
pub(super) fn by_pattern(effort: &Effort<'_>, pattern: &str, taken: &[&str]) -> Result<Vec<Part>, NoPattern> {
    let whole = Pattern::search(pattern);
    if !whole.fits_something(effort)? {
        return Ok(Vec::new());
    }
    let by = |at: fn(&str) -> Option<char>, write: fn(String) -> String| {
        effort.spend(taken.len() as u64);
        let taken: HashSet<char> = taken.iter().filter_map(|name| at(name)).collect();
        let is_free = |letter: &char| !taken.contains(letter);
        let groups = (0..GROUPS).map(|group| {
            let letters = ('!'..='~')
                .filter(|letter| *letter as usize % GROUPS == group && !"\"\\".contains(*letter))
                .filter(is_free);
            write(
                letters
                    .map(|letter| format!("\\x{:02x}", letter as u32))
                    .collect(),
            )
        });
        let names = |group: String| {
            let both = whole.and(&Pattern::search(&group));
            // What cannot be told quickly is not offered.
            both.fits_something(effort)
                .unwrap_or(false)
                .then(|| leaf(&[pattern.to_owned(), group], 1, Some(PATTERNED)))
        };
        groups.filter_map(names).collect::<Vec<_>>()
    };
    let first = by(|name| name.chars().next(), |letters| format!("^[{letters}]"));
    let last = by(|name| name.chars().last(), |letters| format!("[{letters}]$"));
    Ok(if last.len() > first.len() { last } else { first })
}

/// Whether some name fits both patterns, or that cannot be told.
pub(super) fn may_overlap(effort: &Effort<'_>, one: &str, other: &str) -> bool {
    Pattern::search(one)
        .and(&Pattern::search(other))
        .fits_something(effort)
        != Ok(false)
}
