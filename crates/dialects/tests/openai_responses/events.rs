//! Events of a stream as tests write them, and what they come to.

use serde_json::{Value, json};
use tollgate_chat::event::{EventKind, FinishReason};

use super::fixtures::{decode_stream, stream_of};

/// A stream of these events between its beginning and a good end.
pub fn whole(events: &[Value]) -> Vec<EventKind> {
    let mut all = vec![json!({"type": "response.created", "response": {"created_at": 42}})];
    all.extend_from_slice(events);
    all.push(end(json!({})));
    let (events, _, outcome) = decode_stream([stream_of(&all)]);
    outcome.unwrap();
    events
}

pub fn end(members: Value) -> Value {
    let mut response = json!({
        "status": "completed",
        "output": [],
        "usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
    });
    for (name, value) in members.as_object().unwrap() {
        response[name] = value.clone();
    }
    let status = response["status"].as_str().unwrap();
    json!({"type": format!("response.{status}"), "response": response})
}

pub fn added(at: u64, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": at, "item": item})
}

pub fn done(at: u64, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": at, "item": item})
}

pub fn delta(of: &str, at: u64, delta: &str) -> Value {
    json!({"type": format!("response.{of}.delta"), "output_index": at, "delta": delta})
}

pub fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": name, "arguments": arguments})
}

pub fn message(text: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": text}]})
}

pub fn text_of(events: &[EventKind]) -> String {
    let text = |event: &EventKind| match event {
        EventKind::Text { text, .. } => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

pub fn reasoning_of(events: &[EventKind]) -> String {
    let text = |event: &EventKind| match event {
        EventKind::Reasoning { text, .. } => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

/// ID, name and arguments of the calls, by index.
pub fn calls_of(events: &[EventKind]) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for event in events {
        if let EventKind::ToolCall {
            index,
            id,
            name,
            arguments,
            ..
        } = event
        {
            if let (Some(id), Some(name)) = (id, name) {
                assert_eq!(*index as usize, calls.len());
                calls.push((id.clone(), name.clone(), String::new()));
            }
            calls[*index as usize].2.push_str(arguments);
        }
    }
    calls
}

pub fn finish_of(events: &[EventKind]) -> FinishReason {
    let finish = events.iter().find_map(|event| match event {
        EventKind::Finish(finish) => Some(finish.reason),
        _ => None,
    });
    finish.unwrap()
}
