//! What earlier turns thought, said and called: what is kept of an answer, and how it goes back.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_dialects::{
    ProviderRequest,
    turn_state::{KeptTurn, TurnStates},
};

use super::fixtures::{body, encode_knowing, kept, known, serving, valid};
use crate::harness;

/// Thinks with an effort.
const ADAPTIVE: &str = "claude-sonnet-4-6";
/// Thinks with a budget.
const BUDGET: &str = "claude-sonnet-4-5-20250929";

fn thought(text: &str) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": format!("signed {text}")})
}

fn said(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn called(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": {}})
}

fn chat_call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}})
}

/// A tool exchange under way in which the model said this, and called these.
fn exchange_of(content: Value, calls: &[&str]) -> Value {
    let mut messages = vec![
        json!({"role": "user", "content": "Hi"}),
        json!({
            "role": "assistant",
            "content": content,
            "tool_calls": calls.iter().map(|id| chat_call(id)).collect::<Vec<_>>(),
        }),
    ];
    let result = |id: &&str| json!({"role": "tool", "tool_call_id": id, "content": "1"});
    messages.extend(calls.iter().map(result));
    json!({
        "messages": messages,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "reasoning_effort": "high"
    })
}

/// The usual one, with more members on the assistant's message.
fn exchange(extra: Value) -> Value {
    let mut members = exchange_of(json!("Let me see."), &["a", "b"]);
    for (name, value) in extra.as_object().unwrap() {
        members["messages"][1][name] = value.clone();
    }
    members
}

fn with_kept(model: &str, members: Value, turns: &[KeptTurn]) -> ProviderRequest {
    let request = valid(model, members);
    encode_knowing(
        &request,
        &serving(model),
        &known(turns, &request),
        &HashMap::new(),
    )
    .unwrap()
}

fn with_states(model: &str, members: Value, states: &TurnStates) -> ProviderRequest {
    encode_knowing(&valid(model, members), &serving(model), states, &HashMap::new()).unwrap()
}

fn turn(request: &ProviderRequest) -> Vec<Value> {
    body(request)["messages"][1]["content"]
        .as_array()
        .unwrap()
        .clone()
}

/// The blocks in a word each, thoughts and texts with what they say.
fn outline(request: &ProviderRequest) -> Vec<String> {
    let outline = |block: &Value| match block["type"].as_str().unwrap() {
        "thinking" => format!("thought {}", block["thinking"].as_str().unwrap()),
        "text" => format!("text {}", block["text"].as_str().unwrap()),
        "tool_use" => format!("call {}", block["id"].as_str().unwrap()),
        other => other.to_owned(),
    };
    turn(request).iter().map(outline).collect()
}

/// A turn in which everything alternates.
fn interleaved() -> Vec<Value> {
    vec![
        thought("one"),
        said("First \u{e9}. "),
        thought("two"),
        called("a"),
        said("Second."),
        thought("three"),
        called("b"),
    ]
}

#[test]
fn an_interleaved_turn_goes_back_as_it_was() {
    let turns = kept(&interleaved());
    let members = exchange_of(json!("First \u{e9}. Second."), &["a", "b"]);
    for model in [ADAPTIVE, BUDGET] {
        let request = with_kept(model, members.clone(), &turns);
        assert_eq!(turn(&request), interleaved(), "{model}");
        assert_eq!(request.notes, []);
    }
    let mut quietly = members;
    quietly.as_object_mut().unwrap().remove("reasoning_effort");
    assert_eq!(
        outline(&with_kept(ADAPTIVE, quietly, &turns)),
        ["text First \u{e9}. ", "call a", "text Second.", "call b"],
        "also where thoughts stay away"
    );
}

/// Thoughts (0), texts (1) and calls (2), of which there is one at least.
fn kinds_of_blocks() -> impl Strategy<Value = Vec<u8>> {
    let others = prop::collection::vec(0..3_u8, 0..11);
    (others, any::<prop::sample::Index>()).prop_map(|(mut kinds, at)| {
        kinds.insert(at.index(kinds.len() + 1), 2);
        kinds
    })
}

proptest! {
    /// Neighbouring texts are one, and a thought that led to nothing stays away.
    #[test]
    fn whatever_a_turn_was_made_of_it_goes_back_as_it_was(kinds in kinds_of_blocks()) {
        let mut blocks: Vec<Value> = Vec::new();
        let (mut text, mut calls) = (String::new(), Vec::new());
        for (kind, at) in kinds.iter().zip(0..) {
            match (kind, blocks.last()) {
                (0, _) => blocks.push(thought(&at.to_string())),
                (1, Some(last)) if last["type"] == "text" => {}
                (1, _) => {
                    let words = format!("Number \u{e9}{at}. ");
                    text.push_str(&words);
                    blocks.push(said(&words));
                }
                _ => {
                    calls.push(format!("call_{at}"));
                    blocks.push(called(&format!("call_{at}")));
                }
            }
        }
        let turns = kept(&blocks);
        while blocks.last().is_some_and(|block| block["type"] == "thinking") {
            blocks.pop();
        }
        let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
        let content = if text.is_empty() { Value::Null } else { json!(text) };
        let request = with_kept(ADAPTIVE, exchange_of(content, &calls), &turns);
        prop_assert_eq!(turn(&request), blocks);
        prop_assert!(request.notes.is_empty());
    }
}

#[test]
fn the_order_of_texts_and_calls_comes_back_without_any_thought() {
    let blocks = [said("First."), called("a"), said("Second."), called("b")];
    let members = exchange_of(json!("First.Second."), &["a", "b"]);
    assert_eq!(turn(&with_kept(ADAPTIVE, members, &kept(&blocks))), blocks);
    assert_eq!(
        kept(&[said("First."), called("a"), called("b")]),
        [],
        "this is how a chat message is read anyway"
    );
}

#[test]
fn a_text_of_white_space_alone_stays_away() {
    let turns = kept(&[thought("one"), said("\n\n"), thought("two"), called("a")]);
    let members = exchange_of(json!("\n\n"), &["a"]);
    assert_eq!(
        outline(&with_kept(BUDGET, members, &turns)),
        ["thought one", "thought two", "call a"],
        "the provider refuses it"
    );
}

#[test]
fn a_text_that_comes_back_in_parts_is_cut_where_it_was() {
    let parts = json!([
        {"type": "text", "text": "Fir"},
        {"type": "text", "text": "st \u{e9}. Sec"},
        {"type": "text", "text": "ond.", "cache_control": {"type": "ephemeral"}}
    ]);
    let request = with_kept(ADAPTIVE, exchange_of(parts, &["a", "b"]), &kept(&interleaved()));
    assert_eq!(
        outline(&request),
        [
            "thought one",
            "text Fir",
            "text st \u{e9}. ",
            "thought two",
            "call a",
            "text Sec",
            "text ond.",
            "thought three",
            "call b"
        ]
    );
    assert_eq!(turn(&request)[6]["cache_control"], json!({"type": "ephemeral"}));
}

#[test]
fn a_text_that_the_client_changed_goes_where_the_first_one_was_and_a_note_says_so() {
    let turns = kept(&interleaved());
    let request = with_kept(BUDGET, exchange_of(json!("Other words."), &["a", "b"]), &turns);
    assert_eq!(
        outline(&request),
        [
            "thought one",
            "text Other words.",
            "thought two",
            "call a",
            "thought three",
            "call b"
        ]
    );
    assert_eq!(harness::notes(&request), ["moved:messages[1].content"]);

    let request = with_kept(BUDGET, exchange_of(Value::Null, &["a", "b"]), &turns);
    assert_eq!(
        outline(&request),
        ["thought one", "thought two", "call a", "thought three", "call b"]
    );
    assert_eq!(request.notes, [], "what is not there needs no place");
}

#[test]
fn words_of_the_clients_own_go_before_the_calls_and_behind_the_thought() {
    let turns = kept(&[thought("one"), called("a")]);
    let request = with_kept(BUDGET, exchange_of(json!("Mine."), &["a"]), &turns);
    assert_eq!(outline(&request), ["thought one", "text Mine.", "call a"]);
}

/// The provider wants a turn to begin with a thought, and takes none at the end.
#[test]
fn a_call_that_the_client_left_out_leaves_its_thought_to_what_followed() {
    let turns = kept(&interleaved());
    let text = json!("First \u{e9}. Second.");
    assert_eq!(
        outline(&with_kept(BUDGET, exchange_of(text.clone(), &["b"]), &turns)),
        [
            "thought one",
            "text First \u{e9}. ",
            "thought two",
            "text Second.",
            "thought three",
            "call b"
        ]
    );
    assert_eq!(
        outline(&with_kept(BUDGET, exchange_of(text, &["a"]), &turns)),
        [
            "thought one",
            "text First \u{e9}. ",
            "thought two",
            "call a",
            "text Second."
        ]
    );
}

#[test]
fn a_call_of_the_clients_own_goes_last() {
    let turns = kept(&[thought("one"), called("a")]);
    let request = with_kept(BUDGET, exchange_of(Value::Null, &["own", "a"]), &turns);
    assert_eq!(outline(&request), ["thought one", "call a", "call own"]);
}

#[test]
fn thoughts_of_each_kind_go_back_unchanged() {
    let blackened = json!({"type": "redacted_thinking", "data": "xyz"});
    let blocks = [
        thought("one"),
        blackened,
        said("Let me see."),
        called("a"),
        thought(""),
        called("b"),
    ];
    let request = with_kept(BUDGET, exchange(json!({})), &kept(&blocks));
    assert_eq!(turn(&request), blocks);
}

#[test]
fn thoughts_that_the_client_sends_count_before_those_that_the_gate_kept() {
    let turns = kept(&[thought("kept"), said("Let me see."), called("a"), called("b")]);
    let own = json!({"thinking_blocks": [thought("own")], "reasoning_content": "own"});
    assert_eq!(
        outline(&with_kept(BUDGET, exchange(own), &turns)),
        ["thought own", "text Let me see.", "call a", "call b"]
    );
    let details = json!({"reasoning_details": [
        {"type": "reasoning.text", "format": "anthropic-claude-v1", "text": "own", "signature": "signed own"},
        {"type": "reasoning.encrypted", "format": "anthropic-claude-v1", "data": "xyz"}
    ]});
    let turn = turn(&with_kept(BUDGET, exchange(details), &turns));
    assert_eq!(turn[0], thought("own"));
    assert_eq!(turn[1], json!({"type": "redacted_thinking", "data": "xyz"}));
}

#[test]
fn thoughts_that_the_client_sends_as_they_were_keep_their_places() {
    let mut members = exchange_of(json!("First \u{e9}. Second."), &["a", "b"]);
    members["messages"][1]["thinking_blocks"] = json!([thought("one"), thought("two"), thought("three")]);
    assert_eq!(
        turn(&with_kept(BUDGET, members, &kept(&interleaved()))),
        interleaved()
    );
}

#[test]
fn state_of_other_families_stays_here() {
    let foreign = json!({
        "reasoning_content": "own",
        "thinking_blocks": [{"type": "thinking", "thinking": "unsigned"}],
        "reasoning_details": [
            {"type": "reasoning.text", "format": "MiniMax-response-v1", "text": "x", "signature": "y"},
            {"type": "reasoning.encrypted", "format": "google-gemini-v1", "data": "z"}
        ]
    });
    let request = with_kept(ADAPTIVE, exchange(foreign), &[]);
    assert_eq!(outline(&request), ["text Let me see.", "call a", "call b"]);
}

#[test]
fn where_the_provider_has_refused_its_thoughts_none_goes_back() {
    let own = exchange(json!({"thinking_blocks": [thought("own")]}));
    for model in [ADAPTIVE, BUDGET] {
        let request = with_states(model, own.clone(), &TurnStates::refused());
        assert_eq!(outline(&request), ["text Let me see.", "call a", "call b"]);
        assert_eq!(
            body(&request)["thinking"].is_null(),
            model == BUDGET,
            "with a budget the provider would miss them"
        );
    }
}

#[test]
fn where_thoughts_are_lost_a_model_with_a_budget_goes_on_without() {
    let request = with_kept(BUDGET, exchange(json!({})), &[]);
    assert!(body(&request).get("thinking").is_none());
    let told: Vec<String> = request.notes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["omitted:reasoning_effort"]);

    let mut over = exchange(json!({}));
    let messages = over["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": "It is 3."}));
    messages.push(json!({"role": "user", "content": "And now?"}));
    let request = with_kept(BUDGET, over, &[]);
    assert_eq!(
        body(&request)["thinking"]["type"],
        "enabled",
        "the exchange is over"
    );

    let mut hurried = exchange(json!({}));
    let messages = hurried["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "user", "content": "Hurry."}));
    let request = with_kept(BUDGET, hurried, &[]);
    assert!(
        body(&request).get("thinking").is_none(),
        "these words go out beside the results"
    );
}

#[test]
fn a_model_with_levels_often_calls_without_a_thought_and_goes_on_thinking() {
    let request = with_kept(ADAPTIVE, exchange(json!({})), &[]);
    assert_eq!(body(&request)["thinking"]["type"], "adaptive");
    assert_eq!(request.notes, []);
}

#[test]
fn without_thinking_no_thoughts_go_back() {
    let mut members = exchange(json!({"thinking_blocks": [thought("own")]}));
    members.as_object_mut().unwrap().remove("reasoning_effort");
    let turns = kept(&[thought("kept"), said("Let me see."), called("a"), called("b")]);
    assert_eq!(turn(&with_kept(ADAPTIVE, members, &turns))[0]["type"], "text");
}
