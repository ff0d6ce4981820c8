//! What goes to the provider, one rule a test.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::{
    contract::{self, check::CheckLimits},
    quirks::{MediaSource, Quirks, ThinkingForm},
};
use tollgate_chat::request::ChatRequest;
use tollgate_dialects::{Context, request::Medium, turn_state::TurnStates};

use super::fixtures::{CATALOG, body, encode, encode_knowing, notes, sent, serving, valid};

/// Encodes for `gpt-5-codex` with other quirks.
fn sent_with(change: impl FnOnce(&mut Quirks), members: Value) -> (Value, Vec<String>) {
    let mut serving = (*serving("gpt-5-codex")).clone();
    change(&mut serving.quirks);
    let encoded = encode_knowing(&serving, &valid("gpt-5-codex", members), &[], &HashMap::new()).unwrap();
    (body(&encoded), notes(&encoded))
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

#[test]
fn nothing_is_kept_at_the_provider_and_thoughts_come_encrypted() {
    let body = sent(json!({}));
    assert_eq!(body["store"], false);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(body["input"], json!([{"role": "user", "content": "Hi"}]));
    let (plain, _) = sent_with(
        |quirks| {
            quirks.thinking = ThinkingForm::None;
            quirks.thinks_by_default = false;
            quirks.thinking_optional = true;
        },
        json!({}),
    );
    assert_eq!(
        plain.get("include"),
        None,
        "a model that does not think refuses it"
    );
}

#[test]
fn strict_is_always_said_since_it_is_on_unless_one_says_otherwise() {
    let mut strict = tool("strict");
    strict["function"]["strict"] = json!(true);
    let tools = sent(json!({"tools": [tool("loose"), strict]}))["tools"].clone();
    assert_eq!(
        (&tools[0]["strict"], &tools[1]["strict"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        tools[0]["parameters"],
        json!({"type": "object", "properties": {}}),
        "a function without parameters takes none"
    );
}

#[test]
fn a_tool_choice_is_flat() {
    for (asked, expected) in [
        (json!("none"), json!("none")),
        (json!("required"), json!("required")),
        (
            json!({"type": "function", "function": {"name": "b"}}),
            json!({"type": "function", "name": "b"}),
        ),
    ] {
        let body = sent(json!({"tools": [tool("a"), tool("b")], "tool_choice": asked}));
        assert_eq!(body["tool_choice"], expected);
    }
    let body = sent(json!({"tools": [tool("a")], "tool_choice": "auto", "parallel_tool_calls": false}));
    assert_eq!(body.get("tool_choice"), None);
    assert_eq!(body["parallel_tool_calls"], false);
    let none = sent(json!({"tools": [], "tool_choice": "none", "parallel_tool_calls": true}));
    for name in ["tools", "tool_choice", "parallel_tool_calls"] {
        assert_eq!(none.get(name), None);
    }
}

#[test]
fn an_output_limit_has_one_name_and_a_floor() {
    let limit = |members| {
        let request = encode("gpt-5-codex", members).unwrap();
        (body(&request)["max_output_tokens"].clone(), notes(&request))
    };
    assert_eq!(limit(json!({"max_tokens": 100})), (json!(100), vec![]));
    assert_eq!(
        limit(json!({"max_tokens": 100, "max_completion_tokens": 50})),
        (json!(50), vec![])
    );
    assert_eq!(limit(json!({"max_tokens": 16})), (json!(16), vec![]));
    assert_eq!(
        limit(json!({"max_tokens": 5})),
        (json!(16), vec!["moved:max_tokens".to_owned()])
    );
    assert_eq!(
        limit(json!({"max_completion_tokens": 1})),
        (json!(16), vec!["moved:max_completion_tokens".to_owned()])
    );
    assert_eq!(limit(json!({})).0, Value::Null);
}

#[test]
fn sampling_hints_without_a_place_are_left_out_with_a_note() {
    let hints = json!({
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "seed": 0,
        "logit_bias": {"5": 10},
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 40,
        "store": true
    });
    let request = encode("gpt-5-codex", hints).unwrap();
    let mut told = notes(&request);
    told.sort();
    assert_eq!(
        told,
        [
            "omitted:frequency_penalty",
            "omitted:logit_bias",
            "omitted:presence_penalty",
            "omitted:seed",
            "omitted:store",
            "omitted:temperature",
            "omitted:top_k",
            "omitted:top_p",
        ]
    );
    let body = body(&request);
    for name in ["frequency_penalty", "seed", "logit_bias", "temperature", "top_k"] {
        assert_eq!(body.get(name), None, "{name}");
    }
    assert_eq!(body["store"], false);
}

#[test]
fn values_without_effect_are_never_a_reason_to_refuse_or_to_note() {
    let harmless = json!({
        "n": 1,
        "stop": [],
        "tools": [],
        "functions": [],
        "function_call": "auto",
        "logprobs": false,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "logit_bias": {},
        "modalities": ["text"],
        "temperature": 1,
        "top_p": 1,
        "audio": null,
        "prediction": null,
        "store": false,
        "response_format": {"type": "text"},
        "metadata": null
    });
    let request = encode("gpt-5-codex", harmless).unwrap();
    assert_eq!(notes(&request), Vec::<String>::new());
    let mut names: Vec<String> = body(&request).as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["include", "input", "model", "store"]);
}

#[test]
fn what_changes_the_answer_and_has_no_place_is_refused_by_name() {
    for (members, param) in [
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"audio": {"voice": "alloy", "format": "wav"}}), "audio"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"functions": [{"name": "f"}]}), "functions"),
        (
            json!({"messages": [
                {"role": "user", "content": "Hi"}, {"role": "function", "name": "f", "content": "1"}]}),
            "messages[1].role",
        ),
    ] {
        let refused = encode("gpt-5-codex", members).unwrap_err();
        assert_eq!(refused.param, param);
        assert!(!refused.problem.is_empty());
    }
}

#[test]
fn sound_and_moving_pictures_are_refused_by_part() {
    // A model that only a channel names is thought to read everything.
    let provider = CATALOG.provider("openai").unwrap();
    let model = Arc::new(CATALOG.unlisted_model("new", provider));
    for part in [
        json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        json!({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}),
    ] {
        let chat = json!({"model": "new", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]}
        ]});
        let request = ChatRequest::parse(Bytes::from(chat.to_string())).unwrap();
        let request = contract::check(request, model.clone(), &CheckLimits::default()).unwrap();
        let refused = encode_knowing(&serving("gpt-5-codex"), &request, &[], &HashMap::new()).unwrap_err();
        assert_eq!(refused.param, "messages[0].content[1]");
    }
}

#[test]
fn what_several_choices_would_need_is_refused_should_it_get_here() {
    let request = valid("gpt-5-codex", json!({"n": 2}));
    let (states, fetched) = (TurnStates::new(), HashMap::new());
    let mut context = Context {
        provider_files: false,
        states: &states,
        fetched: &fetched,
        choices: 2,
    };
    let refused = tollgate_dialects::encode(&request, &serving("gpt-5-codex"), &context).unwrap_err();
    assert_eq!(refused.param, "n");
    context.choices = 1;
    let one = tollgate_dialects::encode(&request, &serving("gpt-5-codex"), &context).unwrap();
    assert_eq!(body(&one).get("n"), None, "the gate asks again for the others");
}

#[test]
fn images_of_tools_stand_in_their_results_and_drawn_ones_in_the_users_next_message() {
    let png = "data:image/png;base64,AAAA";
    let image = json!({"type": "image_url", "image_url": {"url": png}});
    let messages = json!([
        {"role": "user", "content": "Draw"},
        {"role": "assistant", "content": "Here", "images": [image], "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "Seen"}, image]},
        {"role": "user", "content": "Again"}
    ]);
    let request = encode("gpt-5-codex", json!({"messages": messages})).unwrap();
    assert_eq!(notes(&request), ["moved:messages[1].images"]);
    let input = body(&request)["input"].clone();
    let part = json!({"type": "input_image", "image_url": png, "detail": "auto"});
    assert_eq!(input[1], json!({"role": "assistant", "content": "Here"}));
    assert_eq!(
        input[3]["output"],
        json!([{"type": "input_text", "text": "Seen"}, part])
    );
    assert_eq!(
        input[4]["content"],
        json!([part, {"type": "input_text", "text": "Again"}])
    );

    let last = json!([{"role": "user", "content": "Draw"}, {"role": "assistant", "content": "Here", "images": [image]}]);
    let request = encode("gpt-5-codex", json!({"messages": last})).unwrap();
    assert_eq!(notes(&request), ["omitted:messages.images"]);
}

#[test]
fn a_prediction_is_refused_unless_the_catalogue_calls_it_a_hint() {
    let prediction = json!({"prediction": {"type": "content", "content": "x"}});
    let request = encode("gpt-5-codex", prediction.clone()).unwrap();
    assert_eq!(notes(&request), ["omitted:prediction"]);
    let mut serving = (*serving("gpt-5-codex")).clone();
    serving.quirks.omit.clear();
    let request = valid("gpt-5-codex", prediction);
    let refused = encode_knowing(&serving, &request, &[], &HashMap::new()).unwrap_err();
    assert_eq!(refused.param, "prediction");
}

#[test]
fn log_probabilities_are_asked_for_in_two_places() {
    let (body, _) = sent_with(
        |quirks| quirks.refuse.clear(),
        json!({"logprobs": true, "top_logprobs": 3}),
    );
    assert_eq!(body["top_logprobs"], 3);
    assert_eq!(
        body["include"],
        json!(["message.output_text.logprobs", "reasoning.encrypted_content"])
    );
}

#[test]
fn stop_strings_are_the_gates_business() {
    let request = encode("gpt-5-codex", json!({"stop": ["END"]})).unwrap();
    assert_eq!(body(&request).get("stop"), None);
    assert_eq!(request.undo.emulated.stop, ["END"]);
    assert_eq!(notes(&request), ["emulated:stop"]);
}

#[test]
fn an_effort_and_a_summary_stand_in_one_place() {
    assert_eq!(
        sent(json!({"reasoning_effort": "high"}))["reasoning"],
        json!({"effort": "high"})
    );
    assert_eq!(
        sent(json!({})).get("reasoning"),
        None,
        "nothing asked, nothing said"
    );
    let request = encode("gpt-5-codex", json!({"reasoning_effort": "max"})).unwrap();
    assert_eq!(body(&request)["reasoning"]["effort"], "high");
    assert_eq!(notes(&request), ["moved:reasoning_effort"]);
    let (body, _) = sent_with(
        |quirks| quirks.reasoning_summary = Some("auto".to_owned()),
        json!({"reasoning_effort": "low"}),
    );
    assert_eq!(body["reasoning"], json!({"effort": "low", "summary": "auto"}));
}

#[test]
fn images_come_by_url_by_data_and_as_fetched() {
    let image = |url: &str| {
        json!({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
        ]}]})
    };
    let part = |body: &Value| body["input"][0]["content"][0].clone();
    let url = "https://example.com/cat.png";
    assert_eq!(
        part(&sent(image(url))),
        json!({"type": "input_image", "image_url": url, "detail": "low"})
    );
    let data = "data:image/png;base64,AAAA";
    assert_eq!(part(&sent(image(data)))["image_url"], data);

    let mut serving = (*serving("gpt-5-codex")).clone();
    serving.quirks.images = MediaSource::Data;
    let request = valid("gpt-5-codex", image(url));
    let refused = encode_knowing(&serving, &request, &[], &HashMap::new()).unwrap_err();
    assert_eq!(refused.param, "messages[0].content[0]");
    let medium = Medium {
        media_type: "image/png".to_owned(),
        base64: "BBBB".to_owned(),
    };
    let fetched = HashMap::from([(url.to_owned(), medium)]);
    let encoded = encode_knowing(&serving, &request, &[], &fetched).unwrap();
    assert_eq!(part(&body(&encoded))["image_url"], "data:image/png;base64,BBBB");
}

#[test]
fn a_file_has_a_name_where_it_comes_as_bytes() {
    let file =
        |file: Value| json!({"messages": [{"role": "user", "content": [{"type": "file", "file": file}]}]});
    let part = |members| sent(members)["input"][0]["content"][0].clone();
    let data = "data:application/pdf;base64,AAAA";
    assert_eq!(
        part(file(json!({"file_data": data}))),
        json!({"type": "input_file", "filename": "file.pdf", "file_data": data})
    );
    assert_eq!(
        part(file(json!({"file_data": data, "filename": "a.pdf"})))["filename"],
        "a.pdf"
    );
    let text = part(file(json!({"file_data": "SGVsbG8=", "filename": "notes.txt"})));
    assert_eq!(text["file_data"], "data:text/plain;base64,SGVsbG8=");
    let refused = encode("gpt-5-codex", file(json!({"file_data": "AAAA"}))).unwrap_err();
    assert!(refused.problem.contains("data URI"), "{}", refused.problem);
    let url = json!({"file_data": "https://a.example/b.pdf", "filename": "b.pdf"});
    let encoded = encode("gpt-5-codex", file(url)).unwrap();
    assert_eq!(
        body(&encoded)["input"][0]["content"][0],
        json!({"type": "input_file", "file_url": "https://a.example/b.pdf"})
    );
    assert_eq!(encoded.notes[0].to_string(), "omitted:file.filename");
    let refused = encode("gpt-5-codex", file(json!({"file_id": "file-1"}))).unwrap_err();
    assert_eq!(
        refused.param, "messages[0].content[0]",
        "the operator's own files are nobody's business"
    );
}

#[test]
fn names_and_ids_of_other_providers_calls_become_ones_that_are_taken() {
    let long = "functions.look:0".repeat(8);
    let messages = json!([
        {"role": "user", "content": "Go"},
        {"role": "assistant", "tool_calls": [
            {"id": long, "type": "function", "function": {"name": "ns.look it up", "arguments": ""}}
        ]},
        {"role": "tool", "tool_call_id": long, "content": "seen"}
    ]);
    let input = sent(json!({"messages": messages}))["input"].clone();
    let id = input[1]["call_id"].as_str().unwrap();
    assert!(id.len() <= 64 && id.starts_with("call_"));
    assert_eq!(input[2]["call_id"], id, "a result still finds its call");
    assert_eq!(input[1]["name"], "ns_look_it_up");
    assert_eq!(input[1]["arguments"], "{}");
}

#[test]
fn names_of_speakers_and_cache_marks_are_left_out_with_a_note() {
    let messages = json!([{"role": "user", "name": "ada", "content": [
        {"type": "text", "text": "Long", "cache_control": {"type": "ephemeral"}}
    ]}]);
    let members = json!({"messages": messages, "cache_control": {"type": "ephemeral"}});
    let request = encode("gpt-5-codex", members).unwrap();
    assert_eq!(
        notes(&request),
        ["omitted:name", "omitted:cache_control"],
        "each once"
    );
}

#[test]
fn usage_comes_unasked_and_padding_as_asked() {
    let body = sent(
        json!({"stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}}),
    );
    assert_eq!(body["stream_options"], json!({"include_obfuscation": false}));
    assert_eq!(
        sent(json!({"stream": true, "stream_options": {"include_usage": true}})).get("stream_options"),
        None
    );
}

/// The protocol takes any string there, so nothing has to be refused or bent, as chat completions do not
/// either. Hosts that read it themselves say what they think of it.
#[test]
fn arguments_of_an_earlier_call_go_as_they_came_whatever_they_are() {
    for arguments in ["{\"city\": \"Lis", "not JSON", "[1]", "{\"city\":1}"] {
        let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let request = sent(json!({"messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "1"}
        ]}));
        assert_eq!(request["input"][1]["arguments"], arguments);
    }
}
