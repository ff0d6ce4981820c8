//! What Google's own search has found, as annotations.

use serde_json::{Value, json};
use tollgate_chat::event::{EventKind, Unshown};

use super::fixtures::{answer, assembled, stream};

fn grounding() -> Value {
    json!({
        "webSearchQueries": ["monkeys"],
        "groundingChunks": [
            {"web": {"uri": "https://example.com/one", "title": "one", "domain": "example.com"}},
            {"web": {"uri": "https://example.com/two", "title": "two"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 6, "text": "Zwölf"}, "groundingChunkIndices": [0]},
            // Google is a line off here.
            {"segment": {"startIndex": 9, "endIndex": 15, "text": "Affen."}, "groundingChunkIndices": [1, 0, 7]},
        ],
    })
}

fn candidate(parts: Value) -> Value {
    json!({"content": {"role": "model", "parts": parts}})
}

fn cited(start: u64, end: u64, name: &str) -> Value {
    json!({"type": "url_citation", "url_citation": {
        "start_index": start, "end_index": end, "title": name, "url": format!("https://example.com/{name}")}})
}

#[test]
fn pages_come_as_annotations_with_the_text_that_they_bear_out_whole_and_streamed_alike() {
    let mut only = candidate(json!([{"text": "Hm.", "thought": true}, {"text": "Zwölf\nAffen."}]));
    only["finishReason"] = json!("STOP");
    only["groundingMetadata"] = grounding();
    let whole = answer(&json!({"candidates": [only]}));

    let mut last = candidate(json!([{"text": "en."}]));
    last["finishReason"] = json!("STOP");
    last["groundingMetadata"] = grounding();
    let mut first = candidate(json!([{"text": "Zwölf\nAff"}]));
    first["groundingMetadata"] = json!({"webSearchQueries": ["monkeys"]});
    let streamed = stream(&[json!({"candidates": [first]}), json!({"candidates": [last]})]);
    streamed.end.clone().unwrap();

    for answer in [whole, assembled(streamed.kinds())] {
        let message = &answer["choices"][0]["message"];
        assert_eq!(message["content"], "Zwölf\nAffen.");
        assert_eq!(
            message["annotations"],
            json!([cited(0, 5, "one"), cited(6, 12, "two"), cited(6, 12, "one")])
        );
    }
}

#[test]
fn sources_that_are_not_on_the_web_have_no_form_and_that_is_told() {
    let mut only = candidate(json!([{"text": "42."}]));
    only["finishReason"] = json!("STOP");
    only["groundingMetadata"] = json!({
        "groundingChunks": [{"retrievedContext": {"title": "Notes", "text": "It is 42.", "fileSearchStore": "s"}}],
        "groundingSupports": [{"segment": {"endIndex": 3, "text": "42."}, "groundingChunkIndices": [0]}],
    });
    let streamed = stream(&[json!({"candidates": [only]})]);
    let told = EventKind::Unshown {
        choice: 0,
        kind: Unshown::Annotations,
    };
    assert!(streamed.kinds().contains(&told));
    assert!(
        !streamed
            .kinds()
            .iter()
            .any(|kind| matches!(kind, EventKind::Citation { .. }))
    );
}

#[test]
fn places_that_are_nowhere_harm_nothing() {
    for (start, end) in [(0, u64::MAX), (u64::MAX, 3), (7, 2), (3, 4)] {
        let mut only = candidate(json!([{"text": "Zwölf"}]));
        only["finishReason"] = json!("STOP");
        only["groundingMetadata"] = grounding();
        only["groundingMetadata"]["groundingSupports"] = json!([
            {"segment": {"startIndex": start, "endIndex": end, "text": "not there"}, "groundingChunkIndices": [0]}]);
        let told = answer(&json!({"candidates": [only]}));
        let annotations = told["choices"][0]["message"]["annotations"].as_array().unwrap();
        let place = &annotations[0]["url_citation"];
        let (start, end) = (
            place["start_index"].as_u64().unwrap(),
            place["end_index"].as_u64().unwrap(),
        );
        assert!(start <= end && end <= 5, "{place}");
    }
}
