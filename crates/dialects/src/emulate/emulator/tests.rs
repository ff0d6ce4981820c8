mod stops;

use proptest::prelude::*;
use serde_json::json;
use tollgate_chat::event::{EventKind, Finish, FinishReason, Place, State};

use super::Emulator;
use crate::{
    emulate::{Emulated, RequiredCall, Schema},
    fault::{Fault, FaultKind, Missing},
};

fn text(choice: u32, text: &str) -> EventKind {
    EventKind::Text {
        choice,
        text: text.to_owned(),
    }
}

/// A call as providers tell it: opened with ID and name, then its arguments in pieces.
fn call(index: u32, name: &str, arguments: &[&str]) -> Vec<EventKind> {
    let piece = |id: Option<&str>, name: Option<&str>, arguments: &str| EventKind::ToolCall {
        choice: 0,
        index,
        id: id.map(str::to_owned),
        name: name.map(str::to_owned),
        arguments: arguments.to_owned(),
    };
    let opener = piece(Some(&format!("call_{index}")), Some(name), "");
    let rest = arguments.iter().map(|arguments| piece(None, None, arguments));
    [opener].into_iter().chain(rest).collect()
}

fn finish(choice: u32, reason: FinishReason) -> EventKind {
    EventKind::Finish(Finish {
        choice,
        reason,
        matched_stop: None,
        provider_reason: None,
    })
}

fn matched(choice: u32, stop: &str) -> EventKind {
    EventKind::Finish(Finish {
        choice,
        reason: FinishReason::Stop,
        matched_stop: Some(stop.to_owned()),
        provider_reason: None,
    })
}

fn emulate(
    emulated: &Emulated,
    events: impl IntoIterator<Item = EventKind>,
) -> Result<Vec<EventKind>, Fault> {
    let mut emulator = Emulator::new(emulated.clone());
    let mut out = Vec::new();
    for event in events {
        emulator.take(event, &mut out)?;
    }
    Ok(out)
}

fn all_text(events: &[EventKind]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        EventKind::Text { text, .. } => Some(&**text),
        _ => None,
    });
    texts.collect()
}

fn stop(stops: &[&str]) -> Emulated {
    Emulated {
        stop: stops.iter().map(|stop| (*stop).to_owned()).collect(),
        ..Emulated::default()
    }
}

fn person() -> Schema {
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
    Schema::compile(&schema.to_string()).unwrap()
}

fn in_words() -> Emulated {
    Emulated {
        schema: Some(person()),
        ..Emulated::default()
    }
}

fn by_tool() -> Emulated {
    Emulated {
        content_tool: Some("person".to_owned()),
        ..in_words()
    }
}

fn is_malformed(outcome: Result<Vec<EventKind>, Fault>) -> bool {
    outcome.is_err_and(|fault| fault.kind == FaultKind::Malformed)
}

fn lacks(outcome: Result<Vec<EventKind>, Fault>, missing: Missing) -> bool {
    outcome.is_err_and(|fault| fault.kind == FaultKind::NotAsAsked(missing))
}

#[test]
fn the_call_of_the_content_tool_is_content() {
    let mut events = vec![text(0, "I shall use the tool.")];
    events.extend(call(0, "person", &["{\"na", "me\":\"Ada\"}"]));
    events.push(finish(0, FinishReason::ToolCalls));
    let out = emulate(&by_tool(), events).unwrap();
    assert_eq!(
        out,
        [
            text(0, "{\"na"),
            text(0, "me\":\"Ada\"}"),
            finish(0, FinishReason::Stop)
        ]
    );
}

#[test]
fn of_several_calls_of_the_content_tool_the_first_is_the_content() {
    let mut events = call(0, "person", &["{\"name\":\"Ada\"}"]);
    events.extend(call(1, "person", &["{\"name\":\"Bob\"}"]));
    events.push(finish(0, FinishReason::ToolCalls));
    assert_eq!(
        all_text(&emulate(&by_tool(), events).unwrap()),
        "{\"name\":\"Ada\"}"
    );
}

#[test]
fn where_the_content_tool_is_not_called_its_text_may_be_the_answer() {
    let fenced = "```json\n{\"name\":\"Ada\"}\n```";
    let out = emulate(&by_tool(), [text(0, fenced), finish(0, FinishReason::Stop)]).unwrap();
    assert_eq!(all_text(&out), "{\"name\":\"Ada\"}");
    let refused = emulate(
        &by_tool(),
        [text(0, "I do not know."), finish(0, FinishReason::Stop)],
    );
    assert!(lacks(refused, Missing::Schema));
}

#[test]
fn state_of_the_content_tools_call_goes_with_the_call() {
    let state = |place| EventKind::State {
        choice: 0,
        state: State {
            place,
            json: "{}".into(),
        },
    };
    let events = [state(Place::Start), state(Place::OnCall(0))];
    assert_eq!(emulate(&by_tool(), events).unwrap(), [state(Place::Start)]);
}

#[test]
fn json_asked_for_in_words_comes_without_words() {
    let out = emulate(
        &in_words(),
        [
            text(0, "Here:\n``"),
            text(0, "`json\n{\"name\":"),
            text(0, "\"Ada\"}\n``"),
            text(0, "`\nBye"),
            finish(0, FinishReason::Stop),
        ],
    );
    assert_eq!(
        out.unwrap(),
        [
            text(0, "{\"name\":"),
            text(0, "\"Ada\"}"),
            finish(0, FinishReason::Stop)
        ]
    );
}

#[test]
fn content_that_the_schema_does_not_take_is_a_fault() {
    for said in ["{\"name\":1}", "{}", "Ada", "", "{\"name\":\"Ada\""] {
        let outcome = emulate(&in_words(), [text(0, said), finish(0, FinishReason::Stop)]);
        assert!(lacks(outcome, Missing::Schema), "{said}");
    }
    let object = Emulated {
        json_object: true,
        ..Emulated::default()
    };
    assert!(emulate(&object, [text(0, "{\"a\":1}"), finish(0, FinishReason::Stop)]).is_ok());
    for said in ["[1]", "{\"a\"}"] {
        let outcome = emulate(&object, [text(0, said), finish(0, FinishReason::Stop)]);
        assert!(lacks(outcome, Missing::JsonObject), "{said}");
    }
}

#[test]
fn an_answer_that_was_cut_short_or_refused_is_not_judged() {
    for reason in [FinishReason::Length, FinishReason::ContentFilter] {
        let out = emulate(&in_words(), [text(0, "{\"name\":"), finish(0, reason)]).unwrap();
        assert_eq!(out, [text(0, "{\"name\":"), finish(0, reason)]);
    }
    let refusal = EventKind::Refusal {
        choice: 0,
        text: "No.".to_owned(),
    };
    assert!(emulate(&in_words(), [refusal, finish(0, FinishReason::Stop)]).is_ok());
    let both = Emulated {
        stop: vec![",".to_owned()],
        ..in_words()
    };
    let out = emulate(
        &both,
        [
            text(0, "{\"name\":\"Ada\",\"a\":1}"),
            finish(0, FinishReason::Stop),
        ],
    );
    assert_eq!(out.unwrap(), [text(0, "{\"name\":\"Ada\""), matched(0, ",")]);
}

#[test]
fn an_answer_that_calls_tools_need_not_be_the_json_yet() {
    let mut events = vec![text(0, "Let me look.")];
    events.extend(call(0, "look", &["{}"]));
    events.push(finish(0, FinishReason::ToolCalls));
    let out = emulate(&in_words(), events.clone()).unwrap();
    assert_eq!(out, events, "its words come before the call");
}

#[test]
fn a_call_that_was_demanded_has_to_come() {
    let any = Emulated {
        call: Some(RequiredCall::Any),
        ..Emulated::default()
    };
    let named = Emulated {
        call: Some(RequiredCall::Named("g".to_owned())),
        ..Emulated::default()
    };
    let called: Vec<EventKind> = call(0, "f", &["{}"])
        .into_iter()
        .chain([finish(0, FinishReason::ToolCalls)])
        .collect();
    let said = [text(0, "No."), finish(0, FinishReason::Stop)];
    assert_eq!(emulate(&any, called.clone()).unwrap(), called);
    assert!(lacks(emulate(&any, said.clone()), Missing::Call));
    assert!(
        lacks(emulate(&named, called), Missing::Call),
        "another tool was demanded"
    );
    let cut = [text(0, "No."), finish(0, FinishReason::Length)];
    assert!(emulate(&named, cut).is_ok(), "the call may have come later");
}

#[test]
fn one_call_at_a_time_is_the_first() {
    let one = Emulated {
        one_call: true,
        ..Emulated::default()
    };
    let first = call(0, "f", &["{}"]);
    let state = |call| EventKind::State {
        choice: 0,
        state: State {
            place: Place::OnCall(call),
            json: "{}".into(),
        },
    };
    let mut events = first.clone();
    events.push(state(0));
    events.extend(call(1, "g", &["{}"]));
    events.push(state(1));
    let mut expected = first;
    expected.push(state(0));
    assert_eq!(emulate(&one, events).unwrap(), expected);
}

#[test]
fn more_choices_than_can_be_asked_for_are_a_fault() {
    let texts = (0..129).map(|choice| text(choice, "a"));
    assert!(is_malformed(emulate(&stop(&["b"]), texts)));
}

#[test]
fn content_without_an_end_is_not_kept_for_ever() {
    let pieces = std::iter::repeat_with(|| text(0, &"a".repeat(1 << 20))).take(20);
    for emulated in [in_words(), by_tool()] {
        assert!(is_malformed(emulate(&emulated, pieces.clone())));
    }
    let many = std::iter::repeat_with(|| text(0, &"a".repeat(1 << 20))).take(20);
    assert!(
        emulate(&stop(&["b"]), many).is_ok(),
        "text that passes by is not held"
    );
}

/// What the client has in the end: the text and how it ended, or that it failed.
fn outcome(emulated: &Emulated, pieces: &[&str]) -> (String, Result<Vec<EventKind>, FaultKind>) {
    let mut emulator = Emulator::new(emulated.clone());
    let mut out = Vec::new();
    let events = pieces
        .iter()
        .map(|piece| text(0, piece))
        .chain([finish(0, FinishReason::Stop)]);
    let mut failed = None;
    for event in events {
        if let Err(fault) = emulator.take(event, &mut out) {
            failed = Some(fault.kind);
            break;
        }
    }
    let all = all_text(&out);
    out.retain(|event| matches!(event, EventKind::Finish(_)));
    (all, failed.map_or(Ok(out), Err))
}

proptest! {
    #[test]
    fn where_an_answer_is_cut_changes_nothing(
        said in "[a{}:\"`\n漢]{0,30}|```json\n\\{\"name\":\"[a漢]{0,4}\"\\}\n```",
        cuts in prop::collection::vec(0usize..40, 0..6),
    ) {
        let both = Emulated { stop: vec!["a漢".to_owned(), "\"}".to_owned()], ..in_words() };
        for emulated in [stop(&["a:", "漢a"]), in_words(), by_tool(), both] {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| said.floor_char_boundary(*cut)).collect();
            cuts.extend([0, said.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|cut| &said[cut[0]..cut[1]]).collect();
            prop_assert_eq!(outcome(&emulated, &pieces), outcome(&emulated, &[&said]));
        }
    }
}
