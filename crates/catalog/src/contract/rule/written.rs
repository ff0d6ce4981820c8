//! A page as it is written in TOML: everything may be left out, nothing unknown may be there.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use tollgate_chat::usage::{CompletionDetail, PromptDetail};

use super::Type;

/// A page's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    pub name: Spanned<String>,
    pub title: String,
    pub source: String,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub fields: Fields,
    pub answer: Answer,
    #[serde(default)]
    pub examples: Vec<Spanned<Example>>,
}

/// The file of the shapes that all pages share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shared {
    pub required: Vec<String>,
    pub fields: Fields,
}

/// What an answer holds beyond the core of a chat completion.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Answer {
    pub prompt_tokens_details: Vec<PromptDetail>,
    pub completion_tokens_details: Vec<CompletionDetail>,
    pub system_fingerprint: bool,
    pub matched_stop: bool,
    pub reasoning_content: bool,
}

pub(super) type Fields = BTreeMap<String, Spanned<Field>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    pub name: String,
    pub summary: String,
    /// JSON text.
    pub request: String,
}

/// A rule, and what only a parameter of the body can have. One type, since serde cannot refuse unknown
/// keys of a flattened one.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    #[serde(rename = "type")]
    pub types: Option<Types>,
    pub description: Option<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub values: Option<Vec<String>>,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub pattern: Option<String>,
    pub items: Option<Box<Field>>,
    pub min_items: Option<usize>,
    pub max_items: Option<usize>,
    #[serde(default)]
    pub members: BTreeMap<String, Field>,
    pub required: Option<Vec<String>>,
    pub each_member: Option<Box<Field>>,
    pub required_when: Option<RequiredWhen>,

    pub default: Option<toml::Value>,
    pub send_default: Option<bool>,
    pub requires: Option<BTreeMap<String, toml::Value>>,
    pub no_effect: Option<toml::Value>,
    pub without_effect: Option<bool>,
    pub same_limit_as: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Types {
    One(Type),
    Several(Vec<Type>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequiredWhen {
    pub member: String,
    pub is: String,
    pub then: String,
    pub otherwise: Option<String>,
}

impl Field {
    /// This rule where it says something, `base` where it does not.
    ///
    /// Where this rule takes other types, bounds of the types that are gone are gone with them.
    pub(super) fn over(self, base: &Self) -> Self {
        let base = match &self.types {
            Some(types) => base.clone().narrowed_to(types.as_slice()),
            None => base.clone(),
        };
        let mut members = base.members;
        for (name, member) in self.members {
            let member = match members.get(&name) {
                Some(below) => member.over(below),
                None => member,
            };
            members.insert(name, member);
        }
        Self {
            types: self.types.or(base.types),
            description: self.description.or(base.description),
            min: self.min.or(base.min),
            max: self.max.or(base.max),
            values: self.values.or(base.values),
            min_length: self.min_length.or(base.min_length),
            max_length: self.max_length.or(base.max_length),
            pattern: self.pattern.or(base.pattern),
            items: over(self.items, base.items),
            min_items: self.min_items.or(base.min_items),
            max_items: self.max_items.or(base.max_items),
            members,
            required: self.required.or(base.required),
            each_member: over(self.each_member, base.each_member),
            required_when: self.required_when.or(base.required_when),
            default: self.default.or(base.default),
            send_default: self.send_default.or(base.send_default),
            requires: self.requires.or(base.requires),
            no_effect: self.no_effect.or(base.no_effect),
            without_effect: self.without_effect.or(base.without_effect),
            same_limit_as: self.same_limit_as.or(base.same_limit_as),
        }
    }

    fn narrowed_to(mut self, types: &[Type]) -> Self {
        if !types.contains(&Type::Integer) && !types.contains(&Type::Number) {
            (self.min, self.max) = (None, None);
        }
        if !types.contains(&Type::String) {
            (self.min_length, self.max_length, self.values, self.pattern) = (None, None, None, None);
        }
        if !types.contains(&Type::Array) {
            (self.min_items, self.max_items, self.items) = (None, None, None);
        }
        if !types.contains(&Type::Object) {
            (self.required, self.each_member, self.required_when) = (None, None, None);
            self.members.clear();
        }
        self
    }
}

impl Types {
    pub(super) fn as_slice(&self) -> &[Type] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

fn over(rule: Option<Box<Field>>, base: Option<Box<Field>>) -> Option<Box<Field>> {
    match (rule, base) {
        (Some(rule), Some(base)) => Some(Box::new(rule.over(&base))),
        (rule, base) => rule.or(base),
    }
}
