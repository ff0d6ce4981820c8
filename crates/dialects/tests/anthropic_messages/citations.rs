//! Pages that an answer cites, whole and streamed.

use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{EventKind, Unshown};
use tollgate_dialects::Undo;

use super::fixtures::{DIALECT, answer, assembled, decode_answer, read, sse};

fn page(name: &str) -> Value {
    json!({"type": "web_search_result_location", "url": format!("https://example.com/{name}"), "title": name,
           "cited_text": "some", "encrypted_index": "x"})
}

fn document() -> Value {
    json!({"type": "char_location", "document_index": 0, "document_title": "facts.txt", "cited_text": "some",
           "start_char_index": 0, "end_char_index": 4})
}

/// Texts with what they cite.
fn blocks() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("Zwölf ", vec![]),
        ("Affen", vec![page("one"), page("two"), page("one")]),
        (".", vec![]),
    ]
}

fn whole(blocks: &[(&str, Vec<Value>)]) -> Value {
    let blocks = blocks.iter().map(|(text, citations)| match citations.is_empty() {
        true => json!({"type": "text", "text": text, "citations": null}),
        false => json!({"type": "text", "text": text, "citations": citations}),
    });
    json!({"type": "message", "content": blocks.collect::<Vec<_>>(), "stop_reason": "end_turn"})
}

fn streamed(blocks: &[(&str, Vec<Value>)]) -> Vec<EventKind> {
    let mut all = vec![json!({"type": "message_start", "message": {}})];
    for ((text, citations), index) in blocks.iter().zip(0..) {
        let block = json!({"type": "text", "text": "", "citations": []});
        all.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        let cite = |citation: &Value| json!({"type": "citations_delta", "citation": citation});
        let say = [json!({"type": "text_delta", "text": text})];
        let deltas = citations.iter().map(cite).chain(say);
        all.extend(
            deltas.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
        all.push(json!({"type": "content_block_stop", "index": index}));
    }
    all.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}));
    all.push(json!({"type": "message_stop"}));
    let (events, _, end) = read([sse(&all)]);
    end.unwrap();
    events
}

#[test]
fn pages_come_as_annotations_with_the_block_that_cites_them_whole_and_streamed_alike() {
    let (whole, _) = answer(&whole(&blocks())).unwrap();
    let annotation = |name: &str| {
        json!({"type": "url_citation", "url_citation": {
            "start_index": 6, "end_index": 11, "title": name, "url": format!("https://example.com/{name}")}})
    };
    for answer in [whole, assembled(streamed(&blocks()))] {
        let message = &answer["choices"][0]["message"];
        assert_eq!(message["content"], "Zwölf Affen.");
        assert_eq!(
            message["annotations"],
            json!([annotation("one"), annotation("two")])
        );
    }
}

#[test]
fn places_in_documents_have_no_form_and_that_is_told() {
    let cited = [("Facts.", vec![document()])];
    let told = EventKind::Unshown {
        choice: 0,
        kind: Unshown::Annotations,
    };
    assert!(streamed(&cited).contains(&told));
    let body = bytes::Bytes::from(whole(&cited).to_string());
    let whole = decode_answer(DIALECT, &Quirks::default(), &Undo::default(), &body).unwrap();
    assert!(whole.answer.unshown.contains(&Unshown::Annotations));
}

#[test]
fn a_search_of_the_clients_own_is_cited_where_its_source_is_on_the_web() {
    let own = |source: &str| json!({"type": "search_result_location", "source": source, "title": "Own"});
    let (told, _) = answer(&whole(&[(
        "Yes.",
        vec![own("https://example.com/a"), own("shelf 7")],
    )]))
    .unwrap();
    let annotations = told["choices"][0]["message"]["annotations"].as_array().unwrap();
    assert_eq!(annotations.len(), 1);
    assert_eq!(annotations[0]["url_citation"]["url"], "https://example.com/a");
}
