//! A turn as hosts of chat completions say it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::protocol::ChatHost;
use super::super::shapes::{answer, chunk, usage_chunk};
use super::super::turn::{Block, Ending, Tokens};
use super::{Complaint, Spoken, Turn, argument_pieces, event};

pub(super) fn whole(turn: &Turn, host: ChatHost) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    let mut text = None::<String>;
    let mut thoughts = String::new();
    let (mut calls, mut images) = (vec![], vec![]);
    for block in &turn.blocks {
        match block {
            Block::Text { pieces, .. } => text.get_or_insert_default().push_str(&pieces.concat()),
            Block::Thought { pieces, .. } => thoughts.push_str(&pieces.concat()),
            Block::Redacted { .. } => {}
            Block::Call {
                id, name, arguments, ..
            } => calls.push(call(id, name, &arguments.to_string())),
            Block::Image {
                media_type, base64, ..
            } => images.push(image(media_type, base64)),
        }
    }
    message["content"] = text.map_or(Value::Null, Value::String);
    if !thoughts.is_empty() {
        let (name, value) = thought(host, &thoughts);
        message[name] = value;
    }
    for (name, list) in [("tool_calls", calls), ("images", images)] {
        if !list.is_empty() {
            message[name] = list.into();
        }
    }
    let mut answer = answer("");
    answer["choices"][0]["message"] = message;
    answer["choices"][0]["finish_reason"] = finish_reason(turn).into();
    answer["usage"] = usage(&turn.tokens);
    answer
}

pub(super) fn stream(turn: &Turn, host: ChatHost, wants_usage: bool) -> Spoken {
    let say = |delta: Value| event(&chunk(delta, None));
    let mut events = vec![say(json!({"role": "assistant", "content": ""}))];
    let mut index = 0_u64;
    for block in &turn.blocks {
        match block {
            Block::Text { pieces, .. } => {
                events.extend(pieces.iter().map(|piece| say(json!({"content": piece}))));
            }
            Block::Thought { pieces, .. } => events.extend(pieces.iter().map(|piece| {
                let (name, value) = thought(host, piece);
                say(json!({name: value}))
            })),
            Block::Redacted { .. } => {}
            Block::Call {
                id, name, arguments, ..
            } => {
                let mut opening = call(id, name, "");
                opening["index"] = index.into();
                events.push(say(json!({"tool_calls": [opening]})));
                for piece in argument_pieces(arguments) {
                    let piece = json!({"index": index, "function": {"arguments": piece}});
                    events.push(say(json!({"tool_calls": [piece]})));
                }
                index += 1;
            }
            Block::Image {
                media_type, base64, ..
            } => events.push(say(json!({"images": [image(media_type, base64)]}))),
        }
    }
    let mut terminal = vec![event(&chunk(json!({}), Some(finish_reason(turn))))];
    if wants_usage {
        let mut last = usage_chunk(0, 0);
        last["usage"] = usage(&turn.tokens);
        terminal.push(event(&last));
    }
    terminal.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Spoken { events, terminal }
}

pub(super) fn error(complaint: &Complaint<'_>) -> Value {
    json!({"error": {
        "message": complaint.message,
        "type": complaint.kind,
        "param": null,
        "code": complaint.kind,
    }})
}

/// Where a host puts a thought.
fn thought(host: ChatHost, text: &str) -> (&'static str, Value) {
    match host {
        ChatHost::MiniMax => (
            "reasoning_details",
            json!([{"type": "reasoning.text", "id": "reasoning-text-1", "format": "MiniMax-response-v1", "index": 0, "text": text}]),
        ),
        ChatHost::Any | ChatHost::DeepSeek | ChatHost::Moonshot => ("reasoning_content", text.into()),
    }
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn image(media_type: &str, base64: &str) -> Value {
    let url = format!("data:{media_type};base64,{base64}");
    json!({"type": "image_url", "image_url": {"url": url}})
}

fn finish_reason(turn: &Turn) -> &str {
    match &turn.ending {
        Some(Ending::Length) => "length",
        Some(Ending::Filtered) => "content_filter",
        Some(Ending::Own(reason)) => reason,
        None if turn.calls_a_tool() => "tool_calls",
        Some(Ending::StopString(_)) | None => "stop",
    }
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "prompt_tokens": tokens.prompt(),
        "completion_tokens": tokens.completion(),
        "total_tokens": tokens.prompt() + tokens.completion(),
        "prompt_tokens_details": {
            "cached_tokens": tokens.cache_read,
            "cache_write_tokens": tokens.cache_write_5m + tokens.cache_write_1h,
        },
        "completion_tokens_details": {"reasoning_tokens": tokens.thoughts},
    })
}
