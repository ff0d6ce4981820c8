//! For each of a sample of recordings, the chat request that a client would send (`requests/`, our own),
//! and that what leaves the gate is what was recorded, up to spelling.
//!
//! Texts and media of the recordings are not repeated in the fixtures: `recorded:/a/b` stands for the
//! string at that place of the recorded request, `json:/a/b` for the JSON there as a string.
//!
//! What counts as spelling ([`normalised`]), in recorded and in our requests alike:
//! - members in snake case; nulls, empty lists and objects, `thought: false`, empty texts of instructions;
//! - a role of `systemInstruction`, which the API ignores, and its parts as one object;
//! - mode `AUTO`, which is the default, and a list of allowed functions that names all of them;
//! - `parameters` and `parametersJsonSchema`, `responseSchema` and `responseJsonSchema`: one schema with
//!   types in small letters, without `propertyOrdering`, `additionalProperties: false` and an empty
//!   `required`;
//! - `responseModalities: ["TEXT"]` and `candidateCount: 1`, which are the defaults;
//! - `includeThoughts`: the gate asks for thoughts whenever the model thinks;
//! - whole numbers with and without a fraction;
//! - Vertex's path up to `models/`.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Map, Value, json};
use tollgate_catalog::quirks::{MediaSource, Quirks};
use tollgate_dialects::Context;
use tollgate_testkit::recordings::{Recording, recordings};

use super::fixtures::{alone, body, encode_knowing, serving, valid};

/// Tags of requests; `cache` is left out, since a stored prompt has no counterpart in chat completions.
const TAGS: [&str; 13] = [
    "tools",
    "toolchoice",
    "toolresult",
    "sigback",
    "image",
    "audio",
    "video",
    "document",
    "json",
    "stop",
    "logprobs",
    "n>1",
    "reasoning-param",
];

fn fixtures() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gemini/requests");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read = |path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    paths.into_iter().map(read).collect()
}

fn recorded() -> Option<Vec<Recording>> {
    Some([recordings("gemini")?, recordings("vertex-gemini")?].concat())
}

/// Puts in what the fixture takes from the recording.
fn filled(value: &Value, recorded: &Value) -> Value {
    let at = |pointer: &str| {
        recorded
            .pointer(pointer)
            .unwrap_or_else(|| panic!("nothing at {pointer}"))
    };
    match value {
        Value::String(text) => {
            if let Some(pointer) = text.strip_prefix("json:") {
                return at(pointer).to_string().into();
            }
            let (head, pointer) = text.split_once("recorded:").unwrap_or((text, ""));
            let tail = if pointer.is_empty() {
                ""
            } else {
                at(pointer).as_str().unwrap()
            };
            // Recorded media are in the alphabet for URLs, which JSON in OpenAI's form never is.
            format!("{head}{tail}").into()
        }
        Value::Array(items) => items.iter().map(|item| filled(item, recorded)).collect(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), filled(value, recorded)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// Lays a fixture's quirks over the catalogue's.
fn laid_over(mut quirks: Quirks, fixture: &Value) -> Quirks {
    let over = fixture["quirks"].as_object().cloned().unwrap_or_default();
    for (name, value) in over {
        match (&*name, &value) {
            ("call_ids", Value::Bool(taken)) => quirks.call_ids = *taken,
            ("file_urls", Value::Bool(taken)) => quirks.file_urls = *taken,
            ("images", Value::String(any)) if any == "any" => quirks.images = MediaSource::Any,
            ("omit", Value::Array(none)) if none.is_empty() => quirks.omit.clear(),
            ("refuse", Value::Array(none)) if none.is_empty() => quirks.refuse.clear(),
            _ => panic!("no rule for {name}: {value}"),
        }
    }
    quirks
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1.min(word.len()));
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(rest);
    }
    out
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// A request without differences of spelling.
fn normalised(request: &Value) -> Value {
    let mut request = spelt(request);
    if let Some(instruction) = request["systemInstruction"].as_object_mut() {
        instruction.remove("role");
        if instruction.get("parts").is_some_and(Value::is_object) {
            let parts = instruction["parts"].take();
            instruction["parts"] = json!([parts]);
        }
        let says = |part: &Value| part["text"].as_str().is_some_and(|text| !text.is_empty());
        if !instruction["parts"]
            .as_array()
            .is_some_and(|parts| parts.iter().any(says))
        {
            instruction.clear();
        }
    }
    let declared = request["tools"][0]["functionDeclarations"]
        .as_array()
        .map_or(0, Vec::len);
    let calling = &mut request["toolConfig"]["functionCallingConfig"];
    if calling["mode"] == "AUTO" {
        *calling = Value::Null;
    } else if calling["allowedFunctionNames"]
        .as_array()
        .is_some_and(|names| names.len() == declared)
    {
        calling["allowedFunctionNames"] = Value::Null;
    }
    let config = &mut request["generationConfig"];
    if config["responseModalities"] == json!(["TEXT"]) {
        config["responseModalities"] = Value::Null;
    }
    if config["candidateCount"] == 1.0 {
        config["candidateCount"] = Value::Null;
    }
    if config["thinkingConfig"].is_object() {
        config["thinkingConfig"]["includeThoughts"] = Value::Null;
    }
    without_nothing(&request)
}

/// Members in camel case, schemas in one form, numbers as floats.
fn spelt(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut out = Map::new();
            for (name, value) in members {
                let name = camel(name);
                match &*name {
                    "parameters" | "parametersJsonSchema" => {
                        out.insert("parameters".to_owned(), schema(value))
                    }
                    "responseSchema" | "responseJsonSchema" => {
                        out.insert("responseSchema".to_owned(), schema(value))
                    }
                    // The client's own words.
                    "args" | "response" => out.insert(name, value.clone()),
                    _ => out.insert(name, spelt(value)),
                };
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(spelt).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

fn schema(value: &Value) -> Value {
    // Where enums are written as numbers.
    const TYPES: [&str; 7] = ["", "string", "number", "integer", "boolean", "array", "object"];

    match value {
        Value::Object(members) => {
            let mut out = Map::new();
            for (name, value) in members {
                let value = match (&**name, value) {
                    ("propertyOrdering" | "property_ordering", _) => continue,
                    ("additionalProperties", Value::Bool(false)) => continue,
                    ("required" | "properties", nothing) if is_nothing(nothing) => continue,
                    ("type", Value::String(word)) => word.to_ascii_lowercase().into(),
                    ("type", Value::Number(number)) => TYPES[number.as_u64().unwrap() as usize].into(),
                    (_, value) => schema(value),
                };
                out.insert(name.clone(), value);
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(schema).collect(),
        other => other.clone(),
    }
}

fn without_nothing(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut out = Map::new();
            for (name, value) in members {
                let keep = matches!(&**name, "args" | "response");
                let value = if keep {
                    value.clone()
                } else {
                    without_nothing(value)
                };
                if keep || !is_nothing(&value) {
                    out.insert(name.clone(), value);
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(without_nothing).collect(),
        other => other.clone(),
    }
}

#[test]
fn what_leaves_the_gate_is_what_was_recorded() {
    let Some(recorded) = recorded() else { return };
    for fixture in fixtures() {
        let id = fixture["recording"].as_str().unwrap();
        let recording = recorded.iter().find(|recording| recording.id == id).unwrap();
        let request = recording.request.as_ref().unwrap();
        let model = fixture["model"].as_str().unwrap();
        let mut serving = (*serving(model)).clone();
        serving.quirks = laid_over(serving.quirks, &fixture);
        if let Some(upstream_id) = fixture["upstream_id"].as_str() {
            serving.upstream_id = upstream_id.into();
        }
        let known = Context {
            provider_files: fixture["provider_files"] == true,
            ..alone()
        };
        let chat = filled(&fixture["chat"], &request.body);
        let encoded = encode_knowing(&valid(model, chat), &serving, &known)
            .unwrap_or_else(|refusal| panic!("{id}: {}: {refusal}", refusal.param));
        assert_eq!(normalised(&body(&encoded)), normalised(&request.body), "{id}");
        let (_, path) = request.path.split_once("/models/").unwrap();
        let path = path.split("?%24alt").next().unwrap();
        assert_eq!(*encoded.path, *format!("/v1beta/models/{path}"), "{id}");
    }
}

#[test]
fn every_tag_of_requests_has_a_fixture() {
    let Some(recorded) = recorded() else { return };
    let used: BTreeSet<String> = fixtures()
        .iter()
        .map(|fixture| fixture["recording"].as_str().unwrap().to_owned())
        .collect();
    for api in ["gemini", "vertex-gemini"] {
        let of_api = || {
            recorded
                .iter()
                .filter(|recording| recording.api == api && recording.request.is_some())
        };
        for tag in TAGS {
            let exists = of_api().any(|recording| recording.has_tag(tag));
            let covered = of_api().any(|recording| recording.has_tag(tag) && used.contains(&recording.id));
            assert!(covered || !exists, "{api}: no fixture for {tag}");
        }
    }
}
