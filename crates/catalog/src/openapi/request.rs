//! The schema of a request, from a contract's rules.

use serde_json::{Map, Value, json};

use super::schema_ref;
use crate::contract::{
    Contract,
    rule::{Field, Rule, Type},
};

pub(super) fn schema(contract: &Contract, models: &[&str]) -> Value {
    let required: Vec<&str> = contract.required().collect();
    let mut properties = Map::new();
    for field in contract.fields() {
        let required = required.contains(&field.name.as_ref());
        let mut schema = match field.name.as_ref() {
            "model" => json!({ "type": "string", "enum": models }),
            _ => rule(&field.rule, !required),
        };
        if field.name.as_ref() == "messages" {
            schema["items"] = schema_ref("Message");
        }
        if let Some(text) = &field.rule.description {
            schema["description"] = description(field, text).into();
        }
        if let Some(default) = &field.default {
            schema["default"] = default.clone();
        }
        properties.insert(field.name.to_string(), schema);
    }
    let mut schema = json!({
        "type": "object",
        "title": &*contract.title,
        "required": required,
        "properties": properties,
    });
    let neighbours: Vec<Value> = contract.fields().iter().flat_map(neighbours).collect();
    if !neighbours.is_empty() {
        schema["allOf"] = neighbours.into();
    }
    schema
}

fn description(field: &Field, text: &str) -> String {
    match field.documented {
        true => text.to_owned(),
        false => format!("{text} Not part of this page: forwarded where the model's provider takes it."),
    }
}

/// `if` the parameter says something, `then` its neighbours must be as it needs them.
fn neighbours(field: &Field) -> Vec<Value> {
    let nothing: Vec<Value> = [Value::Null].into_iter().chain(field.no_effect.clone()).collect();
    let needs = field.requires.iter().map(|(neighbour, value)| {
        json!({
            "if": {
                "required": [&*field.name],
                "properties": { &*field.name: { "not": { "enum": nothing } } },
            },
            "then": {
                "required": [&**neighbour],
                "properties": { &**neighbour: { "const": value } },
            },
        })
    });
    needs.collect()
}

/// The schema of a rule. A value that need not be there may be null.
fn rule(rule: &Rule, nullable: bool) -> Value {
    let mut schema = match rule.types.as_slice() {
        [] => Value::Object(Map::new()),
        [one] => {
            let mut schema = keywords(rule, *one);
            if nullable {
                schema.insert("type".into(), json!([one.as_str(), "null"]));
                if let Some(Value::Array(values)) = schema.get_mut("enum") {
                    values.push(Value::Null);
                }
            }
            Value::Object(schema)
        }
        several => {
            let mut any: Vec<Value> = several
                .iter()
                .map(|one| Value::Object(keywords(rule, *one)))
                .collect();
            if nullable {
                any.push(json!({ "type": "null" }));
            }
            json!({ "anyOf": any })
        }
    };
    if let Some(text) = &rule.description {
        schema["description"] = Value::from(&**text);
    }
    schema
}

/// What a rule says about values of one of its types.
fn keywords(rule: &Rule, kind: Type) -> Map<String, Value> {
    let mut schema = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            schema.insert(key.to_owned(), value);
        }
    };
    set("type", Some(kind.as_str().into()));
    match kind {
        Type::Integer => {
            set("minimum", rule.min.map(whole));
            set("maximum", rule.max.map(whole));
        }
        Type::Number => {
            set("minimum", rule.min.map(shortest));
            set("maximum", rule.max.map(shortest));
        }
        Type::String => {
            set("enum", (!rule.values.is_empty()).then(|| names(&rule.values)));
            set("minLength", rule.min_length.map(Value::from));
            set("maxLength", rule.max_length.map(Value::from));
            set(
                "pattern",
                rule.pattern.as_ref().map(|pattern| Value::from(&*pattern.text)),
            );
        }
        Type::Array => {
            set("minItems", rule.min_items.map(Value::from));
            set("maxItems", rule.max_items.map(Value::from));
            set("items", rule.items.as_ref().map(|items| self::rule(items, false)));
        }
        Type::Object => {
            set(
                "required",
                (!rule.required.is_empty()).then(|| names(&rule.required)),
            );
            set("properties", (!rule.members.is_empty()).then(|| members(rule)));
            set(
                "additionalProperties",
                rule.each_member.as_ref().map(|each| self::rule(each, true)),
            );
            if let Some(when) = &rule.required_when {
                set(
                    "if",
                    Some(
                        json!({ "required": [&*when.member], "properties": { &*when.member: { "const": &*when.is } } }),
                    ),
                );
                let needs = |name: &str| json!({ "required": [name], "properties": { name: { "not": { "type": "null" } } } });
                set("then", Some(needs(&when.then)));
                set("else", when.otherwise.as_deref().map(needs));
            }
        }
        Type::Boolean => {}
    }
    schema
}

fn members(rule: &Rule) -> Value {
    let members = rule.members.iter().map(|(name, member)| {
        let schema = self::rule(member, !rule.required.contains(name));
        (name.to_string(), schema)
    });
    Value::Object(members.collect())
}

fn names(names: &[Box<str>]) -> Value {
    names.iter().map(|name| Value::from(&**name)).collect()
}

fn whole(bound: f64) -> Value {
    Value::from(bound as i64)
}

/// A bound without a needless fraction: `2`, not `2.0`.
fn shortest(bound: f64) -> Value {
    match bound.fract() == 0.0 {
        true => whole(bound),
        false => Value::from(bound),
    }
}
