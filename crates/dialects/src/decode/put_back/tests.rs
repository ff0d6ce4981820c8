#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use tollgate_chat::event::{EventKind, Finish, FinishReason};

use super::PutBack;
use crate::{
    fault::{Fault, FaultKind},
    request::Undo,
};

fn call(index: u32, name: Option<&str>, arguments: &str) -> EventKind {
    EventKind::ToolCall {
        choice: 0,
        index,
        id: name.map(|_| format!("call_{index}")),
        name: name.map(str::to_owned),
        arguments: arguments.to_owned(),
    }
}

fn finish(reason: FinishReason) -> EventKind {
    EventKind::Finish(Finish {
        choice: 0,
        reason,
        matched_stop: None,
        provider_reason: None,
    })
}

fn put_back(undo: Undo, events: Vec<EventKind>) -> Result<Vec<EventKind>, Fault> {
    let (mut put_back, mut out) = (PutBack::new(undo), Vec::new());
    for event in events {
        put_back.take(event, &mut out)?;
    }
    Ok(out)
}

#[test]
fn a_call_without_arguments_ends_with_an_empty_object() {
    let begun = vec![
        call(0, Some("first"), ""),
        call(1, Some("second"), "{\"a\""),
        call(1, None, ":1}"),
        call(2, Some("third"), " "),
    ];
    let end = finish(FinishReason::ToolCalls);

    let told = put_back(Undo::default(), [begun.clone(), vec![end.clone()]].concat()).unwrap();

    let expected = [begun, vec![call(0, None, "{}"), call(2, None, "{}"), end]].concat();
    assert_eq!(told, expected);
}

#[test]
fn arguments_that_are_no_object_are_a_fault_unless_the_answer_was_cut_off() {
    for arguments in ["{\"a\":", "[1]", "\"text\"", "{}{}"] {
        let events = |reason| vec![call(0, Some("tool"), arguments), finish(reason)];

        let fault = put_back(Undo::default(), events(FinishReason::ToolCalls)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Malformed, "{arguments}");

        let cut = events(FinishReason::Length);
        assert_eq!(put_back(Undo::default(), cut.clone()), Ok(cut), "{arguments}");
    }
}

#[test]
fn a_tool_has_the_client_s_name_again() {
    let undo = Undo {
        tool_names: HashMap::from([("get_weather".to_owned(), "get.weather".to_owned())]),
        ..Undo::default()
    };

    let told = put_back(
        undo,
        vec![call(0, Some("get_weather"), "{}"), call(1, Some("other"), "{}")],
    );

    let names = [call(0, Some("get.weather"), "{}"), call(1, Some("other"), "{}")];
    assert_eq!(told, Ok(names.to_vec()));
}

#[test]
fn arguments_without_an_end_are_a_fault_before_they_fill_the_memory() {
    let piece = "x".repeat(1024 * 1024);
    let events = (0..17).map(|_| call(0, None, &piece)).collect();

    let fault = put_back(Undo::default(), events).unwrap_err();

    assert_eq!(fault.kind, FaultKind::Malformed);
}

#[test]
fn calls_of_one_choice_have_ids_of_their_own() {
    let named = |index, id: &str| EventKind::ToolCall {
        choice: 0,
        index,
        id: Some(id.to_owned()),
        name: Some("f".to_owned()),
        arguments: "{}".to_owned(),
    };

    let told = put_back(
        Undo::default(),
        vec![named(0, "t"), named(1, "t"), named(2, "t_2"), named(3, "t")],
    );

    let expected = [named(0, "t"), named(1, "t_2"), named(2, "t_2_2"), named(3, "t_3")];
    assert_eq!(told, Ok(expected.to_vec()));
}
