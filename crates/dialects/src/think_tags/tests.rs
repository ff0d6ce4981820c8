use super::*;

fn split(pieces: &[&str]) -> (String, String) {
    let mut tags = ThinkTags::default();
    let mut out = Vec::new();
    for piece in pieces {
        tags.split(piece, &mut out);
    }
    tags.end(&mut out);
    let mut sorted = (String::new(), String::new());
    for piece in out {
        match piece {
            Piece::Reasoning(text) => sorted.0.push_str(&text),
            Piece::Text(text) => sorted.1.push_str(&text),
        }
    }
    sorted
}

#[test]
fn reasoning_in_tags_is_taken_out_of_the_content() {
    assert_eq!(
        split(&["<think>a < b</think>\n\nYes"]),
        ("a < b".into(), "Yes".into())
    );
}

#[test]
fn a_tag_cut_anywhere_is_still_a_tag() {
    let text = "\n<think>hm</think>Yes, </b>";
    for cut in 0..=text.len() {
        assert_eq!(
            split(&[&text[..cut], &text[cut..]]),
            ("hm".into(), "Yes, </b>".into()),
            "cut at {cut}"
        );
    }
}

#[test]
fn content_without_a_leading_tag_stays_as_it_is() {
    assert_eq!(
        split(&["a <think>b</think>"]),
        (String::new(), "a <think>b</think>".into())
    );
    assert_eq!(split(&["  <thi"]), (String::new(), "  <thi".into()));
}

#[test]
fn reasoning_that_never_closes_is_reasoning() {
    assert_eq!(split(&["<think>abc</thi"]), ("abc</thi".into(), String::new()));
}
