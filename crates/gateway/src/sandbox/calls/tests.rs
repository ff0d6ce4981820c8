use super::*;

fn calls() -> Vec<(String, String)> {
    [
        ("weather", r#"{"city": "Os\"lo}", "days": [1, {"a": 2}]}"#),
        ("time", "{}"),
    ]
    .map(|(name, arguments)| (name.to_owned(), arguments.to_owned()))
    .into()
}

/// Text and calls that are told where the text comes in pieces of so many letters.
fn read(text: &str, letters: usize) -> (String, Vec<(String, String)>) {
    read_by(CallReader::new(Where::Anywhere), text, letters)
}

fn read_by(mut reader: CallReader, text: &str, letters: usize) -> (String, Vec<(String, String)>) {
    let (mut said, mut calls) = (String::new(), Vec::<(String, String)>::new());
    let letters_of: Vec<char> = text.chars().collect();
    for piece in letters_of.chunks(letters) {
        for told in reader.take(&piece.iter().collect::<String>()) {
            match told {
                Told::Text(text) => said.push_str(&text),
                Told::Name(name) => calls.push((name, String::new())),
                Told::Arguments(piece) => calls.last_mut().expect("a name comes first").1.push_str(&piece),
            }
        }
    }
    said.push_str(&reader.end());
    (said, calls)
}

#[test]
fn where_the_pieces_end_changes_nothing() {
    let text = format!("I look it up. {}", written(&calls()));
    for letters in [1, 2, 3, 7, 20, 1_000] {
        assert_eq!(
            read(&text, letters),
            ("I look it up. ".to_owned(), calls()),
            "pieces of {letters}"
        );
    }
}

#[test]
fn text_that_only_looks_like_a_call_stays_text() {
    for text in ["a <tool", "<tool_calls are fun", "x < y", ""] {
        for letters in [1, 4, 100] {
            assert_eq!(read(text, letters), (text.to_owned(), Vec::new()));
        }
    }
}

#[test]
fn a_call_that_is_cut_off_is_told_as_far_as_it_came() {
    let whole = written(&calls());
    let cut = &whole[..whole.find("days").expect("it is there")];
    let (_, calls) = read(cut, 3);
    assert_eq!(
        calls,
        [("weather".to_owned(), r#"{"city": "Os\"lo}", ""#.to_owned())]
    );
    assert_eq!(read("<tool_call>[{\"name\": \"wea", 2).1, []);
}

#[test]
fn json_that_holds_the_mark_of_calls_is_no_call() {
    for text in [
        r#"{"a": "<tool_call>[{\"name\": \"f\""}"#,
        "\"<tool_call>\"",
        r#"["a <tool"]"#,
        "<tool_call",
        "",
    ] {
        for letters in [1, 3, 100] {
            let read = read_by(CallReader::new(Where::AtTheStart), text, letters);
            assert_eq!(read, (text.to_owned(), Vec::new()));
        }
    }
    for letters in [1, 3, 100] {
        let read = read_by(CallReader::new(Where::AtTheStart), &written(&calls()), letters);
        assert_eq!(read, (String::new(), calls()));
    }
}
