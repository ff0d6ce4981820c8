//! Where a provider does not count, or not in a way that can be, the gate does, and says so.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Gate, Streamed},
    provider::{
        FakeProvider, Script, answer, answers, chunk, decides, streams, streams_events, streams_raw,
        usage_chunk,
    },
};

use crate::{
    credit::{balance, eventually, key_with_credit, sums, sums_of_one},
    stage::{get_from_admin, question_to, question_with, stage_of, stage_with, with},
};

/// $0.001 for each token of the prompt and $0.01 for each of the answer: a single one is to be seen in the balance.
const PRICES: &str = r#"{ gpt-4o = { input = "1000", output = "10000" } }"#;
/// 40 tokens of tiktoken's.
const FORTY: &str = "The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. \
                     The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog.";

async fn stage(script: Script) -> (FakeProvider, Gate) {
    stage_with(script, |channel| channel.set("prices", PRICES), "").await
}

/// Answers with this text, whole or streamed, and counts nothing.
pub fn uncounted(text: &str) -> Script {
    let mut whole = answer(text);
    whole.as_object_mut().unwrap().remove("usage");
    let stream = streams_events([
        chunk(json!({"role": "assistant", "content": text}), None),
        chunk(json!({}), Some("stop")),
    ]);
    decides(move |request| match request.wants_stream() {
        true => stream.clone(),
        false => answers(whole.clone()),
    })
}

/// A question whose hold the little credit of these tests covers.
fn asked() -> Value {
    question_with(json!({"max_tokens": 50}))
}

async fn stream_as(gate: &Gate, key: &str, body: &Value) -> Streamed {
    let members = json!({"stream": true, "stream_options": {"include_usage": true}});
    let body = with(body.clone(), members).to_string();
    gate.open_stream_of(gate.chat_request(key, body))
        .await
        .rest()
        .await
}

#[tokio::test]
async fn an_answer_that_nobody_counted_has_the_tokens_of_its_text_whole_or_streamed() {
    let (_provider, gate) = stage(uncounted(FORTY)).await;

    let whole = gate.post(&asked()).await;
    let streamed = stream_as(&gate, gate.key(), &asked()).await;

    let usage = whole.summary().usage.unwrap();
    // "Hello!" and what is around a message.
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (6, 40));
    assert_eq!(streamed.summary().usage.as_ref(), Some(&usage));
    let id = whole.header("x-tollgate-request-id").unwrap();
    let told = get_from_admin(&gate, &format!("/admin/v1/requests/{id}"))
        .await
        .json();
    assert_eq!(told["bill"]["estimated"], true, "{told}");
}

#[tokio::test]
async fn a_prompt_with_tools_that_nobody_counted_has_what_its_provider_puts_before_them() {
    let model = "deepseek-v4-flash";
    let (provider, gate) = stage_of("deepseek", model).await;
    provider.always(uncounted(FORTY));
    let tool = json!({"type": "function", "function": {"name": "look",
        "parameters": {"type": "object", "properties": {}}}});
    let prompt_of = async |tools: Value| {
        let answer = gate.post(&with(question_to(model), tools)).await;
        answer.summary().usage.unwrap().prompt_tokens
    };

    let without = prompt_of(json!({})).await;
    let with_tool = prompt_of(json!({"tools": [tool]})).await;

    // DeepSeek's 241, and some 20 of the tool itself.
    let more = with_tool - without;
    assert!(
        (251..281).contains(&more),
        "{without} without a tool, {with_tool} with it"
    );
}

#[tokio::test]
async fn who_leaves_pays_for_what_was_said_in_tokens_and_not_in_bytes() {
    let text: Vec<&str> = FORTY.split_inclusive(' ').collect();
    let (_provider, gate) = stage(streams(text).then_stalls()).await;
    let key = key_with_credit(&gate, "1.00").await;
    let body = with(asked(), json!({"stream": true})).to_string();
    let mut open = gate.open_stream_of(gate.chat_request(&key, body)).await;
    let mut said = String::new();
    while said.len() < FORTY.len() {
        let event = open.next_event().await.unwrap();
        let chunk: Value = serde_json::from_str(event.trim_start_matches("data:")).unwrap();
        said.push_str(
            chunk["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap_or_default(),
        );
    }

    drop(open);

    // $0.001 for each of 6 tokens, and $0.01 for each of 40.
    eventually("0.594".to_owned(), async || balance(&gate).await).await;
    let sums = sums(&gate).await;
    assert_eq!(sums["estimated"], 1, "{sums}");
    assert_eq!(sums["completion_tokens"], 40, "{sums}");
}

#[tokio::test]
async fn a_stream_that_breaks_costs_the_operator_what_was_said() {
    let (_provider, gate) = stage(streams([FORTY]).then_closes()).await;
    let key = key_with_credit(&gate, "1.00").await;

    let broken = stream_as(&gate, &key, &asked()).await;

    assert!(broken.error_code().is_some());
    let sum = sums_of_one(&gate).await;
    let booked = ["charge", "cost", "completion_tokens"].map(|name| sum[name].to_string());
    assert_eq!(booked, ["\"0.00\"", "\"0.406\"", "40"]);
    assert_eq!(balance(&gate).await, "1.00");
}

/// Answers with this text, whole or streamed, and says that it has so many tokens.
fn counted(text: &str, prompt: f64, completion: f64) -> Script {
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion});
    let whole = with(answer(text), json!({"usage": usage}));
    let stream = streams_events([
        chunk(json!({"role": "assistant", "content": text}), None),
        chunk(json!({}), Some("stop")),
        with(usage_chunk(0, 0), json!({"usage": usage})),
    ]);
    decides(move |request| match request.wants_stream() {
        true => stream.clone(),
        false => answers(whole.clone()),
    })
}

async fn metrics(gate: &Gate) -> String {
    let metrics = get_from_admin(gate, "/metrics").await;
    String::from_utf8_lossy(&metrics.body).into_owned()
}

#[tokio::test]
async fn a_prompt_and_a_text_without_tokens_are_not_believed() {
    for (prompt, completion) in [(0.0, 0.0), (-5.0, -5.0), (6.0, 0.0), (0.0, 40.0)] {
        let (_provider, gate) = stage(counted(FORTY, prompt, completion)).await;
        let key = key_with_credit(&gate, "2.00").await;

        let answer = gate.post_with(&key, &asked()).await;
        let streamed = stream_as(&gate, &key, &asked()).await;

        let told = format!("{prompt} and {completion}");
        assert_eq!(
            answer.header("x-tollgate-notes"),
            Some("estimated:usage"),
            "{told}"
        );
        let usage = answer.summary().usage.unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (6, 40), "{told}");
        assert_eq!(streamed.summary().usage.as_ref(), Some(&usage), "{told}");
        eventually("1.188".to_owned(), async || balance(&gate).await).await;
        let metrics = metrics(&gate).await;
        let unbelieved = "tollgate_unbelieved_counts_total{channel=\"fake\"} 2";
        assert!(metrics.contains(unbelieved), "{told}: {metrics}");
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_may_have_no_tokens() {
    let (_provider, gate) = stage(counted("", 6.0, 0.0)).await;

    let answer = gate.post(&asked()).await;
    let streamed = stream_as(&gate, gate.key(), &asked()).await;

    assert_eq!(answer.header("x-tollgate-notes"), None);
    let usage = answer.summary().usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (6, 0));
    assert_eq!(streamed.summary().usage.as_ref(), Some(&usage));
    let metrics = metrics(&gate).await;
    assert!(
        !metrics.contains("tollgate_unbelieved_counts_total{"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_count_that_no_answer_can_have_is_not_believed() {
    let (_provider, gate) = stage(counted(FORTY, 1e18, 1e18)).await;
    let key = key_with_credit(&gate, "2.00").await;

    let answer = gate.post_with(&key, &asked()).await;
    let streamed = stream_as(&gate, &key, &asked()).await;

    assert_eq!(answer.header("x-tollgate-notes"), Some("estimated:usage"));
    let usage = answer.summary().usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (6, 40));
    assert_eq!(streamed.summary().usage.as_ref(), Some(&usage));
    eventually("1.188".to_owned(), async || balance(&gate).await).await;
    let metrics = metrics(&gate).await;
    let unbelieved = "tollgate_unbelieved_counts_total{channel=\"fake\"} 2";
    assert!(metrics.contains(unbelieved), "{metrics}");
    assert!(gate.logs().contains("is not believed"), "{}", gate.logs());
}

/// What the answer to `request` is told to have used, streamed.
async fn told_of_stream(script: Script) -> (u64, u64) {
    let (_provider, gate) = stage(script).await;
    let usage = stream_as(&gate, gate.key(), &asked())
        .await
        .summary()
        .usage
        .clone();
    let usage = usage.expect("it was asked for");
    (usage.prompt_tokens, usage.completion_tokens)
}

#[tokio::test]
async fn a_count_from_before_the_first_word_is_not_of_the_answer() {
    let mut opening = chunk(json!({"role": "assistant", "content": ""}), None);
    opening["usage"] = json!({"prompt_tokens": 1_000, "completion_tokens": 10, "total_tokens": 1_010});
    let says = chunk(json!({"content": FORTY}), None);

    let told = told_of_stream(streams_events([opening, says, chunk(json!({}), Some("stop"))])).await;

    assert_eq!(told, (1_000, 40));
}

#[tokio::test]
async fn a_message_whose_last_count_is_missing_has_the_tokens_of_its_text() {
    let model = "claude-sonnet-4-6";
    for last in [json!({}), json!({"usage": null})] {
        let usage = json!({"input_tokens": 1_000, "output_tokens": 5});
        let message =
            json!({"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage});
        let delta = json!({"stop_reason": "end_turn", "stop_sequence": null});
        let text = json!({"type": "text_delta", "text": FORTY});
        let events = [
            json!({"type": "message_start", "message": message}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": text}),
            json!({"type": "content_block_stop", "index": 0}),
            with(json!({"type": "message_delta", "delta": delta}), last.clone()),
            json!({"type": "message_stop"}),
        ];
        let written =
            events.map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()));
        let (provider, gate) = stage_of("anthropic", model).await;
        provider.lenient().always(streams_raw(written));

        let streamed = stream_as(&gate, gate.key(), &question_to(model)).await;

        let usage = streamed.summary().usage.clone().unwrap();
        assert_eq!(usage.prompt_tokens, 1_000, "{last}");
        assert!(usage.completion_tokens >= 40, "{last}: {usage:?}");
    }
}

#[tokio::test]
async fn one_choice_without_a_count_leaves_the_others_theirs_whole_or_streamed() {
    let model = "deepseek-v4-flash";
    let uncounted = uncounted("Hello there, whoever you are");
    for missing in [uncounted, counted("Hello there, whoever you are", 0.0, 0.0)] {
        for stream in [false, true] {
            let asked = AtomicUsize::new(0);
            let missing = missing.clone();
            let one_is_missing = decides(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
                1 => missing.clone(),
                _ => counted("Hello", 5_000.0, 110.0),
            });
            let (provider, gate) = stage_of("deepseek", model).await;
            provider.lenient().always(one_is_missing);
            let request = with(question_to(model), json!({"n": 3}));

            let usage = match stream {
                false => gate.post(&request).await.summary().usage.unwrap(),
                true => {
                    let streamed = stream_as(&gate, gate.key(), &request).await;
                    streamed.summary().usage.clone().unwrap()
                }
            };

            // The third: "Hello!" and what is around a message, and 28 bytes.
            let told = (usage.prompt_tokens, usage.completion_tokens);
            assert_eq!(told, (10_006, 227), "stream: {stream}");
            let sum = sums_of_one(&gate).await;
            assert_eq!(
                (&sum["estimated"], &sum["prompt_tokens"]),
                (&json!(1), &json!(10_006))
            );
        }
    }
}

#[tokio::test]
async fn thoughts_that_are_told_in_two_ways_are_counted_once_whole_or_streamed() {
    let thoughts =
        json!({"reasoning": FORTY, "reasoning_details": [{"type": "reasoning.text", "text": FORTY}]});
    let mut whole = with(answer("yes"), json!({"usage": null}));
    whole["choices"][0]["message"] = with(whole["choices"][0]["message"].clone(), thoughts.clone());
    let stream = streams_events([
        chunk(with(json!({"role": "assistant"}), thoughts), None),
        chunk(json!({"content": "yes"}), None),
        chunk(json!({}), Some("stop")),
    ]);
    let (provider, gate) = stage_of("openai-compatible", "gpt-4o").await;
    provider
        .lenient()
        .always(decides(move |request| match request.wants_stream() {
            true => stream.clone(),
            false => answers(whole.clone()),
        }));

    let whole = gate.post(&asked()).await.summary().usage.unwrap();
    let streamed = stream_as(&gate, gate.key(), &asked()).await;

    assert_eq!(whole.completion_tokens, 41);
    assert_eq!(streamed.summary().usage.as_ref(), Some(&whole));
}

#[tokio::test]
async fn a_count_that_comes_with_the_text_is_of_that_text() {
    // given a text of many more bytes than four a token, all in one chunk with its count
    let mut all = chunk(json!({"content": "-".repeat(4_000)}), Some("stop"));
    all["usage"] = json!({"prompt_tokens": 50, "completion_tokens": 100, "total_tokens": 150});
    let (_provider, gate) = stage(streams_events([all])).await;

    let streamed = stream_as(&gate, gate.key(), &asked()).await;

    let usage = streamed.summary().usage.clone().unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (50, 100));
    assert_eq!(sums_of_one(&gate).await["estimated"], 0);
    assert!(!metrics(&gate).await.contains("unbelieved_counts_total{"));
}
