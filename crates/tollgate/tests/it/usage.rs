//! Token counts in OpenAI's meaning, whatever the provider counts, and with the members that the
//! model's page always shows.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Gate,
    provider::{FakeProvider, Script, answer, answers, chunk, decides, says, streams_events, usage_chunk},
};

use crate::{
    pages::{DEEPSEEK, QWEN},
    stage::{question, question_to, stage, stage_of, with},
};

const USAGE_ASKED: &str = "include_usage";

/// Answers, whole or streamed, with this `usage`.
fn counts(usage: Value) -> Script {
    let whole = with(answer("Hello"), json!({"usage": usage}));
    let stream = streams_events([
        chunk(json!({"role": "assistant", "content": "Hello"}), None),
        chunk(json!({}), Some("stop")),
        with(usage_chunk(0, 0), json!({"usage": usage})),
    ]);
    decides(move |request| {
        if request.wants_stream() {
            stream.clone()
        } else {
            answers(whole.clone())
        }
    })
}

fn asking_for_usage(request: Value) -> Value {
    with(request, json!({"stream_options": {USAGE_ASKED: true}}))
}

/// What a client sees of this usage, whole and streamed alike.
async fn seen(provider: &FakeProvider, gate: &Gate, model: &str, usage: Value) -> Value {
    provider.always(counts(usage));
    let whole = gate.post(&question_to(model)).await.json()["usage"].clone();
    let stream = gate.stream(&asking_for_usage(question_to(model))).await;
    let streamed = stream.summary().chunks.last().unwrap()["usage"].clone();
    assert_eq!(whole, streamed, "an answer counts the same either way");
    whole
}

#[tokio::test]
async fn reasoning_that_xai_leaves_out_of_the_completion_is_added() {
    let (provider, gate) = stage_of("xai", "grok-3-mini").await;

    let usage = seen(
        &provider,
        &gate,
        "grok-3-mini",
        json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 22,
            "prompt_tokens_details": {"text_tokens": 10, "cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 7},
            "num_sources_used": 0, "cost_in_usd_ticks": 12345
        }),
    )
    .await;

    assert_eq!(usage["completion_tokens"], 12);
    assert_eq!(usage["total_tokens"], 22);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 7);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(
        usage.get("cost_in_usd_ticks"),
        None,
        "what the operator pays is not the client's"
    );
}

#[tokio::test]
async fn deepseeks_cache_counts_are_cached_tokens_and_its_pages_details_are_always_there() {
    let (provider, gate) = stage_of("deepseek", DEEPSEEK).await;

    let counted = seen(
        &provider,
        &gate,
        DEEPSEEK,
        json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4
        }),
    )
    .await;

    let expected = json!({
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 6, "text_tokens": 10, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0
        }
    });
    assert_eq!(counted, expected);
}

#[tokio::test]
async fn qwens_page_shows_its_kinds_of_tokens_and_text_is_the_rest() {
    let (provider, gate) = stage_of("dashscope", QWEN).await;

    let counted = seen(
        &provider,
        &gate,
        QWEN,
        json!({
            "prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105,
            "prompt_tokens_details": {"image_tokens": 60, "video_tokens": 30}
        }),
    )
    .await;

    let expected = json!({"cached_tokens": 0, "text_tokens": 10, "image_tokens": 60, "video_tokens": 30});
    assert_eq!(counted["prompt_tokens_details"], expected);
}

#[tokio::test]
async fn the_members_that_deepseeks_page_shows_are_there_without_the_providers_help() {
    let (provider, gate) = stage_of("deepseek", DEEPSEEK).await;
    provider.always(answers(json!({
        "choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]
    })));

    let answer = gate.post(&question_to(DEEPSEEK)).await.json();

    assert_eq!(answer.get("system_fingerprint"), Some(&Value::Null));
    assert_eq!(answer["choices"][0].get("matched_stop"), Some(&Value::Null));
    assert_eq!(
        answer["usage"]["prompt_tokens_details"]
            .as_object()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn a_matched_stop_is_passed_on() {
    let (provider, gate) = stage_of("openai-compatible", DEEPSEEK).await;
    let mut whole = answer("Hello");
    whole["choices"][0]["matched_stop"] = json!("END");
    provider.always(answers(whole));

    let answer = gate.post(&question_to(DEEPSEEK)).await.json();

    assert_eq!(answer["choices"][0]["matched_stop"], "END");
}

#[tokio::test]
async fn a_stream_tells_usage_only_to_a_client_that_asked() {
    let (_provider, gate) = stage(says("Hello")).await;

    let unasked = gate.stream(&question()).await;
    let asked = gate.stream(&asking_for_usage(question())).await;

    assert!(
        unasked
            .summary()
            .chunks
            .iter()
            .all(|chunk| chunk.get("usage").is_none())
    );
    let chunks = &asked.summary().chunks;
    let (last, earlier) = chunks.split_last().unwrap();
    assert!(
        earlier
            .iter()
            .all(|chunk| chunk.get("usage") == Some(&Value::Null))
    );
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 11);
}

#[tokio::test]
async fn usage_is_found_wherever_a_provider_puts_it() {
    let (provider, gate) = stage(says("unused")).await;
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    let hello = chunk(json!({"role": "assistant", "content": "Hello"}), None);
    let finish = chunk(json!({}), Some("stop"));
    let in_choice = {
        let mut chunk = finish.clone();
        chunk["choices"][0]["usage"] = usage.clone();
        chunk
    };
    let groq = with(finish.clone(), json!({"x_groq": {"id": "req_1", "usage": usage}}));
    let rising = with(
        hello.clone(),
        json!({"usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}),
    );
    for (what, events) in [
        (
            "in a chunk of its own",
            vec![
                hello.clone(),
                finish.clone(),
                with(usage_chunk(0, 0), json!({"usage": usage})),
            ],
        ),
        (
            "beside the finish",
            vec![hello.clone(), with(finish.clone(), json!({"usage": usage}))],
        ),
        ("in the choice", vec![hello.clone(), in_choice]),
        ("beside Groq's request ID", vec![hello.clone(), groq]),
        (
            "in every chunk, rising",
            vec![rising, with(finish, json!({"usage": usage}))],
        ),
    ] {
        provider.always(streams_events(events));

        let asked = gate.stream(&asking_for_usage(question())).await;
        let unasked = gate.stream(&question()).await;

        let counted = asked.summary().usage.as_ref().unwrap();
        assert_eq!(
            (counted.prompt_tokens, counted.completion_tokens),
            (3, 2),
            "{what}"
        );
        assert_eq!(unasked.text(), "Hello", "{what}");
    }
}

#[tokio::test]
async fn a_provider_that_counts_nothing_is_counted_for_and_it_is_said() {
    let (provider, gate) = stage(says("unused")).await;
    let mut whole = answer("Hello");
    whole.as_object_mut().unwrap().remove("usage");
    let stream = streams_events([
        chunk(json!({"role": "assistant", "content": "Hello"}), None),
        chunk(json!({}), Some("stop")),
    ]);
    provider.always(decides(move |request| {
        if request.wants_stream() {
            stream.clone()
        } else {
            answers(whole.clone())
        }
    }));

    let answer = gate.post(&question()).await;
    let streamed = gate.stream(&asking_for_usage(question())).await;

    assert_eq!(answer.header("x-tollgate-notes"), Some("estimated:usage"));
    let usage = answer.summary().usage.unwrap();
    assert!(
        usage.prompt_tokens > 0 && usage.completion_tokens > 0,
        "{usage:?}"
    );
    assert_eq!(
        streamed.summary().usage.as_ref(),
        Some(&usage),
        "an answer counts the same either way"
    );
}

#[tokio::test]
async fn counts_that_cannot_be_are_brought_into_order() {
    let (provider, gate) = stage(says("unused")).await;
    for (usage, prompt, completion) in [
        // Judged by the grammar: the total is the sum, and no part is larger than its whole.
        (
            json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 6}),
            5,
            3,
        ),
        // As Gemini's endpoint for chat completions counts thoughts.
        (
            json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 99}),
            5,
            94,
        ),
        (
            json!({"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 50}}),
            5,
            3,
        ),
        (json!({"prompt_tokens": 5, "total_tokens": 8}), 5, 3),
        (
            json!({"prompt_tokens": 5.0, "completion_tokens": 3, "total_tokens": null}),
            5,
            3,
        ),
        (
            json!({"prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 9}}),
            5,
            3,
        ),
        (
            json!({"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": null}),
            5,
            3,
        ),
        // Mistral counts sound beside the prompt, and the total with it.
        (
            json!({"prompt_tokens": 11, "completion_tokens": 15, "total_tokens": 401, "prompt_tokens_details": {"audio_tokens": 375}}),
            386,
            15,
        ),
    ] {
        provider.always(counts(usage.clone()));

        let counted = gate.post(&question()).await.summary().usage.unwrap();

        assert_eq!(
            (counted.prompt_tokens, counted.completion_tokens),
            (prompt, completion),
            "{usage}"
        );
    }
}
