//! A stream where a whole answer was asked for is read as one, whichever dialect is spoken.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::usage::CountedBy;
use tollgate_dialects::{Dialect, FaultKind, Undo, emulate::Emulated};

use crate::harness::{self, decode_answer, presentation, shown};

fn sse(events: &[Value]) -> Bytes {
    let events = events.iter().map(|event| format!("data: {event}\n\n"));
    Bytes::from(format!(": ready\n\n{}", events.collect::<String>()))
}

/// "Hi there", as each provider streams it.
fn streams() -> [(Dialect, Vec<Value>); 4] {
    let chunk = |delta: Value, finish: Value| json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let part = |text: &str| json!({"content": {"role": "model", "parts": [{"text": text}]}});
    let mut last = part("there");
    last["finishReason"] = json!("STOP");
    let delta = |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let message = json!({"id": "m", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi there"}]});
    [
        (
            Dialect::OpenaiChat,
            vec![
                chunk(json!({"role": "assistant", "content": "Hi "}), Value::Null),
                chunk(json!({"content": "there"}), json!("stop")),
            ],
        ),
        (
            Dialect::OpenaiResponses,
            vec![
                json!({"type": "response.created", "response": {"id": "r", "created_at": 1}}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "m", "type": "message"}}),
                json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "Hi "}),
                json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [message]}}),
            ],
        ),
        (
            Dialect::AnthropicMessages,
            vec![
                json!({"type": "message_start", "message": {}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                delta("Hi "),
                delta("there"),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
                json!({"type": "message_stop"}),
            ],
        ),
        (
            Dialect::Gemini,
            vec![
                json!({"candidates": [part("Hi ")]}),
                json!({"candidates": [last]}),
            ],
        ),
    ]
}

#[test]
fn it_is_put_together() {
    for (dialect, events) in streams() {
        let decoded = decode_answer(dialect, &Quirks::default(), &Undo::default(), &sse(&events)).unwrap();
        let answer = shown(&decoded.answer);
        assert_eq!(answer["object"], "chat.completion", "{dialect:?}");
        assert_eq!(
            answer["choices"][0]["message"]["content"], "Hi there",
            "{dialect:?}"
        );
        assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{dialect:?}");
    }
}

#[test]
fn it_is_put_together_where_something_is_emulated_and_where_a_stream_was_asked_for() {
    let undo = Undo {
        emulated: Emulated {
            stop: vec!["the".to_owned()],
            ..Emulated::default()
        },
        ..Undo::default()
    };
    for (dialect, events) in streams() {
        let body = sse(&events);
        let decoded = decode_answer(dialect, &Quirks::default(), &undo, &body).unwrap();
        let answer = shown(&decoded.answer);
        assert_eq!(answer["choices"][0]["message"]["content"], "Hi ", "{dialect:?}");
        let (events, _) = dialect
            .decode_as_stream(&body, &Quirks::default(), &presentation(), &undo)
            .unwrap();
        let whole = harness::assembled(events.into_iter().map(|event| event.kind));
        assert_eq!(whole["choices"][0]["message"]["content"], "Hi ", "{dialect:?}");
    }
}

#[test]
fn one_that_was_cut_is_none() {
    for (dialect, events) in streams() {
        let cut = sse(&events[..events.len() - 1]);
        let fault = decode_answer(dialect, &Quirks::default(), &Undo::default(), &cut).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Cut, "{dialect:?}");
    }
}

#[test]
fn one_that_was_cut_behind_its_stop_text_is_whole_and_its_count_is_an_estimate() {
    let undo = Undo {
        emulated: Emulated {
            stop: vec!["i".to_owned()],
            ..Emulated::default()
        },
        ..Undo::default()
    };
    for (dialect, events) in streams() {
        let cut = sse(&events[..events.len() - 1]);
        let decoded = decode_answer(dialect, &Quirks::default(), &undo, &cut).unwrap();
        let choice = shown(&decoded.answer)["choices"][0].take();
        assert_eq!(choice["message"]["content"], "H", "{dialect:?}");
        assert_eq!(choice["finish_reason"], "stop", "{dialect:?}");
        assert_eq!(choice["matched_stop"], "i", "{dialect:?}");
        assert_eq!(decoded.answer.counted_by, CountedBy::Gate, "{dialect:?}");
    }
}
