//! What answers and other gateways leave in a history.

use serde_json::{Value, json};

use crate::contract::{
    MessageTraits,
    check::tests::gate::{assert_refused, assert_taken, body, check_text, model, talk, text_model, with},
};

const IMAGE: &str = "data:image/png;base64,AAAA";

fn traits(messages: Value) -> MessageTraits {
    assert_taken(talk(messages)).traits
}

/// An assistant's message of these members, between two of a user.
fn turn(members: Value) -> Value {
    let mut message = members;
    message["role"] = json!("assistant");
    json!([{ "role": "user", "content": "Hi" }, message, { "role": "user", "content": "Go on" }])
}

/// A call with this ID and its result.
fn exchange(id: &str, more: Value) -> Value {
    let mut call = json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    for (name, value) in more.as_object().unwrap() {
        call[name] = value.clone();
    }
    json!([
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "tool_calls": [call] },
        { "role": "tool", "tool_call_id": id, "content": "1" },
    ])
}

fn image(url: &str) -> Value {
    json!({ "type": "image_url", "image_url": { "url": url } })
}

#[test]
fn images_of_an_answer_come_back_whether_or_not_the_model_reads_images() {
    let drawn = json!({ "type": "image_url", "index": 0, "image_url": { "url": IMAGE } });
    for members in [
        json!({ "content": null, "images": [drawn] }),
        json!({ "content": [{ "type": "text", "text": "Here:" }, image(IMAGE)] }),
    ] {
        let body = body(json!({ "messages": turn(members) }));
        let traits = assert_taken(check_text(text_model(), &body.to_string())).traits;
        assert!(
            traits.assistant_images && !traits.images && !traits.image_urls,
            "{body}"
        );
    }
    let wrong = turn(json!({ "content": "x", "images": [{ "type": "image_url" }] }));
    assert_refused(
        talk(wrong),
        "messages[1].images[0].image_url",
        "missing_required_parameter",
    );
    let wrong = turn(json!({ "content": "x", "images": "data:" }));
    assert_refused(talk(wrong), "messages[1].images", "invalid_type");
}

#[test]
fn a_tools_result_may_hold_images_where_the_model_reads_them() {
    let result = |part: Value| {
        let mut messages = exchange("call_1", json!({}));
        messages[2]["content"] = json!([{ "type": "text", "text": "Here:" }, part]);
        body(json!({ "messages": messages })).to_string()
    };
    let linked = result(image("https://a.example/b.png"));
    let traits = assert_taken(check_text(model("general"), &linked)).traits;
    assert!(traits.result_images && traits.images && traits.image_urls);
    assert_refused(
        check_text(text_model(), &result(image(IMAGE))),
        "messages[2].content[1]",
        "unsupported_value",
    );
    let sound = json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } });
    let refused = check_text(model("general"), &result(sound));
    assert_refused(refused, "messages[2].content[1].type", "unsupported_value");
}

#[test]
fn state_of_other_hosts_is_taken_and_noticed() {
    for messages in [
        turn(
            json!({ "content": "x", "thinking_blocks": [{ "type": "thinking", "thinking": "Hm", "signature": "s" }] }),
        ),
        turn(json!({ "thinking_blocks": [{ "type": "redacted_thinking", "data": "d" }] })),
        turn(json!({ "content": "x", "reasoning_details": [{ "type": "reasoning.text", "text": "Hm" }] })),
        exchange(
            "call_1",
            json!({ "extra_content": { "google": { "thought_signature": "s" } } }),
        ),
        exchange("call_1__thought__c2ln", json!({})),
    ] {
        assert!(traits(messages.clone()).foreign_state, "{messages}");
    }
    assert!(!traits(exchange("call_1", json!({}))).foreign_state);
    assert!(!traits(turn(json!({ "content": "x", "thinking_blocks": null }))).foreign_state);
    for (messages, param) in [
        (
            turn(json!({ "content": "x", "thinking_blocks": "Hm" })),
            "messages[1].thinking_blocks",
        ),
        (
            turn(json!({ "content": "x", "reasoning_details": ["Hm"] })),
            "messages[1].reasoning_details[0]",
        ),
        (
            exchange("call_1", json!({ "extra_content": "s" })),
            "messages[1].tool_calls[0].extra_content",
        ),
    ] {
        assert_refused(talk(messages), param, "invalid_type");
    }
}

#[test]
fn thoughts_under_their_other_name_are_thoughts() {
    let traits = traits(turn(json!({ "content": null, "reasoning": "Hm" })));
    assert!(traits.reasoning_content && traits.assistant_without_content);
}

#[test]
fn markers_for_the_cache_are_taken_everywhere_and_noticed() {
    let marker = json!({ "type": "ephemeral", "ttl": "1h" });
    let part = json!([{ "type": "text", "text": "x", "cache_control": marker }]);
    for messages in [
        json!([{ "role": "user", "content": "x", "cache_control": marker }]),
        json!([{ "role": "system", "content": part }, { "role": "user", "content": "x" }]),
    ] {
        assert!(traits(messages).cache_control);
    }
    assert_refused(
        talk(json!([{ "role": "user", "content": "x", "cache_control": "ephemeral" }])),
        "messages[0].cache_control",
        "invalid_type",
    );
    let tool = json!({ "type": "function", "function": { "name": "f" }, "cache_control": marker });
    let marked = with("general", json!({ "cache_control": marker, "tools": [tool] }));
    let traits = assert_taken(marked).traits;
    assert!(traits.tool_cache_control && !traits.cache_control);
}

#[test]
fn a_file_by_url_is_noticed() {
    let file = |data: &str| json!([{ "role": "user", "content": [{ "type": "file", "file": { "file_data": data } }] }]);
    assert!(traits(file("https://a.example/b.pdf")).file_urls);
    assert!(!traits(file("data:application/pdf;base64,AAAA")).file_urls);
}

#[test]
fn calls_of_another_role_than_the_assistants_are_refused() {
    let calls = json!([{ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } }]);
    for role in ["user", "system", "developer"] {
        let outcome = talk(json!([{ "role": role, "content": "x", "tool_calls": calls }]));
        assert_refused(outcome, "messages[0].tool_calls", "invalid_value");
    }
    assert_taken(talk(
        json!([{ "role": "user", "content": "x", "tool_calls": [] }]),
    ));
}

#[test]
fn the_estimate_of_a_prompt_counts_all_that_the_model_reads() {
    let tokens = |members: Value| assert_taken(with("general", members)).estimated_prompt_tokens();
    let plain = || turn(json!({ "content": "x" }));
    let alone = tokens(json!({ "messages": plain() }));
    let long = "x".repeat(4_000);
    let called = json!({ "arguments": json!({ "a": long }).to_string(), "name": "f" });
    let function = json!({ "name": "f", "parameters": { "type": "object", "description": long } });
    let schema = json!({ "name": "a", "schema": { "description": long } });
    for more in [
        json!({ "messages": turn(json!({ "content": "x", "reasoning_content": long })) }),
        json!({ "messages": exchange("a", json!({ "function": called })) }),
        json!({ "messages": plain(), "tools": [{ "type": "function", "function": function }] }),
        json!({ "messages": plain(), "response_format": { "type": "json_schema", "json_schema": schema } }),
    ] {
        let told = tokens(more.clone());
        assert!(
            (alone + 990..alone + 1_100).contains(&told),
            "{told}, {alone}: {more}"
        );
    }
}
