//! Whole answers, in the form that the client gets.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_chat::event::{EventKind, Unshown};

use super::fixtures::{answer, assembled, decode_answer, decode_stream, shown, stream};

fn one(candidate: Value, usage: Value) -> Value {
    answer(&json!({"candidates": [candidate], "usageMetadata": usage, "responseId": "r_2"}))
}

#[test]
fn counts_are_told_in_openais_meaning_and_classes_never_overlap() {
    let usage = one(
        json!({"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}),
        json!({
            "promptTokenCount": 100, "toolUsePromptTokenCount": 20, "candidatesTokenCount": 30,
            "thoughtsTokenCount": 7, "cachedContentTokenCount": 64, "totalTokenCount": 157,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 30}, {"modality": "IMAGE", "tokenCount": 40},
                {"modality": "AUDIO", "tokenCount": 20}, {"modality": "VIDEO", "tokenCount": 10}],
            "toolUsePromptTokensDetails": [{"modality": "IMAGE", "tokenCount": 20}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
        }),
    )["usage"]
        .take();
    assert_eq!(
        usage,
        json!({
            "prompt_tokens": 120, "completion_tokens": 37, "total_tokens": 157,
            "prompt_tokens_details": {
                "cached_tokens": 64, "image_tokens": 60, "video_tokens": 10, "audio_tokens": 20},
            "completion_tokens_details": {"reasoning_tokens": 7, "image_tokens": 30},
        })
    );
}

#[test]
fn audio_out_of_the_cache_is_told_apart_for_its_price() {
    let body = json!({
        "candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 1070, "cachedContentTokenCount": 400, "candidatesTokenCount": 5,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 300}],
            "cacheTokensDetails": [
                {"modality": "AUDIO", "tokenCount": 100}, {"modality": "TEXT", "tokenCount": 300}],
        },
    });
    let usage = decode_answer(&Bytes::from(body.to_string()))
        .unwrap()
        .answer
        .usage;
    assert_eq!(
        (usage.prompt_audio, usage.cached, usage.cached_audio),
        (300, 400, 100)
    );
}

#[test]
fn a_file_that_only_the_provider_can_fetch_is_named_as_not_shown() {
    for (media_type, kind) in [
        ("image/png", Unshown::File),
        ("application/pdf", Unshown::File),
        ("audio/wav", Unshown::Audio),
        ("video/mp4", Unshown::Video),
    ] {
        let file = json!({"fileData": {"mimeType": media_type, "fileUri": "https://files.example/a"}});
        let parts = json!([{"text": "Hi"}, file]);
        let body = json!({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]});
        let answer = decode_answer(&Bytes::from(body.to_string())).unwrap().answer;
        assert_eq!(answer.unshown, [kind].into(), "{media_type}");
    }
}

#[test]
fn tokens_that_only_the_total_knows_were_written() {
    let usage = one(
        json!({"content": {"parts": [{"text": "Hi"}]}, "finishReason": "MAX_TOKENS"}),
        json!({"promptTokenCount": 10, "totalTokenCount": 110}),
    )["usage"]
        .take();
    assert_eq!(
        (&usage["prompt_tokens"], &usage["completion_tokens"]),
        (&json!(10), &json!(100))
    );
}

/// What is counted where the provider told this, and whether some of it is the gate's own count.
fn counted(usage: Value) -> ([u64; 4], bool) {
    let body = json!({
        "candidates": [{"content": {"parts": [{"text": "a longer answer"}]}, "finishReason": "STOP"}],
        "usageMetadata": usage,
    });
    let whole = decode_answer(&Bytes::from(body.to_string())).unwrap().answer;
    let streamed = stream(&[body]).kinds();
    let is_estimated = streamed.contains(&EventKind::UsageEstimated);
    let (told, usage) = (assembled(streamed)["usage"].take(), shown(&whole)["usage"].take());
    if usage["completion_tokens"] != 4 {
        assert_eq!(told, usage, "whole and streamed count alike");
        assert_eq!(is_estimated, whole.counted_by.is_estimate());
    }
    let count = |count: &Value| count.as_u64().unwrap_or_default();
    let counts = [
        count(&usage["prompt_tokens"]),
        count(&usage["completion_tokens"]),
        count(&usage["prompt_tokens_details"]["cached_tokens"]),
        count(&usage["completion_tokens_details"]["reasoning_tokens"]),
    ];
    (counts, whole.counted_by.is_estimate())
}

#[test]
fn only_the_counts_that_are_missing_are_estimated() {
    for (usage, counts, is_estimated) in [
        (
            json!({"candidatesTokenCount": 23, "thoughtsTokenCount": 67}),
            [3, 90, 0, 67],
            true,
        ),
        (json!({"thoughtsTokenCount": 67}), [3, 67, 0, 67], true),
        (
            json!({"candidatesTokenCount": 23, "cachedContentTokenCount": 64}),
            [64, 23, 64, 0],
            true,
        ),
        (
            json!({"candidatesTokenCount": 23, "toolUsePromptTokenCount": 10}),
            [13, 23, 0, 0],
            true,
        ),
        (
            json!({"candidatesTokenCount": 23, "totalTokenCount": 30}),
            [7, 23, 0, 0],
            false,
        ),
        (json!({"totalTokenCount": 30}), [30, 0, 0, 0], false),
        (json!({"promptTokenCount": 30}), [30, 0, 0, 0], false),
        (json!({"trafficType": "ON_DEMAND"}), [3, 4, 0, 0], true),
    ] {
        assert_eq!(counted(usage.clone()), (counts, is_estimated), "{usage}");
    }
}

#[test]
fn a_prompt_that_was_counted_once_stays_counted() {
    let part = |usage: Value, reason: Value| json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": reason}], "usageMetadata": usage});
    let told = stream(&[
        part(json!({"promptTokenCount": 30}), Value::Null),
        part(json!({"candidatesTokenCount": 23}), json!("STOP")),
    ]);
    assert!(!told.kinds().contains(&EventKind::UsageEstimated));
    let usage = assembled(told.kinds())["usage"].take();
    assert_eq!(
        (&usage["prompt_tokens"], &usage["completion_tokens"]),
        (&json!(30), &json!(23))
    );
}

#[test]
fn images_come_as_data_uris_and_sketches_of_thinking_do_not_come() {
    let answer = one(
        json!({"content": {"parts": [
            {"thought": true, "inlineData": {"mimeType": "image/png", "data": "c2tldGNo"}},
            {"text": "Here: "},
            {"inlineData": {"mimeType": "image/jpeg", "data": "aW1hZ2U="}, "thoughtSignature": "c2ln"},
        ]}, "finishReason": "STOP"}),
        json!({"promptTokenCount": 1, "totalTokenCount": 1}),
    );
    assert_eq!(
        answer["choices"][0]["message"]["images"],
        json!([{"type": "image_url", "index": 0, "image_url": {"url": "data:image/jpeg;base64,aW1hZ2U="}}])
    );
    assert_eq!(answer["choices"][0]["message"]["content"], "Here: ");
    assert!(
        !answer.to_string().contains("c2ln"),
        "signatures are the provider's: {answer}"
    );
}

#[test]
fn log_probabilities_come_in_openais_form() {
    let answer = one(
        json!({"content": {"parts": [{"text": "é!"}]}, "finishReason": "STOP", "avgLogprobs": -0.1,
            "logprobsResult": {
                "chosenCandidates": [
                    {"token": "é", "tokenId": 1, "logProbability": -0.25}, {"token": "!", "tokenId": 2}],
                "topCandidates": [
                    {"candidates": [{"token": "é", "logProbability": -0.25}, {"token": "e", "logProbability": -2.5}]},
                    {"candidates": []}]}}),
        json!({"promptTokenCount": 1, "totalTokenCount": 3}),
    );
    assert_eq!(
        answer["choices"][0]["logprobs"],
        json!({"content": [
            {"token": "é", "logprob": -0.25, "bytes": [195, 169], "top_logprobs": [
                {"token": "é", "logprob": -0.25, "bytes": [195, 169]},
                {"token": "e", "logprob": -2.5, "bytes": [101]}]},
            {"token": "!", "logprob": 0.0, "bytes": [33], "top_logprobs": []},
        ], "refusal": null})
    );
}

#[test]
fn calls_keep_the_spelling_of_their_arguments_and_get_an_id() {
    let answer = one(
        json!({"content": {"parts": [{"functionCall": {"name": "pay", "args": {"b": 1.50, "a": "x  y"}}}]},
               "finishReason": "STOP"}),
        json!({"promptTokenCount": 1, "totalTokenCount": 3}),
    );
    let message = &answer["choices"][0]["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(message["tool_calls"][0]["id"], "call_r2_0");
    let arguments = message["tool_calls"][0]["function"]["arguments"]
        .as_str()
        .unwrap();
    assert!(
        arguments.contains("\"x  y\"") && arguments.contains("1.5"),
        "{arguments}"
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
}

/// Models cut characters in two, and strict readers refuse what comes of it.
#[test]
fn half_a_character_becomes_the_replacement_character() {
    let halves = r#"{"candidates":[{"finishReason":"STOP","content":{"parts":[
        {"text":"why \udc00?","thought":true},
        {"text":"so \ud83d\ude00 \ud83d!"},
        {"functionCall":{"name":"f","args":{"x":"\ud83d\ude00 \udc00"}}}]}}]}"#;
    let whole = decode_answer(&Bytes::from(halves)).unwrap();
    let framed = format!("data: {}\n\n", halves.replace('\n', ""));
    let streamed = decode_stream([Bytes::from(framed)]);
    streamed.end.clone().unwrap();
    for answer in [shown(&whole.answer), assembled(streamed.kinds())] {
        let message = &answer["choices"][0]["message"];
        assert_eq!(message["content"], "so \u{1f600} \u{fffd}!");
        assert_eq!(message["reasoning_content"], "why \u{fffd}?");
        let arguments = message["tool_calls"][0]["function"]["arguments"].as_str();
        let arguments: Value = serde_json::from_str(arguments.unwrap()).unwrap();
        assert_eq!(arguments, json!({"x": "\u{1f600} \u{fffd}"}));
    }
}
