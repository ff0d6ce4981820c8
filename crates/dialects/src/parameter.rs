//! What the catalogue says of a parameter by its name alone, for every dialect.
//!
//! Not here: parameters with a rule of their own, and in which order a dialect asks.

use serde_json::Value;
use tollgate_catalog::{
    contract::ValidRequest,
    quirks::{Quirks, Range},
};
use tollgate_chat::{json::Json, object::items};

use crate::request::{Note, Unsupported};

/// Values, as JSON, that say the same as leaving the parameter out. What `functions` are there to be called
/// says the rest of `function_call`; sampling that has a rule of its own ([`nearest`]) is not asked about.
const NO_EFFECT: &[(&str, &str)] = &[
    ("frequency_penalty", "0"),
    ("function_call", "\"auto\""),
    ("function_call", "\"none\""),
    ("functions", "[]"),
    ("logit_bias", "{}"),
    ("logprobs", "false"),
    ("metadata", "{}"),
    ("modalities", "[\"text\"]"),
    ("n", "1"),
    ("parallel_tool_calls", "true"),
    ("presence_penalty", "0"),
    ("prompt_cache_key", "\"\""),
    ("safety_identifier", "\"\""),
    ("service_tier", "\"auto\""),
    ("stop", "[]"),
    ("store", "false"),
    ("stream", "false"),
    ("stream_options", "{}"),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("user", "\"\""),
    ("user_id", "\"\""),
    ("verbosity", "\"medium\""),
];

/// A number without a fraction that is not below 0, however it is written: `40.0` is one.
pub fn whole(value: &str) -> Option<u64> {
    match Json::parse(value) {
        Ok(Json::Number(number)) => u64::try_from(number.as_i64()?).ok(),
        _ => None,
    }
}

/// Whether it is a text that the provider refuses for its length.
fn is_too_short(quirks: &Quirks, name: &str, value: &str) -> bool {
    let Some(shortest) = quirks.shortest.get(name) else {
        return false;
    };
    matches!(Json::parse(value), Ok(Json::String(text)) if text.chars().count() < *shortest)
}

/// Whether this model's provider does not take the parameter, so that a request with it fails.
pub fn refuses(quirks: &Quirks, name: &str, thinks: bool) -> bool {
    lists(&quirks.refuse, name) || (thinks && lists(&quirks.refuse_while_thinking, name))
}

/// Whether a parameter that is only a hint is left out.
pub fn omits(quirks: &Quirks, name: &str, thinks: bool) -> bool {
    lists(&quirks.omit, name) || (thinks && lists(&quirks.omit_while_thinking, name))
}

/// What the client is told of a parameter that is refused.
pub fn not_taken(name: &str) -> Unsupported {
    Unsupported::new(
        name,
        format!("this model's provider does not take `{name}`; leave it out"),
    )
}

/// Whether a parameter without a rule of its own passes. Where it does not, that is noted, unless it would
/// have no effect anyway. Fails where the provider refuses it and it would have one.
pub fn passes(
    quirks: &Quirks,
    thinks: bool,
    name: &str,
    value: &str,
    notes: &mut Vec<Note>,
) -> Result<bool, Unsupported> {
    let refused = refuses(quirks, name, thinks);
    let is_short = is_too_short(quirks, name, value);
    if !refused && !is_short && !omits(quirks, name, thinks) {
        return Ok(true);
    }
    if has_no_effect(name, value) {
        return Ok(false);
    }
    if refused {
        return Err(not_taken(name));
    }
    notes.push(Note::Omitted(name.to_owned()));
    Ok(false)
}

/// A sampling hint as it goes out: the nearest value that is taken, or `None` where none is. Both are noted.
pub fn nearest(name: &str, asked: f64, range: Option<Range>, notes: &mut Vec<Note>) -> Option<f64> {
    let Some(range) = range else {
        // 1 has no effect for either: there is nothing to tell.
        if asked != 1.0 {
            notes.push(Note::Omitted(name.to_owned()));
        }
        return None;
    };
    let nearest = range.nearest(asked);
    if nearest != asked {
        notes.push(Note::Moved(name.to_owned()));
    }
    Some(nearest)
}

/// Whether there are functions to call, of the kind before tools.
pub fn has_functions(request: &ValidRequest) -> bool {
    let functions = request.request.get("functions");
    functions.is_some_and(|json| !items(json).is_ok_and(|items| items.is_empty()))
}

/// What the client is told of the forerunners of tools.
pub fn no_functions(name: &str) -> Unsupported {
    Unsupported::new(
        name,
        format!("this model's provider does not take `{name}`; use `tools` and `tool_choice`"),
    )
}

/// Whether a value says the same as leaving the parameter out, by OpenAI's description of it. Of a parameter
/// that nobody knows, no value does.
pub fn has_no_effect(name: &str, value: &str) -> bool {
    let rows = NO_EFFECT.iter().filter(|(listed, _)| *listed == name);
    let mut rows = rows.filter_map(|(_, nothing)| serde_json::from_str(nothing).ok());
    // Others' values may be megabytes, and are not read.
    let Some(first) = rows.next() else { return false };
    let Ok(value) = serde_json::from_str(value) else {
        return false;
    };
    same(&first, &value) || rows.any(|nothing| same(&nothing, &value))
}

/// Whether two values are alike, numbers by what they are worth.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn lists(names: &[String], name: &str) -> bool {
    names.iter().any(|listed| listed == name)
}
