//! Stop strings that the gate cuts for.

use tollgate_chat::{
    event::{EventKind, Finish, FinishReason, Place, State},
    usage::Usage,
};

use super::{call, emulate, finish, matched, stop, text};
use crate::emulate::Emulated;

#[test]
fn a_stop_text_across_pieces_ends_the_choice_and_nothing_but_usage_follows() {
    let usage = EventKind::Usage(Usage {
        completion: 9,
        ..Usage::default()
    });
    let mut events = vec![
        text(0, "one S"),
        text(0, "TO"),
        text(0, "P two"),
        text(0, "three"),
    ];
    events.extend(call(0, "f", &["{}"]));
    events.extend([finish(0, FinishReason::Length), usage.clone()]);
    let out = emulate(&stop(&["STOP"]), events).unwrap();
    assert_eq!(out, [text(0, "one "), matched(0, "STOP"), usage]);
}

#[test]
fn what_waited_for_a_stop_text_is_told_before_the_end() {
    let out = emulate(
        &stop(&["STOP"]),
        [text(0, "a ST"), finish(0, FinishReason::Length)],
    )
    .unwrap();
    assert_eq!(
        out,
        [text(0, "a "), text(0, "ST"), finish(0, FinishReason::Length)]
    );
}

#[test]
fn a_stop_text_in_thoughts_and_arguments_is_none() {
    let thought = EventKind::Reasoning {
        choice: 0,
        text: "STOP".to_owned(),
    };
    let mut events = vec![thought];
    events.extend(call(0, "f", &["{\"a\":\"STOP\"}"]));
    events.push(finish(0, FinishReason::ToolCalls));
    assert_eq!(emulate(&stop(&["STOP"]), events.clone()).unwrap(), events);
}

#[test]
fn each_choice_is_cut_for_itself() {
    let out = emulate(
        &stop(&["."]),
        [
            text(0, "a"),
            text(1, "b."),
            text(0, "c"),
            text(1, "d"),
            finish(0, FinishReason::Stop),
            finish(1, FinishReason::Stop),
        ],
    );
    let expected = [
        text(0, "a"),
        text(1, "b"),
        matched(1, "."),
        text(0, "c"),
        finish(0, FinishReason::Stop),
    ];
    assert_eq!(out.unwrap(), expected);
}

fn state(place: Place) -> EventKind {
    EventKind::State {
        choice: 0,
        state: State {
            place,
            json: "{}".into(),
        },
    }
}

fn stopped_behind_call(reason: FinishReason) -> EventKind {
    EventKind::Finish(Finish {
        choice: 0,
        reason,
        matched_stop: Some("STOP".to_owned()),
        provider_reason: None,
    })
}

/// The client has the call and is to run it, as where a provider stops by itself behind one.
#[test]
fn a_stop_text_behind_a_call_ends_the_text_and_leaves_the_call_to_be_run() {
    let mut events = call(0, "f", &["{}"]);
    events.push(text(0, "one STOP two"));
    events.extend(call(1, "g", &["{}"]));
    events.extend([text(0, "three"), finish(0, FinishReason::Length)]);

    let out = emulate(&stop(&["STOP"]), events).unwrap();

    let mut expected = call(0, "f", &["{}"]);
    expected.extend([text(0, "one "), stopped_behind_call(FinishReason::ToolCalls)]);
    assert_eq!(out, expected);
}

#[test]
fn a_call_that_goes_on_behind_a_stop_text_is_told_to_its_end() {
    let whole = call(0, "f", &["{\"a\":", "1}"]);
    for (provider, told) in [
        (FinishReason::ToolCalls, FinishReason::ToolCalls),
        // Its arguments may be cut.
        (FinishReason::Length, FinishReason::Length),
    ] {
        let mut events = whole[..2].to_vec();
        events.extend([text(0, "STOP"), whole[2].clone(), finish(0, provider)]);

        let mut expected = whole.clone();
        expected.push(stopped_behind_call(told));
        assert_eq!(emulate(&stop(&["STOP"]), events).unwrap(), expected);
    }
}

#[test]
fn what_has_to_come_back_with_a_turn_is_kept_although_a_stop_text_ended_it() {
    for begins in [vec![], call(0, "f", &["{}"])] {
        let called = !begins.is_empty();
        let mut events = begins;
        events.push(text(0, "one STOP two"));
        events.extend(call(1, "g", &["{}"]));
        events.extend([
            state(Place::OnCall(0)),
            state(Place::OnCall(1)),
            state(Place::Order),
            finish(0, FinishReason::Stop),
        ]);

        let out = emulate(&stop(&["STOP"]), events).unwrap();

        let kept = |place| out.contains(&state(place));
        assert!(kept(Place::Order), "{out:?}");
        assert_eq!(kept(Place::OnCall(0)), called);
        assert!(!kept(Place::OnCall(1)), "nobody has seen this call");
    }
}

#[test]
fn of_one_call_at_a_time_no_second_goes_on_behind_a_stop_text() {
    let emulated = Emulated {
        one_call: true,
        ..stop(&["STOP"])
    };
    let [first, second] = [0, 1].map(|index| call(index, "f", &["{}"]));
    let events = [
        first.clone(),
        second[..1].to_vec(),
        vec![text(0, "STOP")],
        second[1..].to_vec(),
    ];
    let events = events
        .concat()
        .into_iter()
        .chain([finish(0, FinishReason::ToolCalls)]);

    let out = emulate(&emulated, events).unwrap();

    let expected = first
        .into_iter()
        .chain([stopped_behind_call(FinishReason::ToolCalls)]);
    assert_eq!(out, expected.collect::<Vec<_>>());
}
