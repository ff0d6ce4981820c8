//! A stream whose events hold `message` where `delta` should be: some servers send the whole answer as one
//! event, others repeat it in the last chunk.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{EventKind, FinishReason};
use tollgate_dialects::{FaultKind, Undo};

use super::{
    fixtures::{DIALECT, assembled, encode_with},
    streamed::{Read, chunk, read, read_with, stop},
};
use crate::harness;

/// An event that holds a whole answer.
fn whole(message: Value, finish: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "upstream",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    })
}

fn said(delta: Value) -> Value {
    chunk(delta, Value::Null)
}

/// The message that a client puts together.
fn message(read: &Read) -> Value {
    let kinds = read.events.iter().map(|event| event.kind.clone());
    assembled(kinds)["choices"][0]["message"].take()
}

fn fault(chunks: &[Value]) -> FaultKind {
    read_with(Quirks::default(), false, chunks).err().unwrap().kind
}

#[test]
fn a_whole_answer_in_one_event_loses_nothing() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let read = read(&[whole(
        json!({
            "role": "assistant", "reasoning": "hm", "content": "the whole answer", "refusal": "not all of it",
            "tool_calls": [call("a"), call("b")],
            "annotations": [{"type": "url_citation", "url_citation":
                {"url": "http://page", "title": "t", "start_index": 0, "end_index": 3}}],
        }),
        "tool_calls",
    )]);
    let message = message(&read);
    assert_eq!(message["reasoning_content"], "hm");
    assert_eq!(message["content"], "the whole answer");
    assert_eq!(message["refusal"], "not all of it");
    assert_eq!(message["annotations"][0]["url_citation"]["url"], "http://page");
    assert_eq!(message["tool_calls"], json!([call("a"), call("b")]));
    assert_eq!(read.finish(), Some(FinishReason::ToolCalls));
}

#[test]
fn no_chunk_shows_the_message_itself() {
    let read = read(&[whole(json!({"content": "a"}), "stop")]);
    assert_eq!(read.text(), "a");
    for chunk in &read.chunks {
        assert!(chunk["choices"][0].get("message").is_none(), "{chunk}");
    }
}

#[test]
fn a_last_chunk_that_repeats_the_whole_says_nothing_new() {
    let call = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}});
    let whole = whole(
        json!({"content": "whole text", "reasoning_content": "hm", "tool_calls": [call]}),
        "stop",
    );
    let read = read(&[
        said(json!({"reasoning_content": "hm"})),
        said(json!({"content": "whole "})),
        said(json!({"content": "text"})),
        said(json!({"tool_calls": [call]})),
        whole,
    ]);
    assert_eq!(
        (read.text(), read.reasoning()),
        ("whole text".into(), "hm".into())
    );
    assert_eq!(read.arguments(0), "{}");
    assert_eq!(read.finish(), Some(FinishReason::ToolCalls));
}

#[test]
fn what_no_delta_said_is_taken_from_the_message() {
    let read = read(&[
        said(json!({"reasoning_content": "hm"})),
        whole(json!({"content": "text", "reasoning_content": "hm"}), "stop"),
    ]);
    assert_eq!((read.text(), read.reasoning()), ("text".into(), "hm".into()));
}

#[test]
fn thoughts_in_tags_are_found_in_a_whole_message_and_not_told_twice() {
    let quirks = Quirks {
        think_tags: true,
        ..Quirks::default()
    };
    let last = whole(json!({"content": "<think>hm</think>yes"}), "stop");
    let deltas = ["<think>hm</th", "ink>yes"].map(|text| said(json!({"content": text})));
    for chunks in [vec![last.clone()], [&deltas[..], &[last]].concat()] {
        let read = read_with(quirks.clone(), false, &chunks).unwrap();
        assert_eq!((read.reasoning().as_str(), read.text().as_str()), ("hm", "yes"));
    }
}

#[test]
fn each_choice_is_looked_at_for_itself() {
    let mut last = whole(json!({"content": "one"}), "stop");
    let second = json!({"index": 1, "message": {"content": "two"}, "finish_reason": "stop"});
    last["choices"].as_array_mut().unwrap().push(second);
    let read = read(&[said(json!({"content": "one"})), last]);
    let texts: Vec<(u32, &str)> = read
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Text { choice, text } => Some((*choice, text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [(0, "one"), (1, "two")]);
}

#[test]
fn messages_that_grow_are_read_as_far_as_they_are_new_and_others_are_faults() {
    let grows = ["He", "Hello", "Hello"].map(|text| whole(json!({"content": text}), "stop"));
    assert_eq!(read(&grows).text(), "Hello");
    let pieces = ["Hel", "lo"].map(|text| whole(json!({"content": text}), "stop"));
    assert_eq!(fault(&pieces), FaultKind::Malformed, "nobody can tell what it is");
}

#[test]
fn what_a_message_says_and_no_chunk_can_is_a_fault() {
    let unread = [
        json!({"content": 5}),
        json!({"audio": {"id": "a", "data": "AAAA", "transcript": "hi", "expires_at": 1}}),
        json!({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{\"a\":"}}]}),
        json!("the whole answer"),
    ];
    for message in unread {
        assert_eq!(
            fault(&[whole(message.clone(), "stop")]),
            FaultKind::Malformed,
            "{message}"
        );
    }
}

#[test]
fn the_text_of_an_older_interface_is_a_fault_as_in_whole_answers() {
    let mut chunk = stop();
    chunk["choices"][0] = json!({"index": 0, "text": "completion", "finish_reason": "stop"});
    assert_eq!(fault(&[chunk.clone()]), FaultKind::Malformed);
    chunk["choices"][0]["text"] = json!("");
    assert_eq!(read(&[said(json!({"content": "a"})), chunk]).text(), "a");
}

#[test]
fn it_is_read_too_where_the_gate_stops_by_itself_and_where_no_stream_was_asked_for() {
    let quirks = Quirks {
        stop_max: 0,
        ..Quirks::default()
    };
    let undo = encode_with(quirks.clone(), "gpt-4o", json!({"stop": "END"}))
        .unwrap()
        .undo;
    let event = whole(json!({"content": "the whole END answer"}), "stop");
    let body = Bytes::from(format!("data: {event}\n\ndata: [DONE]\n\n"));
    for (undo, text) in [(undo, "the whole "), (Undo::default(), "the whole END answer")] {
        let decoder = harness::stream_decoder(DIALECT, &quirks, undo.clone());
        let streamed = harness::decode_stream(decoder, [body.clone()]);
        let answer = assembled(streamed.kinds());
        assert_eq!(answer["choices"][0]["message"]["content"], text);
        let decoded = harness::decode_answer(DIALECT, &quirks, &undo, &body).unwrap();
        let answer = harness::shown(&decoded.answer);
        assert_eq!(answer["choices"][0]["message"]["content"], text);
    }
}
