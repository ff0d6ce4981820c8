//! What hosts do to tool calls in a stream, one trap a test.

use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::FinishReason;
use tollgate_dialects::{Fault, FaultKind};

use super::streamed::{Read, chunk, read, read_with};

#[test]
fn finish_and_arguments_in_one_chunk_are_both_kept() {
    let call = json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}});
    let rest = json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]});
    let read = read(&[
        chunk(json!({"role": "assistant", "tool_calls": [call]}), Value::Null),
        chunk(rest, json!("tool_calls")),
    ]);
    assert_eq!(read.arguments(0), "{\"a\":1}");
    assert_eq!(read.finish(), Some(FinishReason::ToolCalls));
}

#[test]
fn a_call_without_arguments_ends_with_an_empty_object() {
    let call =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}});
    let read = read(&[
        chunk(json!({"role": "assistant", "tool_calls": [call]}), Value::Null),
        chunk(json!({}), json!("tool_calls")),
    ]);
    assert_eq!(read.arguments(0), "{}");
}

#[test]
fn arguments_that_the_limit_cut_are_not_repaired() {
    let call =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}});
    let read = read(&[
        chunk(json!({"role": "assistant", "tool_calls": [call]}), Value::Null),
        chunk(json!({}), json!("length")),
    ]);
    assert_eq!(read.arguments(0), "");
    assert_eq!(read.finish(), Some(FinishReason::Length));
}

#[test]
fn an_empty_id_on_a_later_piece_does_not_open_another_call() {
    let first =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{"}});
    let later = json!({"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": "}"}});
    let read = read(&[
        chunk(
            json!({"role": "assistant", "content": null, "tool_calls": [first]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls": [later]}), Value::Null),
        chunk(json!({}), json!("tool_calls")),
    ]);
    assert_eq!(read.arguments(0), "{}");
    let piece = &read.chunks[1]["choices"][0]["delta"]["tool_calls"][0];
    assert!(
        piece.get("id").is_none() && piece["function"].get("name").is_none(),
        "{piece}"
    );
}

#[test]
fn calls_that_a_host_all_numbers_zero_get_an_index_each() {
    let call = |id: &str| json!({"index": 0, "id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let read = read(&[
        chunk(
            json!({"role": "assistant", "tool_calls": [call("a")]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls": [call("b")]}), json!("tool_calls")),
    ]);
    assert_eq!(read.chunks[1]["choices"][0]["delta"]["tool_calls"][0]["index"], 1);
}

#[test]
fn a_call_without_id_and_index_gets_both() {
    let call = json!({"function": {"name": "f", "arguments": {"a": 1}}});
    let read = read(&[chunk(
        json!({"role": "assistant", "tool_calls": [call]}),
        json!("stop"),
    )]);
    let call = &read.chunks[0]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!(call["index"], 0);
    assert_eq!(call["type"], "function");
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(
        call["function"]["arguments"], "{\"a\":1}",
        "an object becomes its text"
    );
    assert_eq!(
        read.finish(),
        Some(FinishReason::ToolCalls),
        "a stop with calls is a call"
    );
}

#[test]
fn a_call_waits_for_its_name_and_begins_with_it() {
    let known =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let nameless =
        json!({"index": 1, "id": "call_2", "type": "function", "function": {"name": "", "arguments": "{"}});
    let more = json!({"index": 1, "function": {"arguments": "\"a\":"}});
    let named = json!({"index": 1, "function": {"name": "g", "arguments": "1"}});
    let again = json!({"index": 1, "function": {"name": "g", "arguments": "}"}});
    let read = read(&[
        chunk(
            json!({"role": "assistant", "tool_calls": [known, nameless]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls": [more]}), Value::Null),
        chunk(json!({"tool_calls": [named]}), Value::Null),
        chunk(json!({"tool_calls": [again]}), json!("tool_calls")),
    ]);
    let calls: Vec<&Value> = read
        .chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"].get("tool_calls"))
        .collect();
    assert_eq!(
        calls,
        [
            &json!([{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]),
            &json!([{"index": 1, "id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{\"a\":1"}}]),
            &json!([{"index": 1, "function": {"arguments": "}"}}]),
        ]
    );
    assert_eq!(read.arguments(1), "{\"a\":1}");
}

#[test]
fn a_null_in_place_of_arguments_is_none_and_one_inside_them_stays() {
    let call = |arguments: &str| json!([{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}]);
    let read_of = |pieces: &[&str], finish: Value| {
        let mut chunks: Vec<Value> = pieces
            .iter()
            .map(|piece| chunk(json!({"tool_calls": call(piece)}), Value::Null))
            .collect();
        chunks.push(chunk(json!({}), finish));
        read(&chunks).arguments(0)
    };
    assert_eq!(read_of(&["null"], json!("tool_calls")), "{}");
    assert_eq!(read_of(&["null"], json!("length")), "");
    assert_eq!(
        read_of(&["{\"a\":", "null", "}"], json!("tool_calls")),
        "{\"a\":null}"
    );
    let at_once = read(&[chunk(json!({"tool_calls": call("null")}), json!("tool_calls"))]);
    assert_eq!(at_once.arguments(0), "{}");
}

#[test]
fn an_id_that_another_call_has_gets_a_number() {
    let call = |index: u32, id: &str, arguments: &str| json!({"index": index, "id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let read = read(&[
        chunk(json!({"tool_calls": [call(0, "a", "{\"x\":")]}), Value::Null),
        chunk(json!({"tool_calls": [call(1, "a", "{\"y\":")]}), Value::Null),
        chunk(
            json!({"tool_calls": [call(2, "a_2", "{}"), call(3, "a", "{}")]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls": [call(0, "a", "0}")]}), Value::Null),
        chunk(json!({"tool_calls": [call(1, "a", "1}")]}), json!("tool_calls")),
    ]);
    let ids: Vec<&str> = read
        .chunks
        .iter()
        .flat_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array().unwrap())
        .filter_map(|call| call["id"].as_str())
        .collect();
    assert_eq!(ids, ["a", "a_2", "a_2_2", "a_3"]);
    assert_eq!(read.arguments(0), "{\"x\":0}");
    assert_eq!(read.arguments(1), "{\"y\":1}");
}

#[test]
fn the_same_id_without_an_index_goes_on_with_its_call() {
    let call = |arguments: &str| json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}});
    let read = read(&[
        chunk(json!({"tool_calls": [call("{\"x\":")]}), Value::Null),
        chunk(json!({"tool_calls": [call("1}")]}), json!("tool_calls")),
    ]);
    assert_eq!(read.arguments(0), "{\"x\":1}");
}

/// Reads a stream with one call of these arguments, in two pieces.
fn read_call(arguments: &str, finish: &str) -> Result<Read, Fault> {
    let (first, rest) = arguments.split_at(arguments.len() / 2);
    let call = json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": first}});
    let more = json!({"index": 0, "function": {"arguments": rest}});
    let chunks = [
        chunk(json!({"role": "assistant", "tool_calls": [call]}), Value::Null),
        chunk(json!({"tool_calls": [more]}), Value::Null),
        chunk(json!({}), json!(finish)),
    ];
    read_with(Quirks::default(), false, &chunks)
}

#[test]
fn arguments_that_end_as_no_object_are_a_fault_unless_the_answer_was_cut_off() {
    for arguments in ["{\"ci", "[1]", "7", "\"a\"", "{} {}", "{\"a\":1}}", "{a:1}"] {
        for finish in ["tool_calls", "stop"] {
            let fault = read_call(arguments, finish).err();
            assert_eq!(
                fault.map(|fault| fault.kind),
                Some(FaultKind::Malformed),
                "{arguments} {finish}"
            );
        }
        for finish in ["length", "content_filter"] {
            let read = read_call(arguments, finish).unwrap();
            assert_eq!(read.arguments(0), arguments, "as far as they came: {finish}");
        }
    }
    for arguments in ["{}", " {\"a\": [1, {\"b\": \"}\"}]} \n", "{\"half\":\"\\ud800\"}"] {
        assert_eq!(
            read_call(arguments, "tool_calls").unwrap().arguments(0),
            arguments
        );
    }
}

#[test]
fn a_call_in_one_chunk_with_the_finish_is_looked_at_too() {
    let call = json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"ci"}});
    let at_once = chunk(json!({"tool_calls": [call]}), json!("tool_calls"));
    let fault = read_with(Quirks::default(), false, &[at_once]).err();
    assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::Malformed));
}

#[test]
fn a_call_without_arguments_that_was_cut_off_gets_none() {
    for finish in ["length", "content_filter"] {
        assert_eq!(read_call("", finish).unwrap().arguments(0), "", "{finish}");
    }
}
