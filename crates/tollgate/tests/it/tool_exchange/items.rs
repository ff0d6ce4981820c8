//! Thoughts of a provider that gives them as items of several kinds: all of what it gave goes back, as it was.

use serde_json::{Value, json};
use tollgate_testkit::provider::{FakeProvider, Script, answers, chunk, streams_events};

use super::{asked, continued, last_sent, plain, question};
use crate::stage::gate_to;

const MODEL: &str = "minimax-m2.5";

fn item(index: u32, more: Value) -> Value {
    let mut item = json!({"id": format!("r-{index}"), "format": "MiniMax-response-v1", "index": index});
    for (name, value) in more.as_object().unwrap() {
        item[name] = value.clone();
    }
    item
}

/// Thoughts around an encrypted one.
fn items() -> Value {
    json!([
        item(
            0,
            json!({"type": "reasoning.text", "text": "First \u{e9}, ", "signature": "sig-1"})
        ),
        item(1, json!({"type": "reasoning.encrypted", "data": "c2VjcmV0"})),
        item(2, json!({"type": "reasoning.text", "text": "second."})),
    ])
}

fn call() -> Value {
    json!({"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Lisbon\"}"}})
}

fn whole() -> Script {
    let message =
        json!({"role": "assistant", "content": "", "reasoning_details": items(), "tool_calls": [call()]});
    answers(json!({
        "id": "a", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }))
}

fn streamed() -> Script {
    let details = |items: Value| chunk(json!({"reasoning_details": items}), None);
    let [first, hidden, last] = [0, 1, 2].map(|at| items()[at].clone());
    let mut begins = item(0, json!({"type": "reasoning.text", "text": "First"}));
    begins["format"] = first["format"].clone();
    let goes_on = json!({"index": 0, "text": " \u{e9}, ", "signature": "sig-1"});
    let mut call = call();
    call["index"] = json!(0);
    streams_events([
        details(json!([begins])),
        details(json!([goes_on, hidden])),
        details(json!([last])),
        chunk(json!({"tool_calls": [call]}), None),
        chunk(json!({}), Some("tool_calls")),
    ])
}

#[tokio::test]
async fn the_items_of_a_turns_thoughts_go_back_as_they_came() {
    let with_text = |text: &str| Some(text.to_owned());
    for (stream, script) in [(false, whole as fn() -> Script), (true, streamed)] {
        for (own, expected) in [
            (None, items()),
            (with_text("First \u{e9}, second."), items()),
            (with_text("My own."), json!([{"text": "My own."}])),
        ] {
            let provider = FakeProvider::start().await;
            provider.lenient();
            let gate = gate_to(&provider, "minimax", MODEL).await;
            provider.next(script());
            let first = asked(&gate, &question(MODEL), stream).await;
            assert_eq!(first.reasoning(), "First \u{e9}, second.", "stream: {stream}");

            let mut turn = plain(first.tool_calls());
            if let Some(own) = &own {
                turn["reasoning_content"] = json!(own);
            }
            gate.post(&continued(question(MODEL), turn)).await;

            let sent = &last_sent(&provider)["messages"][1];
            assert_eq!(sent["reasoning_details"], expected, "stream: {stream}, {own:?}");
            assert_eq!(sent.get("reasoning_content"), None);
        }
    }
}
