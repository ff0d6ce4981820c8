//! Schemas of what the gate sends: answers, chunks, errors, models.

use serde_json::{Map, Value, json};

use super::schema_ref;
use crate::contract::Contract;

const FINISH_REASONS: [&str; 5] = ["stop", "length", "tool_calls", "content_filter", "function_call"];

/// A whole answer of a model with this contract.
pub(super) fn schema(contract: &Contract) -> Value {
    let shape = &contract.answer;
    let prompt = shape.usage.prompt_details.iter().map(|detail| detail.as_str());
    let completion = shape
        .usage
        .completion_details
        .iter()
        .map(|detail| detail.as_str());

    let mut choice = json!({
        "type": "object",
        "required": ["index", "message", "logprobs", "finish_reason"],
        "properties": {
            "index": { "type": "integer" },
            "message": schema_ref("AnswerMessage"),
            "logprobs": { "type": ["object", "null"] },
            "finish_reason": { "type": "string", "enum": FINISH_REASONS },
        },
    });
    if shape.matched_stop {
        choice["properties"]["matched_stop"] = matched_stop();
        push(&mut choice["required"], "matched_stop");
    }
    let mut answer = json!({
        "type": "object",
        "title": format!("{}, answer", contract.title),
        "required": ["id", "object", "created", "model", "choices", "usage"],
        "properties": {
            "id": { "type": "string", "examples": ["chatcmpl-abc123"] },
            "object": { "const": "chat.completion" },
            "created": created(),
            "model": { "type": "string", "description": "The model as it was asked for." },
            "choices": { "type": "array", "items": choice },
            "usage": usage(prompt, completion),
            "system_fingerprint": { "type": ["string", "null"] },
        },
    });
    if shape.system_fingerprint {
        push(&mut answer["required"], "system_fingerprint");
    }
    if contract.shows_reasoning {
        answer["description"] =
            "The thoughts of the model come as `reasoning_content` beside the content.".into();
    }
    answer
}

fn push(list: &mut Value, name: &str) {
    if let Value::Array(list) = list {
        list.push(name.into());
    }
}

fn created() -> Value {
    json!({ "type": "integer", "description": "Unix seconds." })
}

fn matched_stop() -> Value {
    json!({ "type": ["string", "null"], "description": "The stop string that ended the answer." })
}

/// Counts in OpenAI's meaning; the details named here are always there.
fn usage<'a>(prompt: impl Iterator<Item = &'a str>, completion: impl Iterator<Item = &'a str>) -> Value {
    let counts = |always: &'a str, shown: &mut dyn Iterator<Item = &'a str>| {
        let mut names = vec![always];
        names.extend(shown.filter(|name| *name != always));
        let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), count())).collect();
        json!({ "type": "object", "required": names, "properties": properties, "additionalProperties": count() })
    };
    let (mut prompt, mut completion) = (prompt, completion);
    json!({
        "type": "object",
        "required": [
            "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
        ],
        "properties": {
            "prompt_tokens": { "type": "integer", "minimum": 0, "description": "Tokens read, cached ones included." },
            "completion_tokens": { "type": "integer", "minimum": 0, "description": "Tokens written, thoughts included." },
            "total_tokens": count(),
            "prompt_tokens_details": counts("cached_tokens", &mut prompt),
            "completion_tokens_details": counts("reasoning_tokens", &mut completion),
        },
    })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// Schemas that are the same whatever the contract.
pub(super) fn shared_schemas() -> Map<String, Value> {
    let schemas = [
        ("AnswerMessage", answer_message()),
        ("Chunk", chunk()),
        ("ToolCallPiece", tool_call_piece()),
        ("Error", error()),
        ("Model", model()),
        ("ModelList", model_list()),
    ];
    schemas
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn answer_message() -> Value {
    json!({
        "type": "object",
        "required": ["role", "content", "refusal"],
        "properties": {
            "role": { "const": "assistant" },
            "content": { "type": ["string", "null"] },
            "refusal": { "type": ["string", "null"] },
            "reasoning_content": { "type": ["string", "null"], "description": "What the model thought, where it tells." },
            "tool_calls": { "type": "array", "items": schema_ref("ToolCall") },
            "annotations": { "type": "array", "items": { "type": "object" } },
        },
    })
}

fn chunk() -> Value {
    json!({
        "type": "object",
        "description": "One event of a streamed answer. After the last one comes `[DONE]`; a stream that fails ends \
            with an `Error` and without it.",
        "required": ["id", "object", "created", "model", "choices"],
        "properties": {
            "id": { "type": "string" },
            "object": { "const": "chat.completion.chunk" },
            "created": created(),
            "model": { "type": "string" },
            "choices": { "type": "array", "items": {
                "type": "object",
                "required": ["index", "delta", "finish_reason"],
                "properties": {
                    "index": { "type": "integer" },
                    "delta": {
                        "type": "object",
                        "properties": {
                            "role": { "type": "string" },
                            "content": { "type": ["string", "null"] },
                            "refusal": { "type": ["string", "null"] },
                            "reasoning_content": { "type": ["string", "null"] },
                            "tool_calls": { "type": "array", "items": schema_ref("ToolCallPiece") },
                        },
                    },
                    "logprobs": { "type": ["object", "null"] },
                    "finish_reason": { "anyOf": [
                        { "type": "string", "enum": FINISH_REASONS },
                        { "type": "null" },
                    ] },
                    "matched_stop": matched_stop(),
                },
            } },
            "usage": {
                "description": "In the last chunk, if `stream_options.include_usage` asked for it.",
                "anyOf": [usage([].into_iter(), [].into_iter()), { "type": "null" }],
            },
            "system_fingerprint": { "type": ["string", "null"] },
        },
    })
}

fn tool_call_piece() -> Value {
    json!({
        "type": "object",
        "required": ["index"],
        "properties": {
            "index": { "type": "integer", "description": "Which call the piece belongs to." },
            "id": { "type": "string" },
            "type": { "const": "function" },
            "function": {
                "type": "object",
                "properties": { "name": { "type": "string" }, "arguments": { "type": "string" } },
            },
        },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "additionalProperties": false,
        "properties": { "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": { "type": "string", "minLength": 1 },
                "type": { "type": "string", "minLength": 1 },
                "param": { "type": ["string", "null"], "description": "Where in the request the first problem is." },
                "code": { "type": ["string", "null"] },
            },
        } },
    })
}

fn model() -> Value {
    json!({
        "type": "object",
        "required": ["id", "object", "created", "owned_by", "supported_endpoint_types"],
        "properties": {
            "id": { "type": "string" },
            "object": { "const": "model" },
            "created": created(),
            "owned_by": { "type": "string" },
            "supported_endpoint_types": { "type": "array", "items": { "type": "string" } },
        },
    })
}

fn model_list() -> Value {
    json!({
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": { "const": "list" },
            "data": { "type": "array", "items": schema_ref("Model") },
        },
    })
}
