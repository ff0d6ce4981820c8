//! A turn as OpenAI's Responses say it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::shapes::PROVIDER_MODEL;
use super::super::turn::{Block, Ending, Tokens};
use super::{Complaint, Spoken, Turn, argument_pieces, named_event};

pub(super) fn whole(turn: &Turn) -> Value {
    let mut response = response(turn, status(turn));
    let items = turn
        .blocks
        .iter()
        .zip(0..)
        .map(|(block, place)| item(block, place));
    response["output"] = items.collect();
    response["usage"] = usage(&turn.tokens);
    if let Some(reason) = incomplete_reason(turn) {
        response["incomplete_details"] = json!({"reason": reason});
    }
    response
}

pub(super) fn stream(turn: &Turn) -> Spoken {
    let mut writer = Writer::default();
    for kind in ["response.created", "response.in_progress"] {
        writer.say(kind, json!({"response": response(turn, "in_progress")}));
    }
    for (block, place) in turn.blocks.iter().zip(0..) {
        say_item(&mut writer, block, place);
    }
    let events = std::mem::take(&mut writer.events);
    let kind = match status(turn) {
        "incomplete" => "response.incomplete",
        _ => "response.completed",
    };
    writer.say(kind, json!({"response": whole(turn)}));
    Spoken {
        events,
        terminal: writer.events,
    }
}

/// The event `error`, whose error stands in it as OpenAI sends it today.
pub(super) fn error_event(complaint: &Complaint<'_>) -> Value {
    json!({
        "type": "error",
        "sequence_number": 9,
        "error": {
            "type": complaint.kind,
            "code": complaint.kind,
            "message": complaint.message,
            "param": null,
        },
    })
}

/// Numbers events as they are said.
#[derive(Default)]
struct Writer {
    events: Vec<Bytes>,
    said: u64,
}

impl Writer {
    fn say(&mut self, kind: &str, mut data: Value) {
        data["type"] = kind.into();
        data["sequence_number"] = self.said.into();
        self.said += 1;
        self.events.push(named_event(kind, &data));
    }
}

fn say_item(writer: &mut Writer, block: &Block, place: usize) {
    let whole = item(block, place);
    let at = |mut data: Value| {
        data["output_index"] = place.into();
        data["item_id"] = whole["id"].clone();
        data
    };
    writer.say(
        "response.output_item.added",
        json!({"output_index": place, "item": opening(block, place)}),
    );
    match block {
        Block::Text { pieces, .. } => {
            let part = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
            let part = json!({"content_index": 0, "part": part});
            writer.say("response.content_part.added", at(part));
            for piece in pieces {
                let delta = json!({"content_index": 0, "delta": piece, "logprobs": [], "obfuscation": "xyz"});
                writer.say("response.output_text.delta", at(delta));
            }
            let text = json!({"content_index": 0, "text": pieces.concat(), "logprobs": []});
            writer.say("response.output_text.done", at(text));
            let part = json!({"content_index": 0, "part": whole["content"][0]});
            writer.say("response.content_part.done", at(part));
        }
        Block::Thought { pieces, .. } if !pieces.is_empty() => {
            let part = json!({"summary_index": 0, "part": {"type": "summary_text", "text": ""}});
            writer.say("response.reasoning_summary_part.added", at(part));
            for piece in pieces {
                let delta = json!({"summary_index": 0, "delta": piece});
                writer.say("response.reasoning_summary_text.delta", at(delta));
            }
            let text = json!({"summary_index": 0, "text": pieces.concat()});
            writer.say("response.reasoning_summary_text.done", at(text));
            let part = json!({"summary_index": 0, "part": whole["summary"][0]});
            writer.say("response.reasoning_summary_part.done", at(part));
        }
        Block::Call { arguments, .. } => {
            for piece in argument_pieces(arguments) {
                writer.say(
                    "response.function_call_arguments.delta",
                    at(json!({"delta": piece})),
                );
            }
            let arguments = json!({"arguments": arguments.to_string()});
            writer.say("response.function_call_arguments.done", at(arguments));
        }
        Block::Thought { .. } | Block::Redacted { .. } | Block::Image { .. } => {}
    }
    writer.say(
        "response.output_item.done",
        json!({"output_index": place, "item": whole}),
    );
}

/// An item whole. Its ID is made from its place.
fn item(block: &Block, place: usize) -> Value {
    match block {
        Block::Text { pieces, .. } => json!({
            "type": "message",
            "id": format!("msg_{place}"),
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": pieces.concat(), "annotations": [], "logprobs": []}
            ],
        }),
        Block::Thought { pieces, signature } => {
            let text = pieces.concat();
            let summary = match pieces.is_empty() {
                true => json!([]),
                false => json!([{"type": "summary_text", "text": text}]),
            };
            json!({
                "type": "reasoning",
                "id": format!("rs_{place}"),
                "summary": summary,
                "encrypted_content": signature,
            })
        }
        Block::Redacted { data } => json!({
            "type": "reasoning",
            "id": format!("rs_{place}"),
            "summary": [],
            "encrypted_content": data,
        }),
        Block::Call {
            id, name, arguments, ..
        } => json!({
            "type": "function_call",
            "id": format!("fc_{place}"),
            "status": "completed",
            "call_id": id,
            "name": name,
            "arguments": arguments.to_string(),
        }),
        Block::Image { .. } => panic!("this provider draws nothing over Responses"),
    }
}

/// An item as it is announced: empty, and with an encrypted content that is not yet the one that tokens.
fn opening(block: &Block, place: usize) -> Value {
    let mut item = item(block, place);
    match block {
        Block::Text { .. } => item["content"] = json!([]),
        Block::Thought { .. } | Block::Redacted { .. } => {
            item["summary"] = json!([]);
            if !item["encrypted_content"].is_null() {
                item["encrypted_content"] = "encrypted-before-the-end".into();
            }
            return item;
        }
        Block::Call { .. } => item["arguments"] = "".into(),
        Block::Image { .. } => {}
    }
    item["status"] = "in_progress".into();
    item
}

fn response(turn: &Turn, status: &str) -> Value {
    json!({
        "id": "resp_provider",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "model": PROVIDER_MODEL,
        "output": [],
        "parallel_tool_calls": true,
        "reasoning": {"effort": if turn.tokens.thoughts > 0 { "medium" } else { "none" }, "summary": null},
        "service_tier": "default",
        "store": false,
        "text": {"format": {"type": "text"}},
        "usage": null,
    })
}

fn status(turn: &Turn) -> &'static str {
    match incomplete_reason(turn) {
        Some(_) => "incomplete",
        None => "completed",
    }
}

fn incomplete_reason(turn: &Turn) -> Option<&str> {
    match turn.ending.as_ref()? {
        Ending::Length => Some("max_output_tokens"),
        Ending::Filtered => Some("content_filter"),
        Ending::Own(reason) => Some(reason),
        Ending::StopString(_) => panic!("Responses have no stop strings"),
    }
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.prompt(),
        "input_tokens_details": {
            "cached_tokens": tokens.cache_read,
            "cache_write_tokens": tokens.cache_write_5m + tokens.cache_write_1h,
        },
        "output_tokens": tokens.completion(),
        "output_tokens_details": {"reasoning_tokens": tokens.thoughts},
        "total_tokens": tokens.prompt() + tokens.completion(),
    })
}
