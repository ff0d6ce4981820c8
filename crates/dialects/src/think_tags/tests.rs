use super::*;

fn split(pieces: &[&str]) -> (String, String) {
    split_by(ThinkTags::default(), pieces)
}

/// As of a model that always thinks.
fn split_unopened(pieces: &[&str]) -> (String, String) {
    split_by(ThinkTags::of_a_thinker(), pieces)
}

fn split_by(mut tags: ThinkTags, pieces: &[&str]) -> (String, String) {
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

#[test]
fn of_a_model_that_always_thinks_the_opening_tag_may_be_missing() {
    let text = "a < b</think>\n\nYes </think> really";
    for cut in 0..=text.len() {
        assert_eq!(
            split_unopened(&[&text[..cut], &text[cut..]]),
            ("a < b".into(), "Yes </think> really".into()),
            "cut at {cut}"
        );
    }
    assert_eq!(
        split(&[text]),
        (String::new(), text.into()),
        "another model's own words"
    );
}

#[test]
fn what_never_closes_and_never_opened_is_text() {
    assert_eq!(
        split_unopened(&["just", " text</thi"]),
        (String::new(), "just text</thi".into())
    );
    assert_eq!(
        split_unopened(&["<think>hm</think>", "Yes"]),
        ("hm".into(), "Yes".into())
    );
}

#[test]
fn what_is_too_long_to_wait_for_a_closing_tag_is_text() {
    let long = "a".repeat(UNOPENED_LIMIT + 1);
    let mut tags = ThinkTags::of_a_thinker();
    let mut out = Vec::new();
    tags.split(&long, &mut out);
    assert_eq!(out, [Piece::Text(long)], "it is not held any longer");
    tags.split("</think>b", &mut out);
    assert_eq!(out.last(), Some(&Piece::Text("</think>b".into())));
}

#[test]
fn text_is_not_held_once_the_thoughts_have_come_by_themselves() {
    let mut tags = ThinkTags::of_a_thinker();
    let mut out = Vec::new();
    tags.thoughts_came();
    tags.split("Yes", &mut out);
    assert_eq!(out, [Piece::Text("Yes".into())]);
}
