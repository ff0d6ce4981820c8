//! When a streamed answer is over: hosts say so early, twice, in every chunk, and with the last words.

use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{EventKind, FinishReason, Wire};
use tollgate_dialects::FaultKind;

use super::streamed::{Read, chunk, read, read_with, stop};

fn said(text: &str, finish: Value) -> Value {
    chunk(json!({"content": text}), finish)
}

fn called(finish: Value) -> Value {
    let call = json!({"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}});
    chunk(json!({"tool_calls": [call]}), finish)
}

/// The finishes that a client sees, each with how many events come behind it that are output.
fn finishes(read: &Read) -> Vec<(FinishReason, usize)> {
    let events = read.events.iter().enumerate();
    events
        .filter_map(|(at, event)| match &event.kind {
            EventKind::Finish(finish) => {
                let behind = read.events[at..].iter();
                Some((
                    finish.reason,
                    behind.filter(|event| event.kind.is_content()).count(),
                ))
            }
            _ => None,
        })
        .collect()
}

/// What the provider's own chunks say of the end.
fn words(read: &Read) -> Vec<&Value> {
    let words = read
        .chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"]);
    words.filter(|word| !word.is_null()).collect()
}

#[test]
fn a_finish_in_every_chunk_is_said_once_behind_all_content() {
    let read = read(&[
        said("Hel", json!("stop")),
        said("lo", json!("stop")),
        said("", json!("stop")),
    ]);
    assert_eq!(read.text(), "Hello");
    assert_eq!(finishes(&read), [(FinishReason::Stop, 0)]);
    assert_eq!(words(&read), ["stop"]);
}

#[test]
fn what_comes_behind_a_finish_goes_out_before_it() {
    for (late, text) in [
        (said("MORE", Value::Null), "helloMORE"),
        (chunk(json!({"reasoning_content": "MORE"}), Value::Null), "hello"),
        (chunk(json!({"refusal": "MORE"}), Value::Null), "hello"),
    ] {
        let read = read(&[said("hello", Value::Null), stop(), late.clone(), stop()]);
        assert_eq!(read.text(), text);
        assert_eq!(finishes(&read), [(FinishReason::Stop, 0)], "{late}");
        assert_eq!(words(&read), ["stop"], "{late}");
    }
    let read = read(&[said("hello", Value::Null), stop(), called(Value::Null), stop()]);
    assert_eq!(finishes(&read), [(FinishReason::ToolCalls, 0)]);
    assert_eq!(words(&read), ["tool_calls"]);
}

#[test]
fn the_last_finish_counts_and_a_bare_stop_takes_nothing_back() {
    let word = |word: &str| chunk(json!({}), json!(word));
    for (chunks, reason, why) in [
        (
            vec![word("length"), stop()],
            FinishReason::Length,
            "a repetition knows less",
        ),
        (
            vec![word("content_filter"), stop()],
            FinishReason::ContentFilter,
            "so it does",
        ),
        (
            vec![stop(), word("length")],
            FinishReason::Length,
            "the second says more",
        ),
        (
            vec![word("length"), said("b", Value::Null), stop()],
            FinishReason::Stop,
            "it was not cut after all",
        ),
        (
            vec![stop(), called(json!("stop"))],
            FinishReason::ToolCalls,
            "a stop with calls",
        ),
    ] {
        let all: Vec<Value> = std::iter::once(said("a", Value::Null)).chain(chunks).collect();
        assert_eq!(finishes(&read(&all)), [(reason, 0)], "{why}");
    }
}

#[test]
fn a_chunk_that_only_ends_passes_as_it_came() {
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    let mut counts = chunk(json!({}), Value::Null);
    counts["choices"] = json!([]);
    counts["usage"] = usage;
    let read = read(&[said("a", Value::Null), stop(), counts]);
    let finish = read
        .events
        .iter()
        .find(|event| matches!(event.kind, EventKind::Finish(_)));
    assert!(
        matches!(finish.unwrap().wire, Wire::Chunk(_)),
        "nothing is written anew for the usual order"
    );
    assert_eq!(read.usage().unwrap().total(), 5);
}

#[test]
fn what_goes_on_behind_its_finish_and_breaks_off_is_cut() {
    let chunks = [said("a", json!("stop")), said("b", Value::Null)];
    let fault = read_with(Quirks::default(), false, &chunks).err().unwrap();
    assert_eq!(fault.kind, FaultKind::Cut);
}

#[test]
fn arguments_go_on_behind_a_finish_in_every_chunk() {
    let piece = |arguments: &str| {
        let call = json!({"index": 0, "id": "c", "function": {"name": "f", "arguments": arguments}});
        chunk(json!({"tool_calls": [call]}), json!("tool_calls"))
    };
    let whole = read(&[piece(""), piece("{\"a\":"), piece("1}")]);
    assert_eq!(whole.arguments(0), "{\"a\":1}");
    assert_eq!(finishes(&whole), [(FinishReason::ToolCalls, 0)]);
    assert_eq!(read(&[piece("")]).arguments(0), "{}");
}

#[test]
fn a_thought_goes_on_behind_a_finish_in_every_chunk() {
    let quirks = Quirks {
        think_tags: true,
        ..Quirks::default()
    };
    let pieces = ["<thi", "nk>hm</thi", "nk>yes"].map(|text| said(text, json!("stop")));
    let read = read_with(quirks, false, &pieces).unwrap();
    assert_eq!((read.reasoning().as_str(), read.text().as_str()), ("hm", "yes"));
}

#[test]
fn an_answer_that_begins_with_its_end_says_its_role_once() {
    let opener = chunk(json!({"role": "assistant", "content": ""}), json!("stop"));
    let empty = read(&[opener.clone(), chunk(json!({}), Value::Null)]);
    assert_eq!(empty.chunks.len(), 1);
    assert_eq!(empty.chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let read = read(&[opener, said("a", Value::Null), stop()]);
    let roles = read
        .chunks
        .iter()
        .filter(|chunk| chunk["choices"][0]["delta"]["role"].is_string());
    assert_eq!(roles.count(), 1);
}
