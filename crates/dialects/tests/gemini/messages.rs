//! The client's messages as Google's turns, one rule a test.

use serde_json::{Value, json};

use super::fixtures::{body, encode, notes, sent};

fn contents(messages: Value) -> Value {
    sent("gemini-2.5-flash", json!({ "messages": messages }))["contents"].take()
}

#[test]
fn neighbours_are_merged_and_nothing_is_ever_empty() {
    assert_eq!(
        contents(json!([
            {"role": "user", "content": "a"},
            {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "c"},
            {"role": "assistant", "content": "d"},
            {"role": "user", "content": "e"},
        ])),
        json!([
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
            {"role": "user", "parts": [{"text": "e"}]},
        ])
    );
    let only_system = sent(
        "gemini-2.5-flash",
        json!({"messages": [{"role": "system", "content": "Be brief."}]}),
    );
    assert_eq!(
        only_system["systemInstruction"],
        json!({"parts": [{"text": "Be brief."}]})
    );
    assert_eq!(
        only_system["contents"],
        json!([{"role": "user", "parts": [{"text": " "}]}])
    );
    let model_first =
        contents(json!([{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]));
    assert_eq!(model_first[0], json!({"role": "user", "parts": [{"text": " "}]}));
}

#[test]
fn instructions_go_to_their_one_place_and_one_in_mid_conversation_is_told() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"messages": [
            {"role": "system", "content": "a"},
            {"role": "developer", "content": [{"type": "text", "text": "b"}]},
            {"role": "user", "content": "c"},
            {"role": "system", "content": "d"},
        ]}),
    )
    .unwrap();
    assert_eq!(
        body(&encoded)["systemInstruction"]["parts"],
        json!([{"text": "a"}, {"text": "b"}, {"text": "d"}])
    );
    assert_eq!(notes(&encoded), ["moved:messages[3]"]);
}

#[test]
fn names_of_people_have_no_place_and_that_is_told_once() {
    let named = |text: &str, name: &str| json!({"role": "user", "content": text, "name": name});
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"messages": [named("a", "Ann"), named("b", "Bob")]}),
    )
    .unwrap();
    assert_eq!(notes(&encoded), ["omitted:name"]);
}

#[test]
fn results_stand_in_one_turn_in_the_order_of_their_calls() {
    let call = |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{\"a\":  1.0}"}});
    let contents = contents(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call("x", "f"), call("y", "g"), call("z", "f")]},
        {"role": "tool", "tool_call_id": "z", "content": "{\"celsius\": 7}"},
        {"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "tool", "tool_call_id": "y", "content": "[1, 2]"},
        {"role": "user", "content": "and?"},
    ]));
    assert_eq!(
        contents[2]["parts"],
        json!([
            {"functionResponse": {"id": "x", "name": "f", "response": {"result": "ab"}}},
            {"functionResponse": {"id": "y", "name": "g", "response": {"result": "[1, 2]"}}},
            {"functionResponse": {"id": "z", "name": "f", "response": {"celsius": 7}}},
        ])
    );
    assert_eq!(
        contents[3],
        json!({"role": "user", "parts": [{"text": "and?"}]}),
        "results stay by themselves: Google counts them against the calls"
    );
}

#[test]
fn arguments_that_are_no_object_are_wrapped_so_that_the_history_stays_legal() {
    let arguments = |text: &str| {
        contents(json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [
                {"id": "x", "type": "function", "function": {"name": "f", "arguments": text}}]},
            {"role": "tool", "tool_call_id": "x", "content": "failed"},
        ]))[1]["parts"][0]["functionCall"]["args"]
            .take()
    };
    assert_eq!(arguments(""), json!({}));
    assert_eq!(arguments("{\"a\": 1}"), json!({"a": 1}));
    assert_eq!(arguments("{\"a\": "), json!({"arguments": "{\"a\": "}));
    assert_eq!(arguments("[1]"), json!({"arguments": "[1]"}));
}

#[test]
fn a_users_message_without_words_becomes_a_blank_and_that_is_told() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": ""},
        ]}),
    )
    .unwrap();
    assert_eq!(
        body(&encoded)["contents"][2],
        json!({"role": "user", "parts": [{"text": " "}]})
    );
    assert_eq!(notes(&encoded), ["moved:messages[2].content"]);
}
