use super::*;

fn wants(pieces: &[&[u8]]) -> (bool, bool) {
    let mut edges = Edges::default();
    for piece in pieces {
        edges.push(piece);
    }
    let wants = edges.wants();
    (wants.stream, wants.usage)
}

#[test]
fn a_body_says_what_it_wants_however_it_is_written() {
    let usage = br#"{"stream_options": {"include_usage": true}, "stream" : true}"#;
    assert_eq!(wants(&[usage]), (true, true));
    assert_eq!(wants(&[br#"{"stream":tr"#, br#"ue}"#]), (true, false));
    assert_eq!(wants(&[br#"{"stream":false}"#]), (false, false));
    assert_eq!(wants(&[b"{}"]), (false, false));
    assert_eq!(wants(&[]), (false, false));
}

#[test]
fn what_stands_behind_a_large_image_is_seen() {
    let image = vec![b'A'; 100_000];
    let small = vec![b'A'; 1000];
    let end = br#"","stream":true}"#;

    assert_eq!(wants(&[b"{\"image\":\"", &image, end]), (true, false));
    assert_eq!(wants(&[b"{\"image\":\"", &image, &small, end]), (true, false));
}
