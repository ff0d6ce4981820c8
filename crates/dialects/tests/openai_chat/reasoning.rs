//! Where hosts put a model's thoughts in a stream.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::EventKind;
use tollgate_dialects::Undo;

use super::{
    fixtures::{CATALOG, DIALECT, decode_answer, shown},
    streamed::{chunk, read, read_with, stop},
};
use crate::harness;

#[test]
fn reasoning_by_any_name_becomes_reasoning_content() {
    for (delta, expected) in [
        (json!({"reasoning": "hm", "content": null}), "hm"),
        (json!({"reasoning": "hm", "reasoning_content": "hm"}), "hm"),
        (json!({"reasoning_details": [{"text": "h"}, {"text": "m"}]}), "hm"),
    ] {
        let read = read(&[chunk(delta, Value::Null), stop()]);
        assert_eq!(read.reasoning(), expected);
        let delta = &read.chunks[0]["choices"][0]["delta"];
        assert_eq!(delta["reasoning_content"], expected);
        for other in ["reasoning", "reasoning_details"] {
            assert!(delta.get(other).is_none(), "{delta}");
        }
    }
}

#[test]
fn think_tags_across_chunks_become_reasoning_where_the_catalogue_says_so() {
    let quirks = Quirks {
        think_tags: true,
        ..Quirks::default()
    };
    let pieces = ["<thi", "nk>hm", "</th", "ink>\n\nYes"];
    let mut chunks: Vec<Value> = pieces
        .iter()
        .map(|piece| chunk(json!({"content": piece}), Value::Null))
        .collect();
    chunks.push(stop());
    let read = read_with(quirks, false, &chunks).unwrap();
    assert_eq!((read.reasoning().as_str(), read.text().as_str()), ("hm", "Yes"));
}

fn think_tags() -> Quirks {
    Quirks {
        think_tags: true,
        ..Quirks::default()
    }
}

#[test]
fn text_held_for_a_tag_is_told_even_where_the_last_chunk_has_no_delta() {
    for last in [
        json!({"index": 0, "finish_reason": "stop"}),
        json!({"index": 0, "delta": null, "finish_reason": "stop"}),
    ] {
        let mut end = stop();
        end["choices"][0] = last;
        let read = read_with(
            think_tags(),
            false,
            &[chunk(json!({"content": "<thi"}), Value::Null), end],
        )
        .unwrap();
        assert_eq!(read.text(), "<thi");
        assert_eq!(
            read.chunks[1]["choices"][0]["delta"],
            json!({}),
            "the relay writes the text"
        );
    }
}

#[test]
fn empty_reasoning_does_not_keep_think_tags_in_the_content() {
    for name in ["reasoning", "reasoning_content"] {
        let delta = json!({"content": "<think>hm</think>Yes", name: ""});
        let read = read_with(think_tags(), false, &[chunk(delta, Value::Null), stop()]).unwrap();
        assert_eq!(
            (read.reasoning().as_str(), read.text().as_str()),
            ("hm", "Yes"),
            "{name}"
        );
        let delta = &read.chunks[0]["choices"][0]["delta"];
        assert_eq!(
            (&delta["reasoning_content"], &delta["content"]),
            (&json!("hm"), &json!("Yes")),
            "{name}"
        );
    }
}

/// Of a model that always thinks.
fn always_thinks() -> Quirks {
    Quirks {
        thinks_by_default: true,
        thinking_optional: false,
        ..think_tags()
    }
}

fn says(pieces: &[Value]) -> Vec<Value> {
    let mut chunks: Vec<Value> = pieces
        .iter()
        .map(|delta| chunk(delta.clone(), Value::Null))
        .collect();
    chunks.push(stop());
    chunks
}

#[test]
fn thoughts_whose_opening_tag_is_missing_are_told_where_the_model_always_thinks() {
    let chunks = says(&[
        json!({"role": "assistant", "content": "ab"}),
        json!({"content": "c</thi"}),
        json!({"content": "nk>he"}),
        json!({"content": "llo"}),
    ]);
    let read = read_with(always_thinks(), false, &chunks).unwrap();
    assert_eq!(
        (read.reasoning().as_str(), read.text().as_str()),
        ("abc", "hello")
    );
    let other = read_with(think_tags(), false, &chunks).unwrap();
    assert_eq!(other.text(), "abc</think>hello", "another model's own words");

    let body = json!({"choices": [{"message": {"content": "abc</think>hello"}, "finish_reason": "stop"}]});
    let whole = shown(&decode_answer(&body.to_string(), &always_thinks()).unwrap());
    let message = &whole["choices"][0]["message"];
    assert_eq!(
        (&message["reasoning_content"], &message["content"]),
        (&json!("abc"), &json!("hello"))
    );
}

#[test]
fn text_that_may_be_a_thought_is_told_before_a_call_and_not_held_after_real_thoughts() {
    let call =
        json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let chunks = says(&[json!({"content": "Let me see."}), json!({"tool_calls": [call]})]);
    let read = read_with(always_thinks(), false, &chunks).unwrap();
    assert_eq!(
        read.chunks[1]["choices"][0]["delta"]["content"], "Let me see.",
        "with the call at the latest"
    );

    let chunks = says(&[
        json!({"reasoning_details": [{"text": "hm"}]}),
        json!({"content": "Yes"}),
    ]);
    let read = read_with(always_thinks(), false, &chunks).unwrap();
    assert_eq!(read.chunks[1]["choices"][0]["delta"]["content"], "Yes", "at once");
}

#[test]
fn white_space_before_a_tag_is_held_only_so_far() {
    let blank = chunk(json!({"content": " ".repeat(600)}), Value::Null);
    let read = read_with(think_tags(), false, &[blank.clone(), blank, stop()]).unwrap();
    let told = &read.chunks[1]["choices"][0];
    assert_eq!(told["finish_reason"], Value::Null, "it does not wait for the end");
    assert_eq!(told["delta"]["content"].as_str().map(str::len), Some(1_200));
}

#[test]
fn details_of_a_host_that_is_a_gateway_itself_reach_the_client_who_has_to_bring_them_back() {
    let quirks = Quirks {
        foreign_state: true,
        ..Quirks::default()
    };
    let details = json!([{"type": "reasoning.text", "text": "hm", "signature": "s"}]);
    let delta = json!({"reasoning": "hm", "reasoning_details": details});
    let read = read_with(quirks, false, &[chunk(delta, Value::Null), stop()]).unwrap();
    let delta = &read.chunks[0]["choices"][0]["delta"];
    assert_eq!(
        (&delta["reasoning_content"], &delta["reasoning_details"]),
        (&json!("hm"), &details)
    );
}

/// A message with state in every form, and with a call in whose ID there is some too.
fn with_state(index: Option<u32>) -> Value {
    let mut call = json!({"id": "c1__thought__QUJD", "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "s"}}});
    if let Some(index) = index {
        call["index"] = json!(index);
    }
    json!({
        "role": "assistant", "content": "So:", "reasoning_content": "hm", "tool_calls": [call],
        "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}],
        "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}],
        "extra_content": {"google": {"thought_signature": "s"}},
    })
}

#[test]
fn state_of_a_host_that_is_no_gateway_stays_here_as_it_would_on_its_way_back() {
    for foreign_state in [false, true] {
        let quirks = Quirks {
            foreign_state,
            ..Quirks::default()
        };
        let answer =
            json!({"choices": [{"index": 0, "message": with_state(None), "finish_reason": "tool_calls"}]});
        let answer = decode_answer(&answer.to_string(), &quirks).unwrap();
        let answer: Value = serde_json::from_slice(&answer.json).unwrap();
        let streamed = [
            chunk(with_state(Some(0)), Value::Null),
            chunk(
                json!({"extra_content": {"google": {"thought_signature": "s"}}}),
                Value::Null,
            ),
            chunk(json!({}), json!("tool_calls")),
        ];
        let read = read_with(quirks, false, &streamed).unwrap();

        for said in [
            &answer["choices"][0]["message"],
            &read.chunks[0]["choices"][0]["delta"],
        ] {
            let call = &said["tool_calls"][0];
            let id = if foreign_state { "c1__thought__QUJD" } else { "c1" };
            assert_eq!(call["id"], id, "{said}");
            for member in [
                &said["thinking_blocks"],
                &said["reasoning_details"],
                &said["extra_content"],
                &call["extra_content"],
            ] {
                assert_eq!(member.is_null(), !foreign_state, "{said}");
            }
            assert_eq!(said["reasoning_content"], "hm", "{said}");
        }
        let told = read.chunks.iter().map(Value::to_string).collect::<String>();
        assert_eq!(told.contains("signature"), foreign_state, "{told}");
    }
}

#[test]
fn text_of_minimax_streams_although_no_thought_came_before_it() {
    let minimax = &CATALOG.provider("minimax").unwrap().quirks;
    assert_eq!(minimax.send["reasoning_split"].as_bool(), Some(true));
    let told_so_far = |content: &str| {
        let mut decoder = harness::stream_decoder(DIALECT, minimax, Undo::default());
        let mut events = Vec::new();
        let piece = chunk(json!({"content": content}), Value::Null);
        let piece = Bytes::from(format!("data: {piece}\n\n"));
        decoder.read(piece, &mut events).unwrap();
        let texts = events.iter().filter_map(|event| match &event.kind {
            EventKind::Text { text, .. } => Some(&**text),
            _ => None,
        });
        texts.collect::<String>()
    };
    assert_eq!(
        told_so_far("Hello"),
        "Hello",
        "the client need not wait for the end"
    );
    assert_eq!(told_so_far(" <thi"), "", "this may be a tag");
    assert_eq!(
        told_so_far("<think>hm</think>Yes"),
        "Yes",
        "if it thinks here all the same"
    );
}
