//! Whichever protocol a provider speaks, the client reads one form of answer, and the same from a
//! stream as from a whole answer. The grammar and the schema judge each of them.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Gate,
    grammar::Summary,
    provider::{FakeProvider, Script, Tokens, Turn, answers, decides, speaks, streams_raw},
};

use crate::stage::{SPEAKERS, question_to, stage_of, with};

const DRAWS: &str = "gemini-3.1-flash-image-preview";
/// A GIF of one pixel.
const PIXEL: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/// The whole answer and the streamed one; usage was asked for.
pub async fn both(gate: &Gate, request: &Value) -> [Summary; 2] {
    let whole = gate.post(request).await;
    assert_eq!(whole.status, 200, "{whole:?}");
    let asked = with(
        request.clone(),
        json!({"stream_options": {"include_usage": true}}),
    );
    let stream = gate.stream(&asked).await;
    assert_eq!(stream.status, 200, "{:?}", stream.error());
    assert!(stream.has_done(), "{:?}", stream.error());
    [whole.summary(), stream.summary().clone()]
}

/// As [`both`], with what the two have to have in common checked.
pub async fn said(provider: &FakeProvider, gate: &Gate, request: &Value, turn: Turn) -> Summary {
    provider.always(speaks(turn));
    let [whole, stream] = both(gate, request).await;
    assert_eq!(
        whole.choices, stream.choices,
        "an answer says the same either way"
    );
    assert_eq!(whole.usage, stream.usage, "an answer counts the same either way");
    whole
}

#[tokio::test]
async fn text_is_the_content_and_the_model_is_the_one_asked_for() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;

        let turn = Turn::new().says(["Hellö", " ", "⚓ there."]);
        let answer = said(&provider, &gate, &question_to(model), turn).await;

        assert_eq!(answer.text(), "Hellö ⚓ there.", "{preset}");
        assert_eq!(answer.finish_reason(), Some("stop"), "{preset}");
        assert!(
            answer.id.unwrap().starts_with("chatcmpl-"),
            "{preset}: the ID is in chat form"
        );
    }
}

#[tokio::test]
async fn pieces_reach_the_client_as_they_come() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let slow = speaks(Turn::new().says(["one ", "two ", "three"])).pauses(Duration::from_millis(30));
        provider.always(slow);

        let stream = gate.stream(&question_to(model)).await;

        let texts: Vec<&str> = stream
            .summary()
            .chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .filter(|text| !text.is_empty())
            .collect();
        assert_eq!(texts, ["one ", "two ", "three"], "{preset}");
    }
}

#[tokio::test]
async fn thoughts_are_reasoning_content_and_their_signatures_stay_behind_the_gate() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let turn = Turn::new()
            .thinks(["First ", "this."])
            .signed("c2VjcmV0LXNpZ25hdHVyZQ==")
            .says(["Then that."]);

        let answer = said(&provider, &gate, &question_to(model), turn).await;

        assert_eq!(
            (answer.reasoning(), answer.text()),
            ("First this.", "Then that."),
            "{preset}"
        );
        let whole = gate.post(&question_to(model)).await;
        let stream = gate.stream(&question_to(model)).await;
        for body in [&whole.body, &stream.body] {
            let text = String::from_utf8_lossy(body);
            for word in [
                "c2VjcmV0",
                "signature",
                "encrypted",
                "thinking_blocks",
                "reasoning_details",
            ] {
                assert!(!text.contains(word), "{preset}: {word} in {text}");
            }
        }
    }
}

#[tokio::test]
async fn each_protocols_ends_have_the_reasons_of_chat() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let hello = || Turn::new().says(["Hello"]);
        let own: &[(&str, &str)] = match preset {
            "anthropic" => &[
                ("pause_turn", "stop"),
                ("model_context_window_exceeded", "length"),
            ],
            "gemini" => &[
                ("RECITATION", "content_filter"),
                ("PROHIBITED_CONTENT", "content_filter"),
                ("SPII", "content_filter"),
                ("MODEL_ARMOR", "content_filter"),
            ],
            _ => &[],
        };
        let owns = own
            .iter()
            .map(|(word, reason)| (hello().ends_with(word), *reason));
        let general = [
            (hello(), "stop"),
            (hello().runs_out_of_tokens(), "length"),
            (hello().is_filtered(), "content_filter"),
        ];
        for (turn, reason) in general.into_iter().chain(owns) {
            let answer = said(&provider, &gate, &question_to(model), turn.clone()).await;

            assert_eq!(answer.finish_reason(), Some(reason), "{preset}: {turn:?}");
            assert_eq!(answer.text(), "Hello", "{preset}: {turn:?}");
        }
    }
}

#[tokio::test]
async fn a_stop_string_that_the_provider_found_is_named() {
    let (provider, gate) = stage_of("anthropic", "claude-sonnet-4-6").await;
    provider.always(speaks(Turn::new().says(["One, "]).stops_at("two")));
    let request = with(question_to("claude-sonnet-4-6"), json!({"stop": ["two"]}));

    let whole = gate.post(&request).await;
    let stream = gate.stream(&request).await;

    assert_eq!(provider.requests()[0].json()["stop_sequences"], json!(["two"]));
    assert_eq!(whole.json()["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole.json()["choices"][0]["matched_stop"], "two");
    let last = stream.summary().chunks.last().unwrap();
    assert_eq!(last["choices"][0]["matched_stop"], "two");
}

#[tokio::test]
async fn a_call_that_gemini_could_not_write_is_the_providers_fault() {
    let (provider, gate) = stage_of("gemini", "gemini-3-flash-preview").await;
    for reason in [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "MALFORMED_RESPONSE",
    ] {
        provider.always(speaks(Turn::new().says([]).ends_with(reason)));

        let whole = gate.post(&question_to("gemini-3-flash-preview")).await;
        let stream = gate.stream(&question_to("gemini-3-flash-preview")).await;

        assert_eq!((whole.status, stream.status), (502, 502), "{reason}");
        assert_eq!(whole.error_code().as_deref(), stream.error_code(), "{reason}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_blocked_is_the_clients_to_mend() {
    let (provider, gate) = stage_of("gemini", "gemini-3-flash-preview").await;
    let blocked = json!({
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}
    });
    provider.always(either(answers(blocked.clone()), &[blocked]));

    let whole = gate.post(&question_to("gemini-3-flash-preview")).await;
    let stream = gate.stream(&question_to("gemini-3-flash-preview")).await;

    assert_eq!(
        (whole.status, whole.error_code().as_deref()),
        (400, Some("content_filter"))
    );
    assert_eq!(
        (stream.status, stream.error_code()),
        (400, Some("content_filter"))
    );
}

/// Whole, or as these events.
pub fn either(whole: Script, events: &[Value]) -> Script {
    let events: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let stream = streams_raw(events);
    decides(move |request| match request.wants_stream() {
        true => stream.clone(),
        false => whole.clone(),
    })
}

#[tokio::test]
async fn tokens_are_counted_in_openais_meaning() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let (cache_write_5m, cache_write_1h) = match preset {
            "anthropic" => (7, 5),
            _ => (0, 0),
        };
        let tokens = Tokens {
            fresh: 100,
            cache_read: 40,
            cache_write_5m,
            cache_write_1h,
            answer: 30,
            thoughts: 12,
        };

        let turn = Turn::new().thinks(["Hm."]).says(["Hello"]).took(tokens);
        let usage = said(&provider, &gate, &question_to(model), turn)
            .await
            .usage
            .unwrap();

        assert_eq!(
            usage.prompt_tokens,
            140 + cache_write_5m + cache_write_1h,
            "{preset}"
        );
        assert_eq!(usage.completion_tokens, 42, "{preset}");
        assert_eq!(usage.total_tokens, usage.prompt_tokens + 42, "{preset}");
        assert_eq!(usage.cached_tokens(), 40, "{preset}");
        assert_eq!(usage.reasoning_tokens(), 12, "{preset}");
    }
}

#[tokio::test]
async fn what_image_models_draw_comes_beside_the_text() {
    let (provider, gate) = stage_of("gemini", DRAWS).await;
    let turn = Turn::new()
        .says(["Two of them:"])
        .draws("image/gif", PIXEL)
        .signed("image-signature")
        .draws("image/gif", PIXEL);

    let answer = said(&provider, &gate, &question_to(DRAWS), turn).await;

    let url = format!("data:image/gif;base64,{PIXEL}");
    assert_eq!(answer.images(), [url.clone(), url]);
    assert_eq!(answer.text(), "Two of them:");
    assert_eq!(answer.finish_reason(), Some("stop"));
}
