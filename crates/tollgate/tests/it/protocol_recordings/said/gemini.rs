//! Gemini's `generateContent`; a whole answer is a stream of one event.

use serde_json::{Value, json};

use super::{Said, Told, text};

pub fn events(events: &[Value]) -> Told {
    let mut said = Said::default();
    let mut reason = String::new();
    for event in events {
        if !event["error"].is_null() {
            return Told::Fault(said.text);
        }
        if !event["promptFeedback"]["blockReason"].is_null() {
            return Told::Blocked;
        }
        let candidate = &event["candidates"][0];
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            let call = &part["functionCall"];
            if !call.is_null() {
                if !text(call, "name").is_empty() {
                    let arguments = match call["args"].is_object() {
                        true => call["args"].clone(),
                        false => json!({}),
                    };
                    said.calls.push((text(call, "name").to_owned(), arguments));
                }
                let (_, arguments) = said.calls.last_mut().unwrap();
                for piece in call["partialArgs"].as_array().into_iter().flatten() {
                    put(arguments, piece);
                }
            } else if part["thought"] == true {
                said.think(text(part, "text"));
            } else {
                said.text.push_str(text(part, "text"));
            }
        }
        match &candidate["finishReason"] {
            Value::String(own) => own.clone_into(&mut reason),
            // An old client of Vertex has enums as numbers.
            Value::Number(own) if own.as_u64() == Some(1) => "STOP".clone_into(&mut reason),
            Value::Number(own) if own.as_u64() == Some(2) => "MAX_TOKENS".clone_into(&mut reason),
            _ => {}
        }
        let usage = &event["usageMetadata"];
        let count = |name: &str| usage[name].as_u64().unwrap_or(0);
        if usage["promptTokenCount"].is_u64() {
            let prompt = count("promptTokenCount") + count("toolUsePromptTokenCount");
            said.tokens = Some((
                prompt,
                count("candidatesTokenCount") + count("thoughtsTokenCount"),
            ));
        }
    }
    said.finish = match reason.as_str() {
        "STOP" if !said.calls.is_empty() => "tool_calls",
        "STOP" => "stop",
        "MAX_TOKENS" => "length",
        "" | "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "OTHER" => return Told::Fault(said.text),
        _ => "content_filter",
    }
    .to_owned();
    Told::Answer(said)
}

/// Puts a piece of streamed arguments, such as `{"jsonPath": "$.a[0].b", "stringValue": "x"}`, to its
/// place; strings come in pieces themselves.
fn put(arguments: &mut Value, piece: &Value) {
    let path = text(piece, "jsonPath")
        .trim_start_matches("$.")
        .replace('[', ".[");
    let mut place = arguments;
    for step in path.split('.') {
        place = match step.strip_prefix('[').and_then(|step| step.strip_suffix(']')) {
            None => &mut place[step],
            Some(index) => {
                let index: usize = index.parse().unwrap();
                if !place.is_array() {
                    *place = json!([]);
                }
                let list = place.as_array_mut().unwrap();
                list.resize(list.len().max(index + 1), Value::Null);
                &mut list[index]
            }
        };
    }
    match (place.as_str(), piece["stringValue"].as_str()) {
        (before, Some(more)) => *place = format!("{}{more}", before.unwrap_or_default()).into(),
        (_, None) => {
            let values = ["numberValue", "boolValue", "nullValue"].map(|name| &piece[name]);
            *place = values
                .into_iter()
                .find(|value| !value.is_null())
                .cloned()
                .unwrap_or_default();
        }
    }
}
