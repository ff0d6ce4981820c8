//! Anthropic's Messages.

use serde_json::Value;

use super::{Said, Told, arguments, text};

pub fn whole(answer: &Value) -> Told {
    let mut said = Said::default();
    for block in answer["content"].as_array().into_iter().flatten() {
        match text(block, "type") {
            "text" => said.text.push_str(text(block, "text")),
            "thinking" => said.think(text(block, "thinking")),
            "tool_use" => said
                .calls
                .push((text(block, "name").to_owned(), block["input"].clone())),
            _ => {}
        }
    }
    said.finish = finish(text(answer, "stop_reason"), !said.calls.is_empty()).to_owned();
    said.tokens = tokens(&answer["usage"], &Value::Null);
    Told::Answer(said)
}

pub fn events(events: &[Value]) -> Told {
    let mut said = Said::default();
    let mut blocks: Vec<(u64, String)> = vec![];
    let (mut first_usage, mut last_usage) = (Value::Null, Value::Null);
    let mut ended = false;
    for event in events {
        let index = event["index"].as_u64().unwrap_or(0);
        match text(event, "type") {
            "message_start" => first_usage = event["message"]["usage"].clone(),
            "content_block_start" => {
                let block = &event["content_block"];
                match text(block, "type") {
                    "text" => said.text.push_str(text(block, "text")),
                    "thinking" => said.think(text(block, "thinking")),
                    "tool_use" => {
                        said.calls.push((text(block, "name").to_owned(), Value::Null));
                        blocks.push((index, String::new()));
                    }
                    _ => {}
                }
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                said.text.push_str(text(delta, "text"));
                said.think(text(delta, "thinking"));
                if let Some((_, joined)) = blocks.iter_mut().find(|(block, _)| *block == index) {
                    joined.push_str(text(delta, "partial_json"));
                }
            }
            "message_delta" => {
                if let Some(reason) = event["delta"]["stop_reason"].as_str() {
                    said.finish = finish(reason, !said.calls.is_empty()).to_owned();
                }
                last_usage = event["usage"].clone();
            }
            // One recording goes on with further answers, which nobody has asked for.
            "message_stop" => {
                ended = true;
                break;
            }
            "error" => return Told::Fault(said.text),
            _ => {}
        }
    }
    if !ended {
        return Told::Fault(said.text);
    }
    let whole = said.finish != "length";
    for (call, (_, joined)) in said.calls.iter_mut().zip(&blocks) {
        call.1 = arguments(joined, whole);
    }
    said.tokens = tokens(&first_usage, &last_usage);
    Told::Answer(said)
}

/// Counts of the last event go over those of the first.
fn tokens(first: &Value, last: &Value) -> Option<(u64, u64)> {
    let count = |name: &str| last[name].as_u64().or(first[name].as_u64());
    // Compaction counts apart; that is the dialect's own test.
    if !first["iterations"].is_null() || !last["iterations"].is_null() {
        return None;
    }
    let cached =
        count("cache_read_input_tokens").unwrap_or(0) + count("cache_creation_input_tokens").unwrap_or(0);
    Some((count("input_tokens")? + cached, count("output_tokens")?))
}

fn finish(reason: &str, called: bool) -> &str {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        // Code that Anthropic ran has called them, and then the model went on.
        _ if called => "tool_calls",
        _ => "stop",
    }
}
