//! Thinking in all its forms, and what earlier turns thought.

use std::collections::HashMap;

use serde_json::{Value, json};
use tollgate_chat::event::{Place, State};
use tollgate_dialects::{ProviderRequest, turn_state::TurnStates};

use super::fixtures::{body, encode_knowing, kept, notes, refused, sent, serving, valid};

/// Thinks with an effort.
const ADAPTIVE: &str = "claude-sonnet-4-6";
/// Thinks with a budget.
const BUDGET: &str = "claude-sonnet-4-5-20250929";

fn adaptive() -> Value {
    json!({"type": "adaptive", "display": "summarized"})
}

#[test]
fn every_switch_says_the_same() {
    for switch in [
        json!({"reasoning_effort": "medium"}),
        json!({"thinking": {"type": "enabled"}, "reasoning_effort": "medium"}),
        json!({"enable_thinking": true, "reasoning_effort": "medium"}),
    ] {
        let request = sent(ADAPTIVE, switch);
        assert_eq!(request["thinking"], adaptive());
        assert_eq!(request["output_config"], json!({"effort": "medium"}));
    }
    for switch in [
        json!({"thinking": {"type": "enabled"}}),
        json!({"enable_thinking": true}),
    ] {
        let request = sent(ADAPTIVE, switch);
        assert_eq!(request["thinking"], adaptive());
        assert!(
            request.get("output_config").is_none(),
            "how much is the model's business"
        );
    }
    for switch in [
        json!({"reasoning_effort": "none"}),
        json!({"thinking": {"type": "disabled"}}),
        json!({"enable_thinking": false}),
    ] {
        assert_eq!(sent(ADAPTIVE, switch)["thinking"], json!({"type": "disabled"}));
    }
    assert!(sent(ADAPTIVE, json!({})).get("thinking").is_none());
}

#[test]
fn a_level_becomes_a_budget_where_there_are_no_levels() {
    for (level, budget) in [
        ("minimal", 1_024),
        ("low", 1_024),
        ("medium", 2_048),
        ("high", 4_096),
        ("xhigh", 8_192),
        ("max", 16_384),
    ] {
        let request = sent(BUDGET, json!({"reasoning_effort": level}));
        assert_eq!(
            request["thinking"],
            json!({"type": "enabled", "budget_tokens": budget}),
            "{level}"
        );
    }
}

#[test]
fn a_budget_lies_between_the_providers_least_and_the_limit() {
    let budget = |budget: u64, limit: u64| {
        let members = json!({"thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": limit});
        (
            sent(BUDGET, members.clone())["thinking"]["budget_tokens"].clone(),
            notes(BUDGET, members),
        )
    };
    assert_eq!(budget(3_000, 4_000), (json!(3_000), vec![]));
    assert_eq!(
        budget(100, 4_000),
        (json!(1_024), vec!["moved:thinking.budget_tokens".to_owned()])
    );
    assert_eq!(
        budget(9_000, 4_000),
        (json!(3_999), vec!["moved:thinking.budget_tokens".to_owned()])
    );
    assert_eq!(
        budget(1_024, 1_024),
        (Value::Null, vec!["omitted:thinking".to_owned()])
    );
}

#[test]
fn a_level_leaves_half_of_the_limit_to_the_answer() {
    let members = json!({"reasoning_effort": "high", "max_tokens": 5_000});
    assert_eq!(sent(BUDGET, members.clone())["thinking"]["budget_tokens"], 2_500);
    assert_eq!(notes(BUDGET, members), ["moved:reasoning_effort"]);
}

#[test]
fn models_with_levels_take_a_budget_as_long_as_they_know_budgets() {
    let members = json!({"thinking": {"type": "enabled", "budget_tokens": 3_000}});
    assert_eq!(
        sent(ADAPTIVE, members.clone())["thinking"],
        json!({"type": "enabled", "budget_tokens": 3_000})
    );
    assert_eq!(sent("claude-opus-4-7", members.clone())["thinking"], adaptive());
    assert_eq!(
        notes("claude-opus-4-7", members),
        ["omitted:thinking.budget_tokens"]
    );
}

#[test]
fn sampling_is_left_alone_while_the_model_thinks() {
    let members = json!({"reasoning_effort": "low", "temperature": 0.2, "top_k": 5});
    let request = sent(ADAPTIVE, members.clone());
    assert!(request.get("temperature").is_none() && request.get("top_k").is_none());
    let mut told = notes(ADAPTIVE, members);
    told.sort_unstable();
    assert_eq!(told, ["omitted:temperature", "omitted:top_k"]);
}

#[test]
fn a_forced_tool_and_thinking_exclude_each_other() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]);
    let forced = json!({"tools": tools, "tool_choice": "required", "reasoning_effort": "high"});
    assert_eq!(refused(BUDGET, forced.clone()).param, "tool_choice");
    let request = sent("claude-opus-4-6", forced);
    assert_eq!(
        (&request["thinking"], &request["tool_choice"]),
        (&adaptive(), &json!({"type": "any"})),
        "opus 4.6 has been seen to take both"
    );
}

fn thought(text: &str) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": format!("signed {text}")})
}

fn state(place: Place, block: &Value) -> State {
    State {
        place,
        json: block.to_string().into(),
    }
}

/// A tool exchange under way, with more members on the assistant's message.
fn exchange(extra: Value) -> Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let mut turn =
        json!({"role": "assistant", "content": "Let me see.", "tool_calls": [call("a"), call("b")]});
    for (name, value) in extra.as_object().unwrap() {
        turn[name] = value.clone();
    }
    json!({
        "messages": [
            {"role": "user", "content": "Hi"},
            turn,
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": "2"}
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "reasoning_effort": "high"
    })
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

#[test]
fn thoughts_that_the_client_drops_go_back_in_their_order_and_unchanged() {
    let blackened = json!({"type": "redacted_thinking", "data": "xyz"});
    let (first, second) = (thought("one"), thought(""));
    let states = kept(
        &["a", "b"],
        vec![
            state(Place::Start, &first),
            state(Place::Start, &blackened),
            state(Place::BeforeCall(1), &second),
        ],
    );
    for model in [ADAPTIVE, BUDGET] {
        let request = with_states(model, exchange(json!({})), &states);
        let turn = turn(&request);
        let kinds: Vec<&str> = turn.iter().map(|block| block["type"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            [
                "thinking",
                "redacted_thinking",
                "text",
                "tool_use",
                "thinking",
                "tool_use"
            ]
        );
        assert_eq!((&turn[0], &turn[1], &turn[4]), (&first, &blackened, &second));
        assert_eq!(request.notes, []);
    }
}

#[test]
fn thoughts_that_the_client_sends_count_before_those_that_the_gate_kept() {
    let states = kept(&["a"], vec![state(Place::Start, &thought("kept"))]);
    let own = json!({"thinking_blocks": [thought("own")], "reasoning_content": "own"});
    assert_eq!(
        turn(&with_states(BUDGET, exchange(own), &states))[0],
        thought("own")
    );
    let details = json!({"reasoning_details": [
        {"type": "reasoning.text", "format": "anthropic-claude-v1", "text": "own", "signature": "signed own"},
        {"type": "reasoning.encrypted", "format": "anthropic-claude-v1", "data": "xyz"}
    ]});
    let turn = turn(&with_states(BUDGET, exchange(details), &states));
    assert_eq!(turn[0], thought("own"));
    assert_eq!(turn[1], json!({"type": "redacted_thinking", "data": "xyz"}));
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
    let states = kept(
        &["a"],
        vec![state(Place::OnCall(0), &json!({"thought_signature": "g"}))],
    );
    let request = with_states(ADAPTIVE, exchange(foreign), &states);
    let kinds: Vec<Value> = turn(&request).iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["text", "tool_use", "tool_use"]);
}

#[test]
fn where_thoughts_are_lost_a_model_with_a_budget_goes_on_without() {
    let request = with_states(BUDGET, exchange(json!({})), &TurnStates::new());
    assert!(body(&request).get("thinking").is_none());
    let told: Vec<String> = request.notes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["omitted:reasoning_effort"]);

    let mut over = exchange(json!({}));
    let messages = over["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": "It is 3."}));
    messages.push(json!({"role": "user", "content": "And now?"}));
    let request = with_states(BUDGET, over, &TurnStates::new());
    assert_eq!(
        body(&request)["thinking"]["type"],
        "enabled",
        "the exchange is over"
    );

    let mut hurried = exchange(json!({}));
    let messages = hurried["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "user", "content": "Hurry."}));
    let request = with_states(BUDGET, hurried, &TurnStates::new());
    assert!(
        body(&request).get("thinking").is_none(),
        "these words go out beside the results"
    );
}

#[test]
fn a_model_with_levels_often_calls_without_a_thought_and_goes_on_thinking() {
    let request = with_states(ADAPTIVE, exchange(json!({})), &TurnStates::new());
    assert_eq!(body(&request)["thinking"], adaptive());
    assert_eq!(request.notes, []);
}

#[test]
fn without_thinking_no_thoughts_go_back() {
    let mut members = exchange(json!({"thinking_blocks": [thought("own")]}));
    members.as_object_mut().unwrap().remove("reasoning_effort");
    let states = kept(&["a"], vec![state(Place::Start, &thought("kept"))]);
    assert_eq!(turn(&with_states(ADAPTIVE, members, &states))[0]["type"], "text");
}
