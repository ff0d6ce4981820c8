//! A turn as Anthropic's Messages say it.

use serde_json::{Value, json};

use super::super::shapes::PROVIDER_MODEL;
use super::super::turn::{Block, Ending, Tokens};
use super::{Complaint, Spoken, Turn, argument_pieces, named_event};

pub(super) fn whole(turn: &Turn) -> Value {
    json!({
        "id": "msg_provider",
        "type": "message",
        "role": "assistant",
        "model": PROVIDER_MODEL,
        "content": turn.blocks.iter().map(block).collect::<Vec<_>>(),
        "stop_reason": stop_reason(turn),
        "stop_sequence": stop_sequence(turn),
        "usage": usage(&turn.tokens, turn.tokens.completion()),
    })
}

pub(super) fn stream(turn: &Turn) -> Spoken {
    let mut message = whole(turn);
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    message["stop_sequence"] = Value::Null;
    // The first count of the answer is a guess.
    message["usage"] = usage(&turn.tokens, 1);
    let mut events = vec![named("message_start", json!({"message": message}))];
    for (block, index) in turn.blocks.iter().zip(0_u64..) {
        let opening = json!({"index": index, "content_block": opening(block)});
        events.push(named("content_block_start", opening));
        if index == 0 {
            events.push(named("ping", json!({})));
        }
        for delta in deltas(block) {
            let delta = json!({"index": index, "delta": delta});
            events.push(named("content_block_delta", delta));
        }
        events.push(named("content_block_stop", json!({"index": index})));
    }
    let mut last = usage(&turn.tokens, turn.tokens.completion());
    last.as_object_mut()
        .expect("usage is an object")
        .remove("cache_creation");
    let delta = json!({"stop_reason": stop_reason(turn), "stop_sequence": stop_sequence(turn)});
    let terminal = vec![
        named("message_delta", json!({"delta": delta, "usage": last})),
        named("message_stop", json!({})),
    ];
    Spoken { events, terminal }
}

pub(super) fn error(complaint: &Complaint<'_>) -> Value {
    json!({
        "type": "error",
        "error": {"type": complaint.kind, "message": complaint.message},
        "request_id": "req_provider",
    })
}

fn named(name: &str, mut data: Value) -> bytes::Bytes {
    data["type"] = name.into();
    named_event(name, &data)
}

/// A block whole, as it also has to come back.
pub(in crate::provider) fn block(block: &Block) -> Value {
    match block {
        Block::Text { pieces, .. } => json!({"type": "text", "text": pieces.concat()}),
        Block::Thought { pieces, signature } => json!({
            "type": "thinking",
            "thinking": pieces.concat(),
            "signature": signature.as_deref().unwrap_or_default(),
        }),
        Block::Redacted { data } => json!({"type": "redacted_thinking", "data": data}),
        Block::Call {
            id, name, arguments, ..
        } => json!({"type": "tool_use", "id": id, "name": name, "input": arguments}),
        Block::Image { .. } => panic!("Anthropic's models draw nothing"),
    }
}

fn opening(of: &Block) -> Value {
    let mut opening = block(of);
    match of {
        Block::Text { .. } => opening["text"] = "".into(),
        Block::Thought { .. } => {
            opening["thinking"] = "".into();
            opening["signature"] = "".into();
        }
        Block::Call { .. } => opening["input"] = json!({}),
        // A redacted thought comes whole.
        Block::Redacted { .. } | Block::Image { .. } => {}
    }
    opening
}

fn deltas(block: &Block) -> Vec<Value> {
    match block {
        Block::Text { pieces, .. } => pieces
            .iter()
            .map(|piece| json!({"type": "text_delta", "text": piece}))
            .collect(),
        Block::Thought { pieces, signature } => {
            let thoughts = pieces
                .iter()
                .map(|piece| json!({"type": "thinking_delta", "thinking": piece}));
            let signature = signature
                .iter()
                .map(|signature| json!({"type": "signature_delta", "signature": signature}));
            thoughts.chain(signature).collect()
        }
        Block::Call { arguments, .. } => argument_pieces(arguments)
            .into_iter()
            .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
            .collect(),
        Block::Redacted { .. } | Block::Image { .. } => vec![],
    }
}

fn stop_reason(turn: &Turn) -> &str {
    match &turn.ending {
        Some(Ending::Length) => "max_tokens",
        Some(Ending::Filtered) => "refusal",
        Some(Ending::StopString(_)) => "stop_sequence",
        Some(Ending::Own(reason)) => reason,
        None if turn.calls_a_tool() => "tool_use",
        None => "end_turn",
    }
}

fn stop_sequence(turn: &Turn) -> Value {
    match &turn.ending {
        Some(Ending::StopString(text)) => text.as_str().into(),
        _ => Value::Null,
    }
}

/// `input_tokens` leaves out whatever the cache has to do with.
fn usage(tokens: &Tokens, output: u64) -> Value {
    json!({
        "input_tokens": tokens.fresh,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation_input_tokens": tokens.cache_write_5m + tokens.cache_write_1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write_5m,
            "ephemeral_1h_input_tokens": tokens.cache_write_1h,
        },
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": tokens.thoughts.min(output)},
        "service_tier": "standard",
    })
}
