//! Thoughts of earlier turns: what is kept of an answer, and where it goes back.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_dialects::turn_state::{KeptTurn, TurnKey, TurnStates};

use super::fixtures::{body, decode_whole, encode_knowing, encode_with_states, notes, order, serving, valid};

fn thought(id: &str) -> Value {
    json!({
        "type": "reasoning",
        "id": id,
        "summary": [],
        "content": null,
        "encrypted_content": format!("sealed {id}"),
        "status": null
    })
}

fn call(id: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "look", "arguments": "{}"})
}

fn message(text: &str) -> Value {
    named("msg_1", text)
}

fn named(id: &str, text: &str) -> Value {
    json!({
        "type": "message",
        "id": id,
        "role": "assistant",
        "status": "completed",
        "phase": "final_answer",
        "content": [{"type": "output_text", "text": text, "annotations": []}]
    })
}

/// What the gate keeps of an answer with this output.
fn kept(output: Value) -> Vec<KeptTurn> {
    let response = json!({"status": "completed", "output": output});
    decode_whole(&Bytes::from(response.to_string())).unwrap().1
}

/// What is kept, a word for each block.
fn blocks(turns: &[KeptTurn]) -> Vec<String> {
    let blocks = turns.iter().flat_map(order);
    let word = |block: Value| match () {
        () if !block["thought"].is_null() => format!("thought {}", block["thought"]["id"].as_str().unwrap()),
        () if !block["text"].is_null() => "text".to_owned(),
        () => format!("call {}", block["call"]),
    };
    blocks.map(word).collect()
}

/// The input that goes out for a conversation in which the model answered so.
fn input(assistant: Value, turns: &[KeptTurn]) -> Vec<Value> {
    input_and_notes(&exchange(assistant), turns).0
}

fn input_and_notes(messages: &[Value], turns: &[KeptTurn]) -> (Vec<Value>, Vec<String>) {
    let request = valid("gpt-5-codex", json!({"messages": messages}));
    let encoded = encode_knowing(&serving("gpt-5-codex"), &request, turns, &Default::default()).unwrap();
    (
        body(&encoded)["input"].as_array().unwrap().clone(),
        notes(&encoded),
    )
}

/// A conversation in which the model answered so.
fn exchange(assistant: Value) -> Vec<Value> {
    let calls = assistant["tool_calls"].as_array().cloned().unwrap_or_default();
    let mut messages = vec![json!({"role": "user", "content": "Go"}), assistant];
    let result = |call: &Value| json!({"role": "tool", "tool_call_id": call["id"], "content": "seen"});
    messages.extend(calls.iter().map(result));
    messages.push(json!({"role": "user", "content": "On"}));
    messages
}

fn chat_call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}})
}

/// An item in a word.
fn outline(items: &[Value]) -> Vec<String> {
    let outline = |item: &Value| match item["type"].as_str() {
        Some("reasoning") => format!("thought {}", item["id"].as_str().unwrap()),
        Some("function_call") => format!("call {}", item["call_id"].as_str().unwrap()),
        Some("function_call_output") => format!("result {}", item["call_id"].as_str().unwrap()),
        _ => item["role"].as_str().unwrap().to_owned(),
    };
    items.iter().map(outline).collect()
}

#[test]
fn each_thought_goes_back_right_before_the_call_that_it_led_to() {
    let turns = kept(json!([
        thought("rs_1"),
        call("call_1"),
        thought("rs_2"),
        thought("rs_3"),
        call("call_2")
    ]));
    assert_eq!(
        blocks(&turns),
        ["thought rs_1", "call 0", "thought rs_2", "thought rs_3", "call 1"]
    );
    let keys: Vec<&TurnKey> = turns[0].keys.iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            &TurnKey::Call("call_1".to_owned()),
            &TurnKey::Call("call_2".to_owned())
        ]
    );
    let assistant = json!({"role": "assistant", "tool_calls": [chat_call("call_1"), chat_call("call_2")]});
    let items = input(assistant, &turns);
    assert_eq!(
        outline(&items),
        [
            "user",
            "thought rs_1",
            "call call_1",
            "thought rs_2",
            "thought rs_3",
            "call call_2",
            "result call_1",
            "result call_2",
            "user"
        ]
    );
    assert_eq!(
        items[1],
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed rs_1"}),
        "as it came, without the nulls that are refused"
    );
}

#[test]
fn a_thought_before_text_goes_back_before_the_message_under_its_own_name() {
    let turns = kept(json!([thought("rs_1"), message("Done.")]));
    assert_eq!(blocks(&turns), ["thought rs_1", "text"]);
    let items = input(json!({"role": "assistant", "content": "Done."}), &turns);
    assert_eq!(outline(&items), ["user", "thought rs_1", "assistant", "user"]);
    assert_eq!(
        (&items[2]["id"], &items[2]["phase"]),
        (&json!("msg_1"), &json!("final_answer"))
    );
    assert_eq!(items[2]["content"][0]["text"], "Done.");
}

#[test]
fn text_before_calls_keeps_its_thought_and_its_phase() {
    let turns = kept(json!([
        thought("rs_1"),
        message("Let me look."),
        thought("rs_2"),
        call("call_1")
    ]));
    let assistant =
        json!({"role": "assistant", "content": "Let me look.", "tool_calls": [chat_call("call_1")]});
    assert_eq!(
        outline(&input(assistant, &turns)),
        [
            "user",
            "thought rs_1",
            "assistant",
            "thought rs_2",
            "call call_1",
            "result call_1",
            "user"
        ]
    );
}

/// A thought without the item that it led to is a 400.
#[test]
fn a_thought_whose_follower_does_not_come_back_is_not_kept() {
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
    let custom = json!({"type": "custom_tool_call", "id": "ct_1", "call_id": "x", "name": "y", "input": ""});
    assert_eq!(
        blocks(&kept(json!([message("Cut off."), thought("rs_1")]))),
        ["text"]
    );
    for between in [search, custom] {
        let turns = kept(json!([thought("rs_1"), between, thought("rs_2"), call("call_1")]));
        assert_eq!(blocks(&turns), ["thought rs_2", "call 0"]);
    }
}

#[test]
fn messages_and_calls_go_back_in_the_order_in_which_they_came() {
    let output = json!([
        thought("rs_1"),
        call("call_1"),
        thought("rs_2"),
        message("One \u{e9}. "),
        call("call_2"),
        thought("rs_3"),
        named("msg_2", "Two.")
    ]);
    let calls = json!([chat_call("call_1"), chat_call("call_2")]);
    let assistant = json!({"role": "assistant", "content": "One \u{e9}. \n\nTwo.", "tool_calls": calls});
    let items = input(assistant, &kept(output));
    assert_eq!(
        outline(&items),
        [
            "user",
            "thought rs_1",
            "call call_1",
            "thought rs_2",
            "assistant",
            "call call_2",
            "thought rs_3",
            "assistant",
            "result call_1",
            "result call_2",
            "user"
        ]
    );
    assert_eq!(
        (&items[4]["id"], &items[4]["content"][0]["text"]),
        (&json!("msg_1"), &json!("One \u{e9}. "))
    );
    assert_eq!(
        (&items[7]["id"], &items[7]["content"][0]["text"]),
        (&json!("msg_2"), &json!("Two."))
    );
}

#[test]
fn without_thoughts_the_order_of_calls_and_text_comes_back_too() {
    let mut plain = message("Then this.");
    plain.as_object_mut().unwrap().remove("phase");
    let assistant =
        json!({"role": "assistant", "content": "Then this.", "tool_calls": [chat_call("call_1")]});
    let items = input(assistant, &kept(json!([call("call_1"), plain])));
    assert_eq!(
        outline(&items),
        ["user", "call call_1", "assistant", "result call_1", "user"]
    );
    assert_eq!(items[2], json!({"role": "assistant", "content": "Then this."}));
}

/// Thoughts that led to words which nobody said would be a forgery.
#[test]
fn a_text_that_the_client_changed_goes_plainly_where_the_first_one_was_and_a_note_says_so() {
    let turns = kept(json!([
        thought("rs_1"),
        message("One. "),
        thought("rs_2"),
        call("call_1"),
        thought("rs_3"),
        named("msg_2", "Two.")
    ]));
    let assistant = json!({"role": "assistant", "content": "Other.", "tool_calls": [chat_call("call_1")]});
    let (items, notes) = input_and_notes(&exchange(assistant), &turns);
    assert_eq!(
        outline(&items),
        [
            "user",
            "assistant",
            "thought rs_2",
            "call call_1",
            "result call_1",
            "user"
        ]
    );
    assert_eq!(items[1]["content"], "Other.");
    assert_eq!(notes, ["moved:messages[1].content"]);
}

#[test]
fn words_of_the_clients_own_go_before_everything() {
    let turns = kept(json!([thought("rs_1"), call("call_1")]));
    let assistant = json!({"role": "assistant", "content": "Mine.", "tool_calls": [chat_call("call_1")]});
    assert_eq!(
        outline(&input(assistant, &turns)),
        [
            "user",
            "assistant",
            "thought rs_1",
            "call call_1",
            "result call_1",
            "user"
        ]
    );
}

/// "Duplicate item found" is a 400.
#[test]
fn no_item_goes_twice() {
    let details = json!([
        {"type": "reasoning.encrypted", "id": "rs_own", "format": "openai-responses-v1", "data": "own"}
    ]);
    let own =
        |id: &str| json!({"role": "assistant", "tool_calls": [chat_call(id)], "reasoning_details": details});
    let mut messages = exchange(own("call_1"));
    messages.extend(exchange(own("call_2")));
    let (items, _) = input_and_notes(&messages, &[]);
    assert_eq!(
        outline(&items),
        [
            "user",
            "thought rs_own",
            "call call_1",
            "result call_1",
            "user",
            "user",
            "call call_2",
            "result call_2",
            "user"
        ]
    );

    let twice = exchange(json!({"role": "assistant", "content": "Done."}));
    let messages = [twice.clone(), twice].concat();
    let request = valid("gpt-5-codex", json!({ "messages": messages }));
    let turns = kept(json!([thought("rs_1"), message("Done.")]));
    let states = TurnStates::from_iter([1, 4].map(|at| (at, turns[0].state.clone())));
    let encoded =
        encode_with_states(&serving("gpt-5-codex"), &request, &states, &Default::default()).unwrap();
    let items = body(&encoded)["input"].as_array().unwrap().clone();
    assert_eq!(
        outline(&items),
        [
            "user",
            "thought rs_1",
            "assistant",
            "user",
            "user",
            "assistant",
            "user"
        ]
    );
    assert_eq!(items[5].get("id"), None, "its name would be a second one");
}

#[test]
fn where_the_provider_has_refused_its_thoughts_none_goes_back() {
    let details = json!([
        {"type": "reasoning.encrypted", "id": "rs_own", "format": "openai-responses-v1", "data": "own"}
    ]);
    let assistant =
        json!({"role": "assistant", "tool_calls": [chat_call("call_1")], "reasoning_details": details});
    let request = valid("gpt-5-codex", json!({"messages": exchange(assistant)}));
    let refused = TurnStates::refused();
    let encoded =
        encode_with_states(&serving("gpt-5-codex"), &request, &refused, &Default::default()).unwrap();
    let items = body(&encoded)["input"].as_array().unwrap().clone();
    assert_eq!(outline(&items), ["user", "call call_1", "result call_1", "user"]);
}

#[test]
fn what_the_provider_could_not_read_again_is_not_kept() {
    let mut bare = thought("rs_1");
    bare["encrypted_content"] = Value::Null;
    assert_eq!(kept(json!([bare.clone(), call("call_1")])), []);
    // Hosts without encryption give the thoughts themselves.
    bare["content"] = json!([{"type": "reasoning_text", "text": "Hm."}]);
    assert_eq!(
        blocks(&kept(json!([bare, call("call_1")]))),
        ["thought rs_1", "call 0"]
    );
}

#[test]
fn a_plain_answer_leaves_no_state_behind() {
    let mut plain = message("Hi");
    plain.as_object_mut().unwrap().remove("phase");
    assert_eq!(kept(json!([plain])), []);
    assert_eq!(kept(json!([call("call_1")])), []);
    let with_phase = kept(json!([message("Hi")]));
    let items = input(json!({"role": "assistant", "content": "Hi"}), &with_phase);
    assert_eq!(
        items[1],
        json!({"role": "assistant", "content": "Hi", "phase": "final_answer"}),
        "a name would want its thought"
    );
}

#[test]
fn without_state_the_turn_goes_back_plainly() {
    let assistant = json!({
        "role": "assistant",
        "content": "Let me look.",
        "reasoning_content": "Hm.",
        "tool_calls": [chat_call("call_1")]
    });
    let items = input(assistant, &[]);
    assert_eq!(
        outline(&items),
        ["user", "assistant", "call call_1", "result call_1", "user"]
    );
    assert_eq!(items[1], json!({"role": "assistant", "content": "Let me look."}));
}

#[test]
fn state_for_a_call_or_a_text_that_the_client_left_out_stays_away() {
    let turns = kept(json!([
        thought("rs_1"),
        message("Hi"),
        thought("rs_2"),
        call("call_1"),
        thought("rs_3"),
        call("call_2")
    ]));
    let assistant = json!({"role": "assistant", "tool_calls": [chat_call("call_1")]});
    assert_eq!(
        outline(&input(assistant, &turns)),
        ["user", "thought rs_2", "call call_1", "result call_1", "user"]
    );
}

#[test]
fn thoughts_that_the_client_sent_itself_are_used_and_not_those_that_were_kept() {
    let details = json!([
        {"type": "reasoning.summary", "id": "rs_own", "format": "openai-responses-v1", "summary": "Hm.", "index": 0},
        {"type": "reasoning.encrypted", "id": "rs_own", "format": "openai-responses-v1", "data": "own", "index": 0}
    ]);
    let turns = kept(json!([thought("rs_1"), call("call_1")]));
    let assistant =
        json!({"role": "assistant", "tool_calls": [chat_call("call_1")], "reasoning_details": details});
    let items = input(assistant, &turns);
    assert_eq!(outline(&items)[1..3], ["thought rs_own", "call call_1"]);
    assert_eq!(
        items[1],
        json!({
            "type": "reasoning",
            "id": "rs_own",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "own"
        })
    );
}

#[test]
fn thoughts_of_another_family_are_stripped() {
    let foreign = json!([
        {"type": "reasoning.encrypted", "id": "rs_1", "format": "anthropic-claude-v1", "data": "x"},
        {"type": "reasoning.encrypted", "id": "other", "data": "x"},
        {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic-claude-v1"}
    ]);
    let assistant = json!({
        "role": "assistant",
        "tool_calls": [chat_call("call_1")],
        "reasoning_details": foreign,
        "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    });
    let items = input(assistant, &[]);
    assert_eq!(outline(&items), ["user", "call call_1", "result call_1", "user"]);
}
