use proptest::prelude::*;

use super::{HoldBack, Passed};

fn hold_back(stops: &[&str]) -> HoldBack {
    HoldBack::new(stops.iter().map(|stop| (*stop).to_owned()))
}

/// All that is shown of these pieces, and the stop text that ended them.
fn shown(stops: &[String], pieces: &[&str]) -> (String, Option<String>) {
    let mut hold_back = HoldBack::new(stops.to_vec());
    let mut all = String::new();
    for piece in pieces {
        match hold_back.take(piece) {
            Passed::Text(text) => all.push_str(&text),
            Passed::Stopped { text, stop } => return (all + &text, Some(stop)),
        }
    }
    (all + &hold_back.end(), None)
}

/// What a model that stops by itself would have written, found letter by letter.
fn expected(stops: &[String], text: &str) -> (String, Option<String>) {
    for (at, letter) in text.char_indices() {
        let written = &text[..at + letter.len_utf8()];
        let met = stops
            .iter()
            .filter(|stop| !stop.is_empty() && written.ends_with(&***stop));
        if let Some(stop) = met.max_by_key(|stop| stop.len()) {
            return (
                written[..written.len() - stop.len()].to_owned(),
                Some(stop.clone()),
            );
        }
    }
    (text.to_owned(), None)
}

#[test]
fn a_stop_text_in_three_pieces_ends_the_text_and_none_of_it_is_shown() {
    let mut hold_back = hold_back(&["STOP"]);
    assert_eq!(hold_back.take("one S"), Passed::Text("one ".to_owned()));
    assert_eq!(hold_back.take("TO"), Passed::Text(String::new()));
    let stopped = Passed::Stopped {
        text: String::new(),
        stop: "STOP".to_owned(),
    };
    assert_eq!(hold_back.take("P two"), stopped);
    assert_eq!(hold_back.end(), "", "what follows a stop text is nobody's");
}

#[test]
fn what_only_looked_like_a_stop_text_is_shown_as_soon_as_that_is_clear() {
    let mut hold_back = hold_back(&["STOP"]);
    assert_eq!(hold_back.take("ST"), Passed::Text(String::new()));
    assert_eq!(hold_back.take("STS"), Passed::Text("STST".to_owned()));
    assert_eq!(hold_back.end(), "S");
}

#[test]
fn the_stop_text_that_is_complete_first_counts() {
    let stops = ["abc".to_owned(), "b".to_owned()];
    for pieces in [&["xabc"][..], &["xa", "bc"], &["x", "a", "b", "c"]] {
        assert_eq!(
            shown(&stops, pieces),
            ("xa".to_owned(), Some("b".to_owned())),
            "{pieces:?}"
        );
    }
}

#[test]
fn of_two_stop_texts_that_end_together_the_longer_counts() {
    let stops = ["c".to_owned(), "abc".to_owned()];
    assert_eq!(shown(&stops, &["xabc"]), ("x".to_owned(), Some("abc".to_owned())));
}

#[test]
fn letters_of_several_bytes_stay_whole() {
    let mut hold_back = hold_back(&["é!"]);
    assert_eq!(hold_back.take("caf"), Passed::Text("caf".to_owned()));
    assert_eq!(hold_back.take("é"), Passed::Text(String::new()));
    assert_eq!(hold_back.take("e"), Passed::Text("ée".to_owned()));
}

#[test]
fn without_stop_texts_everything_passes_at_once() {
    let mut hold_back = hold_back(&[""]);
    assert_eq!(hold_back.take("STOP"), Passed::Text("STOP".to_owned()));
}

/// Few letters, so that stop texts are met and nearly met.
fn texts(longest: usize) -> impl Strategy<Value = String> {
    let letters = prop::sample::select(vec!['a', 'b', 'é', '漢']);
    prop::collection::vec(letters, 0..=longest).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn however_the_text_is_cut_what_is_shown_ends_before_the_first_stop_text(
        stops in prop::collection::vec(texts(4), 0..4),
        pieces in prop::collection::vec(texts(5), 0..12),
    ) {
        let whole = pieces.concat();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let expected = expected(&stops, &whole);
        prop_assert_eq!(&shown(&stops, &pieces), &expected);
        prop_assert_eq!(shown(&stops, &[&*whole]), expected);
    }

    #[test]
    fn less_than_the_longest_stop_text_waits(stops in prop::collection::vec(texts(4), 1..4), text in texts(40)) {
        let longest = stops.iter().map(String::len).max().unwrap_or_default();
        let mut hold_back = HoldBack::new(stops);
        if let Passed::Text(shown) = hold_back.take(&text) {
            prop_assert!(text.starts_with(&*shown));
            prop_assert!(text.len() - shown.len() <= longest.saturating_sub(1));
        }
    }
}
