//! A chat request as a prompt for the embedded model, which reads text alone.

use serde_json::json;
use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::json::Json;
use tollgate_dialects::Note;
use tollgate_engine::{Role, Sampling, Turn};

use super::{
    calls,
    wanted::{Function, Wanted},
};

/// Most tokens of an answer where the client sets no limit: a small model may never stop by itself.
const OUTPUT_LIMIT: u32 = 1_024;
/// Where the client says nothing. The pages' own default of 1 suits models a thousand times as large; at
/// that this one rambles.
const TEMPERATURE: f32 = 0.2;
const TOP_P: f32 = 0.9;
/// Most bytes of the functions' descriptions in the prompt: reading them takes its time.
const FUNCTIONS_LIMIT: usize = 6 << 10;

/// The turns, and what was lost on the way.
pub struct Written {
    pub turns: Vec<Turn>,
    pub notes: Vec<Note>,
}

/// Writes the turns. Media become a word in parentheses; calls and their results become text.
pub fn write(request: &ValidRequest, functions: &[Function], wanted: &Wanted) -> Written {
    let messages = request
        .request
        .get("messages")
        .and_then(|json| Json::parse(json).ok());
    let mut turns: Vec<Turn> = messages
        .as_ref()
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .map(|message| turn(message, !functions.is_empty()))
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
    if !functions.is_empty() {
        let (offer, whole) = offer(functions);
        tell(&mut turns, &offer);
        if !whole {
            notes.push(Note::Truncated("tools".to_owned()));
        }
    }
    if let Some(hint) = &wanted.hint {
        tell(&mut turns, hint);
    }
    Written { turns, notes }
}

/// Adds to what the system says.
fn tell(turns: &mut Vec<Turn>, text: &str) {
    match turns.first_mut().filter(|turn| turn.role == Role::System) {
        Some(system) => {
            system.text.push_str("\n\n");
            system.text.push_str(text);
        }
        None => turns.insert(
            0,
            Turn {
                role: Role::System,
                text: text.to_owned(),
            },
        ),
    }
}

/// Tells the model which functions there are; whether all of what the client said of them is in it.
fn offer(functions: &[Function]) -> (String, bool) {
    let described = |parameters: bool| {
        let functions = functions.iter().map(|function| {
            let mut shown = json!({"name": function.name});
            if let Some(description) = &function.description {
                shown["description"] = json!(description);
            }
            if let Some(schema) = function.parameters.as_ref().filter(|_| parameters) {
                shown["parameters"] = schema.clone();
            }
            shown.to_string()
        });
        functions.collect::<Vec<_>>().join("\n")
    };
    let mut list = described(true);
    let mut whole = list.len() <= FUNCTIONS_LIMIT;
    if !whole {
        list = described(false);
        list.truncate(list.floor_char_boundary(FUNCTIONS_LIMIT));
    }
    whole &= !list.is_empty();
    let example = calls::written(&[("name".to_owned(), "{\"argument\": \"value\"}".to_owned())]);
    let offer = format!(
        "These functions can be called:\n<tools>\n{list}\n</tools>\nWhen one of them helps, answer with a call \
         in exactly this form:\n{example}\nWhen none of them helps, answer in words."
    );
    (offer, whole)
}

/// How tokens are chosen.
pub fn sampling(request: &ValidRequest, wanted: &Wanted) -> Sampling {
    let number = |value: Option<f64>, otherwise: f32| value.map_or(otherwise, |value| value as f32);
    let limit = request
        .max_tokens
        .map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
    // A documented default such as 65,536 is no wish for an answer of that length.
    let sent = ["max_tokens", "max_completion_tokens"]
        .into_iter()
        .any(|name| request.request.get(name).is_some());
    let get = |name: &str| request.request.get(name).and_then(|json| Json::parse(json).ok());
    let logprobs = matches!(get("logprobs"), Some(Json::Bool(true)));
    let top = get("top_logprobs").and_then(|top| match top {
        Json::Number(number) => number.as_i64(),
        _ => None,
    });
    Sampling {
        temperature: number(request.temperature, TEMPERATURE),
        top_p: number(request.top_p, TOP_P),
        frequency_penalty: number(request.frequency_penalty, 0.0),
        presence_penalty: number(request.presence_penalty, 0.0),
        logit_bias: biases(request).into_iter().flatten().collect(),
        logprobs: logprobs.then(|| top.and_then(|top| usize::try_from(top).ok()).unwrap_or(0)),
        seed: request.seed.map(|seed| seed as u64),
        max_tokens: limit.filter(|_| sent).or(Some(OUTPUT_LIMIT)),
        // Stop texts end text, not the arguments of a call.
        stop: if wanted.text {
            request.stop.clone()
        } else {
            Vec::new()
        },
        stop_until: wanted.calls.is_some().then(|| calls::OPEN.to_owned()),
    }
}

/// The biases by token ID; `None` for a member whose name is no ID.
pub fn biases(request: &ValidRequest) -> Vec<Option<(u32, f32)>> {
    let Some(Ok(Json::Object(members))) = request.request.get("logit_bias").map(Json::parse) else {
        return Vec::new();
    };
    let bias = |value: &Json<'_>| match value {
        Json::Number(number) => number.as_f64() as f32,
        _ => 0.0,
    };
    members
        .iter()
        .map(|(token, value)| Some((token.parse().ok()?, bias(value))))
        .collect()
}

/// `may_call`: whether the model may make calls, so that earlier ones are an example.
fn turn(message: &Json<'_>, may_call: bool) -> Turn {
    let role = message.get("role").and_then(Json::as_str).unwrap_or_default();
    let content = message.present("content").map(content_text).unwrap_or_default();
    match role {
        "system" | "developer" => Turn {
            role: Role::System,
            text: content,
        },
        "assistant" => Turn {
            role: Role::Assistant,
            text: with_calls(content, message, may_call),
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

/// The text of an assistant's turn with its calls: in the form in which the model writes them, or in words
/// where it is not to write any.
fn with_calls(mut text: String, message: &Json<'_>, may_call: bool) -> String {
    let calls = message
        .get("tool_calls")
        .and_then(Json::as_array)
        .unwrap_or_default();
    let calls: Vec<(String, String)> = calls
        .iter()
        .map(|call| {
            let function = call.get("function");
            let member = |name| {
                function
                    .and_then(|function| function.get(name))
                    .and_then(Json::as_str)
            };
            let arguments = member("arguments").filter(|arguments| !arguments.trim().is_empty());
            (
                member("name").unwrap_or_default().to_owned(),
                arguments.unwrap_or("{}").to_owned(),
            )
        })
        .collect();
    if !calls.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        match may_call {
            true => text.push_str(&calls::written(&calls)),
            false => text.push_str(&calls::in_words(&calls)),
        }
    }
    text
}
