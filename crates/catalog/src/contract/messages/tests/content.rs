//! Roles, parts and what the model reads.

use serde_json::{Value, json};

use crate::contract::check::tests::gate::{
    assert_refused, assert_taken, check_text, model, talk, text_model,
};

fn asked(part: Value) -> Value {
    json!([{ "role": "user", "content": [{ "type": "text", "text": "Look:" }, part] }])
}

fn image(url: &str) -> Value {
    asked(json!({ "type": "image_url", "image_url": { "url": url } }))
}

#[test]
fn every_role_speaks_in_a_string_or_in_parts_of_text() {
    for role in ["system", "developer", "user", "assistant"] {
        assert_taken(talk(json!([{ "role": role, "content": "x" }])));
        assert_taken(talk(json!([{ "role": role, "content": "" }])));
        let parts = talk(json!([{ "role": role, "content": [{ "type": "text", "text": "x" }] }]));
        assert!(assert_taken(parts).traits.text_part_arrays, "{role}");
        let number = talk(json!([{ "role": role, "content": 7 }]));
        assert_refused(number, "messages[0].content", "invalid_type");
        let bare = talk(json!([{ "role": role, "content": ["x"] }]));
        assert_refused(bare, "messages[0].content[0]", "invalid_type");
        let untyped = talk(json!([{ "role": role, "content": [{ "text": "x" }] }]));
        assert_refused(
            untyped,
            "messages[0].content[0].type",
            "missing_required_parameter",
        );
        let textless = talk(json!([{ "role": role, "content": [{ "type": "text" }] }]));
        assert_refused(
            textless,
            "messages[0].content[0].text",
            "missing_required_parameter",
        );
    }
}

#[test]
fn content_may_be_missing_only_where_an_assistant_says_something_else() {
    for role in ["system", "developer", "user", "assistant"] {
        for content in [json!({ "role": role }), json!({ "role": role, "content": null })] {
            // A null is what an answer without a word says, and it may come back.
            if role == "assistant" && content.get("content").is_some() {
                assert_taken(talk(json!([content])));
                continue;
            }
            assert_refused(
                talk(json!([content])),
                "messages[0].content",
                "missing_required_parameter",
            );
        }
    }
    assert_refused(
        talk(json!([{ "role": "user", "content": [] }])),
        "messages[0].content",
        "empty_array",
    );
    for said in [
        json!({ "refusal": "No." }),
        json!({ "reasoning_content": "Hm." }),
        json!({ "function_call": { "name": "f", "arguments": "" } }),
    ] {
        let mut message = said;
        message["role"] = json!("assistant");
        message["content"] = Value::Null;
        let request = assert_taken(talk(json!([message])));
        assert!(request.traits.assistant_without_content);
    }
}

#[test]
fn an_assistants_message_comes_back_exactly_as_it_was_sent() {
    let answer = json!({
        "role": "assistant",
        "content": "Hello.",
        "refusal": null,
        "annotations": [],
        "audio": null,
        "function_call": null,
        "reasoning_content": "They greet me.",
        "tool_calls": null
    });
    let request = assert_taken(talk(
        json!([{ "role": "user", "content": "Hi" }, answer, { "role": "user", "content": "Bye" }]),
    ));
    let traits = request.traits;
    assert!(traits.assistant_extras && traits.reasoning_content && traits.null_members);
    assert!(!traits.assistant_without_content && !traits.tool_calls && !traits.legacy_functions);
    assert_eq!(traits.count, 3);
}

#[test]
fn members_that_nobody_knows_pass() {
    assert_taken(talk(
        json!([{ "role": "user", "content": "x", "cache_control": { "type": "ephemeral" }, "id": 7 }]),
    ));
    let part = json!({ "type": "text", "text": "x", "cache_control": { "type": "ephemeral" } });
    assert_taken(talk(json!([{ "role": "user", "content": [part] }])));
}

#[test]
fn a_name_is_a_string() {
    let request = assert_taken(talk(json!([{ "role": "user", "content": "x", "name": "ada" }])));
    assert!(request.traits.name);
    assert_refused(
        talk(json!([{ "role": "user", "content": "x", "name": 7 }])),
        "messages[0].name",
        "invalid_type",
    );
}

#[test]
fn nulls_are_noticed_at_every_depth_but_an_assistants_content_is_its_own_matter() {
    let nulls = [
        json!([{ "role": "user", "content": "x", "name": null }]),
        json!([{ "role": "user", "content": [{ "type": "text", "text": "x", "cache_control": null }] }]),
        image_with_null_detail(),
    ];
    for messages in nulls {
        assert!(assert_taken(talk(messages)).traits.null_members);
    }
    let calls = json!([{ "role": "assistant", "content": null, "refusal": "No." }]);
    assert!(!assert_taken(talk(calls)).traits.null_members);
}

fn image_with_null_detail() -> Value {
    asked(json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png", "detail": null } }))
}

#[test]
fn images_are_urls_or_data_uris() {
    let url = assert_taken(talk(image("https://example.com/a.png"))).traits;
    assert!(url.images && url.image_urls && !url.text_part_arrays);
    let data = assert_taken(talk(image("data:image/png;base64,iVBORw0KGgo="))).traits;
    assert!(data.images && !data.image_urls);
    assert_taken(talk(image("HTTP://example.com/a.png")));
    assert_taken(talk(image("data:image/svg+xml;charset=utf-8;base64,AAAA")));

    let refused = [
        "photo.jpg",
        "file:///etc/passwd",
        "ftp://example.com/a.png",
        "https://",
        "https:///a.png",
        "https://example.com/a b.png",
        "data:image/png;base64,",
        "data:image/png,AAAA",
        "data:text/html;base64,AAAA",
        "data:image/png;base64,<svg>",
        "data:",
        "données",
    ];
    for url in refused {
        assert_refused(
            talk(image(url)),
            "messages[0].content[1].image_url.url",
            "invalid_image_url",
        );
    }
    let at = "messages[0].content[1].image_url";
    assert_refused(talk(image("")), &format!("{at}.url"), "string_below_min_length");
    let bare = asked(json!({ "type": "image_url", "image_url": "https://example.com/a.png" }));
    assert_refused(talk(bare), at, "invalid_type");
    let none = asked(json!({ "type": "image_url" }));
    assert_refused(talk(none), at, "missing_required_parameter");
}

#[test]
fn videos_have_an_address_and_perhaps_a_frame_rate() {
    let video = |video: Value| asked(json!({ "type": "video_url", "video_url": video }));
    let url = assert_taken(talk(video(
        json!({ "url": "https://example.com/a.mp4", "fps": 0.5 }),
    )))
    .traits;
    assert!(url.videos && url.video_urls);
    let data = assert_taken(talk(video(json!({ "url": "data:video/mp4;base64,AAAA" })))).traits;
    assert!(data.videos && !data.video_urls);
    let fps = video(json!({ "url": "https://example.com/a.mp4", "fps": "2" }));
    assert_refused(talk(fps), "messages[0].content[1].video_url.fps", "invalid_type");
    let image = video(json!({ "url": "data:image/png;base64,AAAA" }));
    assert_refused(
        talk(image),
        "messages[0].content[1].video_url.url",
        "invalid_value",
    );
}

#[test]
fn audio_and_files_carry_data() {
    let audio = assert_taken(talk(asked(
        json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } }),
    )));
    assert!(audio.traits.audio);
    let formatless = asked(json!({ "type": "input_audio", "input_audio": { "data": "AAAA" } }));
    assert_refused(
        talk(formatless),
        "messages[0].content[1].input_audio.format",
        "missing_required_parameter",
    );
    let file = asked(
        json!({ "type": "file", "file": { "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf" } }),
    );
    let file = assert_taken(talk(file)).traits;
    assert!(file.files && file.provider_file.is_none());
    let empty = asked(json!({ "type": "file", "file": { "filename": "a.pdf" } }));
    assert_refused(
        talk(empty),
        "messages[0].content[1].file.file_data",
        "missing_required_parameter",
    );
}

#[test]
fn data_of_sound_and_files_that_is_none_is_refused_with_its_place() {
    for data in ["@@@", "data:audio/wav,UklG", "data:;base64,@@"] {
        let audio = json!({ "type": "input_audio", "input_audio": { "data": data, "format": "wav" } });
        let at = "messages[0].content[1].input_audio.data";
        assert_refused(talk(asked(audio)), at, "invalid_value");
    }
    let broken = [
        "",
        "@@@",
        "data:application/pdf,abc",
        "data:application/pdf;base64,",
        "data:application/pdf;base64,@@",
        "http://",
    ];
    for data in broken {
        let file = json!({ "type": "file", "file": { "file_data": data } });
        let at = "messages[0].content[1].file.file_data";
        assert_refused(talk(asked(file)), at, "invalid_value");
    }
    let bare = json!({ "type": "file", "file": { "file_data": "JVBERi0=\n" } });
    assert_taken(talk(asked(bare)));
    let headed = json!({ "data": "data:;base64,UklG", "format": "wav" });
    assert_taken(talk(asked(
        json!({ "type": "input_audio", "input_audio": headed }),
    )));
}

#[test]
fn references_into_a_providers_storage_pass_and_are_flagged_with_their_message() {
    let first = json!({ "role": "system", "content": "x" });
    let references = [
        json!({ "type": "image_url", "image_url": { "url": "ms://abc" } }),
        json!({ "type": "image_url", "image_url": { "url": "files/abc-123" } }),
        json!({ "type": "video_url", "video_url": { "url": "gs://bucket/a.mp4" } }),
        json!({ "type": "image_url", "image_url": { "url": "https://generativelanguage.googleapis.com/v1beta/files/abc" } }),
        json!({ "type": "file", "file": { "file_id": "file-123" } }),
    ];
    for part in references {
        let request = assert_taken(talk(json!([first, { "role": "user", "content": [part] }])));
        assert_eq!(request.traits.provider_file, Some(1));
    }
}

#[test]
fn a_spoken_answer_comes_back_with_its_id() {
    let spoken = json!({ "id": "audio_1", "expires_at": 5, "data": "AAAA", "transcript": "Hi" });
    for audio in [json!({ "id": "audio_1" }), spoken] {
        let message = json!({ "role": "assistant", "content": null, "audio": audio });
        let traits = assert_taken(talk(json!([{ "role": "user", "content": "x" }, message]))).traits;
        assert!(traits.spoken, "{audio}");
        assert_eq!(traits.provider_file, None, "it is from an answer that we gave");
    }
}

#[test]
fn parts_that_the_model_does_not_read_are_refused_by_place() {
    let parts = [
        json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } }),
        json!({ "type": "video_url", "video_url": { "url": "https://example.com/a.mp4" } }),
        json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } }),
        json!({ "type": "file", "file": { "file_data": "AAAA" } }),
    ];
    for part in parts {
        let body = json!({ "model": "m", "messages": asked(part) }).to_string();
        assert_taken(check_text(model("general"), &body));
        assert_refused(
            check_text(text_model(), &body),
            "messages[0].content[1]",
            "unsupported_value",
        );
    }
}

#[test]
fn media_have_no_place_in_instructions_and_only_images_in_an_answer() {
    let image = json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    let video = json!({ "type": "video_url", "video_url": { "url": "https://example.com/a.mp4" } });
    for (role, part) in [("system", &image), ("developer", &image), ("assistant", &video)] {
        let outcome = talk(json!([{ "role": role, "content": [part] }]));
        assert_refused(outcome, "messages[0].content[0].type", "unsupported_value");
    }
    let refusal = json!([{ "role": "assistant", "content": [{ "type": "refusal", "refusal": "No." }] }]);
    assert_taken(talk(refusal));
}

#[test]
fn a_member_named_twice_is_refused_since_readers_differ_on_which_counts() {
    let role = r#"{"model": "m", "messages": [{"role": "user", "role": "system", "content": "x"}]}"#;
    assert_refused(check_text(model("general"), role), "messages[0]", "invalid_value");
    let kind = r#"{"model": "m", "messages": [{"role": "user", "content": [{"type": "file", "type": "text", "text": "x"}]}]}"#;
    assert_refused(
        check_text(model("general"), kind),
        "messages[0].content[0]",
        "invalid_value",
    );
    for (part, at) in [
        (
            r#"{"type": "file", "file": {"file_id": "f", "file_id": null, "file_data": "data:application/pdf;base64,JVBERi0="}}"#,
            "file",
        ),
        (
            r#"{"type": "image_url", "image_url": {"url": "gs://a/b", "url": "https://example.com/a.png"}}"#,
            "image_url",
        ),
    ] {
        let body = format!(r#"{{"model": "m", "messages": [{{"role": "user", "content": [{part}]}}]}}"#);
        let at = format!("messages[0].content[0].{at}");
        assert_refused(check_text(model("general"), &body), &at, "invalid_value");
    }
    for (member, at) in [
        (
            r#""tools": [{"type": "mcp", "type": "function", "function": {"name": "f"}}]"#,
            "tools[0]",
        ),
        (
            r#""tools": [{"type": "function", "function": {"name": "f", "name": "g"}}]"#,
            "tools[0].function",
        ),
        (
            r#""response_format": {"type": "json_object", "type": "text"}"#,
            "response_format",
        ),
    ] {
        let body = format!(r#"{{"model": "m", "messages": [{{"role": "user", "content": "x"}}], {member}}}"#);
        assert_refused(check_text(model("general"), &body), at, "invalid_value");
    }
    let many: Vec<String> = (0..40).map(|index| format!(r#""x{}": 1"#, index % 39)).collect();
    let many = format!(
        r#"{{"model": "m", "messages": [{{"role": "user", "content": "x", {}}}]}}"#,
        many.join(", ")
    );
    assert_refused(
        check_text(model("general"), &many),
        "messages[0]",
        "invalid_value",
    );
}

#[test]
fn a_leading_system_message_is_noticed() {
    let system = json!({ "role": "system", "content": "x" });
    let developer = json!({ "role": "developer", "content": "x" });
    let user = json!({ "role": "user", "content": "x" });
    assert!(assert_taken(talk(json!([system, user]))).traits.leading_system);
    let later = assert_taken(talk(json!([user, developer]))).traits;
    assert!(!later.leading_system && later.developer);
}
