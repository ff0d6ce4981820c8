//! What OpenAI's Responses refuse.

use serde_json::Value;

use super::super::ReceivedRequest;
use super::{Checked, Given, Refusal, list, text, unknown};

const KNOWN: [&str; 29] = [
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

pub(super) fn check(request: &ReceivedRequest, given: &Given<'_>) -> Checked {
    if request
        .header("authorization")
        .is_none_or(|value| value.strip_prefix("Bearer ").is_none_or(str::is_empty))
    {
        let refusal = Refusal::new(
            401,
            "invalid_request_error",
            "Missing bearer authentication in header",
        );
        return Err(refusal.code("invalid_api_key"));
    }
    let body = request.json();
    if let Some(name) = unknown(body, &KNOWN) {
        let refusal = invalid(format!("Unknown parameter: '{name}'."));
        return Err(refusal.param(name).code("unknown_parameter"));
    }
    if body["stream_options"]["include_usage"] == true {
        let refusal = invalid("Unknown parameter: 'stream_options.include_usage'.");
        return Err(refusal
            .param("stream_options.include_usage")
            .code("unknown_parameter"));
    }
    storage(body)?;
    if body["max_output_tokens"].as_u64().is_some_and(|most| most < 16) {
        let refusal =
            invalid("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.");
        return Err(refusal.param("max_output_tokens").code("integer_below_min_value"));
    }
    tools(body)?;
    let items = list(&body["input"]);
    reasoning(items, given)?;
    calls_and_results(items)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "invalid_request_error", message)
}

/// Encrypted thoughts are for conversations that are not stored.
fn storage(body: &Value) -> Checked {
    let encrypted = list(&body["include"])
        .iter()
        .any(|included| included == "reasoning.encrypted_content");
    if encrypted && body["store"] != false {
        let refusal = invalid("Encrypted content is only available when 'store' is set to false.");
        return Err(refusal.param("include"));
    }
    Ok(())
}

/// A strict schema closes every object and requires every property.
fn tools(body: &Value) -> Checked {
    for (tool, at) in list(&body["tools"]).iter().zip(0..) {
        let path = format!("tools[{at}]");
        if tool["type"] == "function" && text(tool, "name").is_empty() {
            let refusal = invalid(format!("Missing required parameter: '{path}.name'."));
            return Err(refusal
                .param(format!("{path}.name"))
                .code("missing_required_parameter"));
        }
        let schema = &tool["parameters"];
        let open = schema["additionalProperties"] != false
            || schema["properties"].as_object().is_some_and(|properties| {
                let required = list(&schema["required"]);
                properties
                    .keys()
                    .any(|name| !required.iter().any(|known| known == name))
            });
        if tool["strict"] == true && open {
            let name = text(tool, "name");
            let refusal = invalid(format!(
                "Invalid schema for function '{name}': 'additionalProperties' is required to be supplied \
                 and to be false, and 'required' to name every property."
            ));
            return Err(refusal
                .param(format!("{path}.parameters"))
                .code("invalid_function_parameters"));
        }
    }
    Ok(())
}

/// A thought comes back as it was given, and with the item that followed it.
fn reasoning(items: &[Value], given: &Given<'_>) -> Checked {
    for (item, at) in items.iter().zip(0..) {
        if item["type"] != "reasoning" {
            continue;
        }
        let id = text(item, "id");
        if item.get("status").is_some_and(Value::is_null) {
            let refusal = invalid(format!(
                "Invalid type for 'input[{at}].status': got null instead."
            ));
            return Err(refusal.param(format!("input[{at}].status")).code("invalid_type"));
        }
        let encrypted = text(item, "encrypted_content");
        if encrypted.is_empty() {
            return Err(Refusal::new(
                404,
                "invalid_request_error",
                format!(
                    "Item with id '{id}' not found. Items are not persisted when `store` is set to false. \
                     Try again with `store` set to true, or remove this item from your input."
                ),
            )
            .param("input"));
        }
        if !given.turns().any(|turn| turn.gave_signature(encrypted)) {
            let refusal = invalid(format!(
                "The encrypted content for item {id} could not be verified."
            ));
            return Err(refusal.code("invalid_encrypted_content"));
        }
        let mut followers = items[at + 1..].iter().filter(|item| item["type"] != "reasoning");
        let follows = followers
            .next()
            .is_some_and(|next| next["type"] == "function_call" || text(next, "role") == "assistant");
        if !follows {
            let refusal = invalid(format!(
                "Item '{id}' of type 'reasoning' was provided without its required following item."
            ));
            return Err(refusal.param("input"));
        }
    }
    Ok(())
}

fn calls_and_results(items: &[Value]) -> Checked {
    let ids = |kind: &str| -> Vec<&str> {
        let of_kind = items.iter().filter(|item| item["type"] == kind);
        of_kind.map(|item| text(item, "call_id")).collect()
    };
    let (calls, results) = (ids("function_call"), ids("function_call_output"));
    if let Some(id) = calls.iter().find(|id| !results.contains(id)) {
        let refusal = invalid(format!("No tool output found for function call {id}."));
        return Err(refusal.param("input"));
    }
    if let Some(id) = results.iter().find(|id| !calls.contains(id)) {
        let refusal = invalid(format!(
            "No tool call found for function call output with call_id {id}."
        ));
        return Err(refusal.param("input"));
    }
    Ok(())
}
