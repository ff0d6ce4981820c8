use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_chat::event::{EventKind, Place, State};

use super::{Before, KeptTurn, TurnCollector, TurnKey, TurnState, TurnStates, keys_of};
use crate::conversation::{self, Assistant, Message};

fn text(choice: u32, text: &str) -> EventKind {
    EventKind::Text {
        choice,
        text: text.to_owned(),
    }
}

fn call(choice: u32, index: u32, id: &str) -> EventKind {
    EventKind::ToolCall {
        choice,
        index,
        id: Some(id.to_owned()),
        name: Some("f".to_owned()),
        arguments: "{}".to_owned(),
    }
}

fn image(url: &str) -> EventKind {
    EventKind::Image {
        choice: 0,
        url: url.to_owned(),
    }
}

fn state(choice: u32, place: Place, json: &str) -> EventKind {
    EventKind::State {
        choice,
        state: State {
            place,
            json: json.into(),
        },
    }
}

fn collect(events: impl IntoIterator<Item = EventKind>) -> Vec<KeptTurn> {
    let mut collector = TurnCollector::default();
    events.into_iter().for_each(|event| collector.take(&event));
    collector.finish()
}

fn assistant(members: Value) -> Assistant<'static> {
    let mut message = members;
    message["role"] = json!("assistant");
    let list = Box::leak(json!([message]).to_string().into_boxed_str());
    match conversation::messages(list).remove(0) {
        Message::Assistant(assistant) => assistant,
        other => panic!("{other:?}"),
    }
}

/// The pieces of state that are found for a message, where these turns are kept.
fn found(turns: &[KeptTurn], message: Value) -> Option<usize> {
    let turn = assistant(message);
    let messages = [Message::Assistant(turn.clone())];
    let states = TurnStates::found(&messages, |key, binding| {
        let is_asked = |turn: &&KeptTurn| turn.keys.contains(&(key.clone(), binding));
        turns.iter().find(is_asked).map(|turn| Arc::clone(&turn.state))
    });
    states.of(&turn).map(|state| state.pieces.len())
}

#[test]
fn a_turn_is_known_by_each_of_its_calls_and_keeps_its_state_in_order() {
    let turns = collect([
        state(0, Place::Start, "1"),
        text(0, "Let me look."),
        state(0, Place::OnCall(0), "2"),
        call(0, 0, "a"),
        call(0, 1, "b"),
    ]);
    let keys: Vec<TurnKey> = turns[0].keys.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(turns.len(), 1);
    assert_eq!(keys, ["a", "b"].map(|id| TurnKey::Call(id.to_owned())));
    let pieces: Vec<&str> = turns[0].state.pieces.iter().map(|piece| &*piece.json).collect();
    assert_eq!(pieces, ["1", "2"]);
}

#[test]
fn a_turn_without_calls_is_found_again_by_what_it_said() {
    let drawn = "data:image/png;base64,AAAA";
    for (events, message) in [
        (vec![text(0, "Hel"), text(0, "lo.")], json!({"content": "Hello."})),
        (
            vec![text(0, "Hello.")],
            json!({"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}]}),
        ),
        (
            vec![text(0, "Here:"), image(drawn)],
            json!({"content": "Here:", "images": [{"type": "image_url", "image_url": {"url": drawn}}]}),
        ),
        (
            vec![image(drawn)],
            json!({"content": [{"type": "image_url", "image_url": {"url": drawn}}]}),
        ),
    ] {
        let events = events.into_iter().chain([state(0, Place::Start, "s")]);
        assert_eq!(found(&collect(events), message.clone()), Some(1), "{message}");
    }
}

#[test]
fn white_space_that_a_client_strips_from_the_end_does_not_hide_a_turn() {
    let kept = collect([
        text(0, "It is 31"),
        text(0, " \n"),
        text(0, "degrees."),
        text(0, "\n\n"),
        state(0, Place::Start, "1"),
    ]);
    for (said, is_found) in [
        ("It is 31 \ndegrees.\n\n", true),
        ("It is 31 \ndegrees.", true),
        ("It is 31 \ndegrees. ", true),
        ("It is 31 degrees.", false),
        ("It is 31", false),
    ] {
        let found = found(&kept, json!({"content": said}));
        assert_eq!(found.is_some(), is_found, "{said:?}");
    }
}

#[test]
fn another_turn_has_another_key() {
    let turns = collect([text(0, "Hello."), state(0, Place::Start, "s")]);
    for message in [
        json!({"content": "Hello"}),
        json!({"content": null}),
        json!({"content": "Hello.", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}),
        json!({"content": "Hello.", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
    ] {
        assert_eq!(found(&turns, message.clone()), None, "{message}");
    }
}

#[test]
fn a_signature_in_an_id_does_not_hide_the_turn() {
    let turns = collect([state(0, Place::OnCall(0), "s"), call(0, 0, "a")]);
    let message = json!({"tool_calls": [{"id": "a__thought__sig", "type": "function", "function": {"name": "f", "arguments": ""}}]});
    assert!(found(&turns, message).is_some());
}

#[test]
fn a_turn_that_says_nothing_has_no_key_and_one_without_state_is_not_kept() {
    assert!(keys_of(&assistant(json!({"content": null, "refusal": "No."}))).is_empty());
    assert_eq!(collect([text(0, "Hello.")]), []);
    let silent = collect([state(0, Place::Start, "s")]);
    assert!(silent.iter().all(|turn| turn.keys.is_empty()));
}

#[test]
fn a_turn_is_found_by_a_call_that_is_left_of_it() {
    let turns = collect([state(0, Place::Start, "s"), call(0, 0, "a"), call(0, 1, "b")]);
    let chat_call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    for (calls, expected) in [
        (vec![chat_call("b", " { } ")], Some(1)),
        (
            vec![chat_call("a", "{}"), chat_call("b", r#"{"changed":1}"#)],
            Some(1),
        ),
        (vec![chat_call("b", r#"{"changed":1}"#)], None),
    ] {
        assert_eq!(
            found(&turns, json!({ "tool_calls": calls })),
            expected,
            "{calls:?}"
        );
    }
}

#[test]
fn choices_are_turns_of_their_own_and_nothing_is_told_twice() {
    let mut collector = TurnCollector::default();
    for event in [
        state(0, Place::Start, "a"),
        call(0, 0, "x"),
        state(1, Place::Start, "b"),
        call(1, 0, "y"),
    ] {
        collector.take(&event);
    }
    assert_eq!(collector.finish().len(), 2);
    assert_eq!(collector.finish(), []);
}

#[test]
fn the_text_of_thoughts_is_state_only_where_a_provider_wants_it_back() {
    let thought = EventKind::Reasoning {
        choice: 0,
        text: "\"Hm\"\n".to_owned(),
    };
    assert_eq!(collect([thought.clone(), call(0, 0, "a")]), []);
    let mut collector = TurnCollector::of_thoughts(Before::default());
    for event in [thought.clone(), thought, call(0, 0, "a")] {
        collector.take(&event);
    }
    let turns = collector.finish();
    let piece: Value = serde_json::from_str(&turns[0].state.pieces[0].json).unwrap();
    assert_eq!(piece, json!({"reasoning_content": "\"Hm\"\n\"Hm\"\n"}));
}

#[test]
fn what_a_state_holds_grows_with_its_bytes() {
    let piece = |json: &str| State {
        place: Place::Start,
        json: json.into(),
    };
    let small = TurnState::of(vec![piece("a")]);
    let large = TurnState::of(vec![piece(&"a".repeat(1_000)), piece("b")]);
    assert!(large.held() >= small.held() + 1_000);
}

#[test]
fn a_turn_with_more_state_than_any_provider_s_is_not_kept_at_all() {
    let piece = "x".repeat(1024 * 1024);
    let pieces = |count| (0..count).map(|_| state(0, Place::Start, &piece));

    assert_eq!(collect(pieces(7).chain([call(0, 0, "a")])).len(), 1);
    assert_eq!(collect(pieces(9).chain([call(0, 0, "a")])), []);
}

#[test]
fn a_call_whose_id_is_drawn_is_known_whatever_became_of_the_history() {
    let before = |question: &str| {
        let list = json!([{"role": "user", "content": question}]).to_string();
        Before::of(&conversation::messages(&list))
    };
    for (id, is_known) in [
        ("toolu_01A09q90qw90lq917835lq9", true),
        ("call_9pYvIiPKH0vXy2AbCdEfGh1z", true),
        ("call_00_sRcQ7m2LhZkX0aB3", true),
        ("call_function_jlv0n7uyomle_1", true),
        ("functions.weather_v2forecast:0", false),
        ("functions.weather:0", false),
        ("toolcall_number_0001", false),
        ("call_1", false),
        ("12345678", false),
    ] {
        for name in ["weather_v2forecast", "weather"] {
            let [asked, retold] = ["Weather?", "Weather? (09:30)"]
                .map(|question| before(question).binding_of_call(id, name, "{\"city\": \"Oslo\"}"));
            assert_eq!(asked == retold, is_known, "{id} {name}");
            let other = before("Weather?").binding_of_call(id, name, "{\"city\": \"Rome\"}");
            assert_ne!(asked, other, "another call has another binding");
        }
    }
}

/// Clients read arguments and write them anew: one whose numbers are all of 64 bits has one spelling for each.
#[test]
fn a_call_whose_numbers_are_spelled_otherwise_is_the_same_call() {
    let called = |arguments: &str| EventKind::ToolCall {
        choice: 0,
        index: 0,
        id: Some("call-1".to_owned()),
        name: Some("f".to_owned()),
        arguments: arguments.to_owned(),
    };
    let asked = |arguments: &str| json!({"tool_calls": [{"id": "call-1", "type": "function", "function": {"name": "f", "arguments": arguments}}]});
    for (made, sent_back, is_same) in [
        (r#"{"x": 1.0}"#, r#"{"x":1}"#, true),
        (r#"{"x": [1e2, {"y": -0.0}]}"#, r#"{"x":[100,{"y":0}]}"#, true),
        (
            r#"{"x": 12345678901234567890}"#,
            r#"{"x":12345678901234567000}"#,
            true,
        ),
        (
            r#"{"x": 123456789012345678901234}"#,
            r#"{"x":1.2345678901234568e+23}"#,
            true,
        ),
        (r#"{"x": 0.10}"#, r#"{"x":0.1}"#, true),
        (r#"{"x": 1.5}"#, r#"{"x":1}"#, false),
        (r#"{"x": 1.0}"#, r#"{"x":"1"}"#, false),
        (r#"{"x": 9007199254740991}"#, r#"{"x":9007199254740990}"#, false),
    ] {
        let kept = collect([called(made), state(0, Place::Start, "s")]);
        let expected = is_same.then_some(1);
        assert_eq!(found(&kept, asked(sent_back)), expected, "{made} {sent_back}");
    }
}
