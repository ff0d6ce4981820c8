//! Media on their way to Google, one rule a test.

use std::collections::HashMap;

use serde_json::{Value, json};
use tollgate_dialects::{Context, request::Medium};

use super::fixtures::{alone, body, encode, encode_knowing, notes, sent, serving, valid};

#[test]
fn media_in_a_result_go_inside_where_they_are_taken_and_beside_it_elsewhere() {
    let messages = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "x", "content": [
            {"type": "text", "text": "here"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}]},
    ]);
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "aW1n"}});
    let inside = sent("gemini-3-flash-preview", json!({ "messages": messages }));
    assert_eq!(
        inside["contents"][2]["parts"][0]["functionResponse"]["parts"],
        json!([image])
    );
    let encoded = encode("gemini-2.5-flash", json!({ "messages": messages })).unwrap();
    assert_eq!(
        body(&encoded)["contents"][3],
        json!({"role": "user", "parts": [image]})
    );
    assert!(notes(&encoded).contains(&"moved:messages[2].content".to_owned()));
}

#[test]
fn media_go_inline_and_addresses_only_where_google_reads_them() {
    let parts = |part: Value, known: &Context<'_>| {
        let request = valid(
            "gemini-2.5-flash",
            json!({"messages": [{"role": "user", "content": [part]}]}),
        );
        let encoded = encode_knowing(&request, &serving("gemini-2.5-flash"), known);
        encoded
            .map(|encoded| body(&encoded)["contents"][0]["parts"][0].take())
            .map_err(|refused| refused.param)
    };
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let nothing = alone();
    assert_eq!(
        parts(image("data:image/jpg;base64,aW1n"), &nothing),
        Ok(json!({"inlineData": {"mimeType": "image/jpeg", "data": "aW1n"}}))
    );
    let url = "https://example.com/cat.png";
    assert_eq!(
        parts(image(url), &nothing),
        Err("messages[0].content[0]".to_owned())
    );
    let fetched = Context {
        fetched: &HashMap::from([(
            url.to_owned(),
            Medium {
                media_type: "image/png".to_owned(),
                base64: "aW1n".to_owned(),
            },
        )]),
        ..alone()
    };
    assert_eq!(
        parts(image(url), &fetched),
        Ok(json!({"inlineData": {"mimeType": "image/png", "data": "aW1n"}}))
    );
    let video = json!({"type": "video_url", "video_url": {"url": "https://youtu.be/x"}, "fps": 2});
    assert_eq!(
        parts(video, &nothing),
        Ok(
            json!({"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 2.0}})
        )
    );
    let pdf = json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,cGRm", "filename": "a.pdf"}});
    assert_eq!(
        parts(pdf, &nothing),
        Ok(json!({"inlineData": {"mimeType": "application/pdf", "data": "cGRm"}}))
    );
    let audio = json!({"type": "input_audio", "input_audio": {"data": "d2F2", "format": "wav"}});
    assert_eq!(
        parts(audio, &nothing),
        Ok(json!({"inlineData": {"mimeType": "audio/wav", "data": "d2F2"}}))
    );
}

#[test]
fn a_file_that_came_as_bare_base64_is_what_it_is() {
    let kind = |data: &str| {
        let file = json!({"type": "file", "file": {"filename": "notes.txt", "file_data": data}});
        let request = valid(
            "gemini-2.5-flash",
            json!({"messages": [{"role": "user", "content": [file]}]}),
        );
        let encoded = encode_knowing(&request, &serving("gemini-2.5-flash"), &alone());
        encoded.map(|encoded| body(&encoded)["contents"][0]["parts"][0]["inlineData"]["mimeType"].take())
    };
    assert_eq!(kind("SGVsbG8=").unwrap(), "text/plain");
    assert_eq!(kind("JVBERi0=").unwrap(), "application/pdf");
    let refusal = kind("AAAA").unwrap_err();
    assert!(refusal.problem.contains("data URI"), "{}", refusal.problem);
}

#[test]
fn what_lies_in_googles_storage_is_the_operators_and_passes_only_where_they_allow_it() {
    let stored = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    let request = |url: &str| {
        valid(
            "gemini-2.5-flash",
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}),
        )
    };
    let allowed = Context {
        provider_files: true,
        ..alone()
    };
    for url in [
        stored,
        &stored.to_uppercase().replace("HTTPS", "https"),
        "gs://bucket/cat.png",
    ] {
        let refused = encode_knowing(&request(url), &serving("gemini-2.5-flash"), &alone());
        assert_eq!(refused.unwrap_err().param, "messages[0].content[0]", "{url}");
        let encoded = encode_knowing(&request(url), &serving("gemini-2.5-flash"), &allowed).unwrap();
        assert_eq!(
            body(&encoded)["contents"][0]["parts"][0]["fileData"]["fileUri"],
            url
        );
    }
}

#[test]
fn google_is_known_to_fetch_its_own_and_nothing_that_only_looks_like_it() {
    use tollgate_dialects::gemini::fetches_itself;
    for url in [
        "https://www.youtube.com/watch?v=x",
        "https://youtu.be/x",
        "https://YouTube.com/shorts/x",
        "https://generativelanguage.googleapis.com/v1beta/files/x",
        "https://generativelanguage.googleapis.com:443/v1beta/files/x",
    ] {
        assert!(fetches_itself(url), "{url}");
    }
    for url in [
        "https://example.com/youtube.com/x.mp4",
        "https://youtube.com.example.com/x",
        "https://youtube.com@example.com/x",
        "https://example.com?https://youtube.com/",
        "data:video/mp4;base64,AAAA",
    ] {
        assert!(!fetches_itself(url), "{url}");
    }
}

#[test]
fn a_part_that_is_refused_is_named_by_its_place() {
    let text = json!({"type": "text", "text": "See"});
    for (part, param) in [
        (
            json!({"type": "file", "file": {"file_id": "files/abc"}}),
            "messages[0].content[1]",
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "gs://bucket/cat.png"}}),
            "messages[0].content[1]",
        ),
    ] {
        let members = json!({"messages": [{"role": "user", "content": [text, part]}]});
        assert_eq!(encode("gemini-2.5-flash", members).unwrap_err().param, param);
    }
}

#[test]
fn media_types_go_out_in_lower_case() {
    let uri = |kind: &str| json!({"url": format!("data:{kind};base64,aW1n")});
    for (part, kind, expected) in [
        ("image_url", "image/PNG", "image/png"),
        ("image_url", "Image/JPG", "image/jpeg"),
        ("image_url", "image/webp", "image/webp"),
        ("video_url", "VIDEO/QuickTime", "video/mov"),
    ] {
        let part = json!({"type": part, part: uri(kind)});
        let members = json!({"messages": [{"role": "user", "content": [part]}]});
        let sent = sent("gemini-2.5-flash", members);
        let told = &sent["contents"][0]["parts"][0]["inlineData"]["mimeType"];
        assert_eq!(told, expected, "{kind}");
    }
}

#[test]
fn an_image_that_the_model_drew_is_named_where_the_client_sent_it() {
    let image = json!({"type": "image_url", "image_url": {"url": "http://example.org/a.png"}});
    let messages = json!([
        {"role": "user", "content": "Draw"},
        {"role": "assistant", "content": "Here:", "images": [image]},
        {"role": "user", "content": "Again"},
    ]);
    let refused = encode("gemini-2.5-flash", json!({ "messages": messages })).unwrap_err();
    assert_eq!(refused.param, "messages[1].images[0]");
}
