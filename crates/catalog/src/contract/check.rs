//! Checks a request against its model's contract.
//!
//! All violations are found in one go, before any provider is called. Members that no page knows are
//! neither read nor refused. A null counts as absent at every depth, and a value that changes nothing
//! (`n: 1`, `tools: []`, `stop: []`) never breaks a rule.
//! Not here: whether the model exists and is served; what one provider cannot do (`dialects`).

mod narrow;
mod repeated;
mod switches;
mod tools;
pub(super) mod value;

use std::{borrow::Cow, sync::Arc};

use tollgate_chat::{json::Json, request::ChatRequest};

use crate::{
    contract::{
        MessageTraits, ResponseFormatAsked, ToolChoice, ValidRequest, messages,
        rule::{Contract, Field},
        violation::{Code, Found, Path, Violation, Violations},
    },
    model::Model,
    thinking::Thinking,
};

/// Bounds that the operator sets, beside those of the pages.
#[derive(Debug, Clone, Copy)]
pub struct CheckLimits {
    /// Most choices (`n`) of one request.
    pub n_max: u32,
}

impl Default for CheckLimits {
    fn default() -> Self {
        Self { n_max: 128 }
    }
}

/// The model that a request names, before it is known whether there is one of that name.
pub fn model_of(request: &ChatRequest) -> Result<Cow<'_, str>, Violation> {
    let at = Path::Member("model");
    let Some(text) = request.get("model") else {
        return Err(Violation::new(
            at,
            Code::MissingRequiredParameter,
            format_args!("is missing; send the ID of a model, as GET /v1/models lists them"),
        ));
    };
    match Json::parse(text) {
        Ok(Json::String(name)) if !name.is_empty() => Ok(name),
        Ok(Json::String(_)) => Err(Violation::new(
            at,
            Code::StringBelowMinLength,
            format_args!("must not be an empty string"),
        )),
        Ok(other) => Err(Violation::new(
            at,
            Code::InvalidType,
            format_args!("must be a string, not {}", other.kind()),
        )),
        Err(error) => Err(Violation::new(
            at,
            Code::InvalidValue,
            format_args!("cannot be read: {error}"),
        )),
    }
}

/// Checks `request` against the contract of `model`, which the caller has looked up by [`model_of`].
pub fn check(
    request: ChatRequest,
    model: Arc<Model>,
    limits: &CheckLimits,
) -> Result<ValidRequest, Violations> {
    let mut draft = read(&request, &model, limits)?;
    let request = match draft.allowed.take() {
        None => request,
        Some(allowed) => narrow::tools(request, &allowed, &mut draft),
    };
    let defined = ["tools", "functions", "response_format"].map(|name| request.get(name).map_or(0, str::len));
    Ok(ValidRequest {
        definition_bytes: defined.iter().sum::<usize>() as u64,
        request,
        model,
        stream: draft.stream,
        include_usage: draft.include_usage,
        max_tokens: draft.max_tokens,
        n: draft.n,
        stop: draft.stop,
        thinking: draft.thinking,
        response_format: draft.response_format,
        tools: draft.tools,
        tool_choice: draft.tool_choice,
        traits: draft.traits,
        temperature: draft.temperature,
        top_p: draft.top_p,
        frequency_penalty: draft.frequency_penalty,
        presence_penalty: draft.presence_penalty,
        seed: draft.seed,
    })
}

/// All of a [`ValidRequest`] but what it is made of.
struct Draft {
    stream: bool,
    include_usage: bool,
    max_tokens: Option<u64>,
    n: u32,
    stop: Vec<String>,
    thinking: Thinking,
    response_format: ResponseFormatAsked,
    tools: u32,
    tool_choice: ToolChoice,
    /// Which of the tools may be called, where the client names them.
    allowed: Option<Vec<usize>>,
    traits: MessageTraits,
    temperature: Option<f64>,
    top_p: Option<f64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    seed: Option<i64>,
}

fn read(request: &ChatRequest, model: &Model, limits: &CheckLimits) -> Result<Draft, Violations> {
    let contract = &*model.contract;
    let mut found = Found::default();
    let mut traits = MessageTraits::default();
    let mut values = Values::default();

    missing(request, contract, &mut found);
    for (position, (name, text)) in request.members().enumerate() {
        if text == "null" {
            continue;
        }
        let Some(field) = contract.field(name) else {
            continue;
        };
        let at = Path::Member(&field.name);
        found.at(position);
        let value = match Json::parse_member(text) {
            Ok(value) => value,
            Err(error) => {
                found.add(at, Code::InvalidValue, format_args!("cannot be read: {error}"));
                continue;
            }
        };
        if !repeated::check(&value, at, &mut found) {
            continue;
        }
        let before = found.total();
        value::apply(&field.rule, &value, at, &mut found);
        if name == "messages" && found.total() == before {
            let items = value.as_array().unwrap_or_default();
            traits = messages::check(items, model, &mut found);
        } else if found.total() == before {
            values.push(field, position, value);
        }
    }

    neighbours(request, &values, &mut found);
    let thinking = switches::thinking(&values, contract, &mut found);
    let n = choices(&values, limits, &mut found);
    let offer = tools::read(request, &values, &mut found);
    traits.tool_strict = offer.strict;
    traits.tool_cache_control = offer.cache_control;
    traits.legacy_functions |= offer.legacy;
    if let Some(violations) = found.into_violations() {
        return Err(violations);
    }

    Ok(Draft {
        stream: values.boolean("stream").unwrap_or(false),
        include_usage: values
            .get("stream_options")
            .and_then(|options| options.present("include_usage"))
            .is_some_and(|asked| *asked == Json::Bool(true)),
        max_tokens: token_limit(&values, contract),
        n,
        stop: stop(&values),
        thinking,
        response_format: response_format(&values),
        tools: offer.tools,
        tool_choice: offer.choice,
        allowed: offer.allowed,
        traits,
        temperature: values.number("temperature"),
        top_p: values.number("top_p"),
        frequency_penalty: values.number("frequency_penalty"),
        presence_penalty: values.number("presence_penalty"),
        seed: values.integer("seed"),
    })
}

/// Values of known members that keep their own rule, for rules across members.
#[derive(Default)]
struct Values<'a> {
    /// The parameter, its position in the body, its value.
    members: Vec<(&'a Field, usize, Json<'a>)>,
}

impl<'a> Values<'a> {
    fn push(&mut self, field: &'a Field, position: usize, value: Json<'a>) {
        self.members.push((field, position, value));
    }

    fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.members
            .iter()
            .find_map(|(field, _, value)| (*field.name == *name).then_some(value))
    }

    /// Where in the body `name` stands; 0 where it does not.
    fn position(&self, name: &str) -> usize {
        self.members
            .iter()
            .find_map(|(field, position, _)| (*field.name == *name).then_some(*position))
            .unwrap_or(0)
    }

    fn boolean(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Json::Number(number) => Some(number.as_f64()),
            _ => None,
        }
    }

    fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Json::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    fn string(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }
}

fn missing(request: &ChatRequest, contract: &Contract, found: &mut Found) {
    for name in contract.required().filter(|name| request.get(name).is_none()) {
        found.add(
            Path::Member(name),
            Code::MissingRequiredParameter,
            format_args!("is missing"),
        );
    }
}

/// Parameters that need another one with a certain value.
fn neighbours(request: &ChatRequest, values: &Values<'_>, found: &mut Found) {
    for (field, position, value) in &values.members {
        let name = &field.name;
        if field.requires.is_empty() || changes_nothing(field, value) {
            continue;
        }
        for (neighbour, needed) in &field.requires {
            let sent = request.get(neighbour);
            // A neighbour that breaks its own rule has its own violation already.
            if sent.is_some() && values.get(neighbour).is_none() {
                continue;
            }
            let keeps = sent.is_some_and(|text| {
                serde_json::from_str::<serde_json::Value>(text).ok().as_ref() == Some(needed)
            });
            if !keeps {
                found.at(*position);
                found.add(
                    Path::Member(name),
                    Code::InvalidValue,
                    format_args!("is only allowed while `{neighbour}` is {needed}; send `{neighbour}`: {needed}, or leave `{name}` out"),
                );
            }
        }
    }
}

fn changes_nothing(field: &Field, value: &Json<'_>) -> bool {
    match (&field.no_effect, value) {
        (Some(serde_json::Value::Number(nothing)), Json::Number(number)) => {
            nothing.as_f64() == Some(number.as_f64())
        }
        (Some(serde_json::Value::Bool(nothing)), Json::Bool(value)) => nothing == value,
        (Some(serde_json::Value::String(nothing)), Json::String(value)) => nothing == value,
        _ => false,
    }
}

fn choices(values: &Values<'_>, limits: &CheckLimits, found: &mut Found) -> u32 {
    let Some(asked) = values.integer("n") else {
        return 1;
    };
    match u32::try_from(asked) {
        Ok(n) if n <= limits.n_max => n.max(1),
        _ => {
            found.at(values.position("n"));
            found.add(
                Path::Member("n"),
                Code::IntegerAboveMax,
                format_args!("must be at most {} on this gate, not {asked}", limits.n_max),
            );
            1
        }
    }
}

/// The output limit under either name; `max_completion_tokens` wins.
fn token_limit(values: &Values<'_>, contract: &Contract) -> Option<u64> {
    const NAMES: [&str; 2] = ["max_completion_tokens", "max_tokens"];
    let sent = NAMES.iter().find_map(|name| values.integer(name));
    sent.and_then(|limit| u64::try_from(limit).ok())
        .or_else(|| NAMES.iter().find_map(|name| contract.default_of(name)?.as_u64()))
}

fn stop(values: &Values<'_>) -> Vec<String> {
    match values.get("stop") {
        Some(Json::String(one)) => vec![one.clone().into_owned()],
        Some(Json::Array(several)) => several
            .iter()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn response_format(values: &Values<'_>) -> ResponseFormatAsked {
    let kind = values
        .get("response_format")
        .and_then(|format| format.present("type"));
    match kind.and_then(Json::as_str) {
        Some("json_object") => ResponseFormatAsked::JsonObject,
        Some("json_schema") => ResponseFormatAsked::JsonSchema,
        _ => ResponseFormatAsked::Text,
    }
}

#[cfg(test)]
pub(crate) mod tests;
