use proptest::prelude::*;

use super::JsonText;
use crate::emulate::schema::Root;

fn shown(root: Root, pieces: &[&str]) -> String {
    let mut text = JsonText::new(root);
    let mut shown: String = pieces.iter().map(|piece| text.take(piece)).collect();
    shown.push_str(&text.end());
    shown
}

#[test]
fn a_value_passes_as_it_comes() {
    let mut text = JsonText::new(Root::Object);
    assert_eq!(text.take("\n{\"a\":"), "{\"a\":");
    assert_eq!(text.take("[1,"), "[1,");
    assert_eq!(text.take("2]}\n"), "2]}");
    assert_eq!(text.end(), "");
}

#[test]
fn a_fence_and_words_around_the_value_go() {
    for said in [
        "```json\n{\"a\":1}\n```",
        "```\n{\"a\":1}\n```\n",
        "Here it is:\n\n```json\n{\"a\":1}\n```\nI hope that this helps.",
        "Sure! {\"a\":1} And {\"b\":2} too.",
    ] {
        assert_eq!(shown(Root::Object, &[said]), "{\"a\":1}", "{said}");
    }
    assert_eq!(
        shown(Root::Array, &["Here: ```[{\"a\":[1]}]```"]),
        "[{\"a\":[1]}]"
    );
}

#[test]
fn brackets_among_the_words_begin_no_value() {
    for said in [
        "As the template {name} wants: {\"a\":1}",
        "Replaced {} and { \"quoted\" } here: {\"a\":1}, {}",
        "if (x) { return } else {y}\n```json\n{\"a\":1}\n```",
        "${HOME} {{mustache}} {\"a\":1}",
    ] {
        assert_eq!(shown(Root::Object, &[said]), "{\"a\":1}", "{said}");
    }
    for said in [
        "[see below] [note]: [{\"a\":1}]",
        "An [ ] or []: [{\"a\":1}] or [2]",
    ] {
        assert_eq!(shown(Root::Array, &[said]), "[{\"a\":1}]", "{said}");
    }
    assert_eq!(shown(Root::Array, &["So: [null, 1] it is"]), "[null, 1]");
}

#[test]
fn brackets_with_nothing_between_them_are_a_value_where_no_other_comes() {
    assert_eq!(shown(Root::Object, &["There is none: {", " }, sorry."]), "{}");
    assert_eq!(shown(Root::Array, &["```json\n[]\n```"]), "[]");
    assert_eq!(shown(Root::Object, &["{}"]), "{}");
}

#[test]
fn a_value_of_any_kind_is_found_among_words_at_the_end() {
    assert_eq!(shown(Root::Any, &["For {x}: {\"a\":[1]}. Good?"]), "{\"a\":[1]}");
    assert_eq!(shown(Root::Any, &["It is [1, 2]."]), "[1, 2]");
    assert_eq!(shown(Root::Any, &["\"{\\\"a\\\":1}\""]), "\"{\\\"a\\\":1}\"");
    assert_eq!(shown(Root::Any, &["I {think} not"]), "I {think} not");
}

#[test]
fn an_opened_bracket_does_not_hold_the_answer_for_ever() {
    let spaces = " ".repeat(2_000);
    assert_eq!(
        shown(Root::Object, &["{", &spaces, "\"a\":1}"]),
        format!("{{{spaces}\"a\":1}}")
    );
}

#[test]
fn brackets_and_fences_inside_a_string_end_nothing() {
    let value = r#"{"code":"```js\nif (a) {}}\n```","quote":"\"}"}"#;
    assert_eq!(shown(Root::Object, &["```json\n", value, "\n```"]), value);
}

#[test]
fn a_value_that_may_be_a_string_waits_for_the_end() {
    let mut text = JsonText::new(Root::Any);
    assert_eq!(text.take("```json\n\"ye"), "");
    assert_eq!(text.take("s\"\n```\n"), "");
    assert_eq!(text.end(), "\"yes\"");
}

#[test]
fn an_answer_in_words_alone_stays_what_it_is() {
    assert_eq!(
        shown(Root::Object, &["I cannot ", "do that."]),
        "I cannot do that."
    );
    let long = "word ".repeat(20_000);
    assert_eq!(shown(Root::Object, &[&long, "more"]), format!("{long}more"));
}

#[test]
fn a_value_that_was_cut_off_is_shown_as_far_as_it_came() {
    assert_eq!(shown(Root::Object, &["```json\n{\"a\":[1,"]), "{\"a\":[1,");
    assert_eq!(shown(Root::Object, &["```json\n{\"na"]), "{\"na");
}

proptest! {
    #[test]
    fn where_the_text_is_cut_changes_nothing(
        said in "[a{}\\[\\]\"\\\\`\n漢]{0,40}",
        cuts in prop::collection::vec(0usize..40, 0..5),
    ) {
        for root in [Root::Object, Root::Array, Root::Any] {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| said.floor_char_boundary(*cut)).collect();
            cuts.extend([0, said.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|cut| &said[cut[0]..cut[1]]).collect();
            prop_assert_eq!(shown(root, &pieces), shown(root, &[&said]));
        }
    }
}
