//! Signatures of thoughts: out of an answer, and back with the turn they belong to.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_dialects::{
    Context, ProviderRequest, conversation,
    turn_state::{KeptTurn, TurnStates},
};

use super::fixtures::{alone, body, decode_answer, encode_knowing, notes, sent, serving, stream, valid};

const MODEL: &str = "gemini-3-flash-preview";

fn whole(parts: Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "responseId": "r1"})
}

/// What is known of the turns in `messages`.
fn states(turns: &[KeptTurn], messages: &Value) -> TurnStates {
    let messages = messages.to_string();
    TurnStates::found(&conversation::messages(&messages), |asked, _| {
        let known = turns
            .iter()
            .find(|turn| turn.keys.iter().any(|(key, _)| key == asked));
        known.map(|turn| turn.state.clone())
    })
}

/// What goes out for `messages` when an answer of these parts came before.
fn next_turn(parts: Value, messages: Value) -> Value {
    body(&next_request(parts, messages))["contents"].take()
}

fn next_request(parts: Value, messages: Value) -> ProviderRequest {
    let kept = decode_answer(&Bytes::from(whole(parts).to_string()))
        .unwrap()
        .turns;
    let known = Context {
        states: &states(&kept, &messages),
        ..alone()
    };
    let request = valid(MODEL, json!({ "messages": messages }));
    encode_knowing(&request, &serving(MODEL), &known).unwrap()
}

fn called(ids: [&str; 2]) -> Value {
    let calls =
        ids.map(|id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}));
    json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "So:", "tool_calls": calls},
        {"role": "tool", "tool_call_id": ids[0], "content": "1"},
        {"role": "tool", "tool_call_id": ids[1], "content": "2"},
    ])
}

#[test]
fn signatures_on_text_and_calls_come_back_byte_for_byte_in_their_places() {
    let contents = next_turn(
        json!([
            {"text": "hm", "thought": true},
            {"text": "So:", "thoughtSignature": "dGV4dA=="},
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "b25l+/=="},
            {"functionCall": {"name": "f", "args": {}}},
        ]),
        called(["call_r1_0", "call_r1_1"]),
    );
    assert_eq!(
        contents[1]["parts"],
        json!([
            {"text": "So:", "thoughtSignature": "dGV4dA=="},
            {"functionCall": {"id": "call_r1_0", "name": "f", "args": {}}, "thoughtSignature": "b25l+/=="},
            {"functionCall": {"id": "call_r1_1", "name": "f", "args": {}}},
        ])
    );
}

#[test]
fn parallel_calls_get_their_own_signatures_in_the_order_in_which_they_were_made() {
    let parts = json!([
        {"functionCall": {"id": "a", "name": "f"}, "thoughtSignature": "b25l"},
        {"functionCall": {"id": "b", "name": "f"}},
        {"functionCall": {"id": "c", "name": "f"}, "thoughtSignature": "dHdv"},
    ]);
    let call = |id: &str| json!({"id": id, "name": "f", "args": {}});
    let with = |id: &str, signature: &str| json!({"functionCall": call(id), "thoughtSignature": signature});
    let bare = |id: &str| json!({"functionCall": call(id)});
    let lost = "skip_thought_signature_validator";
    for (ids, sent) in [
        (["b", "a"], [with("a", "b25l"), bare("b")]),
        (["c", "a"], [with("a", "b25l"), with("c", "dHdv")]),
        (["c", "b"], [with("b", lost), with("c", "dHdv")]),
    ] {
        let contents = next_turn(parts.clone(), called(ids));

        let turn = contents[1]["parts"].as_array().unwrap();
        assert_eq!(turn[1..], sent, "{ids:?}");
        let order = sent.map(|part| part["functionCall"]["id"].clone());
        let results = contents[2]["parts"].as_array().unwrap().iter();
        let answered: Vec<Value> = results
            .map(|part| part["functionResponse"]["id"].clone())
            .collect();
        assert_eq!(answered, order, "results follow their calls");
    }
}

#[test]
fn a_signature_that_stood_by_itself_comes_back_by_itself() {
    let contents = next_turn(
        json!([
            {"text": "", "thought": true, "thoughtSignature": "Zmlyc3Q="},
            {"text": "So:"},
            {"functionCall": {"id": "a", "name": "f"}, "thoughtSignature": "Y2FsbA=="},
            {"functionCall": {"id": "b", "name": "f"}},
            {"text": "", "thoughtSignature": "bGFzdA=="},
        ]),
        called(["a", "b"]),
    );
    assert_eq!(
        contents[1]["parts"],
        json!([
            {"text": "", "thought": true, "thoughtSignature": "Zmlyc3Q="},
            {"text": "So:"},
            {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "Y2FsbA=="},
            {"functionCall": {"id": "b", "name": "f", "args": {}}},
            {"text": "", "thoughtSignature": "bGFzdA=="},
        ])
    );
}

/// A conversation in which the model said this.
fn said(text: &str, more: Value) -> Value {
    let mut turn = json!({"role": "assistant", "content": text});
    turn.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!([{"role": "user", "content": "go"}, turn, {"role": "user", "content": "on"}])
}

#[test]
fn every_part_of_a_turn_comes_back_in_its_place_with_its_own_signature() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let image = |data: &str| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}});
    let drawn = |data: &str, signature: &str| json!({"inlineData": {"mimeType": "image/png", "data": data}, "thoughtSignature": signature});
    for (parts, messages) in [
        (
            json!([{"text": "A", "thoughtSignature": "czE="}, {"text": "B"}, {"text": "", "thoughtSignature": "czI="}]),
            said("AB", json!({})),
        ),
        (
            json!([{"text": "Ä", "thoughtSignature": "czE="}, {"text": "B", "thoughtSignature": "czI="}]),
            said("ÄB", json!({})),
        ),
        (
            json!([
                {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "czE="},
                {"text": "after"},
                {"functionCall": {"id": "b", "name": "f", "args": {}}},
            ]),
            said("after", json!({"tool_calls": [call("a"), call("b")]})),
        ),
        (
            json!([drawn("b25l", "czE="), {"text": "and"}, drawn("dHdv", "czI="), {"text": "done", "thoughtSignature": "czM="}]),
            said("anddone", json!({"images": [image("b25l"), image("dHdv")]})),
        ),
    ] {
        let mut messages = messages;
        if let Some(calls) = messages[1]["tool_calls"].as_array().cloned() {
            let results = calls
                .iter()
                .map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": "1"}));
            let list = messages.as_array_mut().unwrap();
            list.truncate(2);
            list.extend(results);
        }
        let contents = next_turn(parts.clone(), messages);
        assert_eq!(contents[1]["parts"], parts);
    }
}

#[test]
fn a_text_that_the_client_changed_goes_where_it_began_and_that_is_noted() {
    let parts = json!([
        {"text": "A"},
        {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "czE="},
        {"text": "B", "thoughtSignature": "czI="},
    ]);
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    for (content, expected, noted) in [
        (json!("changed"), json!([{"text": "changed"}, parts[1]]), true),
        (Value::Null, json!([parts[1]]), false),
    ] {
        let messages = json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": content, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ]);
        let request = next_request(parts.clone(), messages);
        assert_eq!(body(&request)["contents"][1]["parts"], expected);
        assert_eq!(
            notes(&request) == ["moved:messages[1].content"],
            noted,
            "{expected}"
        );
    }
}

#[test]
fn a_streamed_answer_keeps_the_state_of_the_whole_one() {
    let parts =
        json!([{"text": "So:"}, {"functionCall": {"id": "a", "name": "f"}, "thoughtSignature": "c2ln"}]);
    let kept = decode_answer(&Bytes::from(whole(parts.clone()).to_string()))
        .unwrap()
        .turns;
    let mut pieces: Vec<Value> = Vec::new();
    for part in parts.as_array().unwrap() {
        pieces.push(json!({"candidates": [{"content": {"parts": [part]}}], "responseId": "r1"}));
    }
    pieces.push(whole(json!([])));
    assert_eq!(stream(&pieces).turns, kept);
}

#[test]
fn images_that_the_model_drew_come_back_as_images_with_their_signatures() {
    let drawn = json!([
        {"text": "Two:"},
        {"inlineData": {"mimeType": "image/png", "data": "b25l"}, "thoughtSignature": "czE="},
        {"inlineData": {"mimeType": "image/png", "data": "dHdv"}, "thoughtSignature": "czI="},
    ]);
    let images = ["b25l", "dHdv"].map(
        |data| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}}),
    );
    let contents = next_turn(
        drawn,
        json!([
            {"role": "user", "content": "draw"},
            {"role": "assistant", "content": "Two:", "images": images},
            {"role": "user", "content": "bluer"},
        ]),
    );
    assert_eq!(
        contents[1]["parts"],
        json!([
            {"text": "Two:"},
            {"inlineData": {"mimeType": "image/png", "data": "b25l"}, "thoughtSignature": "czE="},
            {"inlineData": {"mimeType": "image/png", "data": "dHdv"}, "thoughtSignature": "czI="},
        ])
    );
}

/// The calls' signatures in what goes out for one assistant's message in the current turn.
fn sent_signatures(model: &str, assistant: Value, id: &str) -> Vec<Value> {
    let messages = json!([
        {"role": "user", "content": "go"},
        assistant,
        {"role": "tool", "tool_call_id": id, "content": "1"},
    ]);
    let body = sent(model, json!({ "messages": messages }));
    let parts = body["contents"][1]["parts"].as_array().unwrap();
    parts
        .iter()
        .map(|part| part["thoughtSignature"].clone())
        .collect()
}

fn assistant(id: &str, more: Value) -> Value {
    let mut call = json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let mut message = json!({"role": "assistant"});
    for (name, value) in more.as_object().unwrap() {
        match &**name {
            "extra_content" => call["extra_content"] = value.clone(),
            name => message[name] = value.clone(),
        }
    }
    message["tool_calls"] = json!([call]);
    message
}

#[test]
fn clients_may_send_signatures_in_every_form_that_they_know() {
    let googles = assistant(
        "a",
        json!({"extra_content": {"google": {"thought_signature": "c2ln"}}}),
    );
    let litellms = assistant("a__thought__c2ln", json!({}));
    let openrouters = assistant(
        "a",
        json!({"reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "format": "google-gemini-v1"},
            {"type": "reasoning.encrypted", "data": "c2ln", "id": "a", "format": "google-gemini-v1"}]}),
    );
    for message in [googles, openrouters] {
        assert_eq!(
            sent_signatures(MODEL, message.clone(), "a"),
            [json!("c2ln")],
            "{message}"
        );
    }
    assert_eq!(
        sent_signatures(MODEL, litellms, "a__thought__c2ln"),
        [json!("c2ln")]
    );
}

/// The provider would refuse the request, and each later one of the conversation.
#[test]
fn what_is_sent_as_a_signature_and_is_no_base64_is_left_out() {
    let googles = assistant(
        "a",
        json!({"extra_content": {"google": {"thought_signature": "not base64!"}}}),
    );
    let openrouters = assistant(
        "a",
        json!({"reasoning_details": [
            {"type": "reasoning.encrypted", "data": "n\u{f6}", "id": "a", "format": "google-gemini-v1"}]}),
    );
    let litellms = assistant("a__thought__not base64!", json!({}));
    for (message, id) in [
        (googles, "a"),
        (openrouters, "a"),
        (litellms, "a__thought__not base64!"),
    ] {
        let sent = sent_signatures(MODEL, message.clone(), id);
        assert_eq!(sent, [json!("skip_thought_signature_validator")], "{message}");
        let messages = json!([
            {"role": "user", "content": "go"}, message, {"role": "tool", "tool_call_id": id, "content": "1"},
        ]);
        let request = valid(MODEL, json!({"messages": messages}));
        let request = encode_knowing(&request, &serving(MODEL), &alone()).unwrap();
        assert_eq!(notes(&request), ["omitted:messages.reasoning"]);
    }
}

#[test]
fn state_of_another_family_never_goes_out() {
    let foreign = assistant(
        "a",
        json!({
            "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "Zm9yZWlnbg=="}],
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "Zm9yZWlnbg==", "id": "a",
                                   "format": "openai-responses-v1"}]}),
    );
    assert_eq!(sent_signatures("gemini-2.5-flash", foreign, "a"), [Value::Null]);
}

#[test]
fn what_the_client_sent_counts_alone() {
    let mut messages = called(["call_r1_0", "call_r1_1"]);
    messages[1]["tool_calls"][1]["extra_content"] = json!({"google": {"thought_signature": "b3du"}});
    let contents = next_turn(
        json!([
            {"text": "So:", "thoughtSignature": "a2VwdA=="},
            {"functionCall": {"name": "f"}, "thoughtSignature": "a2VwdA=="},
            {"functionCall": {"name": "f"}},
        ]),
        messages,
    );
    let parts = contents[1]["parts"].as_array().unwrap();
    let signatures: Vec<&Value> = parts.iter().map(|part| &part["thoughtSignature"]).collect();
    assert_eq!(
        signatures,
        [
            &Value::Null,
            &json!("skip_thought_signature_validator"),
            &json!("b3du")
        ]
    );
}

#[test]
fn a_lost_signature_is_stood_in_for_on_the_first_call_of_each_step_of_the_current_turn_only() {
    let step = |id: &str| {
        [
            json!({"role": "assistant", "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": format!("{id}2"), "type": "function", "function": {"name": "f", "arguments": "{}"}}]}),
            json!({"role": "tool", "tool_call_id": id, "content": "1"}),
            json!({"role": "tool", "tool_call_id": format!("{id}2"), "content": "2"}),
        ]
    };
    let user = || [json!({"role": "user", "content": "go"})].to_vec();
    let messages = [
        user(),
        step("a").to_vec(),
        user(),
        step("b").to_vec(),
        step("c").to_vec(),
    ]
    .concat();
    let signatures = |model: &str| -> Vec<bool> {
        let body = sent(model, json!({ "messages": messages }));
        let contents = body["contents"].as_array().unwrap().iter();
        let parts = contents.flat_map(|content| content["parts"].as_array().unwrap());
        let calls = parts.filter(|part| part.get("functionCall").is_some());
        calls
            .map(|part| part["thoughtSignature"] == "skip_thought_signature_validator")
            .collect()
    };
    assert_eq!(signatures(MODEL), [false, false, true, false, true, false]);
    assert_eq!(signatures("gemini-2.5-flash"), [false; 6], "it demands none");
}

#[test]
fn a_signature_that_the_client_kept_of_a_text_goes_back_with_it() {
    let extra = json!({"google": {"thought_signature": "dGV4dA=="}});
    let contents = next_turn(
        json!([{"text": "So:", "thoughtSignature": "a2VwdA=="}]),
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "So:", "extra_content": extra},
            {"role": "user", "content": "on"},
        ]),
    );
    assert_eq!(
        contents[1]["parts"],
        json!([{"text": "So:", "thoughtSignature": "dGV4dA=="}])
    );
}

#[test]
fn a_model_that_draws_gets_the_first_part_and_every_image_of_its_turns_signed() {
    let lost = "skip_thought_signature_validator";
    let image = |data: &str| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}});
    let drawn = |data: &str| json!({"inlineData": {"mimeType": "image/png", "data": data}});
    let signed = |mut part: Value, signature: &str| {
        part["thoughtSignature"] = json!(signature);
        part
    };
    let messages = json!([
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "two cats"},
        {"role": "assistant", "content": "Two:", "images": [image("b25l"), image("dHdv")]},
        {"role": "user", "content": "one more"},
        {"role": "assistant", "content": null, "images": [image("dGhyZWU=")]},
        {"role": "user", "content": "say more"},
        {"role": "assistant", "content": "Cats.", "extra_content": {"google": {"thought_signature": "a2VwdA=="}}},
        {"role": "user", "content": "and now?"},
    ]);
    let turns = |model: &str| -> Vec<Value> {
        let body = sent(model, json!({ "messages": messages }));
        let contents = body["contents"].as_array().unwrap().iter();
        contents
            .skip(1)
            .step_by(2)
            .map(|turn| turn["parts"].clone())
            .collect()
    };
    assert_eq!(
        turns("gemini-3-pro-image-preview"),
        [
            json!([signed(json!({"text": "Hi."}), lost)]),
            json!([
                signed(json!({"text": "Two:"}), lost),
                signed(drawn("b25l"), lost),
                signed(drawn("dHdv"), lost)
            ]),
            json!([signed(drawn("dGhyZWU="), lost)]),
            json!([signed(json!({"text": "Cats."}), "a2VwdA==")]),
        ]
    );
    assert_eq!(
        turns(MODEL)[..3],
        [
            json!([{"text": "Hi."}]),
            json!([{"text": "Two:"}, drawn("b25l"), drawn("dHdv")]),
            json!([drawn("dGhyZWU=")]),
        ],
        "others demand none"
    );
}

#[test]
fn a_signature_that_a_model_gave_its_image_alone_is_all_that_its_turn_needs() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,b25l"}});
    let parts = json!([
        {"inlineData": {"mimeType": "image/png", "data": "b25l"}, "thoughtSignature": "czE="},
        {"text": "There."},
    ]);
    let messages = json!([
        {"role": "user", "content": "draw"},
        {"role": "assistant", "content": "There.", "images": [image]},
        {"role": "user", "content": "bluer"},
    ]);
    let kept = decode_answer(&Bytes::from(whole(parts.clone()).to_string()))
        .unwrap()
        .turns;
    let known = Context {
        states: &states(&kept, &messages),
        ..alone()
    };
    let model = "gemini-3-pro-image-preview";
    let request = valid(model, json!({ "messages": messages }));
    let request = encode_knowing(&request, &serving(model), &known).unwrap();
    assert_eq!(body(&request)["contents"][1]["parts"], parts);
}
