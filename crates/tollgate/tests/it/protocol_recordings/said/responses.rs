//! OpenAI's Responses.

use serde_json::Value;

use super::{Said, Told, arguments, text};

/// A commentary and the answer after it are two messages.
const BETWEEN_MESSAGES: &str = "\n\n";

pub fn whole(response: &Value) -> Told {
    let mut said = Said::default();
    for item in response["output"].as_array().into_iter().flatten() {
        match text(item, "type") {
            "message" => {
                let parts = item["content"].as_array().into_iter().flatten();
                let told: String = parts.map(|part| text(part, "text")).collect();
                if !said.text.is_empty() && !told.is_empty() {
                    said.text.push_str(BETWEEN_MESSAGES);
                }
                said.text.push_str(&told);
            }
            "reasoning" => {
                let summary = item["summary"].as_array().into_iter().flatten();
                let content = item["content"].as_array().into_iter().flatten();
                for part in summary.chain(content) {
                    said.think(text(part, "text"));
                }
            }
            _ => {}
        }
    }
    ended(said, response)
}

pub fn events(events: &[Value]) -> Told {
    let mut said = Said::default();
    // Where the part that is being said begins.
    let mut part_begins = 0;
    let mut message = &Value::Null;
    for event in events {
        match text(event, "type") {
            "response.content_part.added" => part_begins = said.text.len(),
            "response.output_text.delta" => {
                let item = &event["output_index"];
                if !message.is_null() && message != item {
                    said.text.push_str(BETWEEN_MESSAGES);
                    part_begins = said.text.len();
                }
                message = item;
                said.text.push_str(text(event, "delta"));
            }
            // One recording has lost some of its deltas; what is done repeats them.
            "response.output_text.done" if text(event, "text").starts_with(&said.text[part_begins..]) => {
                said.text.truncate(part_begins);
                said.text.push_str(text(event, "text"));
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                said.think(text(event, "delta"));
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                return ended(said, &event["response"]);
            }
            "error" => return Told::Fault(said.text),
            _ => {}
        }
    }
    Told::Fault(said.text)
}

/// What stands in the response at its end: calls, status and counts.
fn ended(mut said: Said, response: &Value) -> Told {
    let incomplete = text(&response["incomplete_details"], "reason");
    let items = || response["output"].as_array().into_iter().flatten();
    // A custom tool's input is no JSON, and the gate offers none; xAI calls its own tools so, and goes
    // on. An answer that is still to come was asked for otherwise.
    let custom = items().any(|item| item["type"] == "custom_tool_call");
    if (custom && said.text.is_empty())
        || matches!(
            text(response, "status"),
            "queued" | "in_progress" | "failed" | "cancelled"
        )
    {
        return Told::Fault(said.text);
    }
    let items = items();
    for call in items.filter(|item| item["type"] == "function_call") {
        let whole = incomplete.is_empty();
        said.calls.push((
            text(call, "name").to_owned(),
            arguments(text(call, "arguments"), whole),
        ));
    }
    said.finish = match incomplete {
        "max_output_tokens" => "length",
        "content_filter" => "content_filter",
        _ if !said.calls.is_empty() => "tool_calls",
        _ => "stop",
    }
    .to_owned();
    let usage = &response["usage"];
    said.tokens = usage["input_tokens"]
        .as_u64()
        .zip(usage["output_tokens"].as_u64());
    Told::Answer(said)
}
