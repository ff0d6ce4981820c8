//! What the gate counts in a provider's stead is no more than the request lets an answer have, so that what
//! `--reserve full` holds covers it: a tokenizer that is not the model's own may see more tokens than it could write.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, streams_raw},
};

use crate::{
    counting::uncounted,
    credit::{balance, full_key, run, sums_of_one},
    stage::{question_to, setup, with},
};

/// One whose tokens are taken for 1.16 of tiktoken's.
const CLAUDE: &str = "claude-sonnet-4-6";
/// As many words as tokens of tiktoken's.
const LIMIT: u64 = 2_000;

fn to(provider: &FakeProvider, preset: &str) -> Channel {
    let prices = format!(r#"{{ {CLAUDE} = {{ input = "3", output = "1500" }} }}"#);
    Channel::of(preset, provider)
        .models([CLAUDE])
        .set("prices", &prices)
}

/// Prompt and completion, as the books have them once there is a record.
async fn counted(gate: &Gate) -> (u64, u64) {
    let sum = sums_of_one(gate).await;
    let tokens = |name: &str| sum[name].as_u64().expect("a count");
    (tokens("prompt_tokens"), tokens("completion_tokens"))
}

/// Whether the account has what it was given, or less, and not less than nothing.
async fn is_covered(gate: &Gate) {
    let balance: f64 = balance(gate).await.parse().expect("a number");
    assert!((0.0..4.0).contains(&balance), "{balance}");
    run(gate, &["ledger", "verify"]).await;
}

#[tokio::test]
async fn of_an_answer_that_nobody_counts_no_more_than_its_limit_is_charged() {
    for stream in [false, true] {
        let provider = FakeProvider::start_with(uncounted(&" a".repeat(LIMIT as usize))).await;
        let gate = setup().channel(to(&provider, "openai-compatible")).start().await;
        // $3.00 for the answer, and some for the bytes of the prompt.
        let key = full_key(&gate, "3.10").await;
        let members =
            json!({"max_tokens": LIMIT, "stream": stream, "stream_options": {"include_usage": true}});
        let mut request = with(question_to(CLAUDE), members);
        if !stream {
            request.as_object_mut().unwrap().remove("stream_options");
        }

        let answer = gate.send(gate.chat_request(&key, request.to_string())).await;

        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(counted(&gate).await.1, LIMIT, "stream: {stream}");
        let told = format!("\"completion_tokens\":{LIMIT}");
        assert!(
            String::from_utf8_lossy(&answer.body).contains(&told),
            "{answer:?}"
        );
        is_covered(&gate).await;
    }
}

#[tokio::test]
async fn of_an_answer_that_is_left_before_its_count_no_more_than_its_limit_is_charged() {
    let event = |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let usage = json!({"input_tokens": 20, "output_tokens": 1});
    let message = json!({"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage});
    let text = json!({"type": "text_delta", "text": " a".repeat(LIMIT as usize)});
    let provider = FakeProvider::start_with(
        streams_raw([
            event(json!({"type": "message_start", "message": message})),
            event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
            event(json!({"type": "content_block_delta", "index": 0, "delta": text})),
        ])
        .then_stalls(),
    )
    .await;
    let gate = setup().channel(to(&provider, "anthropic")).start().await;
    let key = full_key(&gate, "3.10").await;
    let request = with(question_to(CLAUDE), json!({"max_tokens": LIMIT, "stream": true}));
    let mut open = gate
        .open_stream_of(gate.chat_request(&key, request.to_string()))
        .await;
    open.next_event().await.expect("it has begun");
    open.next_event().await.expect("it has said all");

    drop(open);

    assert_eq!(counted(&gate).await, (20, LIMIT));
    is_covered(&gate).await;
}

#[tokio::test]
async fn no_prompt_is_counted_with_more_tokens_than_bytes() {
    let provider = FakeProvider::start_with(uncounted("Hello")).await;
    let gate = setup().channel(to(&provider, "openai-compatible")).start().await;
    let key = full_key(&gate, "3.10").await;
    // Four bytes each, which are four tokens of tiktoken's.
    let signs: String = (0x13000..0x13400)
        .cycle()
        .take(10_000)
        .filter_map(char::from_u32)
        .collect();
    let messages = json!([{"role": "user", "content": signs}]);
    let request = with(
        question_to(CLAUDE),
        json!({"max_tokens": 50, "messages": messages}),
    );
    let bytes = request.to_string().len() as u64;

    let answer = gate.post_with(&key, &request).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let (prompt, _) = counted(&gate).await;
    assert!(
        (30_000..=bytes).contains(&prompt),
        "{prompt} tokens of {bytes} bytes"
    );
}
