//! What becomes of images, files and speech on their way to a provider, one rule a test.

use serde_json::{Value, json};
use tollgate_catalog::quirks::{MediaSource, Quirks};
use tollgate_dialects::{
    request::{Fetched, Medium},
    turn_state::TurnStates,
};

use super::fixtures::{body, encode_knowing, encode_with, notes, sent, serving_with, valid};

fn drawn() -> Value {
    json!({"type": "image_url", "index": 0, "image_url": {"url": "data:image/png;base64,AAAA"}})
}

#[test]
fn a_drawn_image_is_left_out_with_a_note_where_nobody_can_look_at_it() {
    let messages = json!([
        {"role": "user", "content": "Draw"},
        {"role": "assistant", "content": null, "images": [drawn()]},
        {"role": "user", "content": "Again"},
    ]);
    let blind = Quirks {
        images: MediaSource::None,
        null_content: false,
        ..Quirks::default()
    };
    let request = encode_with(blind, "gpt-4o", json!({"messages": messages})).unwrap();
    let sent = body(&request);
    assert_eq!(sent["messages"][1], json!({"role": "assistant", "content": ""}));
    assert_eq!(sent["messages"][2], messages[2]);
    assert_eq!(notes(&request), ["omitted:messages.images"]);

    let last = json!([messages[0], messages[1]]);
    let request = encode_with(Quirks::default(), "gpt-4o", json!({"messages": last})).unwrap();
    assert_eq!(
        notes(&request),
        ["omitted:messages.images"],
        "no turn of the user follows"
    );
}

#[test]
fn an_image_in_a_result_stays_where_the_provider_takes_it_there() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]},
    ]);
    let takes = Quirks {
        tool_result_media: true,
        ..Quirks::default()
    };
    assert_eq!(sent(takes, json!({"messages": messages}))["messages"], messages);
    let moved = sent(Quirks::default(), json!({"messages": messages}));
    assert!(
        moved["messages"][2]["content"].is_string(),
        "a result may not be empty"
    );
    assert_eq!(moved["messages"][3]["role"], "user");
    assert_eq!(moved["messages"][3]["content"], messages[2]["content"]);
}

#[test]
fn an_address_that_nobody_fetches_is_refused_by_its_path() {
    let quirks = Quirks {
        images: MediaSource::Data,
        videos: MediaSource::Data,
        ..Quirks::default()
    };
    let with = |part: Value| json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, part]}]});
    for (model, part, param) in [
        (
            "gpt-4o",
            json!({"type": "image_url", "image_url": {"url": "https://a.example/b"}}),
            "messages[0].content[1].image_url.url",
        ),
        (
            "gpt-4o",
            json!({"type": "file", "file": {"file_data": "https://a.example/b"}}),
            "messages[0].content[1].file.file_data",
        ),
        (
            "kimi-k2.5",
            json!({"type": "video_url", "video_url": {"url": "https://a.example/b"}}),
            "messages[0].content[1].video_url.url",
        ),
    ] {
        let request = valid(model, with(part.clone()));
        let serving = serving_with(quirks.clone());
        let refused = encode_knowing(&request, &serving, &TurnStates::new(), &Fetched::new()).unwrap_err();
        assert_eq!(refused.param, param);
        let medium = Medium {
            media_type: "application/x".to_owned(),
            base64: "AAAA".to_owned(),
        };
        let fetched = Fetched::from([("https://a.example/b".to_owned(), medium)]);
        let sent = body(&encode_knowing(&request, &serving, &TurnStates::new(), &fetched).unwrap());
        let sent = sent["messages"][0]["content"][1].to_string();
        assert!(sent.contains("data:application/x;base64,AAAA"), "{sent}");
        assert!(!sent.contains("a.example"), "{sent}");
    }
}

#[test]
fn a_file_in_the_providers_own_storage_is_refused_by_the_place_of_its_part() {
    let text = json!({"type": "text", "text": "Hi"});
    let content = |part: Value| json!({"role": "user", "content": [text, part]});
    let system = json!({"role": "system", "content": "Be brief."});
    for (messages, param) in [
        (
            json!([
                system,
                content(json!({"type": "file", "file": {"file_id": "file-abc"}}))
            ]),
            "messages[1].content[1]",
        ),
        (
            json!([content(
                json!({"type": "file", "file": {"file_data": "gs://a/b.pdf"}})
            )]),
            "messages[0].content[1]",
        ),
        (
            json!([content(
                json!({"type": "image_url", "image_url": {"url": "ms://abc"}})
            )]),
            "messages[0].content[1]",
        ),
        (
            json!([content(
                json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "file_id": "f"}})
            )]),
            "messages[0].content[1]",
        ),
    ] {
        let refused = encode_with(Quirks::default(), "gpt-4o", json!({"messages": messages})).unwrap_err();
        assert_eq!(refused.param, param);
    }
}

#[test]
fn an_answer_that_was_spoken_goes_back_by_its_id_and_elsewhere_in_words() {
    let said = |quirks: Quirks, audio: Value, content: Value| {
        let messages = json!([
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": content, "audio": audio},
            {"role": "user", "content": "And?"},
        ]);
        let request = encode_with(quirks, "gpt-4o", json!({"messages": messages})).unwrap();
        (body(&request)["messages"][1].clone(), notes(&request))
    };
    let speaks = || Quirks {
        drop_message_fields: vec!["annotations".to_owned()],
        ..Quirks::default()
    };
    let audio = json!({"id": "audio_1", "expires_at": 5, "data": "AAAA", "transcript": "Hello"});
    let named = json!({"role": "assistant", "content": null, "audio": {"id": "audio_1"}});
    assert_eq!(
        said(speaks(), audio.clone(), Value::Null),
        (named.clone(), vec![])
    );
    let id = json!({"id": "audio_1"});
    assert_eq!(said(speaks(), id.clone(), Value::Null), (named, vec![]));

    let words = json!({"role": "assistant", "content": "Hello"});
    let moved = vec!["moved:messages.audio".to_owned()];
    assert_eq!(said(Quirks::default(), audio, Value::Null), (words, moved));
    let nothing = json!({"role": "assistant", "content": ""});
    let omitted = vec!["omitted:messages.audio".to_owned()];
    assert_eq!(said(Quirks::default(), id, Value::Null), (nothing, omitted));
}

#[test]
fn what_was_nothing_but_an_image_leaves_no_null() {
    let messages = json!([
        {"role": "user", "content": "Draw"},
        {"role": "assistant", "content": [drawn()]},
        {"role": "user", "content": "Again"},
    ]);
    let request = encode_with(Quirks::default(), "gpt-4o", json!({"messages": messages})).unwrap();
    assert_eq!(
        body(&request)["messages"][1],
        json!({"role": "assistant", "content": ""}),
        "several providers refuse a null without calls"
    );
}
