//! Documented defaults that a provider has to be told.
//!
//! A page promises what is in force when the client sends nothing. Where the provider's own default is
//! another (or the page wants it sent in any case), the request must say so.
//! Not here: thinking switches; [`ValidRequest::thinking`] has the documented default already, and each
//! dialect says it in the provider's form.

use crate::{
    contract::ValidRequest,
    quirks::{Quirks, Range},
    thinking::Thinking,
};

const TOKEN_LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// Members to add to the provider's request: name and JSON text.
///
/// Empty where the client sent everything or the provider agrees. A default that the provider does not
/// take for this model (or not while it thinks) is left out: then there is nothing to be told.
pub fn to_send(request: &ValidRequest, quirks: &Quirks) -> Vec<(&'static str, String)> {
    const SAMPLING: [&str; 4] = ["temperature", "top_p", "frequency_penalty", "presence_penalty"];

    let contract = &request.model.contract;
    if quirks.provider_defaults.is_empty() && !contract.sends_defaults() {
        return Vec::new();
    }
    let sent = |name: &str| request.request.get(name).is_some();
    let mut members = Vec::new();

    if !TOKEN_LIMITS.into_iter().any(sent)
        && let Some((field, default)) = TOKEN_LIMITS.into_iter().find_map(|name| {
            let field = contract.field(name)?;
            Some((field, field.default.as_ref()?))
        })
    {
        let own = TOKEN_LIMITS
            .into_iter()
            .find_map(|name| quirks.provider_defaults.get(name));
        if field.send_default || own.is_some_and(|own| !same(own, default)) {
            members.push((quirks.token_limit_field.as_str(), default.to_string()));
        }
    }
    for name in SAMPLING.into_iter().filter(|name| !sent(name)) {
        let Some(field) = contract.field(name) else {
            continue;
        };
        let Some(default) = &field.default else { continue };
        let differs = quirks
            .provider_defaults
            .get(name)
            .is_some_and(|own| !same(own, default));
        if (field.send_default || differs) && takes(request, quirks, name, default) {
            members.push((name, default.to_string()));
        }
    }
    members
}

/// Whether the provider takes `value` for `name` on this model, with thinking as asked.
fn takes(request: &ValidRequest, quirks: &Quirks, name: &str, value: &serde_json::Value) -> bool {
    let thinks = match request.thinking {
        Thinking::On { .. } => true,
        Thinking::Off => false,
        Thinking::Unset => quirks.thinks_by_default,
    };
    let listed = |names: &[String]| names.iter().any(|listed| listed == name);
    if listed(&quirks.omit) || listed(&quirks.refuse) || (thinks && listed(&quirks.omit_while_thinking)) {
        return false;
    }
    let in_range = |range: &Option<Range>| match (range, value.as_f64()) {
        (Some(range), Some(value)) => range.nearest(value) == value,
        _ => false,
    };
    match name {
        "temperature" => in_range(&quirks.temperature),
        "top_p" => in_range(&quirks.top_p),
        _ => true,
    }
}

fn same(own: &toml::Value, documented: &serde_json::Value) -> bool {
    let own_number = own
        .as_float()
        .or_else(|| own.as_integer().map(|value| value as f64));
    match (own_number, documented) {
        (Some(own), documented) => documented.as_f64() == Some(own),
        (None, serde_json::Value::Bool(documented)) => own.as_bool() == Some(*documented),
        (None, serde_json::Value::String(documented)) => own.as_str() == Some(documented),
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests;
