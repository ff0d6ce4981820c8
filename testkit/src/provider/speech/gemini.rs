//! A turn as Gemini's `generateContent` says it.

use serde_json::{Value, json};

use super::super::shapes::PROVIDER_MODEL;
use super::super::turn::{Block, Ending, Tokens};
use super::{Complaint, Spoken, Turn, event};

pub(super) fn whole(turn: &Turn) -> Value {
    let parts: Vec<Value> = turn.signed_behind_thoughts().iter().filter_map(part).collect();
    response(turn, &parts, Some(finish_reason(turn)), turn.tokens.answer)
}

/// Each event has only new parts; counts rise. A signature of text comes behind it, on an empty part.
pub(super) fn stream(turn: &Turn) -> Spoken {
    let mut events = Vec::new();
    let mut say = |part: Value| events.push(event(&response(turn, &[part], None, 1)));
    let mut last = json!({"text": ""});
    for block in turn.signed_behind_thoughts() {
        match &block {
            Block::Text { pieces, signature } => {
                for piece in pieces {
                    say(json!({"text": piece}));
                }
                if let Some(signature) = signature {
                    last["thoughtSignature"] = signature.as_str().into();
                }
            }
            Block::Thought { pieces, .. } => {
                for piece in pieces {
                    say(json!({"text": piece, "thought": true}));
                }
            }
            other => part(other).into_iter().for_each(&mut say),
        }
    }
    let finish = response(turn, &[last], Some(finish_reason(turn)), turn.tokens.answer);
    Spoken {
        events,
        terminal: vec![event(&finish)],
    }
}

pub(super) fn error(complaint: &Complaint<'_>) -> Value {
    json!({"error": {
        "code": complaint.status,
        "message": complaint.message,
        "status": complaint.kind,
    }})
}

fn response(turn: &Turn, parts: &[Value], finish: Option<&str>, answered: u64) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if let Some(reason) = finish {
        candidate["finishReason"] = reason.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage(&turn.tokens, answered),
        "modelVersion": PROVIDER_MODEL,
        "responseId": "gemini-provider",
    })
}

/// A part whole, as it also has to come back. `None`: Gemini hides no thoughts in a part of their own.
fn part(block: &Block) -> Option<Value> {
    let (mut part, signature) = match block {
        Block::Text { pieces, signature } => (json!({"text": pieces.concat()}), signature),
        Block::Thought { pieces, signature } if !pieces.is_empty() => {
            (json!({"text": pieces.concat(), "thought": true}), signature)
        }
        Block::Thought { .. } | Block::Redacted { .. } => return None,
        Block::Call {
            id,
            name,
            arguments,
            signature,
        } => {
            let mut call = json!({"name": name, "args": arguments});
            if !id.is_empty() {
                call["id"] = id.as_str().into();
            }
            (json!({"functionCall": call}), signature)
        }
        Block::Image {
            media_type,
            base64,
            signature,
        } => {
            let data = json!({"mimeType": media_type, "data": base64});
            (json!({"inlineData": data}), signature)
        }
    };
    if let Some(signature) = signature {
        part["thoughtSignature"] = signature.as_str().into();
    }
    Some(part)
}

fn finish_reason(turn: &Turn) -> &str {
    match &turn.ending {
        Some(Ending::Length) => "MAX_TOKENS",
        Some(Ending::Filtered) => "SAFETY",
        Some(Ending::Own(reason)) => reason,
        // It says so for calls and stop strings too.
        Some(Ending::StopString(_)) | None => "STOP",
    }
}

/// The answer's tokens leave thoughts out, the prompt's hold the cached ones.
fn usage(tokens: &Tokens, answered: u64) -> Value {
    assert_eq!(
        tokens.cache_write_5m + tokens.cache_write_1h,
        0,
        "Gemini tells of no cache writes"
    );
    let mut usage = json!({
        "promptTokenCount": tokens.prompt(),
        "candidatesTokenCount": answered,
        "totalTokenCount": tokens.prompt() + answered + tokens.thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens.prompt()}],
    });
    if tokens.cache_read > 0 {
        usage["cachedContentTokenCount"] = tokens.cache_read.into();
    }
    if tokens.thoughts > 0 {
        usage["thoughtsTokenCount"] = tokens.thoughts.into();
    }
    usage
}
