//! What becomes of an answer, block by block.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{EventKind, FinishReason};
use tollgate_dialects::{FaultKind, Undo};

use super::fixtures::{DIALECT, answer, decode_answer, events, read, sse};

pub fn start(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

pub fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

pub fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

/// A stream of these blocks' events that ends for this reason.
pub fn stream(blocks: &[Value], reason: &str) -> Bytes {
    let mut all =
        vec![json!({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 3}}})];
    all.extend_from_slice(blocks);
    all.push(
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}}),
    );
    all.push(json!({"type": "message_stop"}));
    sse(&all)
}

fn finish(events: &[EventKind]) -> (FinishReason, Option<String>) {
    let finish = events.iter().find_map(|event| match event {
        EventKind::Finish(finish) => Some((finish.reason, finish.provider_reason.clone())),
        _ => None,
    });
    finish.unwrap()
}

fn calls(events: &[EventKind]) -> Vec<(u32, Option<&str>, &str)> {
    let calls = events.iter().filter_map(|event| match event {
        EventKind::ToolCall {
            index, id, arguments, ..
        } => Some((*index, id.as_deref(), &**arguments)),
        _ => None,
    });
    calls.collect()
}

#[test]
fn every_reason_to_stop_has_its_word() {
    use FinishReason::*;
    for (word, reason, own) in [
        ("end_turn", Stop, None),
        ("stop_sequence", Stop, Some("stop_sequence")),
        ("pause_turn", Stop, Some("pause_turn")),
        ("max_tokens", Length, None),
        (
            "model_context_window_exceeded",
            Length,
            Some("model_context_window_exceeded"),
        ),
        ("refusal", ContentFilter, Some("refusal")),
        ("tool_use", Stop, Some("tool_use")),
        ("new_reason", Stop, Some("new_reason")),
    ] {
        let told = finish(&events(&stream(&[], word)));
        assert_eq!(told, (reason, own.map(str::to_owned)), "{word}");
    }
    let call = [
        start(
            0,
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
        ),
        stop(0),
    ];
    for (word, own) in [
        ("tool_use", None),
        ("end_turn", None),
        ("new_reason", Some("new_reason")),
    ] {
        let told = finish(&events(&stream(&call, word)));
        assert_eq!(told, (ToolCalls, own.map(str::to_owned)), "{word}");
    }
}

/// Models cut characters in two, and strict readers refuse what comes of it.
#[test]
fn half_a_character_becomes_the_replacement_character() {
    let halves = r#"{"type":"message","stop_reason":"tool_use","content":[
        {"type":"text","text":"so \ud83d\ude00 \ud800!"},
        {"type":"tool_use","id":"a","name":"f","input":{"x":"\ud83d\ude00 \udc00"}}]}"#;
    let whole = decode_answer(
        DIALECT,
        &Quirks::default(),
        &Undo::default(),
        &Bytes::from(halves.to_owned()),
    )
    .unwrap();
    let whole = crate::harness::shown(&whole.answer);
    let stream = r#"event: message_start
data: {"type":"message_start","message":{}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so \ud83d\ude00 \ud800!"}}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"x\":\"\\ud83d\\ude0"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"0 \\udc00\"}"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use"}}

event: message_stop
data: {"type":"message_stop"}

"#;
    let streamed = crate::harness::assembled(events(&Bytes::from(stream)));
    for answer in [whole, streamed] {
        let message = &answer["choices"][0]["message"];
        assert_eq!(message["content"], "so \u{1f600} \u{fffd}!");
        let arguments = message["tool_calls"][0]["function"]["arguments"]
            .as_str()
            .unwrap();
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        assert_eq!(arguments, json!({"x": "\u{1f600} \u{fffd}"}));
    }
}

#[test]
fn an_answer_that_does_not_say_why_it_ended_is_a_fault_whole_and_streamed() {
    let block = [start(0, json!({"type": "text", "text": "Hi"})), stop(0)];
    for end in [
        json!({"type": "message_delta", "delta": {"stop_reason": null}, "usage": {"output_tokens": 5}}),
        json!({"type": "ping"}),
    ] {
        let [begin, stop] = [&block[0], &block[1]];
        let events = [
            begin.clone(),
            stop.clone(),
            end.clone(),
            json!({"type": "message_stop"}),
        ];
        let fault = read([sse(&events)]).2.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Malformed, "{end}");
    }
    let text = json!([{"type": "text", "text": "Hi"}]);
    for message in [
        json!({"type": "message", "content": text, "stop_reason": null}),
        json!({"type": "message", "content": text}),
    ] {
        assert_eq!(
            answer(&message).unwrap_err().kind,
            FaultKind::Malformed,
            "{message}"
        );
    }
    let (told, _) = answer(&json!({"type": "message", "content": text, "stop_reason": "tool_use"})).unwrap();
    assert_eq!(told["choices"][0]["finish_reason"], "stop");
}

#[test]
fn calls_are_numbered_by_themselves_and_end_with_an_object() {
    let blocks = [
        start(0, json!({"type": "text", "text": "Let me"})),
        stop(0),
        start(
            1,
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
        ),
        delta(1, json!({"type": "input_json_delta", "partial_json": ""})),
        stop(1),
        start(
            2,
            json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        ),
        delta(
            2,
            json!({"type": "input_json_delta", "partial_json": "{\"query\":1}"}),
        ),
        stop(2),
        start(
            3,
            json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []}),
        ),
        stop(3),
        start(
            4,
            json!({"type": "tool_use", "id": "b", "name": "f", "input": {"all": "at once"}}),
        ),
        stop(4),
        start(
            5,
            json!({"type": "tool_use", "id": "c", "name": "f", "input": {}}),
        ),
        delta(5, json!({"type": "input_json_delta", "partial_json": "{\"x\":"})),
        delta(5, json!({"type": "input_json_delta", "partial_json": "1}"})),
        stop(5),
    ];
    let events = events(&stream(&blocks, "tool_use"));
    assert_eq!(
        calls(&events),
        [
            (0, Some("a"), ""),
            (0, None, "{}"),
            (1, Some("b"), ""),
            (1, None, "{\"all\":\"at once\"}"),
            (2, Some("c"), ""),
            (2, None, "{\"x\":"),
            (2, None, "1}"),
        ]
    );
}

#[test]
fn a_call_that_the_limit_cut_is_passed_on_as_far_as_it_came() {
    let blocks = [
        start(
            0,
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
        ),
        delta(0, json!({"type": "input_json_delta", "partial_json": "{\"x\":"})),
        stop(0),
    ];
    let told = events(&stream(&blocks, "max_tokens"));
    assert_eq!(calls(&told).last().unwrap().2, "{\"x\":");
    let (_, _, outcome) = read([stream(&blocks, "tool_use")]);
    assert_eq!(
        outcome.unwrap_err().kind,
        FaultKind::Malformed,
        "a call without an object is none"
    );
}

#[test]
fn a_call_that_the_limit_cut_before_its_arguments_has_none() {
    let empty = |index: u64, id: &str| {
        [
            start(
                index,
                json!({"type": "tool_use", "id": id, "name": "f", "input": {}}),
            ),
            delta(index, json!({"type": "input_json_delta", "partial_json": ""})),
            stop(index),
        ]
    };
    let blocks = [empty(0, "a"), empty(1, "b")].concat();
    let use_of = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    for (reason, last) in [("max_tokens", ""), ("tool_use", "{}")] {
        let told = events(&stream(&blocks, reason));
        let arguments = |wanted: u32| -> String {
            let calls = calls(&told).into_iter();
            calls
                .filter(|(index, ..)| *index == wanted)
                .map(|(.., piece)| piece)
                .collect()
        };
        assert_eq!(arguments(0), "{}", "another call came after it: {reason}");
        assert_eq!(arguments(1), last, "{reason}");

        let whole = json!({"type": "message", "content": [use_of("a"), use_of("b")], "stop_reason": reason});
        let (told, _) = answer(&whole).unwrap();
        let calls = &told["choices"][0]["message"]["tool_calls"];
        assert_eq!(calls[0]["function"]["arguments"], "{}", "{reason}");
        assert_eq!(calls[1]["function"]["arguments"], last, "{reason}");
    }
}

#[test]
fn an_empty_answer_is_an_answer() {
    let (answer, turns) =
        answer(&json!({"type": "message", "content": [], "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 2}}))
            .unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(turns.is_empty());
}

#[test]
fn odd_streams_read_like_even_ones() {
    let text = [
        start(0, json!({"type": "text", "text": ""})),
        delta(0, json!({"type": "text_delta", "text": "Hi"})),
        stop(0),
    ];
    let even = events(&stream(&text, "end_turn"));
    let mut odd = vec![
        json!({"type": "ping"}),
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 3}}}),
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 3}}}),
        json!({"type": "new_event", "delta": 1}),
        text[0].clone(),
        delta(0, json!({"type": "citations_delta", "citation": "x"})),
        delta(0, json!({"type": "new_delta", "text": "no"})),
        text[1].clone(),
        stop(0),
        stop(7),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_delta", "delta": {"stop_reason": null}, "usage": {"output_tokens": 5}}),
    ];
    let mut bytes = sse(&odd).to_vec();
    bytes.extend_from_slice(b"data: [DONE]\n\ndata: {\"type\":\"message_stop\"}\n\ndata: after the end\n\n");
    assert_eq!(events(&Bytes::from(bytes)), even);
    odd.pop();
    assert_eq!(read([sse(&odd)]).2.unwrap_err().kind, FaultKind::Cut);
}

#[test]
fn content_that_cannot_be_read_is_a_fault() {
    for bad in [
        start(0, json!({"type": "text", "text": 1})),
        start(0, json!({"type": "tool_use", "name": "f", "input": {}})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{}"})),
        json!({"type": "content_block_start", "index": 0}),
        json!({"type": "content_block_delta", "index": 0, "delta": "text"}),
    ] {
        let (_, _, outcome) = read([stream(std::slice::from_ref(&bad), "end_turn")]);
        assert_eq!(outcome.unwrap_err().kind, FaultKind::Malformed, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_panic(
        pieces in prop::collection::vec(
            prop_oneof![
                Just(json!({"type": "message_start", "message": {"usage": {"input_tokens": -1}}})),
                Just(start(0, json!({"type": "thinking"}))),
                Just(start(0, json!({"type": "tool_use", "id": "a", "name": "f"}))),
                Just(delta(0, json!({"type": "signature_delta", "signature": "s"}))),
                Just(delta(0, json!({"type": "input_json_delta", "partial_json": "{"}))),
                Just(stop(0)),
                Just(json!({"type": "message_delta", "usage": {"iterations": [{"input_tokens": 1e300}]}})),
                Just(json!({"type": "message_stop"})),
            ],
            0..12,
        ),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        at in 0_usize..600,
    ) {
        let mut bytes = sse(&pieces).to_vec();
        let at = at.min(bytes.len());
        bytes.splice(at..at, noise);
        let _ = read([Bytes::from(bytes.clone())]);
        let _ = answer(&json!({"content": pieces}));
        let _ = DIALECT.fault(500, &bytes);
    }
}
