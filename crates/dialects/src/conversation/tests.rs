use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Assistant, File, Message, Part, PartKind, Source, Spot, messages, tools};

/// Reads messages from text that lives as long as the test.
fn read(list: Value) -> Vec<Message<'static>> {
    messages(Box::leak(list.to_string().into_boxed_str()))
}

fn assistant(members: Value) -> Assistant<'static> {
    let mut message = members;
    message["role"] = json!("assistant");
    match read(json!([message])).remove(0) {
        Message::Assistant(assistant) => assistant,
        other => panic!("{other:?}"),
    }
}

/// The one part of a user's message.
fn part(part: Value) -> Part<'static> {
    let mut messages = read(json!([{"role": "user", "content": [part]}]));
    match messages.remove(0) {
        Message::User { mut parts, .. } => parts.remove(0),
        other => panic!("{other:?}"),
    }
}

fn text(text: &str, index: usize) -> Part<'_> {
    Part {
        kind: PartKind::Text(Cow::Borrowed(text)),
        spot: Spot::Content(index),
        cache_control: None,
    }
}

fn data(media_type: &str, base64: &str) -> Source<'static> {
    Source::Data {
        media_type: media_type.to_owned().into(),
        base64: base64.to_owned().into(),
    }
}

#[test]
fn messages_keep_their_role_their_order_and_their_place() {
    let list = json!([
        {"role": "developer", "content": "a"},
        {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
        {"role": "function", "name": "f", "content": "left out"},
        {"role": "tool", "tool_call_id": "call_1", "content": "d"},
    ]);
    let expected = [
        Message::System {
            at: 0,
            developer: true,
            parts: vec![text("a", 0)],
        },
        Message::User {
            at: 1,
            parts: vec![text("b", 0), text("c", 1)],
        },
        Message::Tool {
            at: 3,
            call_id: "call_1".into(),
            parts: vec![text("d", 0)],
        },
    ];
    assert_eq!(read(list), expected);
}

#[test]
fn what_stands_without_escapes_is_borrowed() {
    let list = r#"[{"role": "user", "content": "plain"}, {"role": "user", "content": "a\nb"}]"#;
    let kinds: Vec<PartKind<'_>> = messages(list)
        .iter()
        .flat_map(Message::parts)
        .map(|part| part.kind.clone())
        .collect();
    assert!(matches!(&kinds[0], PartKind::Text(Cow::Borrowed("plain"))));
    assert!(matches!(&kinds[1], PartKind::Text(Cow::Owned(text)) if text == "a\nb"));
}

#[test]
fn each_kind_of_part_is_read() {
    let image =
        part(json!({"type": "image_url", "image_url": {"url": "https://a.example/b", "detail": "low"}}));
    let expected = PartKind::Image {
        source: Source::Url("https://a.example/b".into()),
        detail: Some("low".into()),
    };
    assert_eq!(image.kind, expected);
    for fps in [
        json!({"type": "video_url", "video_url": {"url": "ms://f", "fps": 2}}),
        json!({"type": "video_url", "video_url": {"url": "ms://f"}, "fps": 2}),
    ] {
        let expected = PartKind::Video {
            source: Source::Stored("ms://f".into()),
            fps: Some(2.0),
        };
        assert_eq!(part(fps).kind, expected);
    }
    let audio = part(json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}));
    let expected = PartKind::Audio {
        data: "AAAA".into(),
        format: "wav".into(),
    };
    assert_eq!(audio.kind, expected);
}

#[test]
fn a_file_is_data_an_address_or_a_reference() {
    let file = |members: Value| match part(json!({"type": "file", "file": members})).kind {
        PartKind::File(file) => file,
        other => panic!("{other:?}"),
    };
    let pdf = "application/pdf";
    for (members, source) in [
        (
            json!({"file_data": "data:text/plain;base64,AAAA"}),
            data("text/plain", "AAAA"),
        ),
        (json!({"file_data": "AAAA"}), data("", "AAAA")),
        (json!({"file_data": "JVBERi0xLjc="}), data(pdf, "JVBERi0xLjc=")),
        (json!({"file_data": "SGVsbG8="}), data("text/plain", "SGVsbG8=")),
        (
            json!({"file_data": "data:;base64,SGVsbG8="}),
            data("text/plain", "SGVsbG8="),
        ),
        (
            json!({"file_data": "https://a.example/b.pdf"}),
            Source::Url("https://a.example/b.pdf".into()),
        ),
        (
            json!({"file_data": "HTTPS://a.example"}),
            Source::Url("HTTPS://a.example".into()),
        ),
        (json!({"file_id": "file-1"}), Source::Stored("file-1".into())),
        (
            json!({"file_data": "gs://bucket/a.pdf"}),
            Source::Stored("gs://bucket/a.pdf".into()),
        ),
    ] {
        let expected = File {
            source,
            filename: None,
        };
        assert_eq!(file(members.clone()), expected, "{members}");
    }
}

#[test]
fn a_marker_on_a_message_stands_on_its_last_part() {
    let marker = json!({"type": "ephemeral"});
    let other = json!({"type": "ephemeral", "ttl": "1h"});
    let list = json!([
        {"role": "user", "cache_control": marker, "content": [
            {"type": "text", "text": "a"}, {"type": "text", "text": "b"},
        ]},
        {"role": "user", "cache_control": marker, "content": [{"type": "text", "text": "c", "cache_control": other}]},
        {"role": "user", "cache_control": null, "content": "d"},
        {"role": "assistant", "cache_control": marker, "content": null},
    ]);
    let messages = read(list);
    let markers: Vec<Option<&str>> = messages
        .iter()
        .flat_map(Message::parts)
        .map(|part| part.cache_control)
        .collect();
    let (marker, other) = (marker.to_string(), other.to_string());
    assert_eq!(
        markers,
        [None, Some(&*marker), Some(&*other), None, Some(&*marker)]
    );
}

#[test]
fn an_answer_comes_back_with_all_it_said() {
    let turn = assistant(json!({
        "content": [{"type": "text", "text": "He"}, {"type": "text", "text": "llo"}],
        "refusal": "No.",
        "reasoning_content": "Hm",
        "images": [{"type": "image_url", "index": 0, "image_url": {"url": "data:image/png;base64,AAAA"}}],
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}],
    }));
    assert_eq!(turn.text(), "Hello");
    assert_eq!(turn.reasoning.as_deref(), Some("Hm"));
    assert_eq!(turn.images().collect::<Vec<_>>(), [&data("image/png", "AAAA")]);
    assert!(
        turn.parts
            .iter()
            .any(|part| part.kind == PartKind::Refusal("No.".into()))
    );
    assert_eq!((&*turn.calls[0].id, &*turn.calls[0].arguments), ("call_1", ""));
}

#[test]
fn thoughts_have_two_names_and_empty_ones_are_none() {
    assert_eq!(
        assistant(json!({"reasoning": "Hm"})).reasoning.as_deref(),
        Some("Hm")
    );
    assert_eq!(assistant(json!({"reasoning_content": ""})).reasoning, None);
    assert_eq!(assistant(json!({"reasoning_content": null})).reasoning, None);
}

#[test]
fn a_signature_is_read_in_each_form_and_never_stays_in_the_id() {
    let call = |members: Value| {
        let mut call =
            json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        for (name, value) in members.as_object().unwrap() {
            call[name] = value.clone();
        }
        assistant(json!({"tool_calls": [call]})).calls.remove(0)
    };
    let extra = json!({"extra_content": {"google": {"thought_signature": "sig"}}});
    for members in [extra.clone(), json!({"id": "call_1__thought__sig"})] {
        let call = call(members);
        assert_eq!((&*call.id, call.signature.as_deref()), ("call_1", Some("sig")));
    }
    assert_eq!(call(json!({})).signature, None);
    let lone = call(json!({"id": "__thought__sig"}));
    assert_eq!(&*lone.id, "__thought__sig", "an ID must stay an ID");
    let result = read(json!([{"role": "tool", "tool_call_id": "call_1__thought__s\n", "content": "x"}]));
    assert!(matches!(&result[0], Message::Tool { call_id, .. } if call_id == "call_1"));
}

#[test]
fn state_of_other_hosts_is_kept_as_it_came() {
    let turn = assistant(json!({
        "thinking_blocks": [{"type":"thinking"}, {"type":"redacted_thinking"}],
        "reasoning_details": [{"text":"Hm"}],
    }));
    assert_eq!(
        turn.thinking_blocks,
        [r#"{"type":"thinking"}"#, r#"{"type":"redacted_thinking"}"#]
    );
    assert_eq!(turn.reasoning_details, [r#"{"text":"Hm"}"#]);
}

#[test]
fn tools_are_read_with_their_markers() {
    let list = json!([
        {"type": "function", "function": {"name": "f", "description": "d", "strict": true, "parameters": {"type":"object"}}},
        {"type": "function", "function": {"name": "g"}, "cache_control": {"type":"ephemeral"}},
        {"type": "function"},
    ])
    .to_string();
    let tools = tools(&list);
    assert_eq!(tools.len(), 2, "what has no function is none");
    assert_eq!((&*tools[0].name, tools[0].strict), ("f", Some(true)));
    assert_eq!(tools[0].parameters, Some(r#"{"type":"object"}"#));
    assert_eq!(tools[1].cache_control, Some(r#"{"type":"ephemeral"}"#));
}

#[test]
fn what_no_validation_has_seen_is_passed_over_and_never_a_panic() {
    for list in [
        "",
        "{}",
        "null",
        "[",
        "[1,null,[]]",
        r#"[{"role":5}]"#,
        r#"[{"role":"tool"}]"#,
    ] {
        assert_eq!(messages(list), [], "{list}");
    }
    let odd = assistant(json!({"content": 5, "tool_calls": {}, "images": ["x", {}], "thinking_blocks": 1}));
    assert_eq!(
        (odd.parts.len(), odd.calls.len(), odd.thinking_blocks.len()),
        (0, 0, 0)
    );
}

#[test]
fn a_file_without_a_type_is_what_its_bytes_and_its_name_say() {
    let kind = |filename: &str, base64: &str| {
        let file = json!({"filename": filename, "file_data": base64});
        match part(json!({"type": "file", "file": file})).kind {
            PartKind::File(File {
                source: Source::Data { media_type, .. },
                ..
            }) => media_type.into_owned(),
            other => panic!("{other:?}"),
        }
    };
    // 3,072 bytes are looked at, and the last character that fits is cut off.
    let long = format!("YWFh{}", "YWHDqcOp".repeat(700));
    for (filename, base64, expected) in [
        ("notes.txt", "SGVsbG8=", "text/plain"),
        ("notes.txt", "JVBERi0xLjc=", "application/pdf"),
        ("a.PDF", "AAAA", "application/pdf"),
        ("a.png", "iVBORw0KGgo=", ""),
        ("notes.txt", "/w==", ""),
        ("notes.txt", "SGVs\nbG8=", "text/plain"),
        ("notes", &long, "text/plain"),
        ("empty", "", ""),
    ] {
        assert_eq!(kind(filename, base64), expected, "{filename} {base64:.20}");
    }
}
