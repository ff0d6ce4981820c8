//! Whatever a provider answers, the client reads an answer of OpenAI's form under the name of the model
//! it asked for.

use serde_json::{Value, json};
use tollgate_testkit::provider::{
    PROVIDER_MODEL, Script, answer, answers, answers_with, chunk, decides, says, streams, streams_deltas,
    streams_events,
};

use crate::{
    pages::{DEEPSEEK, QWEN},
    stage::{MODEL, question, question_to, question_with, stage, stage_of, with},
};

/// A whole answer with this message.
pub fn says_message(message: Value, finish_reason: &str) -> Script {
    let mut whole = answer("");
    whole["choices"][0]["message"] = message;
    whole["choices"][0]["finish_reason"] = finish_reason.into();
    answers(whole)
}

#[tokio::test]
async fn the_model_that_was_asked_for_is_named_whatever_the_provider_calls_it() {
    let (_provider, gate) = stage(says("Hello")).await;

    let whole = gate.post(&question()).await;
    let stream = gate.stream(&question()).await;

    assert_eq!(whole.json()["model"], MODEL);
    for text in [
        String::from_utf8_lossy(&whole.body),
        String::from_utf8_lossy(&stream.body),
    ] {
        assert!(!text.contains(PROVIDER_MODEL), "{text}");
    }
}

#[tokio::test]
async fn an_answer_of_bare_bones_becomes_a_whole_one() {
    let (provider, gate) = stage(says("unused")).await;
    provider.always(decides(|request| {
        if request.wants_stream() {
            streams_events([
                json!({"choices": [{"delta": {"content": "Hel"}}]}),
                json!({"choices": [{"delta": {"content": "lo"}, "finish_reason": "stop"}]}),
            ])
        } else {
            answers(json!({"choices": [{"message": {"content": "Hello"}}]}))
        }
    }));

    let whole = gate.post(&question()).await;
    let stream = gate.stream(&question()).await;

    assert_eq!((whole.text().as_str(), stream.text()), ("Hello", "Hello"));
    assert_eq!(whole.summary().finish_reason(), Some("stop"));
    assert!(whole.json()["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(whole.json()["created"].as_u64().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn id_and_time_of_a_stream_stay_although_the_providers_drift() {
    let (provider, gate) = stage(says("unused")).await;
    let drifting = |number: u64, delta: Value, finish: Option<&str>| {
        let own = json!({"id": format!("chunk-{number}"), "created": 1_760_000_000 + number, "model": format!("m{number}")});
        with(chunk(delta, finish), own)
    };
    provider.always(streams_events([
        drifting(1, json!({"role": "assistant", "content": ""}), None),
        drifting(2, json!({"role": "assistant", "content": "Hello"}), None),
        drifting(3, json!({}), Some("stop")),
    ]));

    // The grammar refuses an ID, time or model that changes, and a role that comes twice.
    let stream = gate.stream(&question()).await;

    assert_eq!(stream.text(), "Hello");
    assert_eq!(stream.summary().id.as_deref(), Some("chunk-1"));
}

#[tokio::test]
async fn reasoning_has_one_name() {
    let (provider, gate) = stage(says("unused")).await;
    for (what, said) in [
        ("reasoning_content", json!({"reasoning_content": "Hm."})),
        ("reasoning", json!({"reasoning": "Hm."})),
        ("both", json!({"reasoning": "Hm.", "reasoning_content": "Hm."})),
        (
            "reasoning_details",
            json!({"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}),
        ),
        (
            "a part of the content",
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Yes."}]}),
        ),
        (
            "reasoning and details",
            json!({"reasoning": "Hm.", "reasoning_details": [{"text": "Hm."}]}),
        ),
    ] {
        let message = with(json!({"role": "assistant", "content": "Yes."}), said.clone());
        let whole = says_message(message, "stop");
        let in_parts = said.get("content").is_some();
        let first = with(json!({"content": null}), said);
        let rest = (!in_parts).then(|| json!({"content": "Yes."}));
        let stream = streams_deltas([first].into_iter().chain(rest), "stop");
        provider.always(decides(move |request| {
            if request.wants_stream() {
                stream.clone()
            } else {
                whole.clone()
            }
        }));

        let whole = gate.post(&question()).await;
        let stream = gate.stream(&question()).await;

        for summary in [&whole.summary(), stream.summary()] {
            assert_eq!((summary.reasoning(), summary.text()), ("Hm.", "Yes."), "{what}");
        }
        assert_eq!(
            whole.json()["choices"][0]["message"].get("reasoning"),
            None,
            "{what}"
        );
    }
}

#[tokio::test]
async fn thinking_in_the_content_is_taken_out_wherever_it_is_cut() {
    let (provider, gate) = stage_of("minimax", "minimax-m2.5").await;
    let content = "<think>\nIs 2 < 3?</think>\n\nYes, <b>it</b> is.";
    let (reasoning, text) = ("\nIs 2 < 3?", "Yes, <b>it</b> is.");
    let each = content
        .char_indices()
        .map(|(at, c)| &content[at..at + c.len_utf8()]);
    provider.next(answers(answer(content)));
    provider.next(streams([content]));
    provider.next(streams(each));
    provider.next(streams([
        "<th",
        "ink>\nIs 2 < 3?<",
        "/think>",
        "\n\nYes, <b>it</b> is.",
    ]));

    let whole = gate.post(&question_to("minimax-m2.5")).await;

    assert_eq!(
        (whole.summary().reasoning(), whole.text().as_str()),
        (reasoning, text)
    );
    for _ in 0..3 {
        let stream = gate.stream(&question_to("minimax-m2.5")).await;
        assert_eq!((stream.summary().reasoning(), stream.text()), (reasoning, text));
    }
}

#[tokio::test]
async fn other_models_may_write_such_tags_into_their_answers() {
    let (_provider, gate) = stage(says("<think>x</think>")).await;

    assert_eq!(gate.post(&question()).await.text(), "<think>x</think>");
}

#[tokio::test]
async fn a_whole_answer_that_its_provider_only_streams_is_put_together() {
    let (provider, gate) = stage_of("dashscope", QWEN).await;
    provider.always(streams_deltas(
        [
            json!({"reasoning_content": "Hm"}),
            json!({"reasoning_content": "."}),
            json!({"content": "Yes"}),
            json!({"content": "."}),
        ],
        "stop",
    ));

    let answer = gate
        .post(&question_with(json!({"model": QWEN, "enable_thinking": true})))
        .await;

    assert_eq!(provider.request().json()["stream"], true);
    assert_eq!(
        (answer.summary().reasoning(), answer.text().as_str()),
        ("Hm.", "Yes.")
    );
    assert!(answer.summary().usage.unwrap().completion_tokens > 0);
}

#[tokio::test]
async fn every_way_to_say_why_it_ended_becomes_one_of_openais() {
    let (provider, gate) = stage(says("unused")).await;
    for (said, expected) in [
        ("stop", "stop"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("a word of tomorrow", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filter", "content_filter"),
        ("sensitive", "content_filter"),
    ] {
        let mut whole = answer("Hello");
        whole["choices"][0]["finish_reason"] = said.into();
        let stream = streams_deltas([json!({"content": "Hello"})], said);
        provider.always(decides(move |request| {
            if request.wants_stream() {
                stream.clone()
            } else {
                answers(whole.clone())
            }
        }));

        let whole = gate.post(&question()).await;
        let stream = gate.stream(&question()).await;

        assert_eq!(whole.summary().finish_reason(), Some(expected), "{said}");
        assert_eq!(stream.finish_reason(), Some(expected), "{said}");
    }
}

#[tokio::test]
async fn an_end_that_means_failure_is_one() {
    let (provider, gate) = stage(says("unused")).await;
    for (said, status, code) in [
        ("insufficient_system_resource", 503, "provider_overloaded"),
        ("network_error", 502, "provider_error"),
        ("error", 502, "provider_error"),
    ] {
        let mut whole = answer("Hel");
        whole["choices"][0]["finish_reason"] = said.into();
        provider
            .next(answers(whole))
            .next(streams_deltas([json!({"content": "Hel"})], said));

        let whole = gate.post(&question()).await;
        let stream = gate.stream(&question()).await;

        assert_eq!(
            (whole.status, whole.error_code().as_deref()),
            (status, Some(code)),
            "{said}"
        );
        assert_eq!(
            (stream.error_code(), stream.has_done()),
            (Some(code), false),
            "{said}"
        );
    }
}

#[tokio::test]
async fn an_empty_word_for_the_end_is_none() {
    let (provider, gate) = stage(says("unused")).await;
    let empty = |delta: Value| {
        let mut chunk = chunk(delta, None);
        chunk["choices"][0]["finish_reason"] = "".into();
        chunk
    };
    provider.always(streams_events([
        empty(json!({"role": "assistant", "content": "Hel"})),
        empty(json!({"content": "lo"})),
        chunk(json!({}), Some("stop")),
    ]));

    let stream = gate.stream(&question()).await;

    assert_eq!((stream.text(), stream.finish_reason()), ("Hello", Some("stop")));
}

#[tokio::test]
async fn several_choices_stay_apart() {
    let (provider, gate) = stage(says("unused")).await;
    let of = |index: u64, delta: Value, finish: Option<&str>| {
        let mut chunk = chunk(delta, finish);
        chunk["choices"][0]["index"] = index.into();
        chunk
    };
    provider.always(streams_events([
        of(0, json!({"role": "assistant", "content": "a"}), None),
        of(1, json!({"role": "assistant", "content": "b"}), None),
        of(0, json!({"content": "A"}), Some("stop")),
        of(1, json!({"content": "B"}), None),
        of(1, json!({}), Some("length")),
    ]));

    let stream = gate.stream(&question_with(json!({"n": 2}))).await;

    let choices = &stream.summary().choices;
    assert_eq!(
        (choices[&0].text.as_str(), choices[&1].text.as_str()),
        ("aA", "bB")
    );
    assert_eq!(choices[&1].finish_reason.as_deref(), Some("length"));
}

#[tokio::test]
async fn what_concerns_the_operator_alone_is_taken_out() {
    let (provider, gate) = stage(says("unused")).await;
    let private = json!({"obfuscation": "xyz", "base_resp": {"status_code": 0}, "prompt_filter_results": [], "provider": "Backroom"});
    let whole = with(answer("Hello"), private.clone());
    let events = [
        with(
            chunk(json!({"role": "assistant", "content": "Hello"}), None),
            private.clone(),
        ),
        chunk(json!({}), Some("stop")),
    ];
    provider.next(answers(whole)).next(streams_events(events));

    let whole = gate.post(&question()).await;
    let stream = gate.stream(&question()).await;

    assert_eq!((whole.text().as_str(), stream.text()), ("Hello", "Hello"));
    for text in [
        String::from_utf8_lossy(&whole.body),
        String::from_utf8_lossy(&stream.body),
    ] {
        for name in private.as_object().unwrap().keys() {
            assert!(!text.contains(&format!("\"{name}\"")), "{name} in {text}");
        }
    }
}

#[tokio::test]
async fn what_openai_adds_to_an_answer_passes() {
    let (provider, gate) = stage(says("unused")).await;
    let mut whole = answer("Hello");
    let citation = json!({"type": "url_citation", "url_citation": {
        "url": "https://example.com", "title": "x", "start_index": 0, "end_index": 5}});
    whole["choices"][0]["message"]["annotations"] =
        json!([{"type": "file", "file": {"hash": "1"}}, citation]);
    whole["service_tier"] = json!("default");
    provider.always(answers(whole));

    let answer = gate.post(&question()).await.json();

    let annotations = &answer["choices"][0]["message"]["annotations"];
    assert_eq!(
        *annotations,
        json!([citation]),
        "another host's kind of annotation is none that an SDK reads"
    );
    assert_eq!(answer["service_tier"], "default");
}

#[tokio::test]
async fn a_refusal_is_told_as_such() {
    let (provider, gate) = stage(says("unused")).await;
    provider.next(says_message(
        json!({"role": "assistant", "content": null, "refusal": "I can't."}),
        "stop",
    ));
    provider.next(streams_deltas(
        [json!({"refusal": "I "}), json!({"refusal": "can't."})],
        "stop",
    ));

    let whole = gate.post(&question()).await;
    let stream = gate.stream(&question()).await;

    assert_eq!(whole.summary().choices[&0].refusal, "I can't.");
    assert_eq!(stream.summary().choices[&0].refusal, "I can't.");
}

#[tokio::test]
async fn log_probabilities_pass_in_both_forms() {
    let (provider, gate) = stage(says("unused")).await;
    let logprobs = json!({"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}], "refusal": null});
    let mut whole = answer("Hi");
    whole["choices"][0]["logprobs"] = logprobs.clone();
    let mut piece = chunk(json!({"role": "assistant", "content": "Hi"}), None);
    piece["choices"][0]["logprobs"] = logprobs.clone();
    provider
        .next(answers(whole))
        .next(streams_events([piece, chunk(json!({}), Some("stop"))]));
    let asked = question_with(json!({"logprobs": true}));

    let whole = gate.post(&asked).await.json();
    let stream = gate.stream(&asked).await;

    assert_eq!(whole["choices"][0]["logprobs"], logprobs);
    assert_eq!(stream.summary().chunks[0]["choices"][0]["logprobs"], logprobs);
}

#[tokio::test]
async fn half_written_log_probabilities_are_made_whole() {
    let (provider, gate) = stage_of("deepseek", DEEPSEEK).await;
    let logprobs =
        json!({"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}]});
    let mut whole = answer("Hi");
    whole["choices"][0]["logprobs"] = logprobs.clone();
    let mut piece = chunk(json!({"role": "assistant", "content": "Hi"}), None);
    piece["choices"][0]["logprobs"] = logprobs;
    provider
        .next(answers(whole))
        .next(streams_events([piece, chunk(json!({}), Some("stop"))]));
    let asked = question_with(json!({"model": DEEPSEEK, "logprobs": true}));

    let whole = gate.post(&asked).await.json();
    let stream = gate.stream(&asked).await;

    for choice in [&whole["choices"][0], &stream.summary().chunks[0]["choices"][0]] {
        assert_eq!(choice["logprobs"].get("refusal"), Some(&Value::Null));
    }
}

#[tokio::test]
async fn a_service_class_that_no_sdk_knows_is_left_out() {
    let (provider, gate) = stage(says("unused")).await;
    for (tier, shown) in [
        ("on_demand", None),
        ("standard", None),
        ("", None),
        ("flex", Some("flex")),
    ] {
        let own = json!({"service_tier": tier, "created": 0});
        let events = [
            with(
                chunk(json!({"role": "assistant", "content": "Hello"}), None),
                own.clone(),
            ),
            chunk(json!({}), Some("stop")),
        ];
        provider
            .next(answers(with(answer("Hello"), own)))
            .next(streams_events(events));

        let whole = gate.post(&question()).await.json();
        let stream = gate.stream(&question()).await;

        for answer in [&whole, &stream.summary().chunks[0]] {
            assert_eq!(answer["service_tier"].as_str(), shown, "{tier}");
        }
    }
}

#[tokio::test]
async fn blank_lines_before_a_whole_answer_are_no_part_of_it() {
    let (provider, gate) = stage_of("deepseek", DEEPSEEK).await;
    let body = format!("\n\n\n{}", answer("Hello"));
    provider.always(answers_with(200, &[("content-type", "application/json")], body));

    assert_eq!(gate.post(&question_to(DEEPSEEK)).await.text(), "Hello");
}
