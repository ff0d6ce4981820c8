//! Media in messages: those that go out, and those that are refused by name.

use std::collections::HashMap;

use serde_json::{Value, json};
use tollgate_dialects::{request::Medium, turn_state::TurnStates};

use super::{
    fixtures::{body, encode, encode_knowing, notes, refused, sent, serving, serving_but, valid},
    messages::call,
};

const SONNET: &str = "claude-sonnet-4-6";

#[test]
fn media_that_the_model_does_not_take_are_refused_by_their_path() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let file = |data: &str| json!({"type": "file", "file": {"filename": "a", "file_data": data}});
    for part in [
        image("data:image/tiff;base64,AAAA"),
        image("http://example.org/a.png"),
        file("data:application/zip;base64,AAAA"),
        file("data:text/plain;base64,/w=="),
        file("data:text/plain;base64,A"),
    ] {
        let members =
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, part]}]});
        assert_eq!(refused(SONNET, members).param, "messages[0].content[1]", "{part}");
    }
}

#[test]
fn a_file_that_came_as_bare_base64_is_what_it_is() {
    let file = |name: &str, data: &str| {
        let part = json!({"type": "file", "file": {"filename": name, "file_data": data}});
        json!({"messages": [{"role": "user", "content": [part]}]})
    };
    let source = |name: &str, data: &str| {
        let block = sent(SONNET, file(name, data))["messages"][0]["content"][0].take();
        block["source"].clone()
    };
    assert_eq!(
        source("notes.txt", "SGVsbG8="),
        json!({"type": "text", "media_type": "text/plain", "data": "Hello"})
    );
    assert_eq!(source("a", "JVBERi0=")["media_type"], "application/pdf");
    let refusal = refused(SONNET, file("a.bin", "AAAA"));
    assert!(refusal.problem.contains("data URI"), "{}", refusal.problem);
}

#[test]
fn sound_and_video_are_refused_by_their_path() {
    // The catalogue says that no Claude reads them; a model that an operator adds may claim otherwise.
    let provider = super::fixtures::CATALOG.provider("anthropic").unwrap();
    let model = super::fixtures::CATALOG.unlisted_model("claude-new", provider);
    for part in [
        json!({"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}),
        json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
    ] {
        let body = json!({"model": "claude-new", "messages": [{"role": "user", "content": [part]}]});
        let request = tollgate_chat::request::ChatRequest::parse(body.to_string().into()).unwrap();
        let limits = tollgate_catalog::contract::check::CheckLimits::default();
        let valid = tollgate_catalog::contract::check(request, model.clone().into(), &limits).unwrap();
        assert_eq!(
            encode(&valid, &serving(SONNET)).unwrap_err().param,
            "messages[0].content[0]"
        );
    }
}

#[test]
fn an_image_that_the_model_drew_is_named_where_the_client_sent_it() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let earlier = |message: Value| {
        let messages =
            json!([{"role": "user", "content": "Draw"}, message, {"role": "user", "content": "Again"}]);
        let valid = valid(SONNET, json!({"messages": messages}));
        encode(&valid, &serving(SONNET)).unwrap_err().param
    };
    let (good, bad) = ("data:image/png;base64,AAAA", "http://example.org/a.png");
    let drawn = json!({"role": "assistant", "content": "Here:", "images": [image(good), image(bad)]});
    assert_eq!(earlier(drawn), "messages[1].images[1]");
    let said = json!({"role": "assistant", "content": [{"type": "text", "text": "Here:"}, image(bad)]});
    assert_eq!(earlier(said), "messages[1].content[1]");
}

#[test]
fn what_the_model_spoke_goes_back_in_words() {
    let earlier = |audio: Value| {
        let message = json!({"role": "assistant", "content": null, "audio": audio});
        json!({"messages": [{"role": "user", "content": "Hi"}, message, {"role": "user", "content": "And?"}]})
    };
    let whole = earlier(json!({"id": "audio_1", "expires_at": 5, "data": "AAAA", "transcript": "Hello"}));
    assert_eq!(
        sent(SONNET, whole.clone())["messages"][1],
        json!({"role": "assistant", "content": [{"type": "text", "text": "Hello"}]})
    );
    assert_eq!(notes(SONNET, whole), ["moved:messages.audio"]);
    let bare = earlier(json!({"id": "audio_1"}));
    assert_eq!(notes(SONNET, bare), ["omitted:messages.audio"]);
}

#[test]
fn what_the_gate_fetched_goes_out_as_data() {
    let url = "http://example.org/a.png";
    let members = json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": url}}
    ]}]});
    let medium = Medium {
        media_type: "image/png".to_owned(),
        base64: "AAAA".to_owned(),
    };
    let fetched = HashMap::from([(url.to_owned(), medium)]);
    let serving = serving_but(SONNET, |quirks| {
        quirks.images = tollgate_catalog::quirks::MediaSource::Data
    });
    let request = encode_knowing(&valid(SONNET, members), &serving, &TurnStates::new(), &fetched).unwrap();
    assert_eq!(
        body(&request)["messages"][0]["content"][0]["source"],
        json!({"type": "base64", "media_type": "image/png", "data": "AAAA"})
    );
}

#[test]
fn a_host_that_takes_no_media_in_results_gets_them_beside_the_results() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let members = json!({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [call("x", "{}"), call("y", "{}")]},
        {"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "here"}, image]},
        {"role": "tool", "tool_call_id": "y", "content": "2"}
    ]});
    let kinds = |media: bool| {
        let serving = serving_but(SONNET, |quirks| quirks.tool_result_media = media);
        let sent = body(&encode(&valid(SONNET, members.clone()), &serving).unwrap());
        let blocks = sent["messages"][2]["content"].as_array().unwrap().clone();
        let kinds: Vec<Value> = blocks.iter().map(|block| block["type"].clone()).collect();
        (kinds, blocks[0]["content"].clone())
    };
    let (beside, text) = kinds(false);
    assert_eq!(beside, ["tool_result", "tool_result", "image"]);
    assert_eq!(text, "here");
    let (inside, content) = kinds(true);
    assert_eq!(inside, ["tool_result", "tool_result"]);
    assert_eq!(content[1]["type"], "image");
}
