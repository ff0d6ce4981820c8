//! What the gate counts in a provider's stead is no more than the request lets an answer have, so that what
//! `--reserve full` holds covers it: a tokenizer that is not the model's own may see more tokens than it could write.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, answer, answers, chunk, streams_events, streams_raw},
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

#[tokio::test]
async fn of_an_answer_that_is_left_before_its_first_word_no_more_than_its_limit_is_charged() {
    // given a model whose thoughts come as a stream only, and may be as long as its answer
    let model = "qwen3-32b";
    for choices in [1, 2] {
        let thinks = chunk(json!({"reasoning_content": "a ".repeat(LIMIT as usize)}), None);
        let provider = FakeProvider::start_with(streams_events([thinks]).then_stalls()).await;
        let prices = format!(r#"{{ {model} = {{ input = "3", output = "1500" }} }}"#);
        let channel = Channel::of("dashscope", &provider)
            .models([model])
            .set("prices", &prices);
        let gate = setup()
            .channel(channel)
            .config("[limits]\nabandoned_ms = 1000\n")
            .start()
            .await;
        let key = full_key(&gate, "3.10").await;
        let thinking =
            json!({"enable_thinking": true, "thinking_budget": 100, "max_tokens": 100, "n": choices});
        let request = with(question_to(model), thinking).to_string();

        let asked = gate.send(gate.chat_request(&key, request));
        let left = async {
            provider.received(choices).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
        };
        tokio::select! {
            answer = asked => panic!("it thinks for ever: {answer:?}"),
            () = left => {}
        }

        assert_eq!(counted(&gate).await.1, 200 * choices as u64, "{choices}");
        is_covered(&gate).await;
    }
}

#[tokio::test]
async fn each_choice_that_nobody_counts_has_a_limit_of_its_own() {
    let mut said = answer(&" a".repeat(LIMIT as usize));
    said.as_object_mut().unwrap().remove("usage");
    let mut second = said["choices"][0].clone();
    second["index"] = json!(1);
    said["choices"].as_array_mut().unwrap().push(second);
    let provider = FakeProvider::start_with(answers(said)).await;
    let gate = setup().channel(to(&provider, "openai-compatible")).start().await;
    let key = full_key(&gate, "6.20").await;
    let request = with(question_to(CLAUDE), json!({"max_tokens": LIMIT, "n": 2}));

    let answer = gate.post_with(&key, &request).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(counted(&gate).await.1, 2 * LIMIT);
}

#[tokio::test]
async fn of_thoughts_that_nobody_counts_there_are_no_more_than_tokens_of_the_answer() {
    let thinks = chunk(json!({"reasoning_content": " a".repeat(LIMIT as usize)}), None);
    let says = chunk(json!({"content": "Hello"}), Some("stop"));
    let provider = FakeProvider::start_with(streams_events([thinks, says])).await;
    let gate = setup().channel(to(&provider, "openai-compatible")).start().await;
    let key = full_key(&gate, "3.10").await;
    let request = with(question_to(CLAUDE), json!({"max_tokens": LIMIT, "stream": true}));

    let asked = gate.chat_request(&key, request.to_string());
    gate.open_stream_of(asked).await.rest().await;

    let sum = sums_of_one(&gate).await;
    let tokens = ["completion_tokens", "reasoning_tokens"].map(|name| sum[name].clone());
    assert_eq!(tokens, [json!(LIMIT), json!(LIMIT)], "{sum}");
}
