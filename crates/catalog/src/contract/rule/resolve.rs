//! From a page as written to a contract: merged with the shared shapes, and checked to make sense.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use tollgate_chat::{chunk::AnswerShape, json::Json, usage::UsageShape};
use toml::Spanned;

use super::{
    Contract, ContractError, Example, Field, Pattern, RequiredWhen, Rule, RuleProblem, Type,
    problem::{File, parse},
    written::{self, Page, Shared},
};
use crate::contract::{
    check::value,
    violation::{Found, Path},
};

const SHARED_NAME: &str = "catalog/contracts/shared.toml";
const SHARED: &str = include_str!("../../../../../catalog/contracts/shared.toml");

pub(super) fn contract(file: &str, text: &str) -> Result<Contract, ContractError> {
    let shared: Shared = parse(SHARED_NAME, SHARED)?;
    let page: Page = parse(file, text)?;
    let page_file = File { name: file, text };
    let shared_file = File {
        name: SHARED_NAME,
        text: SHARED,
    };

    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if page.name.get_ref().is_empty() || !page.name.get_ref().bytes().all(plain) {
        return Err(page_file.error(page.name.span().start, "name".into(), RuleProblem::Name));
    }
    let mut required = shared.required;
    required.extend(
        page.required
            .iter()
            .filter(|name| !required.contains(name))
            .cloned()
            .collect::<Vec<_>>(),
    );

    let fields = merged(page.fields, &shared.fields);
    let names: BTreeSet<&str> = fields.iter().map(|entry| entry.name.as_str()).collect();
    if let Some(unknown) = required.iter().find(|name| !names.contains(name.as_str())) {
        return Err(page_file.error(0, "required".into(), RuleProblem::UnknownName(unknown.clone())));
    }
    let fields = fields
        .iter()
        .map(|entry| {
            let source = if entry.documented {
                &page_file
            } else {
                &shared_file
            };
            field(entry, &names).map_err(|Faulty { path, problem }| {
                source.error(entry.start, format!("fields.{path}"), problem)
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let examples = page
        .examples
        .into_iter()
        .map(|written| example(&page_file, written))
        .collect::<Result<Vec<_>, _>>()?;

    Ok(Contract {
        name: page.name.into_inner().into(),
        title: page.title.into(),
        source: page.source.into(),
        answer: AnswerShape {
            usage: UsageShape {
                prompt_details: page.answer.prompt_tokens_details,
                completion_details: page.answer.completion_tokens_details,
            },
            system_fingerprint: page.answer.system_fingerprint,
            matched_stop: page.answer.matched_stop,
        },
        shows_reasoning: page.answer.reasoning_content,
        examples,
        sends_defaults: fields.iter().any(|field| field.send_default),
        by_name: fields
            .iter()
            .enumerate()
            .map(|(index, field)| (field.name.clone(), index))
            .collect(),
        fields,
        required: required.into_iter().map(Into::into).collect(),
    })
}

/// A parameter after merging, before it is checked.
struct Entry {
    name: String,
    written: written::Field,
    documented: bool,
    /// Offset in the file that it comes from.
    start: usize,
}

/// The page's parameters over the shared ones: the page's in its order, then the others in theirs.
fn merged(page: written::Fields, shared: &written::Fields) -> Vec<Entry> {
    let mut limits: BTreeMap<String, written::Field> = BTreeMap::new();
    let mut entries: Vec<Entry> = page
        .into_iter()
        .map(|(name, written)| {
            let start = written.span().start;
            let written = match shared.get(&name) {
                Some(base) => written.into_inner().over(base.get_ref()),
                None => written.into_inner(),
            };
            if let Some(twin) = &written.same_limit_as {
                limits.insert(twin.clone(), written.clone());
            }
            Entry {
                name,
                written,
                documented: true,
                start,
            }
        })
        .collect();
    let documented: BTreeSet<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    for (name, base) in shared.iter().filter(|(name, _)| !documented.contains(*name)) {
        let mut written = base.get_ref().clone();
        // Two names of one limit: the page's range holds for the name that it does not use, too.
        if let Some(limit) = limits.get(name) {
            written.min = limit.min;
            written.max = limit.max;
        }
        entries.push(Entry {
            name: name.clone(),
            written,
            documented: false,
            start: base.span().start,
        });
    }
    entries.sort_by_key(|entry| (!entry.documented, entry.start));
    entries
}

/// What is wrong, and where below `fields`.
struct Faulty {
    path: String,
    problem: RuleProblem,
}

fn field(entry: &Entry, names: &BTreeSet<&str>) -> Result<Field, Faulty> {
    let written = &entry.written;
    let fault = |problem| Faulty {
        path: entry.name.clone(),
        problem,
    };
    let known = |name: &str| match names.contains(name) {
        true => Ok(()),
        false => Err(fault(RuleProblem::UnknownName(name.to_owned()))),
    };

    let rule = rule(written, &entry.name)?;
    let constant = |key: &'static str, value: &Option<toml::Value>| match value {
        Some(value) => kept_value(key, value, &rule).map(Some).map_err(fault),
        None => Ok(None),
    };
    let default = constant("default", &written.default)?;
    let no_effect = constant("no_effect", &written.no_effect)?;
    let send_default = written.send_default.unwrap_or(false);
    if send_default && default.is_none() {
        return Err(fault(RuleProblem::NoDefault));
    }
    if let Some(twin) = &written.same_limit_as {
        known(twin)?;
    }
    let mut requires = Vec::new();
    for (name, value) in written.requires.iter().flatten() {
        known(name)?;
        requires.push((name.as_str().into(), json(value)));
    }
    Ok(Field {
        name: entry.name.as_str().into(),
        rule,
        documented: entry.documented,
        default,
        send_default,
        requires,
        no_effect,
        without_effect: written.without_effect.unwrap_or(false),
    })
}

/// A rule inside another: it has no default and requires no neighbours.
fn inner_rule(written: &written::Field, path: &str) -> Result<Rule, Faulty> {
    let only_at_top = [
        ("default", written.default.is_some()),
        ("send_default", written.send_default.is_some()),
        ("requires", written.requires.is_some()),
        ("no_effect", written.no_effect.is_some()),
        ("without_effect", written.without_effect.is_some()),
        ("same_limit_as", written.same_limit_as.is_some()),
    ];
    match only_at_top.into_iter().find(|(_, written)| *written) {
        Some((key, _)) => Err(Faulty {
            path: path.to_owned(),
            problem: RuleProblem::OnlyAtTop(key),
        }),
        None => rule(written, path),
    }
}

fn rule(written: &written::Field, path: &str) -> Result<Rule, Faulty> {
    let fault = |problem| Faulty {
        path: path.to_owned(),
        problem,
    };
    let types = written
        .types
        .as_ref()
        .map(|types| types.as_slice().to_vec())
        .unwrap_or_default();
    keys_fit(written, &types).map_err(fault)?;
    let pattern = match &written.pattern {
        None => None,
        Some(text) => Some(Pattern {
            text: text.as_str().into(),
            regex: Regex::new(text).map_err(|error| fault(RuleProblem::Pattern(error)))?,
        }),
    };
    let inside = |rule: &Option<Box<written::Field>>, name: &str| match rule {
        None => Ok(None),
        Some(rule) => inner_rule(rule, &format!("{path}.{name}")).map(|rule| Some(Box::new(rule))),
    };
    let mut members = BTreeMap::new();
    for (name, member) in &written.members {
        members.insert(
            name.as_str().into(),
            inner_rule(member, &format!("{path}.members.{name}"))?,
        );
    }
    let names = written.required.iter().flatten();
    let then = written
        .required_when
        .iter()
        .flat_map(|when| [&when.member, &when.then].into_iter().chain(&when.otherwise));
    if let Some(unknown) = names
        .chain(then)
        .find(|name| !written.members.contains_key(*name))
    {
        return Err(fault(RuleProblem::UnknownName(unknown.clone())));
    }
    Ok(Rule {
        types,
        description: written.description.as_deref().map(Into::into),
        min: written.min,
        max: written.max,
        values: boxed(&written.values),
        min_length: written.min_length,
        max_length: written.max_length,
        pattern,
        items: inside(&written.items, "items")?,
        min_items: written.min_items,
        max_items: written.max_items,
        members,
        required: boxed(&written.required),
        each_member: inside(&written.each_member, "each_member")?,
        required_when: written.required_when.as_ref().map(|when| RequiredWhen {
            member: when.member.as_str().into(),
            is: when.is.as_str().into(),
            then: when.then.as_str().into(),
            otherwise: when.otherwise.as_deref().map(Into::into),
        }),
    })
}

/// Refuses a bound that its types can never meet, and a range with nothing in it.
fn keys_fit(written: &written::Field, types: &[Type]) -> Result<(), RuleProblem> {
    let holds = |needed: &[Type]| types.iter().any(|kind| needed.contains(kind));
    let number = holds(&[Type::Integer, Type::Number]);
    let string = holds(&[Type::String]);
    let array = holds(&[Type::Array]);
    let object = holds(&[Type::Object]);
    let keys = [
        ("min", written.min.is_some(), number, "integer or number"),
        ("max", written.max.is_some(), number, "integer or number"),
        ("values", written.values.is_some(), string, "string"),
        ("min_length", written.min_length.is_some(), string, "string"),
        ("max_length", written.max_length.is_some(), string, "string"),
        ("pattern", written.pattern.is_some(), string, "string"),
        ("items", written.items.is_some(), array, "array"),
        ("min_items", written.min_items.is_some(), array, "array"),
        ("max_items", written.max_items.is_some(), array, "array"),
        ("members", !written.members.is_empty(), object, "object"),
        ("required", written.required.is_some(), object, "object"),
        ("each_member", written.each_member.is_some(), object, "object"),
        ("required_when", written.required_when.is_some(), object, "object"),
    ];
    if let Some((key, .., needs)) = keys.into_iter().find(|(_, there, fits, _)| *there && !fits) {
        return Err(RuleProblem::WrongType { key, needs });
    }
    let above = |lower: Option<usize>, upper: Option<usize>| matches!((lower, upper), (Some(lower), Some(upper)) if lower > upper);
    let range = |lower, upper| Err(RuleProblem::EmptyRange { lower, upper });
    match (written.min, written.max) {
        (Some(min), Some(max)) if min > max => return range("min", "max"),
        _ => {}
    }
    if above(written.min_length, written.max_length) {
        return range("min_length", "max_length");
    }
    if above(written.min_items, written.max_items) {
        return range("min_items", "max_items");
    }
    Ok(())
}

fn boxed(names: &Option<Vec<String>>) -> Vec<Box<str>> {
    names.iter().flatten().map(|name| name.as_str().into()).collect()
}

/// A value of the file that must itself keep the rule.
fn kept_value(key: &'static str, value: &toml::Value, rule: &Rule) -> Result<serde_json::Value, RuleProblem> {
    let value = json(value);
    let text = value.to_string();
    let read = Json::parse(&text).map_err(RuleProblem::Example)?;
    let mut found = Found::default();
    value::apply(rule, &read, Path::Member(key), &mut found);
    match found.into_violations() {
        None => Ok(value),
        Some(violations) => Err(RuleProblem::Value {
            key,
            violation: violations.message(),
        }),
    }
}

fn json(value: &toml::Value) -> serde_json::Value {
    serde_json::to_value(value).expect("a TOML value has string keys only")
}

fn example(file: &File<'_>, written: Spanned<written::Example>) -> Result<Example, ContractError> {
    let start = written.span().start;
    let written = written.into_inner();
    let request = serde_json::from_str(&written.request).map_err(|error| {
        file.error(
            start,
            format!("examples.{}", written.name),
            RuleProblem::Example(error),
        )
    })?;
    Ok(Example {
        name: written.name.into(),
        summary: written.summary.into(),
        request,
    })
}
