//! Chat requests that have to become recorded requests: what a client would send, as fixtures of ours
//! that refer to the recording, and what the provider took.
//!
//! A string `"$/pointer"` in a fixture stands for what the recorded request has there. Before the two are
//! compared, both are brought to one form, since the protocol lets one thing be said in several ways:
//!
//! - `store` and `include` are left out: we always say `store: false`, and ask for encrypted thoughts
//!   where the model thinks; `stream: false`, `tool_choice: "auto"` and null members say nothing;
//! - `instructions` are a system message before the others, and an `input` that is a string is a message;
//! - a message's `type` is left out; content that is one text is a string;
//! - `id` and `status` of calls and of results are left out: nothing is stored under them; empty lists of
//!   a thought are left out;
//! - a function's `strict` is false where it is not said; empty descriptions are none; an image's `detail`
//!   is `auto` where it is not said;
//! - numbers are compared as numbers (`0` and `0.0`).

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tollgate_catalog::{Catalog, load};
use tollgate_dialects::turn_state::KeptTurn;
use tollgate_testkit::recordings::recordings;

use super::fixtures::{body, checked, decode_whole, encode_knowing};

const FIXTURES: &str = include_str!("requests.json");

/// Models that think, and that do not, under names of their own: those of the recordings are not all in
/// the catalogue.
const MODELS: &str = r#"
[[model]]
id = "plain"
owner = "test"
contract = "general"
reads = ["text", "image", "file"]

[[model.serving]]
provider = "openai"
dialect = "openai-responses"

[[model]]
id = "thinker"
owner = "test"
contract = "general"
reads = ["text", "image", "file"]

[[model.serving]]
provider = "openai"
dialect = "openai-responses"
quirk_set = "codex"
"#;

fn catalog() -> Catalog {
    let source = load::Source {
        file: "models.toml",
        text: MODELS,
    };
    load::with_files(&[source]).unwrap()
}

/// The fixture with what the recorded request has in the places that it names.
fn filled(fixture: &Value, recorded: &Value) -> Value {
    match fixture {
        Value::String(text) => match text.strip_prefix('$') {
            Some(pointer) => recorded
                .pointer(pointer)
                .unwrap_or_else(|| panic!("nothing at {pointer}"))
                .clone(),
            None => fixture.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, recorded)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, recorded)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// The state that the gate would have kept of the answers before.
fn kept(fixture: &Value, recorded: &Value) -> Vec<KeptTurn> {
    let turns = fixture["kept"].as_array().into_iter().flatten();
    turns
        .flat_map(|turn| {
            let turn = filled(turn, recorded);
            let call =
                json!({"type": "function_call", "call_id": turn["call"], "name": "any", "arguments": "{}"});
            let response = json!({"status": "completed", "output": [turn["thought"], call]});
            decode_whole(&Bytes::from(response.to_string())).unwrap().1
        })
        .collect()
}

/// The one form of a request, as the module's documentation describes it.
fn normalised(request: &Value) -> Value {
    let mut request = without_nulls(request);
    let members = request.as_object_mut().unwrap();
    for said_always in ["store", "include"] {
        members.remove(said_always);
    }
    if members.get("stream") == Some(&json!(false)) {
        members.remove("stream");
    }
    if members.get("tool_choice") == Some(&json!("auto")) {
        members.remove("tool_choice");
    }
    let mut items = match members.remove("input").unwrap() {
        Value::String(text) => vec![json!({"role": "user", "content": text})],
        list => list.as_array().unwrap().iter().map(normalised_item).collect(),
    };
    if let Some(instructions) = members.remove("instructions").filter(|text| text != "") {
        items.insert(0, json!({"role": "system", "content": instructions}));
    }
    members.insert("input".to_owned(), items.into());
    for tool in members
        .get_mut("tools")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let tool = tool.as_object_mut().unwrap();
        if tool["type"] == "function" {
            tool.entry("strict").or_insert(json!(false));
        }
        if tool.get("description") == Some(&json!("")) {
            tool.remove("description");
        }
    }
    request
}

fn normalised_item(item: &Value) -> Value {
    let mut item = item.clone();
    let members = item.as_object_mut().unwrap();
    let kind = members
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("message")
        .to_owned();
    if kind == "message" {
        members.remove("type");
    }
    if kind == "reasoning" {
        members.retain(|_, value| *value != json!([]));
    } else {
        members.remove("id");
        members.remove("status");
    }
    let parts = members.get_mut("content").filter(|_| kind == "message");
    if let Some(content) = parts {
        if let Some([part]) = content.as_array().map(Vec::as_slice)
            && let Some(text) = part.get("text")
        {
            *content = text.clone();
        }
        for part in content.as_array_mut().into_iter().flatten() {
            if part["type"] == "input_image" {
                part.as_object_mut()
                    .unwrap()
                    .entry("detail")
                    .or_insert(json!("auto"));
            }
        }
    }
    item
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

#[test]
fn what_a_client_asks_in_chat_leaves_as_the_recorded_request() {
    let fixtures: Vec<Value> = serde_json::from_str(FIXTURES).unwrap();
    let Some(recordings) = recordings("openai-responses") else {
        return;
    };
    let catalog = catalog();
    let mut shown = BTreeSet::new();
    for fixture in &fixtures {
        let id = fixture["recording"].as_str().unwrap();
        let recording = recordings.iter().find(|recording| recording.id == id);
        let recording = recording.unwrap_or_else(|| panic!("no recording {id}"));
        let recorded = &recording.request.as_ref().unwrap().body;
        shown.extend(recording.tags.iter().cloned());

        let model = fixture["model"].as_str().unwrap();
        let mut chat = filled(&fixture["chat"], recorded);
        chat["model"] = model.into();
        let request = checked(&catalog, model, &chat.to_string());
        let mut serving = Arc::unwrap_or_clone(catalog.serving(model, catalog.provider("openai").unwrap()));
        serving.upstream_id = recorded["model"].as_str().unwrap().into();
        let encoded = encode_knowing(&serving, &request, &kept(fixture, recorded), &Default::default())
            .unwrap_or_else(|refused| panic!("{id}: {}: {refused}", refused.param));

        let sent = body(&encoded);
        assert_eq!(sent["store"], false, "{id}");
        assert_eq!(encoded.notes, [], "{id}: nothing gets lost");
        assert_eq!(encoded.path, "/responses");
        assert_eq!(normalised(&sent), normalised(recorded), "{id}");
    }
    // The recordings have no request with `stop`, `n`, `logprobs`, sound or video.
    let of_requests = [
        "tools",
        "toolchoice",
        "toolresult",
        "sigback",
        "image",
        "document",
        "json",
        "cache",
        "reasoning-param",
    ];
    for tag in of_requests {
        assert!(shown.contains(tag), "no fixture shows {tag}");
    }
}
