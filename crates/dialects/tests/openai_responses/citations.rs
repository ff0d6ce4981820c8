//! Pages that a text cites.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_chat::event::{Citation, EventKind};

use super::{
    events::{added, delta, done, whole},
    fixtures::{decode_answer, shown},
};

fn cited(start: u64, end: u64, page: &str) -> Value {
    json!({
        "type": "url_citation",
        "start_index": start,
        "end_index": end,
        "url": format!("https://example.com/{page}"),
        "title": page
    })
}

/// A message of these texts, each with what it cites.
fn message(id: &str, texts: &[(&str, Value)]) -> Value {
    let part = |(text, annotations): &(&str, Value)| json!({"type": "output_text", "text": text, "annotations": annotations});
    let content: Vec<Value> = texts.iter().map(part).collect();
    json!({"type": "message", "id": id, "content": content})
}

fn citations_of(events: &[EventKind]) -> Vec<(u64, u64, String)> {
    let citation = |event: &EventKind| match event {
        EventKind::Citation {
            citation: Citation {
                start, end, title, ..
            },
            ..
        } => Some((*start, *end, title.clone())),
        _ => None,
    };
    events.iter().filter_map(citation).collect()
}

#[test]
fn pages_stand_where_the_clients_one_text_has_what_they_are_the_source_of() {
    let output = json!([
        message(
            "msg_1",
            &[("Pr\u{e9}. ", json!([])), ("One.", json!([cited(0, 4, "one")]))]
        ),
        message(
            "msg_2",
            &[(
                "Two.",
                json!([cited(0, 4, "two"), {"type": "file_citation", "file_id": "f"}])
            )]
        ),
    ]);
    let response = json!({"status": "completed", "output": output});
    let answer = shown(&decode_answer(&Bytes::from(response.to_string())).unwrap().answer);
    let message = &answer["choices"][0]["message"];
    assert_eq!(message["content"], "Pr\u{e9}. One.\n\nTwo.");
    let page = |start: u64, end: u64, page: &str| {
        let url = format!("https://example.com/{page}");
        json!({
            "type": "url_citation",
            "url_citation": {"start_index": start, "end_index": end, "title": page, "url": url}
        })
    };
    assert_eq!(
        message["annotations"],
        json!([page(5, 9, "one"), page(11, 15, "two")]),
        "characters are counted, not bytes"
    );
}

#[test]
fn a_page_is_told_once_however_often_the_provider_tells_it() {
    let item = message("msg_1", &[("One.", json!([cited(0, 4, "one")]))]);
    let told = whole(&[
        added(0, message("msg_1", &[])),
        delta("output_text", 0, "One."),
        json!({
            "type": "response.output_text.annotation.added",
            "output_index": 0,
            "content_index": 0,
            "annotation_index": 0,
            "annotation": cited(0, 4, "one")
        }),
        done(0, item.clone()),
        done(0, item),
    ]);
    assert_eq!(citations_of(&told), [(0, 4, "one".to_owned())]);
}

#[test]
fn a_page_that_is_told_by_itself_alone_is_told() {
    let page = |at: u64| {
        json!({
            "type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0,
            "annotation_index": at, "annotation": cited(0, 4, "one"),
        })
    };
    let said = [added(0, message("msg_1", &[])), delta("output_text", 0, "One.")];
    let item = message("msg_1", &[("One.", json!([]))]);
    let told = whole(&[&said[..], &[page(0), done(0, item)]].concat());
    assert_eq!(citations_of(&told), [(0, 4, "one".to_owned())]);
}

#[test]
fn an_answer_that_cites_nothing_has_no_annotations() {
    let response = json!({"status": "completed", "output": [message("msg_1", &[("One.", json!([]))])]});
    let answer = shown(&decode_answer(&Bytes::from(response.to_string())).unwrap().answer);
    assert_eq!(answer["choices"][0]["message"].get("annotations"), None);
}
