//! Where hosts put a model's thoughts in a stream.

use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;

use super::streamed::{chunk, read, read_with, stop};

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
        assert_eq!(read.chunks[1]["choices"][0]["delta"], json!({"content": "<thi"}));
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
