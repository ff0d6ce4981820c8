use bytes::Bytes;
use serde_json::json;

use super::fault::{cut_after, events, with_bad_json, with_error, with_event_halved};
use super::framing::framings;
use super::*;

const STREAM: &str = "data: {\"a\":\"gr\u{fc}n \u{1f333}\"}\n\n: hold\n\ndata: {\"a\":2}\n\ndata: [DONE]\n\n";

fn body(text: &str) -> Bytes {
    Bytes::from(text.to_owned())
}

fn cut_named(body: &Bytes, name: &str) -> Vec<Bytes> {
    let cut = hostile_cuts(body, 1).into_iter().find(|cut| cut.name == name);
    cut.expect("a cut of that name").pieces
}

#[test]
fn the_pieces_are_the_same_bytes_together() {
    for text in [STREAM, &STREAM.replace('\n', "\r\n"), "x", ""] {
        for cut in hostile_cuts(&body(text), 7) {
            assert_eq!(cut.pieces.concat(), text.as_bytes(), "{}", cut.name);
            assert!(cut.pieces.iter().all(|piece| !piece.is_empty()), "{}", cut.name);
        }
    }
}

#[test]
fn the_same_seed_cuts_at_the_same_places() {
    let pieces = |seed| -> Vec<Vec<Bytes>> {
        let cuts = hostile_cuts(&body(STREAM), seed);
        cuts.into_iter().map(|cut| cut.pieces).collect()
    };
    assert_eq!(pieces(7), pieces(7));
    assert_ne!(pieces(7), pieces(8));
}

#[test]
fn a_cut_goes_where_its_name_says() {
    let crlf = body("data: a\r\n\r\ndata: b\r\n\r\n");
    assert_eq!(
        cut_named(&crlf, "between CR and LF"),
        ["data: a\r", "\n\r", "\ndata: b\r", "\n\r", "\n"]
    );
    assert_eq!(
        cut_named(&body("data: \u{fc}\n\n"), "inside characters"),
        [&b"data: \xc3"[..], &b"\xbc\n\n"[..]]
    );
    let two = body("data: a\n\ndata: b\n\n");
    assert_eq!(
        cut_named(&two, "at every event's end"),
        ["data: a\n\n", "data: b\n\n"]
    );
    assert_eq!(
        cut_named(&two, "before every event's end"),
        ["data: a\n", "\ndata: b\n", "\n"]
    );
    assert_eq!(
        cut_named(&two, "after every event's end"),
        ["data: a\n\nd", "ata: b\n\n"]
    );
    assert_eq!(cut_named(&two, "one byte at a time").len(), two.len());
}

#[test]
fn events_are_found_with_any_line_end() {
    for (text, count) in [
        (STREAM.to_owned(), 4),
        (STREAM.replace('\n', "\r\n"), 4),
        (STREAM.replace('\n', "\r"), 4),
        (format!("\n\n{STREAM}data: open"), 5),
        (String::new(), 0),
    ] {
        let events = events(&body(&text));
        assert_eq!(events.len(), count, "{text:?}");
        assert_eq!(events.concat(), text.as_bytes(), "nothing is lost");
    }
}

/// A reader as the standard describes it, slow and plain: what all framings must agree on.
fn data_of(stream: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(stream).expect("UTF-8");
    let text = text.trim_start_matches('\u{feff}');
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let mut data: Vec<&str> = Vec::new();
    for line in text.split('\n') {
        if line.is_empty() {
            events.extend((!data.is_empty()).then(|| data.join("\n")));
            data.clear();
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    events.extend((!data.is_empty()).then(|| data.join("\n")));
    events
}

#[test]
fn every_framing_says_the_same() {
    let meaning = |stream: &[u8]| -> Vec<serde_json::Value> {
        let events = data_of(stream).into_iter();
        events
            .map(|data| serde_json::from_str(&data).unwrap_or(json!(data)))
            .collect()
    };
    let original = meaning(STREAM.as_bytes());
    assert_eq!(original.len(), 3);

    for framed in framings(STREAM.as_bytes()) {
        assert_eq!(meaning(&framed.bytes), original, "{}", framed.name);
        assert_ne!(framed.bytes, STREAM, "{} changes nothing", framed.name);
    }
}

#[test]
fn a_fault_loses_what_it_says() {
    let stream = body("data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: [DONE]\n\n");

    assert_eq!(cut_after(&stream, 1), "data: {\"a\":1}\n\n");
    assert_eq!(
        data_of(&with_error(&stream, 1, &json!({"error": {}}))),
        ["{\"a\":1}", "{\"error\":{}}", "{\"a\":2}", "[DONE]"]
    );
    for broken in [with_bad_json(&stream, 1), with_event_halved(&stream, 1)] {
        let bad: Vec<bool> = data_of(&broken)
            .iter()
            .map(|data| data != "[DONE]" && serde_json::from_str::<serde_json::Value>(data).is_err())
            .collect();
        assert_eq!(bad.iter().filter(|bad| **bad).count(), 1, "{broken:?}");
        assert!(bad[1], "in the middle of good ones");
    }
}
