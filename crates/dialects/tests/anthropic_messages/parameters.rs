//! Parameters beside messages and tools.

use serde_json::json;

use super::fixtures::{DIALECT, body, encode, notes, refused, sent, serving, serving_but, valid};
use crate::harness;

const SONNET: &str = "claude-sonnet-4-6";

#[test]
fn without_a_limit_an_answer_may_be_as_long_as_the_model_can_make_it() {
    assert_eq!(sent(SONNET, json!({}))["max_tokens"], 128_000);
    assert_eq!(sent("claude-haiku-4-5-20251001", json!({}))["max_tokens"], 64_000);
    assert_eq!(sent("claude-3-5-sonnet-20241022", json!({}))["max_tokens"], 8_192);
}

#[test]
fn the_limit_nobody_named_leaves_room_for_the_prompt() {
    let text = "word ".repeat(60_000);
    let sent = sent(
        "claude-haiku-4-5-20251001",
        json!({"messages": [{"role": "user", "content": text}]}),
    );
    assert_eq!(sent["max_tokens"], 200_000 - 150_000);
}

#[test]
fn a_limit_beyond_the_models_own_moves_down_to_it() {
    let members = json!({"max_tokens": 300_000});
    assert_eq!(sent(SONNET, members.clone())["max_tokens"], 128_000);
    assert_eq!(notes(SONNET, members), ["moved:max_tokens"]);
}

#[test]
fn an_answer_that_may_be_long_comes_as_a_stream_whatever_the_client_wants() {
    for (limit, streamed) in [(21_333, false), (21_334, true)] {
        let request = encode(&valid(SONNET, json!({"max_tokens": limit})), &serving(SONNET)).unwrap();
        assert_eq!(request.streamed, streamed, "{limit}");
        assert_eq!(body(&request).get("stream").is_some(), streamed, "{limit}");
    }
}

#[test]
fn temperature_stays_in_the_providers_range_and_nucleus_gives_way_to_it() {
    let members = json!({"temperature": 1.5, "top_p": 0.9});
    let request = sent("claude-3-7-sonnet-20250219", members.clone());
    assert_eq!(
        (&request["temperature"], &request["top_p"]),
        (&json!(1), &json!(0.9))
    );
    assert_eq!(
        notes("claude-3-7-sonnet-20250219", members),
        ["moved:temperature"]
    );

    let members = json!({"temperature": 0.5, "top_p": 0.9});
    let request = sent(SONNET, members.clone());
    assert_eq!(request["temperature"], 0.5);
    assert!(request.get("top_p").is_none(), "4.6 refuses the two together");
    assert_eq!(notes(SONNET, members), ["omitted:top_p"]);

    let request = sent(SONNET, json!({"temperature": 1, "top_p": 0.9}));
    assert!(
        request.get("temperature").is_none(),
        "1 says nothing, so the nucleus may stay"
    );
    assert_eq!(request["top_p"], 0.9);
}

#[test]
fn models_that_sample_as_they_like_are_told_nothing_about_it() {
    let members = json!({"temperature": 0.5, "top_p": 0.9, "top_k": 3});
    let request = sent("claude-opus-4-7", members.clone());
    for name in ["temperature", "top_p", "top_k"] {
        assert!(request.get(name).is_none(), "{name}");
    }
    let mut told = notes("claude-opus-4-7", members);
    told.sort_unstable();
    assert_eq!(told, ["omitted:temperature", "omitted:top_k", "omitted:top_p"]);
    assert_eq!(notes("claude-opus-4-7", json!({"temperature": 1})), [""; 0]);
}

#[test]
fn stop_strings_of_white_space_are_met_by_the_gate() {
    let request = encode(&valid(SONNET, json!({"stop": ["END", "\n\n"]})), &serving(SONNET)).unwrap();
    assert_eq!(body(&request)["stop_sequences"], json!(["END"]));
    assert_eq!(request.undo.emulated.stop, ["\n\n"]);
    assert_eq!(request.notes[0].to_string(), "emulated:stop");
    let request = encode(&valid(SONNET, json!({"stop": " "})), &serving(SONNET)).unwrap();
    assert!(body(&request).get("stop_sequences").is_none());
}

#[test]
fn nobodys_address_or_number_goes_out() {
    for (user, plain) in [
        ("user-7", true),
        ("9f1c2d3e-0000-4000-8000-123456789abc", true),
        ("jane@example.org", false),
        ("+351 912 345 678", false),
    ] {
        let sent = sent(SONNET, json!({"user": user}));
        let id = sent["metadata"]["user_id"].as_str().unwrap();
        assert_eq!(id == user, plain, "{user} went out as {id}");
        assert!(plain || id.len() == 64, "{id}");
    }
    let members = json!({"metadata": {"user_id": "user-7", "team": "a"}});
    assert_eq!(
        sent(SONNET, members.clone())["metadata"],
        json!({"user_id": "user-7"})
    );
    assert_eq!(notes(SONNET, members), ["omitted:metadata"]);
}

#[test]
fn service_tiers_have_other_names() {
    for (tier, sent_as, note) in [
        ("auto", Some("auto"), None),
        ("default", Some("standard_only"), None),
        ("priority", Some("auto"), Some("moved:service_tier")),
        ("flex", None, Some("omitted:service_tier")),
    ] {
        let members = json!({"service_tier": tier});
        assert_eq!(
            sent(SONNET, members.clone()).get("service_tier"),
            sent_as.map(|tier| json!(tier)).as_ref()
        );
        assert_eq!(
            notes(SONNET, members),
            note.map(String::from).into_iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn what_messages_has_no_word_for_is_left_out_with_a_note() {
    let mut told = notes(
        SONNET,
        json!({"seed": 1, "frequency_penalty": 0.5, "presence_penalty": 0, "logit_bias": {}, "store": false,
               "verbosity": "low", "prompt_cache_key": "a", "something_new": true, "logprobs": false}),
    );
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "omitted:frequency_penalty",
            "omitted:prompt_cache_key",
            "omitted:seed",
            "omitted:something_new",
            "omitted:verbosity",
        ]
    );
}

#[test]
fn names_of_speakers_are_left_out_with_one_note() {
    let members = json!({"messages": [
        {"role": "user", "name": "ann", "content": "a"},
        {"role": "user", "name": "bob", "content": "b"}
    ]});
    assert!(!sent(SONNET, members.clone()).to_string().contains("ann"));
    assert_eq!(notes(SONNET, members), ["omitted:name"]);
}

#[test]
fn what_would_change_the_answer_is_refused_by_name() {
    for (name, value) in [
        ("logprobs", json!(true)),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "a", "format": "wav"})),
        ("web_search_options", json!({"search_context_size": "low"})),
        ("functions", json!([{"name": "f"}])),
    ] {
        assert_eq!(refused(SONNET, json!({name: value})).param, name);
    }
    assert_eq!(
        notes(SONNET, json!({"modalities": ["text"], "functions": []})),
        [""; 0]
    );
}

#[test]
fn the_catalogue_has_the_last_word() {
    let serving = serving_but(SONNET, |quirks| {
        quirks.send.insert("max_tokens".to_owned(), 5.into());
        quirks.send.insert("beta".to_owned(), "a".into());
    });
    let request = encode(&valid(SONNET, json!({})), &serving).unwrap();
    let text = String::from_utf8(request.body.concat()).unwrap();
    assert_eq!(text.matches("max_tokens").count(), 1, "{text}");
    assert_eq!(
        (&body(&request)["max_tokens"], &body(&request)["beta"]),
        (&json!(5), &json!("a"))
    );
}

#[test]
fn more_marks_than_the_provider_takes_lose_the_first_ones() {
    let part = |text: &str| {
        json!({"role": "user", "content": [
            {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "24h"}}
        ]})
    };
    let members = json!({
        "cache_control": {"type": "ephemeral"},
        "messages": [part("a"), part("b"), part("c"), part("d"), {"role": "user", "content": "e"}]
    });
    let request = sent(SONNET, members.clone());
    let blocks = request["messages"][0]["content"].as_array().unwrap();
    let marked: Vec<bool> = blocks
        .iter()
        .map(|block| block.get("cache_control").is_some())
        .collect();
    assert_eq!(marked, [false, true, true, true, false]);
    assert_eq!(request["cache_control"], json!({"type": "ephemeral"}));
    let mut told = notes(SONNET, members);
    told.sort_unstable();
    assert_eq!(told, ["omitted:cache_control", "omitted:cache_control.ttl"]);
}

#[test]
fn a_large_part_of_the_clients_body_is_not_copied() {
    let image = "A".repeat(100_000);
    let members = json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}}
    ]}]});
    let valid = valid(SONNET, members);
    let request = encode(&valid, &serving(SONNET)).unwrap();
    let shared = request
        .body
        .iter()
        .find(|piece| piece.len() == image.len())
        .unwrap();
    let client = valid.request.body().as_ptr_range();
    assert!(client.contains(&shared.as_ptr()));
    assert_eq!(
        body(&request)["messages"][0]["content"][0]["source"]["data"],
        image
    );
}

#[test]
fn stop_strings_are_the_gates_business_where_claude_would_stop_in_a_call() {
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    for members in [
        json!({"stop": "END", "tools": tools}),
        json!({"stop": "END", "tools": tools, "tool_choice": "required"}),
    ] {
        let request = encode(&valid(SONNET, members.clone()), &serving(SONNET)).unwrap();
        assert!(body(&request).get("stop_sequences").is_none(), "{members}");
        assert_eq!(request.undo.emulated.stop, ["END"], "{members}");
        assert_eq!(harness::notes(&request), ["emulated:stop"], "{members}");
    }
    for members in [
        json!({"stop": "END"}),
        json!({"stop": "END", "tools": tools, "tool_choice": "none"}),
    ] {
        assert_eq!(
            sent(SONNET, members.clone())["stop_sequences"],
            json!(["END"]),
            "{members}"
        );
    }
}

#[test]
fn a_stop_string_ends_the_content_that_came_as_a_call() {
    const OLD: &str = "claude-3-7-sonnet-20250219";
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}});
    let request = encode(
        &valid(OLD, json!({"stop": "END", "response_format": format})),
        &serving(OLD),
    )
    .unwrap();
    assert!(body(&request).get("stop_sequences").is_none());
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": OLD, "stop_reason": "tool_use",
        "content": [{"type": "tool_use", "id": "toolu_1", "name": "a", "input": {"a": "one END two"}}],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    });
    let bytes = bytes::Bytes::from(answer.to_string());
    let decoded = harness::decode_answer(DIALECT, &serving(OLD).quirks, &request.undo, &bytes).unwrap();
    let choice = &harness::shown(&decoded.answer)["choices"][0];
    assert_eq!(choice["message"]["content"], "{\"a\":\"one ");
    assert_eq!(
        (&choice["finish_reason"], &choice["matched_stop"]),
        (&json!("stop"), &json!("END"))
    );
}
