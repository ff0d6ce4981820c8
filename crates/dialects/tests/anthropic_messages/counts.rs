//! Token counts in OpenAI's meaning.

use serde_json::{Value, json};
use tollgate_chat::event::EventKind;

use super::fixtures::{answer, events, read, sse};

#[test]
fn later_counts_are_the_whole_and_override_with_zeros_too() {
    let usage_of = |first: Value, last: Value| {
        let told = events(&sse(&[
            json!({"type": "message_start", "message": {"usage": first}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}),
            json!({"type": "message_stop"}),
        ]));
        told.into_iter().rev().find_map(|event| match event {
            EventKind::Usage(usage) => {
                Some((usage.prompt, usage.cached, usage.cache_write, usage.completion))
            }
            _ => None,
        })
    };
    let first = json!({"input_tokens": 10, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1});
    let none_cached = json!({"input_tokens": 20, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 7});
    assert_eq!(usage_of(first.clone(), none_cached), Some((20, 0, 0, 7)));
    let partly = json!({"input_tokens": null, "cache_read_input_tokens": 0, "output_tokens": 7});
    assert_eq!(usage_of(first.clone(), partly), Some((12, 0, 2, 7)));
    let fillers = json!({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 7});
    assert_eq!(
        usage_of(first, fillers),
        Some((15, 3, 2, 7)),
        "no prompt is empty"
    );
    let nulls = json!({"input_tokens": null, "output_tokens": null});
    assert_eq!(usage_of(Value::Null, nulls), None);
    assert_eq!(usage_of(json!({}), Value::Null), None);
}

#[test]
fn the_last_counts_are_told_when_they_come_and_not_with_the_last_word() {
    let counted = |output: u64| json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output}});
    let mut stream = vec![
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}}),
        json!({"type": "content_block_stop", "index": 0}),
        counted(50),
    ];
    let completions = |stream: &[Value]| {
        let (events, _, end) = read([sse(stream)]);
        let counts = events.into_iter().filter_map(|event| match event {
            EventKind::Usage(usage) => Some(usage.completion),
            _ => None,
        });
        (counts.collect::<Vec<_>>(), end.is_ok())
    };
    assert_eq!(completions(&stream), (vec![1, 50], false), "it is cut there");

    stream.push(counted(60));
    stream.push(json!({"type": "message_stop"}));

    let (counts, is_whole) = completions(&stream);
    assert!(is_whole);
    assert_eq!(counts.last(), Some(&60), "a later count still holds: {counts:?}");
}

#[test]
fn counts_are_openais_and_the_later_ones_count() {
    let all = [
        json!({"type": "message_start", "message": {"usage": {
            "input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 200,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}
        }}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {
            "input_tokens": 0, "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 40}
        }}),
        json!({"type": "message_stop"}),
    ];
    let events = events(&sse(&all));
    let Some(EventKind::Usage(usage)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (
            usage.prompt,
            usage.cached,
            usage.cache_write,
            usage.cache_write_1h
        ),
        (240, 200, 30, 20)
    );
    assert_eq!((usage.completion, usage.reasoning, usage.total()), (50, 40, 290));
}

#[test]
fn what_a_compaction_took_is_counted_too() {
    let (answer, _) = answer(&json!({
        "type": "message", "content": [{"type": "compaction", "content": "…"}, {"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 3, "iterations": [
            {"type": "compaction", "input_tokens": 1000, "output_tokens": 100},
            {"type": "message", "input_tokens": 7, "output_tokens": 3}
        ]}
    }))
    .unwrap();
    assert_eq!(answer["usage"]["prompt_tokens"], 1_007);
    assert_eq!(answer["usage"]["completion_tokens"], 103);
    assert_eq!(answer["choices"][0]["message"]["content"], "Hi");
}

#[test]
fn a_prompt_that_is_not_counted_is_estimated_and_said_to_be() {
    let told = events(&sse(&[
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ]));
    let [.., EventKind::Usage(usage), EventKind::UsageEstimated] = &*told else {
        panic!("{told:?}")
    };
    assert_eq!((usage.prompt, usage.completion), (3, 5));
}
