//! What becomes of each event of a stream, one rule a test. Not here: calls (`streamed_calls`).

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_chat::event::{EventKind, FinishReason};
use tollgate_dialects::FaultKind;

use super::{
    events::{added, call, calls_of, delta, done, end, finish_of, message, reasoning_of, text_of, whole},
    fixtures::{decode_stream, stream_of},
};

#[test]
fn an_answer_begins_once_and_ends_with_its_finish_and_its_counts() {
    let events = whole(&[
        json!({"type": "response.in_progress", "response": {"created_at": 43}}),
        delta("output_text", 0, "Hi"),
    ]);
    assert!(matches!(&events[0], EventKind::Start(start) if start.created == Some(42) && start.id.is_none()));
    assert!(matches!(&events[1], EventKind::Text { text, .. } if text == "Hi"));
    assert!(matches!(&events[2], EventKind::Finish(finish) if finish.reason == FinishReason::Stop));
    assert!(matches!(&events[3], EventKind::Usage(usage) if usage.prompt == 5 && usage.completion == 3));
    assert_eq!(events.len(), 4);
}

#[test]
fn items_may_come_interleaved_and_each_keeps_to_itself() {
    let events = whole(&[
        added(0, message("")),
        added(1, call("call_a", "first", "")),
        delta("function_call_arguments", 1, "{\"a\""),
        added(2, call("call_b", "second", "")),
        delta("output_text", 0, "Two "),
        delta("function_call_arguments", 2, "{\"b\""),
        delta("function_call_arguments", 1, ":1}"),
        delta("output_text", 0, "calls."),
        delta("function_call_arguments", 2, ":2}"),
    ]);
    assert_eq!(text_of(&events), "Two calls.");
    let arguments: Vec<String> = calls_of(&events).into_iter().map(|call| call.2).collect();
    assert_eq!(arguments, ["{\"a\":1}", "{\"b\":2}"]);
}

#[test]
fn what_no_delta_said_the_end_of_an_item_says() {
    let events = whole(&[
        added(0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        json!({"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 0, "text": "Hm."}),
        added(1, message("")),
        delta("output_text", 1, "Hel"),
        json!({"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "Hello"}),
        done(1, message("Hello you")),
        added(2, call("call_1", "go", "")),
        json!({"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{\"x\":1}"}),
        done(2, call("call_1", "go", "{\"x\":1}")),
        // Announced by its end alone.
        done(3, call("call_2", "stay", "{}")),
    ]);
    assert_eq!(reasoning_of(&events), "Hm.");
    assert_eq!(text_of(&events), "Hello you");
    let arguments: Vec<String> = calls_of(&events).into_iter().map(|call| call.2).collect();
    assert_eq!(arguments, ["{\"x\":1}", "{}"]);
}

#[test]
fn what_nothing_before_said_the_last_response_says() {
    let output = json!([message("All of it"), call("call_1", "go", "{\"x\":1}")]);
    let all = [
        json!({"type": "response.created", "response": {}}),
        delta("output_text", 0, "All"),
        end(json!({"output": output})),
    ];
    let (events, _, outcome) = decode_stream([stream_of(&all)]);
    outcome.unwrap();
    assert_eq!(text_of(&events), "All of it");
    assert_eq!(calls_of(&events).len(), 1);
    assert_eq!(finish_of(&events), FinishReason::ToolCalls);
}

#[test]
fn what_was_said_is_not_said_again_by_an_end_that_words_it_differently() {
    let events = whole(&[
        delta("output_text", 0, "Hello  you"),
        done(0, message("Hello you, and more")),
    ]);
    assert_eq!(text_of(&events), "Hello  you");
}

/// GitHub Copilot gives an item another ID in each event, and bedrock counts a message's parts from 1.
#[test]
fn an_items_id_and_its_parts_numbers_may_change_on_the_way() {
    let mut added_text = message("");
    added_text["id"] = json!("another");
    let mut last = message("Hi");
    last["id"] = json!("a-third");
    let piece = json!({
        "type": "response.output_text.delta",
        "output_index": 0,
        "item_id": "one-more",
        "content_index": 1,
        "delta": "Hi"
    });
    let all = [
        added(0, added_text),
        piece,
        done(0, message("Hi")),
        end(json!({"output": [last]})),
    ];
    let (events, _, outcome) = decode_stream([stream_of(&all)]);
    outcome.unwrap();
    assert_eq!(text_of(&events), "Hi");
}

#[test]
fn an_incomplete_answer_says_why() {
    for (reason, expected, word) in [
        ("max_output_tokens", FinishReason::Length, None),
        ("content_filter", FinishReason::ContentFilter, None),
        ("max_tool_calls", FinishReason::Length, Some("max_tool_calls")),
    ] {
        let last = end(json!({"status": "incomplete", "incomplete_details": {"reason": reason}}));
        let (events, _, outcome) = decode_stream([stream_of(&[last])]);
        outcome.unwrap();
        let EventKind::Finish(finish) = &events[1] else {
            panic!("{events:?}");
        };
        assert_eq!(finish.reason, expected);
        assert_eq!(finish.provider_reason.as_deref(), word);
    }
}

#[test]
fn a_refusal_is_a_refusal_and_the_answer_stops() {
    let events = whole(&[
        delta("refusal", 0, "I cannot "),
        json!({"type": "response.refusal.done", "output_index": 0, "content_index": 0, "refusal": "I cannot help."}),
    ]);
    let refusal = events.iter().filter_map(|event| match event {
        EventKind::Refusal { text, .. } => Some(&**text),
        _ => None,
    });
    assert_eq!(refusal.collect::<String>(), "I cannot help.");
    assert_eq!(finish_of(&events), FinishReason::Stop);
}

#[test]
fn thoughts_and_their_summaries_are_reasoning_with_a_gap_between_them() {
    let summary = |index: u64, text: &str| {
        json!({
            "type": "response.reasoning_summary_text.delta",
            "output_index": 0,
            "summary_index": index,
            "delta": text
        })
    };
    let events = whole(&[
        added(0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0}),
        summary(0, "First"),
        summary(0, " this."),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 1}),
        summary(1, "Then that."),
        added(1, json!({"type": "reasoning", "id": "rs_2", "summary": []})),
        delta("reasoning_text", 1, "In its own words."),
        delta("output_text", 2, "Done"),
    ]);
    assert_eq!(
        reasoning_of(&events),
        "First this.\n\nThen that.\n\nIn its own words."
    );
}

#[test]
fn unknown_events_comments_and_words_of_other_protocols_are_ignored() {
    let mut body = String::from(": keepalive\n\n");
    body.push_str("event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":3}\n\n");
    body.push_str("data: {\"type\":\"response.nobody_knows.delta\",\"delta\":7}\n\n");
    body.push_str("data: {\"type\":\"notice\",\"message\":\"all is well\",\"error\":null}\n\n");
    body.push_str("data: {\"anything\":\"else\"}\n\n");
    body.push_str(&String::from_utf8_lossy(&stream_of(&[delta(
        "output_text",
        0,
        "Hi",
    )])));
    body.push_str("data: [DONE]\n\n");
    body.push_str(&String::from_utf8_lossy(&stream_of(&[end(json!({}))])));
    body.push_str("data: not even JSON, but after the end\n\n");
    let (events, _, outcome) = decode_stream([Bytes::from(body)]);
    outcome.unwrap();
    assert_eq!(text_of(&events), "Hi");
}

#[test]
fn an_event_may_name_its_type_in_the_frame_alone() {
    let body = "event: response.output_text.delta\ndata: {\"output_index\":0,\"delta\":\"Hi\"}\n\n\
                event: response.completed\ndata: {\"response\":{\"status\":\"completed\",\"output\":[]}}\n\n";
    let (events, _, outcome) = decode_stream([Bytes::from(body)]);
    outcome.unwrap();
    assert_eq!(text_of(&events), "Hi");
}

#[test]
fn log_probabilities_come_with_their_text_in_chats_form() {
    let token = json!({
        "token": "Hi",
        "logprob": -0.25,
        "top_logprobs": [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105]}, {"token": "Ho", "logprob": -2}]
    });
    let mut piece = delta("output_text", 0, "Hi");
    piece["logprobs"] = json!([token]);
    let events = whole(&[piece, delta("output_text", 0, "!")]);
    let at = events
        .iter()
        .position(|event| matches!(event, EventKind::Logprobs { .. }))
        .unwrap();
    assert!(matches!(&events[at - 1], EventKind::Text { text, .. } if text == "Hi"));
    let EventKind::Logprobs { json, .. } = &events[at] else {
        unreachable!();
    };
    let told: Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        told,
        json!([{
            "token": "Hi",
            "logprob": -0.25,
            "bytes": null,
            "top_logprobs": [
                {"token": "Hi", "logprob": -0.25, "bytes": [72, 105]},
                {"token": "Ho", "logprob": -2, "bytes": null}
            ]
        }])
    );
}

#[test]
fn counts_have_chats_meaning_and_classes_lie_inside_their_totals() {
    let last = end(json!({"usage": {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 70},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 12},
        "total_tokens": 120
    }}));
    let (events, _, _) = decode_stream([stream_of(&[last])]);
    let Some(EventKind::Usage(usage)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!((usage.prompt, usage.completion, usage.reasoning), (100, 20, 12));
    assert_eq!(
        (usage.cached, usage.cache_write),
        (60, 40),
        "classes never overlap"
    );
}

#[test]
fn a_stream_without_its_last_event_is_cut_even_with_everything_said() {
    let all = [delta("output_text", 0, "Hi"), done(0, message("Hi"))];
    let (_, _, outcome) = decode_stream([stream_of(&all)]);
    assert_eq!(outcome.unwrap_err().kind, FaultKind::Cut);
}
