//! Applies a rule to a value.

use tollgate_chat::json::{Json, Number};

use crate::contract::{
    rule::{Rule, Type},
    violation::{Code, Found, Path, Shown, Word},
};

/// Adds to `found` all that `value` breaks of `rule`.
///
/// A member that is null counts as absent; an item of an array that is null is of the wrong type.
pub(in crate::contract) fn apply(rule: &Rule, value: &Json<'_>, at: Path<'_>, found: &mut Found) {
    if !rule.types.is_empty() && !rule.types.iter().any(|kind| kind.holds(value)) {
        return wrong_type(&rule.types, value, at, found);
    }
    match value {
        Json::Number(number) => number_in_range(rule, *number, at, found),
        Json::String(text) => string(rule, text, at, found),
        Json::Array(items) => array(rule, items, at, found),
        Json::Object(_) => object(rule, value, at, found),
        Json::Null | Json::Bool(_) => {}
    }
}

fn wrong_type(types: &[Type], value: &Json<'_>, at: Path<'_>, found: &mut Found) {
    let kind = value.kind();
    match types {
        [one] => found.add(
            at,
            Code::InvalidType,
            format_args!("must be {}, not {kind}", one.phrase()),
        ),
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(|one| one.phrase()).collect();
            let rest = rest.join(", ");
            found.add(
                at,
                Code::InvalidType,
                format_args!("must be {rest} or {}, not {kind}", last.phrase()),
            );
        }
        [] => {}
    }
}

fn number_in_range(rule: &Rule, number: Number, at: Path<'_>, found: &mut Found) {
    let integer = !rule.types.contains(&Type::Number);
    let (below, above) = match integer {
        true => (Code::IntegerBelowMin, Code::IntegerAboveMax),
        false => (Code::DecimalBelowMin, Code::DecimalAboveMax),
    };
    let value = number.as_f64();
    let shown = Json::Number(number);
    let shown = Shown(&shown);
    if let Some(min) = rule.min.filter(|min| value < *min) {
        found.add(at, below, format_args!("must be at least {min}, not {shown}"));
    } else if let Some(max) = rule.max.filter(|max| value > *max) {
        found.add(at, above, format_args!("must be at most {max}, not {shown}"));
    } else if integer && number.as_i64().is_none() {
        let code = if value < 0.0 { below } else { above };
        found.add(at, code, format_args!("is too large a number: {shown}"));
    }
}

fn string(rule: &Rule, text: &str, at: Path<'_>, found: &mut Found) {
    if !rule.values.is_empty() && !rule.values.iter().any(|value| **value == *text) {
        let values = quoted(rule.values.iter().map(AsRef::as_ref));
        return found.add(
            at,
            Code::InvalidValue,
            format_args!("must be {values}, not {}", Word(text)),
        );
    }
    if let Some(min) = rule.min_length
        && text.len() < min.saturating_mul(4)
        && text.chars().count() < min
    {
        let problem = match text.is_empty() {
            true => "must not be an empty string".to_owned(),
            false => format!("must have at least {min} characters"),
        };
        return found.add(at, Code::StringBelowMinLength, format_args!("{problem}"));
    }
    if let Some(max) = rule.max_length.filter(|max| text.len() > *max) {
        let length = text.chars().count();
        if length > max {
            return found.add(
                at,
                Code::StringAboveMaxLength,
                format_args!("may have at most {max} characters, but has {length}"),
            );
        }
    }
    if let Some(pattern) = &rule.pattern
        && !pattern.regex.is_match(text)
    {
        found.add(
            at,
            Code::InvalidValue,
            format_args!("must match the pattern {}", pattern.text),
        );
    }
}

fn array(rule: &Rule, items: &[Json<'_>], at: Path<'_>, found: &mut Found) {
    if let Some(min) = rule.min_items.filter(|min| items.len() < *min) {
        let plural = if min == 1 { "item" } else { "items" };
        found.add(
            at,
            Code::EmptyArray,
            format_args!("must have at least {min} {plural}"),
        );
    }
    if let Some(max) = rule.max_items.filter(|max| items.len() > *max) {
        found.add(
            at,
            Code::ArrayAboveMaxLength,
            format_args!("may have at most {max} items, but has {}", items.len()),
        );
    }
    if let Some(rule) = &rule.items {
        for (index, item) in items.iter().enumerate() {
            apply(rule, item, at.item(index), found);
        }
    }
}

fn object(rule: &Rule, value: &Json<'_>, at: Path<'_>, found: &mut Found) {
    let Json::Object(members) = value else { return };
    for (name, rule) in &rule.members {
        if let Some(value) = value.present(name) {
            apply(rule, value, at.member(name), found);
        }
    }
    for name in &rule.required {
        if value.present(name).is_none() {
            found.add(
                at.member(name),
                Code::MissingRequiredParameter,
                format_args!("is missing"),
            );
        }
    }
    if let Some(when) = &rule.required_when
        && let Some(word) = value.present(&when.member).and_then(Json::as_str)
        && let Some(needed) = match word == &*when.is {
            true => Some(&when.then),
            false => when.otherwise.as_ref(),
        }
        && value.present(needed).is_none()
    {
        found.add(
            at.member(needed),
            Code::MissingRequiredParameter,
            format_args!("is missing; `{}` {} needs it", when.member, Word(word)),
        );
    }
    if let Some(rule) = &rule.each_member {
        for (_, value) in members.iter().filter(|(_, value)| *value != Json::Null) {
            // The name is the client's own text and may be long: the place is that of the object.
            apply(rule, value, at, found);
        }
    }
}

/// `"a", "b" or "c"`.
pub(in crate::contract) fn quoted<'a>(values: impl ExactSizeIterator<Item = &'a str>) -> String {
    let last = values.len().saturating_sub(1);
    let mut text = String::new();
    for (index, value) in values.enumerate() {
        let separator = match index {
            0 => "",
            _ if index == last => " or ",
            _ => ", ",
        };
        text.push_str(separator);
        text.push('"');
        text.push_str(value);
        text.push('"');
    }
    text
}
