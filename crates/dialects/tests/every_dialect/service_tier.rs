//! The tier of service that answered is told, where it is not the standard one.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{event::EventKind, service_tier::ServiceTier};
use tollgate_dialects::{Dialect, Undo};

use crate::harness::{decode_answer, decode_stream, stream_decoder};

/// "Hi", whole, as each provider says it with this word for its tier.
fn whole(tier: &str) -> [(Dialect, Value); 5] {
    let message = json!({"role": "assistant", "content": "Hi"});
    let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
    let counts = json!({"prompt_tokens": 1, "completion_tokens": 1, "service_tier": tier});
    let output = json!([{"id": "m", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}]);
    let candidate = json!({"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"});
    [
        (
            Dialect::OpenaiChat,
            json!({"choices": choices, "service_tier": tier}),
        ),
        (Dialect::OpenaiChat, json!({"choices": choices, "usage": counts})),
        (
            Dialect::OpenaiResponses,
            json!({"id": "r", "status": "completed", "output": output, "service_tier": tier}),
        ),
        (
            Dialect::AnthropicMessages,
            json!({"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn",
                "usage": {"input_tokens": 1, "output_tokens": 1, "service_tier": tier}}),
        ),
        (
            Dialect::Gemini,
            json!({"candidates": [candidate],
                "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 2, "trafficType": tier}}),
        ),
    ]
}

fn told(dialect: Dialect, answer: &Value) -> Option<String> {
    let body = Bytes::from(answer.to_string());
    let decoded = decode_answer(dialect, &Quirks::default(), &Undo::default(), &body).unwrap();
    decoded.answer.service_tier.map(|tier| tier.to_string())
}

#[test]
fn a_whole_answer_tells_it_in_the_words_that_prices_have() {
    for (said, wanted) in [
        ("priority", Some("priority")),
        ("FLEX", Some("flex")),
        ("ON_DEMAND_PRIORITY", Some("priority")),
        ("default", None),
        ("standard", None),
        ("auto", None),
        ("ON_DEMAND", None),
        ("", None),
        ("a tier whose name is no word", None),
    ] {
        for (dialect, answer) in whole(said) {
            assert_eq!(told(dialect, &answer).as_deref(), wanted, "{dialect:?}: {said}");
        }
    }
}

/// The tiers that a stream tells.
fn streamed(dialect: Dialect, events: &[Value]) -> Vec<ServiceTier> {
    let text = events.iter().map(|event| format!("data: {event}\n\n"));
    let pieces = text.map(Bytes::from);
    let decoder = stream_decoder(dialect, &Quirks::default(), Undo::default());
    let kinds = decode_stream(decoder, pieces).kinds().into_iter();
    kinds
        .filter_map(|kind| match kind {
            EventKind::ServiceTier(tier) => Some(tier),
            _ => None,
        })
        .collect()
}

#[test]
fn a_stream_tells_it_once_and_again_where_its_end_names_another() {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "service_tier": "flex",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let chat = [
        chunk(json!({"role": "assistant", "content": "Hi"}), Value::Null),
        chunk(json!({}), json!("stop")),
    ];
    let message = json!({"id": "m", "type": "message", "content": [{"type": "output_text", "text": "Hi"}]});
    let response = |tier: &str, output: Value| json!({"id": "r", "status": "completed", "output": output, "service_tier": tier});
    let responses = |last: &str| {
        [
            json!({"type": "response.created", "response": response("priority", json!([]))}),
            json!({"type": "response.completed", "response": response(last, json!([message]))}),
        ]
    };
    let tiers = |names: &[&str]| -> Vec<ServiceTier> {
        names
            .iter()
            .map(|name| ServiceTier::read(name).unwrap())
            .collect()
    };

    assert_eq!(streamed(Dialect::OpenaiChat, &chat), tiers(&["flex"]));
    let kept = streamed(Dialect::OpenaiResponses, &responses("priority"));
    assert_eq!(kept, tiers(&["priority"]));
    let lowered = streamed(Dialect::OpenaiResponses, &responses("default"));
    assert_eq!(lowered, tiers(&["priority", "default"]));
}
