//! What becomes of earlier turns on their way to a provider, one rule a test.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_catalog::quirks::{MessageName, Quirks, ReasoningHistory};
use tollgate_chat::event::{Place, State};
use tollgate_dialects::{
    request::Fetched,
    turn_state::{TurnState, TurnStates},
};

use super::fixtures::{body, encode_knowing, encode_with, notes, sent, serving_with, valid};

/// What the provider receives of an assistant's message that called a tool.
fn turn(history: ReasoningHistory, states: &TurnStates, members: Value) -> Value {
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let mut message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    for (name, value) in members.as_object().unwrap() {
        message[name] = value.clone();
    }
    let messages = json!([
        {"role": "user", "content": "Hi"}, message, {"role": "tool", "tool_call_id": "call_1", "content": "1"},
    ]);
    let quirks = Quirks {
        reasoning_history: history,
        ..Quirks::default()
    };
    let request = valid("gpt-4o", json!({"messages": messages}));
    let sent = encode_knowing(&request, &serving_with(quirks), states, &Fetched::new()).unwrap();
    body(&sent)["messages"][1].clone()
}

fn kept(text: &str) -> TurnStates {
    let piece = State {
        place: Place::Start,
        json: json!({"reasoning_content": text}).to_string().into(),
    };
    TurnStates::from_iter([(1, Arc::new(TurnState::of(vec![piece])))])
}

#[test]
fn the_clients_own_thoughts_count_before_kept_ones_and_these_before_a_space() {
    use ReasoningHistory::Require;
    for (states, members, expected) in [
        (kept("kept"), json!({"reasoning_content": "own"}), json!("own")),
        (kept("kept"), json!({"reasoning": "own"}), json!("own")),
        (kept("kept"), json!({"reasoning_content": ""}), json!("kept")),
        (kept("kept"), json!({}), json!("kept")),
        (TurnStates::new(), json!({}), json!(" ")),
        (TurnStates::new(), json!({"reasoning_content": null}), json!(" ")),
    ] {
        let message = turn(Require, &states, members.clone());
        assert_eq!(message["reasoning_content"], expected, "{members}");
        assert!(message.get("reasoning").is_none(), "{message}");
    }
}

#[test]
fn a_turn_without_calls_gets_its_thoughts_back_and_needs_none() {
    for (history, expected) in [
        (ReasoningHistory::Require, json!({"reasoning_content": "kept"})),
        (
            ReasoningHistory::Details,
            json!({"reasoning_details": [{"text": "kept"}]}),
        ),
    ] {
        gets_back_without_calls(history, &expected);
    }
}

fn gets_back_without_calls(reasoning_history: ReasoningHistory, expected: &Value) {
    let quirks = Quirks {
        reasoning_history,
        ..Quirks::default()
    };
    let messages = json!([
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Bye"},
    ]);
    let request = valid("gpt-4o", json!({"messages": messages}));
    let states = kept("kept");
    let encode = |states| encode_knowing(&request, &serving_with(quirks.clone()), states, &Fetched::new());
    let sent = body(&encode(&states).unwrap());
    let mut turn = messages[1].clone();
    turn.as_object_mut()
        .unwrap()
        .extend(expected.as_object().unwrap().clone());
    assert_eq!(sent["messages"][1], turn);
    let sent = body(&encode(&TurnStates::new()).unwrap());
    assert_eq!(sent["messages"][1], messages[1], "only calls need thoughts");
}

#[test]
fn every_turn_from_the_first_call_on_has_thoughts_where_the_provider_asks_for_them() {
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Look it up"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        {"role": "assistant", "content": "It is 1."},
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "Welcome."},
        {"role": "user", "content": "Bye"},
    ]);
    let with_thoughts = |reasoning_history: ReasoningHistory| -> Vec<u64> {
        let quirks = Quirks {
            reasoning_history,
            ..Quirks::default()
        };
        let sent = sent(quirks, json!({"messages": messages}));
        let messages = sent["messages"].as_array().unwrap().iter().zip(0..);
        let thinking = messages.filter(|(message, _)| {
            message["reasoning_content"] == " " || message["reasoning_details"] == json!([{"text": " "}])
        });
        thinking.map(|(_, at)| at).collect()
    };
    assert_eq!(with_thoughts(ReasoningHistory::Require), [3, 5, 7]);
    assert_eq!(with_thoughts(ReasoningHistory::Details), [3]);
    assert_eq!(with_thoughts(ReasoningHistory::Drop), [] as [u64; 0]);
}

#[test]
fn thoughts_go_as_details_where_the_provider_says_so() {
    use ReasoningHistory::Details;
    let own = json!([{"type": "reasoning.text", "text": "own"}]);
    for (states, members, expected) in [
        (
            kept("kept"),
            json!({"reasoning_details": own, "reasoning_content": "own"}),
            own.clone(),
        ),
        (
            kept("kept"),
            json!({"reasoning_content": "own"}),
            json!([{"text": "own"}]),
        ),
        (kept("kept"), json!({}), json!([{"text": "kept"}])),
        (TurnStates::new(), json!({}), json!([{"text": " "}])),
        (
            TurnStates::new(),
            json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1"}]}),
            json!([{"text": " "}]),
        ),
    ] {
        let message = turn(Details, &states, members.clone());
        assert_eq!(message["reasoning_details"], expected, "{members}");
        assert!(message.get("reasoning_content").is_none(), "{message}");
    }
}

#[test]
fn marks_for_the_prompt_cache_on_calls_go_where_the_provider_takes_them_and_are_named_where_not() {
    let mark = json!({"type": "ephemeral"});
    let bare = json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    for place in ["call", "function"] {
        let mut call = bare.clone();
        match place {
            "call" => call["cache_control"] = mark.clone(),
            _ => call["function"]["cache_control"] = mark.clone(),
        }
        let messages = json!([
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        ]);
        for cache_control in [true, false] {
            let quirks = Quirks {
                cache_control,
                ..Quirks::default()
            };
            let request = encode_with(quirks, "gpt-4o", json!({"messages": messages})).unwrap();
            let sent = &body(&request)["messages"][1]["tool_calls"][0];
            let (expected, told) = match cache_control {
                true => (&call, vec![]),
                false => (&bare, vec!["omitted:cache_control"]),
            };
            assert_eq!(sent, expected, "{place}");
            assert_eq!(notes(&request), told, "{place}");
        }
    }
}

#[test]
fn thoughts_of_either_name_are_left_out_where_the_provider_refuses_them() {
    let message = turn(
        ReasoningHistory::Drop,
        &kept("kept"),
        json!({"reasoning_content": "a", "reasoning": "b"}),
    );
    assert!(message.get("reasoning_content").is_none() && message.get("reasoning").is_none());
}

#[test]
fn a_gateway_behind_us_gets_state_as_it_came() {
    let call = json!({
        "id": "call_1__thought__c2ln", "type": "function", "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "s"}},
    });
    let messages = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call], "thinking_blocks": [{"type": "thinking"}]},
        {"role": "tool", "tool_call_id": "call_1__thought__c2ln", "content": "1"},
    ]);
    let quirks = Quirks {
        foreign_state: true,
        ..Quirks::default()
    };
    assert_eq!(sent(quirks, json!({"messages": messages}))["messages"], messages);
}

#[test]
fn a_request_for_some_of_the_choices_says_how_many() {
    let request = valid("gpt-4o", json!({"n": 5}));
    let none = (TurnStates::new(), Fetched::new());
    let sent = |choices: u32, n_max: u32| {
        let quirks = Quirks {
            n_max,
            ..Quirks::default()
        };
        let context = tollgate_dialects::Context {
            provider_files: false,
            states: &none.0,
            fetched: &none.1,
            choices,
        };
        let sent = tollgate_dialects::encode(&request, &serving_with(quirks), &context).unwrap();
        body(&sent)["n"].clone()
    };
    assert_eq!(sent(5, 8), 5);
    assert_eq!(sent(2, 4), 2);
    assert_eq!(sent(1, 4), 1);
    assert_eq!(sent(1, 1), Value::Null);
}

#[test]
fn a_name_that_is_left_out_is_noted_once() {
    let quirks = Quirks {
        message_name: MessageName::User,
        ..Quirks::default()
    };
    let messages = json!([
        {"role": "system", "content": "Be brief.", "name": "rules"},
        {"role": "user", "content": "Hi", "name": "ada"},
        {"role": "assistant", "content": "Hello", "name": "bot"},
        {"role": "user", "content": "Bye", "name": null},
    ]);
    let request = encode_with(quirks, "gpt-4o", json!({"messages": messages})).unwrap();
    assert_eq!(notes(&request), ["omitted:name"]);
    let names: Vec<Value> = body(&request)["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["name"].clone())
        .collect();
    assert_eq!(names, [Value::Null, json!("ada"), Value::Null, Value::Null]);
    let all = encode_with(Quirks::default(), "gpt-4o", json!({"messages": messages})).unwrap();
    assert_eq!(notes(&all), Vec::<String>::new());
}

#[test]
fn state_in_googles_form_stays_away_from_others() {
    let extra = json!({"google": {"thought_signature": "c2ln"}});
    let messages = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello.", "extra_content": extra},
        {"role": "user", "content": "Bye"},
    ]);
    for foreign_state in [false, true] {
        let quirks = Quirks {
            foreign_state,
            ..Quirks::default()
        };
        let message = &sent(quirks, json!({ "messages": messages }))["messages"][1];
        let passes = message.get("extra_content").is_some();
        assert_eq!(passes, foreign_state, "{message}");
    }
}

#[test]
fn a_mark_for_the_cache_that_goes_with_its_part_is_noted_once() {
    let quirks = Quirks {
        text_part_arrays: false,
        ..Quirks::default()
    };
    let marked = json!({"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}});
    let messages = json!([
        {"role": "system", "content": [marked]},
        {"role": "user", "content": [marked, {"type": "text", "text": "Hi"}]},
    ]);
    let request = encode_with(quirks.clone(), "gpt-4o", json!({"messages": messages})).unwrap();
    assert_eq!(body(&request)["messages"][0]["content"], "s");
    assert_eq!(notes(&request), ["omitted:cache_control"]);

    let plain = json!([{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": null}]}]);
    let request = encode_with(quirks, "gpt-4o", json!({"messages": plain})).unwrap();
    assert_eq!(notes(&request), Vec::<String>::new());
}

#[test]
fn a_refusal_is_text_where_the_provider_has_no_place_for_it() {
    let earlier = |quirks: Quirks, members: Value| {
        let mut message = members;
        message["role"] = json!("assistant");
        let messages = json!([
            {"role": "user", "content": "Hi"}, message, {"role": "user", "content": "Why?"},
        ]);
        let request = encode_with(quirks, "gpt-4o", json!({"messages": messages})).unwrap();
        let content = body(&request)["messages"][1].clone();
        assert!(content.get("refusal").is_none(), "{content}");
        (content["content"].clone(), notes(&request))
    };
    let moved = vec!["moved:messages.refusal".to_owned()];
    for (members, expected) in [
        (json!({"content": null, "refusal": "no"}), json!("no")),
        (json!({"refusal": "no"}), json!("no")),
        (json!({"content": [], "refusal": "no"}), json!("no")),
        (json!({"content": "Well.", "refusal": "no"}), json!("Well.\n\nno")),
        (
            json!({"content": [{"type": "refusal", "refusal": "no"}]}),
            json!([{"type": "text", "text": "no"}]),
        ),
    ] {
        let said = earlier(Quirks::default(), members.clone());
        assert_eq!(said, (expected, moved.clone()), "{members}");
    }
    let parts = json!({"content": [{"type": "text", "text": "Well."}, {"type": "refusal", "refusal": "no"}]});
    let strings = Quirks {
        text_part_arrays: false,
        ..Quirks::default()
    };
    assert_eq!(earlier(strings, parts), (json!("Well.\nno"), moved.clone()));
    let beside = json!({"content": [{"type": "text", "text": "Well."}], "refusal": "no"});
    let (_, notes) = earlier(Quirks::default(), beside);
    assert_eq!(notes, ["omitted:messages.refusal"]);
    let nothing = earlier(Quirks::default(), json!({"content": null, "refusal": ""}));
    assert_eq!(nothing, (json!(""), vec![]));
}
