#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn read_in_pieces(text: &[u8], cuts: &[usize]) -> Vec<(Option<String>, String)> {
    let mut reader = SseReader::new(1 << 20);
    let mut events = Vec::new();
    let mut at = 0;
    for &cut in cuts.iter().chain([&text.len()]) {
        let cut = cut.clamp(at, text.len());
        reader
            .read(Bytes::copy_from_slice(&text[at..cut]), &mut events)
            .unwrap();
        at = cut;
    }
    reader.end(&mut events);
    events
        .into_iter()
        .map(|event| {
            let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
            (event.name.map(text), text(event.data))
        })
        .collect()
}

fn data_of(text: &str) -> Vec<String> {
    read_in_pieces(text.as_bytes(), &[])
        .into_iter()
        .map(|(_, data)| data)
        .collect()
}

#[test]
fn every_line_end_of_the_standard_ends_a_line() {
    for text in [
        "data: a\n\ndata: b\n\n",
        "data: a\r\n\r\ndata: b\r\n\r\n",
        "data: a\r\rdata: b\r\r",
    ] {
        assert_eq!(data_of(text), ["a", "b"], "{text:?}");
    }
}

#[test]
fn the_space_after_the_colon_is_optional_and_only_one_is_taken() {
    assert_eq!(data_of("data:a\n\ndata:  b\n\n"), ["a", " b"]);
}

#[test]
fn comments_and_unknown_fields_are_passed_over() {
    assert_eq!(
        data_of(": ping\n\nid: 7\nretry: 10\nfoo\ndata: a\n\n: ping\n\n"),
        ["a"]
    );
}

#[test]
fn data_lines_are_joined_by_a_line_feed() {
    assert_eq!(data_of("data: {\ndata: }\ndata\n\n"), ["{\n}\n"]);
}

#[test]
fn an_event_keeps_its_name() {
    assert_eq!(
        read_in_pieces(b"event: error\ndata: x\n\ndata: y\n\n", &[]),
        [(Some("error".into()), "x".into()), (None, "y".into())]
    );
}

#[test]
fn a_missing_last_blank_line_loses_nothing() {
    assert_eq!(data_of("data: a\n\ndata: [DONE]"), ["a", "[DONE]"]);
}

#[test]
fn a_byte_order_mark_is_passed_over_once() {
    assert_eq!(data_of("\u{feff}data: a\n\n"), ["a"]);
}

#[test]
fn an_event_over_the_limit_is_an_error_before_it_is_whole() {
    let mut reader = SseReader::new(16);
    let mut events = Vec::new();
    let piece = Bytes::from_static(b"data: 0123456789");
    assert!(reader.read(piece.clone(), &mut events).is_ok());
    assert_eq!(
        reader.read(piece, &mut events),
        Err(SseError::TooLong { limit: 16 })
    );
}

proptest! {
    #[test]
    fn where_the_bytes_are_cut_changes_nothing(
        lines in proptest::collection::vec("(data: ?|event:|: |)[a-zé\u{20ac}]{0,6}(\n|\r\n|\r)", 0..12),
        mut cuts in proptest::collection::vec(0usize..120, 0..8),
    ) {
        let text = lines.concat();
        cuts.sort_unstable();
        let bytes = text.as_bytes();
        let every_byte: Vec<usize> = (0..bytes.len()).collect();
        let whole = read_in_pieces(bytes, &[]);
        prop_assert_eq!(&read_in_pieces(bytes, &cuts), &whole);
        prop_assert_eq!(&read_in_pieces(bytes, &every_byte), &whole);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
        let mut reader = SseReader::new(64);
        let mut events = Vec::new();
        for piece in pieces {
            if reader.read(Bytes::from(piece), &mut events).is_err() {
                return Ok(());
            }
        }
        reader.end(&mut events);
    }
}
