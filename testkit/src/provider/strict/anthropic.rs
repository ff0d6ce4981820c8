//! What Anthropic's Messages refuse.

use serde_json::Value;

use super::super::ReceivedRequest;
use super::super::speech::anthropic_block;
use super::super::turn::Block;
use super::{Checked, Given, Refusal, list, text, unknown};

const KNOWN: [&str; 18] = [
    "cache_control",
    "container",
    "context_management",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
];

pub(super) fn check(request: &ReceivedRequest, given: &Given<'_>) -> Checked {
    credential(request)?;
    let body = request.json();
    let mut known = KNOWN.to_vec();
    known.push("top_p");
    if let Some(name) = unknown(body, &known) {
        return refuse(format!("{name}: Extra inputs are not permitted"));
    }
    if !body["max_tokens"].is_u64() {
        return refuse("max_tokens: Field required");
    }
    blocks_have_text(&body["system"], "system")?;
    tools(body)?;
    switches(body)?;
    let messages = list(&body["messages"]);
    roles(messages)?;
    for (message, at) in messages.iter().zip(0..) {
        blocks_have_text(&message["content"], &format!("messages.{at}.content"))?;
    }
    calls_and_results(messages)?;
    thoughts(body, messages, given)
}

fn refuse(message: impl Into<String>) -> Checked {
    Err(Refusal::new(400, "invalid_request_error", message))
}

fn credential(request: &ReceivedRequest) -> Checked {
    if request.header("x-api-key").is_none_or(str::is_empty) {
        let message = "x-api-key header is required";
        return Err(Refusal::new(401, "authentication_error", message));
    }
    match request.header("anthropic-version") {
        Some("2023-06-01") => Ok(()),
        Some(other) => refuse(format!("anthropic-version: \"{other}\" is not a valid version")),
        None => refuse("anthropic-version: header is required"),
    }
}

fn tools(body: &Value) -> Checked {
    for (tool, at) in list(&body["tools"]).iter().zip(0..) {
        name_is_legal(text(tool, "name"), &format!("tools.{at}.custom.name"))?;
        if text(&tool["input_schema"], "type") != "object" {
            return refuse(format!("tools.{at}.custom.input_schema.type: Field required"));
        }
    }
    Ok(())
}

fn name_is_legal(name: &str, path: &str) -> Checked {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 128 || !name.bytes().all(legal) {
        return refuse(format!(
            "{path}: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        ));
    }
    Ok(())
}

/// Members that exclude each other.
fn switches(body: &Value) -> Checked {
    let thinking = text(&body["thinking"], "type");
    let temperature = &body["temperature"];
    if temperature
        .as_f64()
        .is_some_and(|value| !(0.0..=1.0).contains(&value))
    {
        return refuse("temperature: range: 0..1");
    }
    for (stop, at) in list(&body["stop_sequences"]).iter().zip(0..) {
        if stop.as_str().is_none_or(|stop| stop.trim().is_empty()) {
            return refuse(format!(
                "stop_sequences.{at}: each stop sequence must contain non-whitespace"
            ));
        }
    }
    if !matches!(thinking, "enabled" | "adaptive") {
        return Ok(());
    }
    if temperature.as_f64().is_some_and(|value| value != 1.0) {
        return refuse("`temperature` may only be set to 1 when thinking is enabled.");
    }
    if !body["top_k"].is_null() {
        return refuse("`top_k` must be unset when thinking is enabled.");
    }
    if thinking == "adaptive" {
        return Ok(());
    }
    let budget = body["thinking"]["budget_tokens"].as_u64().unwrap_or(0);
    if budget < 1024 {
        return refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
    }
    if body["max_tokens"].as_u64().is_some_and(|most| most <= budget) {
        return refuse("`max_tokens` must be greater than `thinking.budget_tokens`.");
    }
    match text(&body["tool_choice"], "type") {
        "any" | "tool" => refuse("Thinking may not be enabled when tool_choice forces tool use."),
        _ => Ok(()),
    }
}

fn roles(messages: &[Value]) -> Checked {
    match messages.first() {
        None => return refuse("messages: at least one message is required"),
        Some(first) if text(first, "role") != "user" => {
            return refuse("messages: first message must use the \"user\" role");
        }
        Some(_) => {}
    }
    for (message, at) in messages.iter().zip(0..) {
        if !matches!(text(message, "role"), "user" | "assistant" | "system") {
            return refuse(format!(
                "messages.{at}.role: Input should be 'user' or 'assistant'"
            ));
        }
    }
    Ok(())
}

fn blocks_have_text(content: &Value, path: &str) -> Checked {
    if content.as_str().is_some_and(str::is_empty) || content.as_array().is_some_and(Vec::is_empty) {
        return refuse(format!("{path}: must have non-empty content"));
    }
    for block in list(content) {
        if block["type"] == "text" && text(block, "text").trim().is_empty() {
            return refuse(format!("{path}: text content blocks must be non-empty"));
        }
        if block["type"] == "tool_result" && block["content"].is_array() {
            blocks_have_text_or_none(&block["content"], path)?;
        }
    }
    Ok(())
}

fn blocks_have_text_or_none(content: &Value, path: &str) -> Checked {
    match list(content) {
        [] => Ok(()),
        _ => blocks_have_text(content, path),
    }
}

/// Every call has its result at the head of the next message, and every result its call before it.
fn calls_and_results(messages: &[Value]) -> Checked {
    let mut open: Vec<&str> = vec![];
    for (message, at) in merged(messages).iter().zip(0..) {
        let blocks: Vec<&Value> = message.1.clone();
        if message.0 == "user" {
            let results: Vec<&str> = blocks
                .iter()
                .take_while(|block| block["type"] == "tool_result")
                .map(|block| text(block, "tool_use_id"))
                .collect();
            let late = blocks.iter().skip(results.len());
            if late.into_iter().any(|block| block["type"] == "tool_result") {
                return refuse(format!(
                    "messages.{at}: `tool_result` blocks must come before other content"
                ));
            }
            if let Some(id) = open.iter().find(|id| !results.contains(id)) {
                return refuse(format!(
                    "messages.{at}: `tool_use` ids were found without `tool_result` blocks \
                     immediately after: {id}."
                ));
            }
            if let Some(id) = results.iter().find(|id| !open.contains(id)) {
                return refuse(format!(
                    "messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks: {id}."
                ));
            }
            open.clear();
            continue;
        }
        let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
        for call in calls {
            name_is_legal(text(call, "id"), &format!("messages.{at}.content.tool_use.id"))?;
            name_is_legal(
                text(call, "name"),
                &format!("messages.{at}.content.tool_use.name"),
            )?;
            if !call["input"].is_object() {
                return refuse(format!(
                    "messages.{at}.content.tool_use.input: Input should be a valid dictionary"
                ));
            }
            open.push(text(call, "id"));
        }
    }
    match open.first() {
        None => Ok(()),
        Some(id) => refuse(format!(
            "`tool_use` ids were found without `tool_result` blocks immediately after: {id}."
        )),
    }
}

/// Neighbours of one role are one turn.
fn merged(messages: &[Value]) -> Vec<(&str, Vec<&Value>)> {
    let mut turns: Vec<(&str, Vec<&Value>)> = vec![];
    for message in messages {
        let role = text(message, "role");
        let blocks = list(&message["content"]).iter();
        match turns.last_mut() {
            Some((last, merged)) if *last == role => merged.extend(blocks),
            _ => turns.push((role, blocks.collect())),
        }
    }
    turns
}

fn is_thought(block: &Value) -> bool {
    matches!(text(block, "type"), "thinking" | "redacted_thinking")
}

/// Thoughts come back as they were given and are never the last of a turn. With a budget of thinking a turn
/// that holds some begins with one, and so does the exchange of calls and results that goes on, whose later
/// steps may come without: the model thinks but once there. (Adaptive thinking asks for neither.)
fn thoughts(body: &Value, messages: &[Value], given: &Given<'_>) -> Checked {
    let given_blocks: Vec<Value> = given.turns().flat_map(thoughts_of).collect();
    let turns = merged(messages);
    let of_assistant = turns.iter().enumerate().filter(|(_, turn)| turn.0 == "assistant");
    let has_budget = text(&body["thinking"], "type") == "enabled";
    for (at, (_, blocks)) in of_assistant.clone() {
        let mut thoughts = blocks.iter().filter(|block| is_thought(block));
        if thoughts.any(|block| !given_blocks.contains(block)) {
            return refuse(format!(
                "messages.{at}.content: Invalid `signature` in `thinking` block"
            ));
        }
        if blocks.last().is_some_and(|block| is_thought(block)) {
            return refuse(format!(
                "messages.{at}: The final block in an assistant message cannot be `thinking`."
            ));
        }
        let first = blocks.first().filter(|block| !is_thought(block));
        if let Some(first) = first.filter(|_| has_budget && blocks.iter().any(|block| is_thought(block))) {
            return refuse(format!(
                "messages.{at}.content.0: If an assistant message contains any thinking blocks, the first \
                 block must be `thinking` or `redacted_thinking`. Found `{}`.",
                text(first, "type")
            ));
        }
    }
    if has_budget {
        exchange_begins_with_thought(&turns)?;
    }
    let thinks = matches!(text(&body["thinking"], "type"), "enabled" | "adaptive");
    let Some((at, (_, blocks))) = of_assistant.rev().find(|_| thinks) else {
        return Ok(());
    };
    let sent: Vec<&Value> = blocks.iter().copied().filter(|block| is_thought(block)).collect();
    let call = blocks.iter().find(|block| block["type"] == "tool_use");
    let turn = call.and_then(|call| given.with_call(text(call, "id")));
    let expected: Vec<Value> = turn.map(thoughts_of).unwrap_or_default();
    if call.is_some() && !sent.is_empty() && !expected.iter().eq(sent) {
        return refuse(format!(
            "messages.{at}.content: `thinking` or `redacted_thinking` blocks in the latest assistant \
             message cannot be modified. These blocks must remain as they were in the original response."
        ));
    }
    Ok(())
}

/// What came since the user last spoke without giving results. Its first turn is looked at, where it calls.
fn exchange_begins_with_thought(turns: &[(&str, Vec<&Value>)]) -> Checked {
    let gives_results = |blocks: &[&Value]| blocks.iter().any(|block| block["type"] == "tool_result");
    let spoke = turns
        .iter()
        .rposition(|(role, blocks)| *role == "user" && !gives_results(blocks));
    let from = spoke.map_or(0, |spoke| spoke + 1);
    let exchange = turns.iter().enumerate().skip(from);
    let first = exchange.into_iter().find(|(_, (role, _))| *role == "assistant");
    let Some((at, (_, blocks))) = first else {
        return Ok(());
    };
    let calls = blocks.iter().any(|block| block["type"] == "tool_use");
    match blocks.first().filter(|first| calls && !is_thought(first)) {
        None => Ok(()),
        Some(first) => refuse(format!(
            "messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{}`. When \
             `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding \
             the lastmost set of `tool_use` and `tool_result` blocks).",
            text(first, "type")
        )),
    }
}

fn thoughts_of(turn: &super::Turn) -> Vec<Value> {
    let thoughts = turn
        .blocks
        .iter()
        .filter(|block| matches!(block, Block::Thought { .. } | Block::Redacted { .. }));
    thoughts.map(anthropic_block).collect()
}
