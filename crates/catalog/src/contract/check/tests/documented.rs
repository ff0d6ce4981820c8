//! The requests that the five pages show, and which of their placeholders stand for nothing.

use serde_json::{Value, json};

use super::gate::{PAGES, assert_refused, assert_taken, body, check_text, contract, model, with};

/// What every page shows, as far as it is the same.
fn sample() -> Value {
    json!({
        "max_tokens": 2,
        "temperature": 1,
        "top_p": 0.5,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "stream": false,
        "stop": "<string>"
    })
}

fn over(base: Value, members: Value) -> Value {
    let mut base = base;
    for (name, value) in members.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

#[test]
fn the_general_pages_sample_is_taken_but_for_its_empty_tool_and_unnamed_choice() {
    let sample = over(
        sample(),
        json!({ "n": 1, "response_format": { "type": "text" }, "user": "<string>" }),
    );
    assert_taken(with("general", sample.clone()));
    let empty_tool = over(sample.clone(), json!({ "tools": [{}] }));
    assert_refused(
        with("general", empty_tool),
        "tools[0].type",
        "missing_required_parameter",
    );
    let choice = over(sample, json!({ "tool_choice": "<string>" }));
    assert_refused(with("general", choice), "tool_choice", "invalid_value");
}

#[test]
fn the_gemini_pages_sample_is_taken() {
    assert_taken(with(
        "gemini",
        over(sample(), json!({ "n": 1, "response_format": { "type": "text" } })),
    ));
}

#[test]
fn the_doubao_pages_sample_is_taken() {
    assert_taken(with(
        "doubao-vision",
        over(sample(), json!({ "max_tokens": 8192 })),
    ));
}

#[test]
fn the_qwen_pages_sample_is_taken_but_for_a_message_without_a_role() {
    let sample = json!({
        "max_completion_tokens": 65536,
        "temperature": 1,
        "top_p": 0.5,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "stream": false,
        "enable_thinking": false,
        "stop": ["<string>"]
    });
    assert_taken(with("qwen3.6-flash", sample.clone()));
    let no_role = over(sample, json!({ "messages": [{ "content": "<string>" }] }));
    assert_refused(
        with("qwen3.6-flash", no_role),
        "messages[0].role",
        "missing_required_parameter",
    );
}

#[test]
fn the_qwen_pages_text_image_and_video_messages_are_taken() {
    let image = json!({ "type": "image_url", "image_url": { "url": "https://example.com/photo.jpg" } });
    let video = json!({ "type": "video_url", "video_url": { "url": "https://example.com/sample.mp4" } });
    let asked = |part: Value| json!([{ "type": "text", "text": "Describe this." }, part]);
    for content in [json!("Hello!"), asked(image), asked(video)] {
        let messages = json!([{ "role": "user", "content": content }]);
        assert_taken(with("qwen3.6-flash", json!({ "messages": messages })));
    }
}

#[test]
fn the_deepseek_pages_sample_is_taken_without_its_three_impossible_placeholders() {
    let sample = over(
        sample(),
        json!({ "thinking": {}, "response_format": { "type": "text" }, "top_p": 1 }),
    );
    let page = "deepseek-v4-flash";
    assert_taken(with(page, sample.clone()));
    let refused = [
        (json!({ "user_id": "<string>" }), "user_id", "invalid_value"),
        (
            json!({ "tools": [{ "type": "function" }] }),
            "tools[0].function",
            "missing_required_parameter",
        ),
        (
            json!({ "stream_options": { "include_usage": true } }),
            "stream_options",
            "invalid_value",
        ),
    ];
    for (members, param, code) in refused {
        assert_refused(with(page, over(sample.clone(), members)), param, code);
    }
}

#[test]
fn the_examples_that_the_pages_files_give_keep_their_page() {
    for page in PAGES {
        let examples = contract(page).examples;
        assert!(!examples.is_empty(), "{page} shows no example");
        for example in examples {
            assert_taken(check_text(model(page), &example.request.to_string()));
        }
    }
}

#[test]
fn nothing_sent_is_nothing_broken() {
    for page in PAGES {
        let names: Vec<String> = contract(page)
            .fields()
            .iter()
            .map(|field| field.name.to_string())
            .filter(|name| name != "model" && name != "messages")
            .collect();
        let nulls: Value = names
            .into_iter()
            .map(|name| (name, Value::Null))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let with_nulls = assert_taken(with(page, nulls));
        let without = assert_taken(check_text(model(page), &body(json!({})).to_string()));
        assert_eq!(with_nulls.max_tokens, without.max_tokens);
        assert_eq!(with_nulls.thinking, without.thinking);
    }
}
