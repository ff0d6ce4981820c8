//! A chat request's messages as turns for the embedded model, which reads text alone.

use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::json::Json;
use tollgate_dialects::Note;
use tollgate_engine::{Role, Turn};

/// The turns, and what was lost on the way.
pub struct Written {
    pub turns: Vec<Turn>,
    pub notes: Vec<Note>,
}

/// Writes the turns. Media become a word in parentheses; tool calls and their results become text.
pub fn write(request: &ValidRequest) -> Written {
    let messages = request
        .request
        .get("messages")
        .and_then(|json| Json::parse(json).ok());
    let turns = messages
        .as_ref()
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .map(turn)
        .collect();
    let traits = &request.traits;
    let replaced = [
        (traits.images, "image"),
        (traits.videos, "video"),
        (traits.audio, "audio"),
        (traits.files, "file"),
    ];
    let mut notes: Vec<Note> = replaced
        .into_iter()
        .filter(|(any, _)| *any)
        .map(|(_, kind)| Note::Omitted(kind.to_owned()))
        .collect();
    if request.tools > 0 {
        notes.push(Note::Omitted("tools".to_owned()));
    }
    Written { turns, notes }
}

fn turn(message: &Json<'_>) -> Turn {
    let role = message.get("role").and_then(Json::as_str).unwrap_or_default();
    let content = message.present("content").map(content_text).unwrap_or_default();
    match role {
        "system" | "developer" => Turn {
            role: Role::System,
            text: content,
        },
        "assistant" => Turn {
            role: Role::Assistant,
            text: with_calls(content, message),
        },
        "tool" | "function" => Turn {
            role: Role::User,
            text: format!("Result of the call: {content}"),
        },
        _ => Turn {
            role: Role::User,
            text: content,
        },
    }
}

fn content_text(content: &Json<'_>) -> String {
    match content {
        Json::String(text) => text.to_string(),
        Json::Array(parts) => parts.iter().map(part_text).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

fn part_text(part: &Json<'_>) -> String {
    let text = |name| {
        part.get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    match part.get("type").and_then(Json::as_str) {
        Some("text") => text("text"),
        Some("refusal") => text("refusal"),
        Some("image_url") => "(image)".to_owned(),
        Some("video_url") => "(video)".to_owned(),
        Some("input_audio") => "(audio)".to_owned(),
        _ => "(file)".to_owned(),
    }
}

fn with_calls(mut text: String, message: &Json<'_>) -> String {
    for call in message
        .get("tool_calls")
        .and_then(Json::as_array)
        .unwrap_or_default()
    {
        let function = call.get("function");
        let member = |name| {
            function
                .and_then(|function| function.get(name))
                .and_then(Json::as_str)
                .unwrap_or_default()
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("Call {} with {}", member("name"), member("arguments")));
    }
    text
}
