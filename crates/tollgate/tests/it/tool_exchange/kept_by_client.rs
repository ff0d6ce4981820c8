//! Thoughts that the client has kept itself, in each form in which clients keep them.

use serde_json::{Value, json};
use tollgate_testkit::provider::FakeProvider;

use super::{
    ANSWER, SIGNATURE, THINKERS, THOUGHT, asked, assert_thought_is_back, continued, last_sent, plain,
    question, weather,
};
use crate::stage::{gate_to, with};

/// The assistant's turn in each form in which clients keep thoughts themselves.
pub fn kept_by_the_client(preset: &str, plain: Value) -> Vec<(&'static str, Value)> {
    let member = |name: &str, value: Value| with(plain.clone(), json!({name: value}));
    let detail = |own: Value| member("reasoning_details", json!([own]));
    match preset {
        "anthropic" => vec![
            (
                "thinking_blocks",
                member(
                    "thinking_blocks",
                    json!([{"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}]),
                ),
            ),
            (
                "reasoning_details",
                detail(
                    json!({"type": "reasoning.text", "text": THOUGHT, "signature": SIGNATURE, "format": "anthropic-claude-v1", "index": 0}),
                ),
            ),
        ],
        "gemini" => {
            let mut extra = plain.clone();
            extra["tool_calls"][0]["extra_content"] = json!({"google": {"thought_signature": SIGNATURE}});
            let mut packed = plain.clone();
            let id = plain["tool_calls"][0]["id"].as_str().unwrap();
            packed["tool_calls"][0]["id"] = format!("{id}__thought__{SIGNATURE}").into();
            vec![("extra_content", extra), ("__thought__", packed)]
        }
        "openai" => vec![(
            "reasoning_details",
            detail(
                json!({"type": "reasoning.encrypted", "data": SIGNATURE, "id": "rs_0", "format": "openai-responses-v1", "index": 0}),
            ),
        )],
        "minimax" => vec![(
            "reasoning_details",
            detail(
                json!({"type": "reasoning.text", "id": "reasoning-text-1", "format": "MiniMax-response-v1", "index": 0, "text": THOUGHT}),
            ),
        )],
        _ => vec![("reasoning_content", member("reasoning_content", THOUGHT.into()))],
    }
}

#[tokio::test]
async fn what_the_client_has_kept_itself_is_used() {
    for (preset, model) in THINKERS {
        let provider = FakeProvider::start_with(weather()).await;
        let before = gate_to(&provider, preset, model).await;
        let first = asked(&before, &question(model), false).await;
        // A gate that has kept nothing.
        let gate = gate_to(&provider, preset, model).await;
        for (form, assistant) in kept_by_the_client(preset, plain(first.tool_calls())) {
            let answer = asked(&gate, &continued(question(model), assistant), false).await;

            assert_eq!(answer.text(), ANSWER, "{model}: {form}");
            assert_thought_is_back(preset, &last_sent(&provider));
        }
    }
}
