//! A turn that holds thoughts begins with one where they have a budget (wire notes, section 3).

use serde_json::{Value, json};

use super::fixtures::{body, encode_knowing, kept, known, serving, valid};

/// Thinks with an effort, and with a budget where it is asked for one.
const BOTH: &str = "claude-sonnet-4-6";
/// Thinks with a budget.
const BUDGET: &str = "claude-sonnet-4-5-20250929";

fn thought() -> Value {
    json!({"type": "thinking", "thinking": "Hm.", "signature": "signed"})
}

fn said(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn called() -> Value {
    json!({"type": "tool_use", "id": "a", "name": "f", "input": {}})
}

fn chat_call() -> Value {
    json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}])
}

fn result() -> Value {
    json!({"role": "tool", "tool_call_id": "a", "content": "1"})
}

/// The request's thinking and the types of the blocks of its second turn, where the model had said `blocks`.
fn sent(model: &str, blocks: &[Value], messages: Value, thinking: Value) -> (Value, Vec<String>) {
    let members = json!({
        "messages": messages,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "thinking": thinking,
    });
    let request = valid(model, members);
    let states = known(&kept(blocks), &request);
    let request = encode_knowing(&request, &serving(model), &states, &Default::default()).unwrap();
    let body = body(&request);
    let blocks = body["messages"][1]["content"].as_array().unwrap();
    let types = blocks
        .iter()
        .map(|block| block["type"].as_str().unwrap().to_owned());
    (body["thinking"]["type"].clone(), types.collect())
}

fn budget() -> Value {
    json!({"type": "enabled", "budget_tokens": 2000})
}

#[test]
fn a_turn_that_the_client_cut_in_two_is_put_together_as_it_was() {
    let messages = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Let me see."},
        {"role": "assistant", "content": null, "tool_calls": chat_call()},
        result(),
    ]);
    for model in [BOTH, BUDGET] {
        let blocks = [thought(), said("Let me see."), called()];
        let (thinking, types) = sent(model, &blocks, messages.clone(), budget());
        assert_eq!(thinking, "enabled", "{model}");
        assert_eq!(types, ["thinking", "text", "tool_use"], "{model}");
    }
}

#[test]
fn an_exchange_that_began_with_words_goes_on_without_a_budget() {
    let blocks = [said("Let me see."), thought(), called()];
    let messages = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": chat_call()},
        result(),
    ]);
    let (thinking, types) = sent(BOTH, &blocks, messages.clone(), budget());
    assert_eq!(thinking, Value::Null);
    assert_eq!(types, ["text", "tool_use"]);

    let (thinking, types) = sent(BOTH, &blocks, messages, json!({"type": "enabled"}));
    assert_eq!(thinking, "adaptive", "which takes any order");
    assert_eq!(types, ["text", "thinking", "tool_use"]);
}

#[test]
fn a_turn_of_an_exchange_that_is_over_goes_without_thoughts_where_it_began_with_words() {
    let blocks = [said("Let me see."), thought(), called()];
    let messages = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": chat_call()},
        result(),
        {"role": "assistant", "content": "It is 1."},
        {"role": "user", "content": "And now?"},
    ]);
    let (thinking, types) = sent(BOTH, &blocks, messages, budget());
    assert_eq!(thinking, "enabled");
    assert_eq!(types, ["text", "tool_use"]);
}
