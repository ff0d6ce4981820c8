//! Recorded requests of real clients, and the chat requests that say the same: what leaves the gate has to
//! be what was recorded.
//!
//! Each fixture in `recorded/` names a recording and the public model. Of the recording's own words it
//! repeats nothing: `<</path>>` in a string stands for what the recorded request has at that path,
//! `<<base64 of /path>>` for the same in base64, `{"from": "/path"}` for a value and `{"json of": "/path"}`
//! for its text.
//!
//! Two requests count as the same when they are after this:
//! - `model` and `stream` are left out: recordings use aliases, and long answers are streamed to the gate;
//! - a string as `system` or `content` is one text block, and a block's text ends without white space;
//! - null, an empty list, and what changes nothing are absent: `is_error: false`, `tool_choice` of type
//!   `auto`, `disable_parallel_tool_use: false`, `temperature: 1`, thinking switched off, an empty
//!   description, text without words, `citations`;
//! - `output_format` is the older name of `output_config.format`;
//! - five minutes are what a cache mark means that does not say how long;
//! - thoughts are shown in summary (`display`), whether it is asked for or not.

use serde_json::{Map, Value, json};
use tollgate_testkit::recordings::{Recording, recordings};

use super::fixtures::{body, checked, encode, serving};

/// Tags of recorded requests that the fixtures have to cover. (`n>1` is a tag that a tool's arguments
/// brought about; Messages has no such parameter.)
const TAGS: [&str; 11] = [
    "tools",
    "toolchoice",
    "toolresult",
    "sigback",
    "image",
    "document",
    "json",
    "stop",
    "cache",
    "reasoning-param",
    "n>1",
];

struct Fixture {
    name: String,
    recording: String,
    model: String,
    request: Value,
}

fn fixtures() -> Vec<Fixture> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/anthropic_messages/recorded");
    let mut fixtures: Vec<Fixture> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let fixture: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let text = |name: &str| fixture[name].as_str().unwrap().to_owned();
            Fixture {
                name: path.file_stem().unwrap().to_string_lossy().into_owned(),
                recording: text("recording"),
                model: text("model"),
                request: fixture["request"].clone(),
            }
        })
        .collect();
    fixtures.sort_by(|one, other| one.name.cmp(&other.name));
    fixtures
}

fn recorded() -> Option<Vec<(Fixture, Recording)>> {
    let recordings = recordings("anthropic-messages")?;
    let pairs = fixtures().into_iter().map(|fixture| {
        let found = recordings
            .iter()
            .find(|recording| recording.id == fixture.recording);
        let recording = found
            .unwrap_or_else(|| panic!("{}: no such recording", fixture.name))
            .clone();
        (fixture, recording)
    });
    Some(pairs.collect())
}

/// The fixture's request with the recording's words in it.
fn filled(value: &Value, recorded: &Value) -> Value {
    let at = |path: &str| {
        recorded
            .pointer(path)
            .unwrap_or_else(|| panic!("nothing at {path}"))
            .clone()
    };
    match value {
        Value::String(text) => Value::String(filled_text(text, recorded)),
        Value::Array(items) => items.iter().map(|item| filled(item, recorded)).collect(),
        Value::Object(members) => {
            let only = |name: &str| members.get(name).filter(|_| members.len() == 1)?.as_str();
            if let Some(path) = only("from") {
                return at(path);
            }
            if let Some(path) = only("json of") {
                return Value::String(at(path).to_string());
            }
            let filled = members
                .iter()
                .map(|(name, value)| (name.clone(), filled(value, recorded)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

fn filled_text(text: &str, recorded: &Value) -> String {
    let Some((before, rest)) = text.split_once("<<") else {
        return text.to_owned();
    };
    let (path, after) = rest.split_once(">>").unwrap();
    let (path, encoded) = match path.strip_prefix("base64 of ") {
        Some(path) => (path, true),
        None => (path, false),
    };
    let found = recorded.pointer(path).and_then(Value::as_str);
    let found = found.unwrap_or_else(|| panic!("no text at {path}"));
    let found = if encoded { base64(found) } else { found.to_owned() };
    format!("{before}{found}{}", filled_text(after, recorded))
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let triples = text.as_bytes().chunks(3).flat_map(|chunk| {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        (0..4).map(move |at| match at <= chunk.len() {
            true => LETTERS[(bits >> (18 - 6 * at) & 63) as usize] as char,
            false => '=',
        })
    });
    triples.collect()
}

fn normal(request: &Value) -> Value {
    let mut request = request.clone();
    let members = request.as_object_mut().unwrap();
    members.remove("model");
    members.remove("stream");
    if let Some(format) = members.remove("output_format") {
        members.insert("output_config".to_owned(), json!({"format": format}));
    }
    for (name, nothing) in [
        ("tool_choice", json!({"type": "auto"})),
        (
            "tool_choice",
            json!({"type": "auto", "disable_parallel_tool_use": false}),
        ),
        ("thinking", json!({"type": "disabled"})),
        ("temperature", json!(1)),
        ("temperature", json!(1.0)),
    ] {
        if members.get(name) == Some(&nothing) {
            members.remove(name);
        }
    }
    if let Some(thinking) = members.get_mut("thinking").and_then(Value::as_object_mut) {
        thinking.remove("display");
    }
    if let Some(system) = members.get_mut("system") {
        *system = as_blocks(system);
    }
    for message in members["messages"].as_array_mut().unwrap() {
        message["content"] = as_blocks(&message["content"]);
    }
    plain(&request)
}

fn as_blocks(content: &Value) -> Value {
    let blocks = match content {
        Value::String(text) => vec![json!({"type": "text", "text": text})],
        Value::Array(blocks) => blocks.clone(),
        other => panic!("no content: {other}"),
    };
    let blocks = blocks.into_iter().filter_map(|mut block| {
        if block["type"] == "text" {
            let text = block["text"].as_str().unwrap().trim_end().to_owned();
            if text.is_empty() {
                return None;
            }
            block["text"] = json!(text);
        }
        if let Some(inner) = block.get_mut("content") {
            *inner = as_blocks(inner);
        }
        Some(block)
    });
    blocks.collect()
}

/// Without what says nothing, and with short numbers.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let nothing = |name: &str, value: &Value| match name {
                "is_error" | "disable_parallel_tool_use" => *value == json!(false),
                "description" => *value == json!(""),
                "citations" => true,
                "ttl" => *value == json!("5m"),
                "tools" | "stop_sequences" => *value == json!([]),
                _ => value.is_null(),
            };
            let said = members
                .iter()
                .filter(|(name, value)| !value.is_null() && !nothing(name, value));
            let said: Map<_, _> = said.map(|(name, value)| (name.clone(), plain(value))).collect();
            Value::Object(said)
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap();
            if number.fract() == 0.0 {
                json!(number as i64)
            } else {
                json!(number)
            }
        }
        other => other.clone(),
    }
}

#[test]
fn a_chat_request_leaves_as_the_recorded_request_that_says_the_same() {
    for (fixture, recording) in recorded().unwrap_or_default() {
        let recorded = &recording.request.as_ref().unwrap().body;
        let mut request = filled(&fixture.request, recorded);
        request["model"] = json!(fixture.model);
        let valid = checked(&fixture.model, &request.to_string());
        let sent = encode(&valid, &serving(&fixture.model))
            .unwrap_or_else(|unsupported| panic!("{}: {}: {unsupported}", fixture.name, unsupported.param));
        assert_eq!(
            normal(&body(&sent)),
            normal(recorded),
            "{} ({})",
            fixture.name,
            fixture.recording
        );
    }
}

#[test]
fn every_kind_of_recorded_request_has_a_fixture() {
    let Some(recorded) = recorded() else { return };
    for tag in TAGS {
        let covered = recorded.iter().any(|(_, recording)| recording.has_tag(tag));
        assert!(covered, "no fixture has a recording with the tag {tag}");
    }
}
