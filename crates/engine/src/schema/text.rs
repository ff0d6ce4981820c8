//! Texts: lengths, patterns and formats.

use std::panic::{AssertUnwindSafe, catch_unwind};

use llguidance::derivre::{Regex, RegexAst, RegexBuilder};
use llguidance::regex_to_lark;
use serde_json::json;

use super::fragment::{Keywords, Trouble, tightest};
use super::rules::Part;
use super::write::Room;
use crate::effort::Effort;

pub(super) use matchers::Matchers;

mod classes;
pub(super) mod format;
mod matchers;

/// Letters up to which a limit counts as one; no answer is that long.
const LONG: u64 = 10_000;

/// Work that the look for a text that fits may take.
const FUEL: u64 = 10_000;

/// What a text has to look like.
#[derive(Debug, Clone)]
pub(super) struct Pattern(RegexAst);

/// A pattern that is none, or that cannot be followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoPattern;

impl Pattern {
    /// The `pattern` of a schema, which may stand anywhere in the text.
    pub(super) fn search(pattern: &str) -> Self {
        Self(RegexAst::SearchRegex(regex_to_lark(
            &classes::plain(pattern),
            "dw",
        )))
    }

    fn of_length(least: u64, most: Option<u64>) -> Self {
        let most = most.map(|most| most.to_string()).unwrap_or_default();
        Self(RegexAst::Regex(format!("(?s:.{{{least},{most}}})")))
    }

    /// Texts that fit this and others.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(RegexAst::And(vec![self.0.clone(), other.0.clone()]))
    }

    /// Whether any text fits.
    pub(super) fn fits_something(&self, effort: &Effort<'_>) -> Result<bool, NoPattern> {
        Ok(!self.regex(effort)?.always_empty())
    }

    fn regex(&self, effort: &Effort<'_>) -> Result<Regex, NoPattern> {
        if effort.is_spent() {
            return Err(NoPattern);
        }
        // The library is not made for hostile patterns.
        let made = catch_unwind(AssertUnwindSafe(|| {
            let mut builder = RegexBuilder::new();
            let expression = builder.mk(&self.0).map_err(|_| NoPattern)?;
            effort.spend(steps_of(builder.exprset().cost()));
            builder
                .into_regex_limited(expression, FUEL)
                .map_err(|_| NoPattern)
        }));
        let made = made.unwrap_or(Err(NoPattern));
        effort.spend(steps_of(made.as_ref().map_or(FUEL, Regex::cost)));
        made
    }

    fn is_understood(&self, effort: &Effort<'_>) -> bool {
        let made = catch_unwind(AssertUnwindSafe(|| {
            let mut builder = RegexBuilder::new();
            let is_made = builder.mk(&self.0).is_ok();
            effort.spend(steps_of(builder.exprset().cost()));
            is_made
        }));
        made.unwrap_or(false)
    }
}

/// Steps for work that the library counts, and for what it does not count.
fn steps_of(cost: u64) -> u64 {
    50 + cost / 20
}

/// A part for texts that fit all of these keywords.
pub(super) fn part(effort: &Effort<'_>, parts: &[Keywords<'_>], room: Room) -> Result<Part, Trouble> {
    let least = tightest(parts, "minLength", |a, b| a > b)?;
    let most = tightest(parts, "maxLength", |a, b| a < b)?;
    if let Some((least, part)) = least {
        if most.is_some_and(|(most, _)| most < least) {
            return Err(part.empty("minLength", "contradicts `maxLength`"));
        }
        if least > LONG {
            return Err(part.refused("minLength", format!("is above {LONG}, which no answer can have")));
        }
    }
    let least = least.map_or(0, |(least, _)| least);
    let most = most.map(|(most, _)| most).filter(|most| *most <= LONG);
    let (sources, all) = patterns(effort, parts)?;
    // A pattern may want more letters than others get, or leave no doubt of its end by itself.
    let limits = match most {
        Some(most) => vec![Some(most)],
        None => vec![Some(least + room.letters()), Some(least + LONG / 10), None],
    };
    let Some((said, pattern)) = all else {
        return Ok(leaf(&sources, least, limits[0]));
    };
    let mut is_told = true;
    for limit in limits {
        let whole = match (least, limit) {
            (0, None) => pattern.clone(),
            (least, limit) => pattern.and(&Pattern::of_length(least, limit)),
        };
        match whole.fits_something(effort) {
            Ok(true) => return Ok(leaf(&sources, least, limit)),
            Ok(false) => {}
            Err(NoPattern) => is_told = false,
        }
    }
    let (keyword, part) = said;
    Err(match is_told {
        true => part.empty(
            keyword,
            "fits no text beside what else is said of its length and form",
        ),
        false => part.refused(
            keyword,
            "is too much to be followed beside what else is said of the text",
        ),
    })
}

/// A part for texts in which all of these patterns are found.
pub(super) fn leaf(patterns: &[String], least: u64, most: Option<u64>) -> Part {
    let mut schema = json!({"type": "string", "minLength": least});
    if let Some(most) = most {
        schema["maxLength"] = json!(most);
    }
    match patterns {
        [] => {}
        [only] => schema["pattern"] = json!(classes::plain(only)),
        all => {
            let all = all
                .iter()
                .map(|pattern| json!({"pattern": classes::plain(pattern)}));
            schema["allOf"] = all.collect();
        }
    }
    Part::Json(schema.to_string())
}

type Said<'k, 'a> = (&'static str, &'k Keywords<'a>);
type Patterns<'k, 'a> = (Vec<String>, Option<(Said<'k, 'a>, Pattern)>);

/// The patterns of `pattern` and `format`, by themselves and all together, with who says the first.
fn patterns<'k, 'a>(effort: &Effort<'_>, parts: &'k [Keywords<'a>]) -> Result<Patterns<'k, 'a>, Trouble> {
    let mut sources: Vec<String> = Vec::new();
    let mut all: Option<(Said<'k, 'a>, Pattern)> = None;
    for part in parts {
        for keyword in ["pattern", "format"] {
            let Some(value) = part.get(keyword) else {
                continue;
            };
            let text = value
                .as_str()
                .ok_or_else(|| part.refused(keyword, "is no text"))?;
            if keyword == "format" && format::is_remark(text) {
                continue;
            }
            let source = match keyword {
                "format" => format::pattern(text)
                    .ok_or_else(|| part.refused(keyword, format!("is {text:?}, which is not known")))?,
                _ => text.to_owned(),
            };
            if sources.contains(&source) {
                continue;
            }
            let pattern = Pattern::search(&source);
            if !pattern.is_understood(effort) {
                return Err(part.refused(keyword, no_pattern(&source)));
            }
            all = Some(match all {
                None => ((keyword, part), pattern),
                Some((said, before)) => (said, before.and(&pattern)),
            });
            sources.push(source);
        }
    }
    Ok((sources, all))
}

/// What is wrong with a pattern that cannot be followed; completes "the keyword ...".
pub(super) fn no_pattern(pattern: &str) -> String {
    let has = |signs: &[&str]| signs.iter().any(|sign| pattern.contains(sign));
    let is_group = |digit: char| ('1'..='9').contains(&digit);
    let refers = || {
        pattern
            .match_indices('\\')
            .any(|(at, _)| pattern[at + 1..].starts_with(is_group))
    };
    let reason = if has(&["(?=", "(?!", "(?<=", "(?<!"]) {
        "it looks ahead or back"
    } else if refers() || has(&["\\k<", "(?P="]) {
        "it refers to a group"
    } else if has(&["\\b", "\\B"]) {
        "it asks where a word begins or ends"
    } else {
        "it is no regular expression that can be read, or too large a one"
    };
    format!("cannot be followed: {reason}")
}
