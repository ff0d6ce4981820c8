//! Numbers within bounds, as expressions over their digits.
//!
//! A number with so many digits after the point is a whole number with the point put in, so bounds are
//! kept to exactly, in whole numbers. No exponents are written.

use serde_json::{Number, json};

use super::fragment::{Keywords, Trouble};
use super::kinds::Kinds;
use super::literal::{in_one_line, one_of};
use super::rules::Part;
use crate::effort::Effort;

pub(super) use decimal::Decimal;
pub(super) use digits::expression;

mod decimal;
mod digits;

/// Largest whole number, and largest with a point, that is written where the schema sets no bound.
const WHOLE: i128 = 999_999_999_999_999;
const POINTED: i128 = 999_999_999;

/// Digits after the point that are written, and how many may be if no number has fewer.
const PLACES: u32 = 2;
const MOST_PLACES: u32 = 12;

/// Most multiples that are named one by one, and how many are tried for it.
const MULTIPLES: usize = 100;
const TRIES: i128 = 2_000;
/// Steps of effort for one number's bounds.
const STEPS: u64 = 20;

/// Steps up to this are followed digit by digit.
const SMALL_STEP: i128 = 1_000;

/// Whether a number is what was written: from 2^53 on, what is no whole number of 64 bits was rounded.
pub(super) fn is_exact(number: &Number) -> bool {
    Decimal::of(number).is_some()
}

/// A bound, and who sets it.
#[derive(Clone)]
struct Bound<'k, 'a> {
    /// `None`: too far out to be known exactly.
    value: Option<Decimal>,
    excluded: bool,
    keyword: &'static str,
    part: &'k Keywords<'a>,
    number: &'a Number,
}

/// A part for numbers that fit all of these keywords.
pub(super) fn part(effort: &Effort<'_>, parts: &[Keywords<'_>], kinds: Kinds) -> Result<Part, Trouble> {
    effort.spend(STEPS);
    let low = tightest(parts, ["minimum", "exclusiveMinimum"], |a, b| b.is_below(a))?;
    let high = tightest(parts, ["maximum", "exclusiveMaximum"], |a, b| a.is_below(b))?;
    // What is rounded binds nobody where it lies beyond all that is written.
    let low = low.filter(|bound| bound.value.is_some() || !bound.is_negative());
    let high = high.filter(|bound| bound.value.is_some() || bound.is_negative());
    for bound in low.iter().chain(&high) {
        if bound.value.is_none() {
            let reason = format!("is {}, which cannot be kept to exactly", bound.number);
            return Err(bound.part.refused(bound.keyword, reason));
        }
    }
    let steps = steps(parts)?;
    let range = Range {
        low: low.as_ref(),
        high: high.as_ref(),
    };
    if let (Some(low), Some(high)) = (&low, &high)
        && range.at(MOST_PLACES, POINTED).is_none()
    {
        let reason = format!("leaves no number beside `{}`", high.keyword);
        return Err(low.part.empty(low.keyword, reason));
    }
    match steps.as_slice() {
        [] => plain(&range, kinds),
        _ => range.multiples(effort, &steps, kinds),
    }
}

fn plain(range: &Range<'_, '_>, kinds: Kinds) -> Result<Part, Trouble> {
    let is_whole = !kinds.has(Kinds::FRACTION);
    let cap = if is_whole { WHOLE } else { POINTED };
    let at = |places: u32| {
        range
            .at(places, cap)
            .map(|(low, high)| expression(low, high, places))
    };
    let mut found: Vec<String> = at(0).into_iter().collect();
    // Far out, what stands after the point is more than a client's number holds.
    if !is_whole && (found.is_empty() || !range.is_beyond(POINTED)) {
        found.extend((1..=PLACES).filter_map(at));
    }
    if !is_whole && found.is_empty() {
        found.extend((PLACES + 1..=MOST_PLACES).filter_map(at).take(2));
    }
    match (found.as_slice(), range.low.or(range.high)) {
        ([], Some(bound)) => {
            let what = if is_whole { "whole number" } else { "number" };
            let reason = format!("leaves no {what} that can be written");
            Err(bound.part.empty(bound.keyword, reason))
        }
        _ => Ok(Part::Terminal(format!("/{}/", found.join("|")))),
    }
}

struct Range<'r, 'a> {
    low: Option<&'r Bound<'r, 'a>>,
    high: Option<&'r Bound<'r, 'a>>,
}

impl Range<'_, '_> {
    /// The least and the most, each times ten to the number of places; `None` where nothing lies between.
    /// `cap`: how far it goes where nothing is said.
    fn at(&self, places: u32, cap: i128) -> Option<(i128, i128)> {
        let cap = cap * 10_i128.pow(places);
        let low = self.low.and_then(|bound| {
            let value = bound.value.as_ref()?;
            Some(value.least(places, bound.excluded))
        });
        let high = self.high.and_then(|bound| {
            let value = bound.value.as_ref()?;
            Some(value.most(places, bound.excluded))
        });
        let (least, most) = match (low, high) {
            (None, None) => (-cap, cap),
            (Some(low), None) => (low, cap.max(low.saturating_add(cap))),
            (None, Some(high)) => ((-cap).min(high.saturating_sub(cap)), high),
            (Some(low), Some(high)) => (low, high),
        };
        // A bound that nobody would reach anyway only makes long numbers.
        let most = if least <= cap { most.min(cap) } else { most };
        let least = if most >= -cap { least.max(-cap) } else { least };
        (least <= most).then_some((least, most))
    }

    fn is_beyond(&self, size: i128) -> bool {
        let far = |bound: &&Bound<'_, '_>| {
            let value = bound.value.as_ref();
            value.is_some_and(|value| value.least(0, false).abs() > size)
        };
        self.low.iter().chain(&self.high).any(far)
    }

    /// Numbers that are a multiple of each of these steps, too.
    fn multiples(&self, effort: &Effort<'_>, steps: &[Step<'_, '_>], kinds: Kinds) -> Result<Part, Trouble> {
        let widest = steps.iter().fold(&steps[0], |widest, step| {
            if widest.value.is_below(&step.value) {
                step
            } else {
                widest
            }
        });
        if let [step] = steps
            && let Some(by) = step.value.whole()
            && by <= SMALL_STEP
            && let Some((low, high)) = self.at(0, WHOLE)
            && (high - low) / by > MULTIPLES as i128
        {
            let schema = json!({
                "type": "integer", "multipleOf": by as i64, "minimum": low as i64, "maximum": high as i64,
            });
            return Ok(Part::Json(schema.to_string()));
        }
        let by = &widest.value;
        let places = by.places();
        let (low, high) = self.at(places, WHOLE).unwrap_or((1, 0));
        let unit = by.least(places, false);
        // From zero, or from the bound that is nearer to it, outwards.
        let first = low.max(0).min(high.max(low));
        let (start, forward) = match first > high || high < 0 {
            true => (high.div_euclid(unit), -1),
            false => (low.max(0).div_euclid(unit), 1),
        };
        let numbers = (0..TRIES)
            .map(|count| (start + forward * count) * unit)
            .skip_while(|number| !(low..=high).contains(number))
            .take_while(|number| (low..=high).contains(number) && effort.spend(steps.len() as u64))
            .map(|number| Decimal::new(number, places))
            .filter(|number| kinds.has(Kinds::FRACTION) || number.whole().is_some())
            .filter(|number| steps.iter().all(|step| step.divides(number)));
        let texts: Vec<String> = numbers.take(MULTIPLES).map(|number| number.to_string()).collect();
        match texts.as_slice() {
            [] => {
                let reason = "has no multiple that fits the rest of the schema";
                Err(widest.part.empty("multipleOf", reason))
            }
            _ => Ok(one_of(&texts)),
        }
    }
}

/// A `multipleOf`.
struct Step<'k, 'a> {
    value: Decimal,
    number: f64,
    part: &'k Keywords<'a>,
}

impl Step<'_, '_> {
    /// Whether it divides a number, by the arithmetic of whoever checks the answer.
    fn divides(&self, number: &Decimal) -> bool {
        match (self.value.whole(), number.whole()) {
            (Some(step), Some(number)) => number % step == 0,
            _ => {
                let number: f64 = number.to_string().parse().unwrap_or(f64::NAN);
                (number / self.number).fract() == 0.0
            }
        }
    }
}

fn steps<'k, 'a>(parts: &'k [Keywords<'a>]) -> Result<Vec<Step<'k, 'a>>, Trouble> {
    let mut steps = Vec::new();
    for part in parts {
        let Some(value) = part.get("multipleOf") else {
            continue;
        };
        let number = value.as_number().filter(|number| number.as_f64() > Some(0.0));
        let number = number.ok_or_else(|| part.refused("multipleOf", "is no number above 0"))?;
        let decimal = Decimal::of(number).filter(|decimal| decimal.places() <= MOST_PLACES);
        let value = decimal.ok_or_else(|| {
            let reason = format!("is {}, which cannot be kept to exactly", in_one_line(value));
            part.refused("multipleOf", reason)
        })?;
        steps.push(Step {
            value,
            number: number.as_f64().unwrap_or(f64::NAN),
            part,
        });
    }
    Ok(steps)
}

impl Bound<'_, '_> {
    fn is_negative(&self) -> bool {
        self.number.as_f64() < Some(0.0)
    }

    /// Whether it is tighter than another, which is told by `is_further` for two values.
    fn is_tighter(&self, other: &Self, is_further: impl Fn(&Decimal, &Decimal) -> bool) -> bool {
        match (&self.value, &other.value) {
            (Some(one), Some(two)) => {
                is_further(one, two) || (!is_further(two, one) && self.excluded && !other.excluded)
            }
            // Rounded ones are told apart as they were read.
            _ => {
                let (one, two) = (self.number.as_f64(), other.number.as_f64());
                let probe = |a: Option<f64>, b: Option<f64>| a < b;
                let upward = is_further(&Decimal::new(1, 0), &Decimal::new(0, 0));
                if upward { probe(two, one) } else { probe(one, two) }
            }
        }
    }
}

fn tightest<'k, 'a>(
    parts: &'k [Keywords<'a>],
    names: [&'static str; 2],
    is_further: impl Fn(&Decimal, &Decimal) -> bool,
) -> Result<Option<Bound<'k, 'a>>, Trouble> {
    let mut found: Option<Bound<'k, 'a>> = None;
    let [included, excluded] = names;
    for part in parts {
        // Draft 4: a flag beside the bound.
        let flag = part.get(excluded).and_then(serde_json::Value::as_bool);
        for keyword in names {
            let Some(value) = part.get(keyword) else {
                continue;
            };
            if keyword == excluded && flag.is_some() {
                continue;
            }
            let number = value.as_number();
            let number = number.ok_or_else(|| part.refused(keyword, "is no number"))?;
            let bound = Bound {
                value: Decimal::of(number),
                excluded: keyword == excluded || (keyword == included && flag == Some(true)),
                keyword,
                part,
                number,
            };
            if found
                .as_ref()
                .is_none_or(|other| bound.is_tighter(other, &is_further))
            {
                found = Some(bound);
            }
        }
    }
    Ok(found)
}
