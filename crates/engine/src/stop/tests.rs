use super::*;

/// Pushes pieces until one stops; gives all text shown, and the stop text.
fn shown(stops: &[&str], pieces: &[&str]) -> (String, Option<String>) {
    shown_until(stops, None, pieces)
}

/// As [`shown`], where nothing stops from a text on.
fn shown_until(stops: &[&str], until: Option<&str>, pieces: &[&str]) -> (String, Option<String>) {
    let stops = stops.iter().map(|stop| (*stop).to_owned()).collect();
    let mut filter = StopTexts::new(stops, until.map(str::to_owned));
    let mut shown = String::new();
    for piece in pieces {
        match filter.push(piece) {
            Passed::Text(text) => shown.push_str(&text),
            Passed::Stopped { text, stop } => return (shown + &text, Some(stop)),
        }
    }
    match filter.end() {
        Passed::Text(text) => (shown + &text, None),
        Passed::Stopped { text, stop } => (shown + &text, Some(stop)),
    }
}

#[test]
fn a_stop_text_is_found_however_it_is_cut() {
    let text = "one two\n\nEND three";
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            assert_eq!(
                shown(&["\n\nEND"], &pieces),
                ("one two".to_owned(), Some("\n\nEND".to_owned())),
                "cut at {first} and {second}"
            );
        }
    }
}

#[test]
fn a_beginning_that_leads_nowhere_is_shown() {
    assert_eq!(
        shown(&["<end>"], &["a<", "en", "d of it"]),
        ("a<end of it".to_owned(), None)
    );
    assert_eq!(
        shown(&["<end>"], &["a<en"]),
        ("a<en".to_owned(), None),
        "freed by the end"
    );
}

#[test]
fn text_that_cannot_become_a_stop_is_shown_at_once() {
    let mut filter = StopTexts::new(vec!["xyz".to_owned()], None);
    assert_eq!(filter.push("abcxy"), Passed::Text("abc".to_owned()));
    assert_eq!(filter.push("a"), Passed::Text("xya".to_owned()));
}

#[test]
fn the_earliest_stop_wins() {
    assert_eq!(
        shown(&["d", "b"], &["abcd"]),
        ("a".to_owned(), Some("b".to_owned()))
    );
}

#[test]
fn stops_in_any_script_keep_characters_whole() {
    let pieces = ["東", "京", "。終", "わり"];
    assert_eq!(
        shown(&["。終わり"], &pieces),
        ("東京".to_owned(), Some("。終わり".to_owned()))
    );
}

#[test]
fn an_empty_stop_text_stops_nothing() {
    assert_eq!(shown(&[""], &["abc"]), ("abc".to_owned(), None));
}

#[test]
fn nothing_stops_from_where_it_must_not() {
    let text = "say <call>{x}</call>";
    for cut in 0..=text.len() {
        let pieces = [&text[..cut], &text[cut..]];
        let through = shown_until(&["{", "<c"], Some("<call>"), &pieces);
        assert_eq!(through, (text.to_owned(), None), "cut at {cut}");
        let before = shown_until(&["y"], Some("<call>"), &pieces);
        assert_eq!(before, ("sa".to_owned(), Some("y".to_owned())), "cut at {cut}");
    }
    for pieces in [&["a <cat"][..], &["a <ca", "t"], &["a <c"]] {
        let stopped = shown_until(&["<c"], Some("<call>"), pieces);
        assert_eq!(stopped, ("a ".to_owned(), Some("<c".to_owned())), "{pieces:?}");
    }
}
