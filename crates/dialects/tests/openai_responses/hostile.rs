//! Whatever a provider sends, and in whatever order: no panic, no second finish, no calls out of order.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use tollgate_chat::event::EventKind;

use super::fixtures::{decode_stream, decode_whole, stream_of};

const KINDS: &[&str] = &[
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.refusal.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_part.done",
    "response.reasoning_text.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "error",
    "ping",
];

const MEMBERS: &[&str] = &[
    "output_index",
    "content_index",
    "summary_index",
    "item_id",
    "item",
    "part",
    "delta",
    "text",
    "arguments",
    "refusal",
    "logprobs",
    "response",
    "status",
    "output",
    "usage",
    "error",
    "type",
    "id",
    "call_id",
    "name",
    "content",
    "summary",
    "encrypted_content",
    "input_tokens",
    "incomplete_details",
    "reason",
];

const WORDS: &[&str] = &[
    "",
    "é",
    "a",
    "ab",
    "{}",
    "{\"x\":1}",
    "message",
    "function_call",
    "reasoning",
    "output_text",
    "summary_text",
    "completed",
    "incomplete",
    "max_output_tokens",
    "call_1",
    "rs_1",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0..4_u64).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        proptest::sample::select(WORDS).prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((proptest::sample::select(MEMBERS), inner), 0..6).prop_map(|members| {
                let members = members.into_iter();
                Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn event() -> impl Strategy<Value = Value> {
    let members = vec((proptest::sample::select(MEMBERS), value()), 0..8);
    (proptest::sample::select(KINDS), members).prop_map(|(kind, members)| {
        let mut event: serde_json::Map<String, Value> = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        event.insert("type".to_owned(), kind.into());
        event.into()
    })
}

fn check(events: &[EventKind]) {
    let finishes = events
        .iter()
        .filter(|event| matches!(event, EventKind::Finish(_)));
    assert!(finishes.count() <= 1, "{events:?}");
    let mut calls = 0;
    for event in events {
        if let EventKind::ToolCall { index, id, name, .. } = event {
            assert_eq!(id.is_some(), name.is_some(), "{events:?}");
            match id {
                Some(_) => {
                    assert_eq!(*index, calls, "{events:?}");
                    calls += 1;
                }
                None => assert!(*index < calls, "{events:?}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_events_in_any_order_are_read_or_refused(events in vec(event(), 0..12), cut in 1..40_usize) {
        let body = stream_of(&events);
        let (whole, _, outcome) = decode_stream([body.clone()]);
        check(&whole);
        let pieces: Vec<Bytes> = body.chunks(cut).map(Bytes::copy_from_slice).collect();
        let (again, _, same) = decode_stream(pieces);
        prop_assert_eq!(whole, again);
        prop_assert_eq!(outcome, same);
    }

    #[test]
    fn any_body_is_read_or_refused(body in value()) {
        if let Ok((events, _)) = decode_whole(&Bytes::from(body.to_string())) {
            check(&events);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..256)) {
        let _ = decode_stream([Bytes::from(bytes.clone())]);
        let _ = decode_whole(&Bytes::from(bytes));
    }
}
