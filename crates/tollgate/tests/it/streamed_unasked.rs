//! A stream that comes where a whole answer was asked for ends where it says so, whatever becomes of the
//! connection.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, Script, chunk, streams_raw},
};

use crate::{
    stage::{MODEL, question_to, setup},
    stream_end::impatient,
};

/// "Hi there" as each protocol streams it, with what ends it.
fn streams() -> [(&'static str, &'static str, Vec<Value>, &'static str); 3] {
    let delta = |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let message = json!({"id": "m", "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "Hi there", "annotations": []}]});
    [
        (
            "openai",
            MODEL,
            vec![
                chunk(json!({"role": "assistant", "content": "Hi "}), None),
                chunk(json!({"content": "there"}), None),
                chunk(json!({}), Some("stop")),
            ],
            "data: [DONE]\n\n",
        ),
        (
            "openai",
            "gpt-5-3-codex",
            vec![
                json!({"type": "response.created", "response": {"id": "r", "created_at": 1}}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "m", "type": "message"}}),
                json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "Hi there"}),
                json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [message]}}),
            ],
            "",
        ),
        (
            "anthropic",
            "claude-sonnet-4-6",
            vec![
                json!({"type": "message_start", "message": {"usage": {"input_tokens": 3}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                delta("Hi "),
                delta("there"),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
                json!({"type": "message_stop"}),
            ],
            "",
        ),
    ]
}

fn body(events: &[Value], end: &str) -> String {
    let events = events.iter().map(|event| format!("data: {event}\n\n"));
    events.collect::<String>() + end
}

#[tokio::test]
async fn its_end_is_the_answers_although_the_connection_stays_open() {
    for (preset, model, events, end) in streams() {
        let provider = FakeProvider::start_with(streams_raw([body(&events, end)]).then_stalls()).await;
        let channel = Channel::of(preset, &provider).models([model]);
        let gate = setup().channel(channel).start().await;
        let began = Instant::now();

        let answer = gate.post(&question_to(model)).await;

        assert_eq!(answer.status, 200, "{model}: {answer:?}");
        assert_eq!(answer.text(), "Hi there", "{model}");
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{model}: nobody waits for bytes that never come"
        );
    }
}

#[tokio::test]
async fn one_that_has_said_all_but_its_last_word_is_whole_and_another_is_not() {
    let [(_, _, events, _), ..] = streams();
    let ways: [fn(Script) -> Script; 2] = [Script::then_stalls, Script::then_closes];
    for breaks in ways {
        let provider = FakeProvider::start().await;
        let gate = setup()
            .channel(impatient(Channel::to(&provider).models([MODEL])))
            .start()
            .await;

        provider.always(breaks(streams_raw([body(&events, "")])));
        let whole = gate.post(&question_to(MODEL)).await;
        provider.always(breaks(streams_raw([body(&events[..2], "")])));
        let cut = gate.post(&question_to(MODEL)).await;

        assert_eq!((whole.status, whole.text().as_str()), (200, "Hi there"));
        assert!(matches!(cut.status, 502 | 504), "{cut:?}");
    }
}
