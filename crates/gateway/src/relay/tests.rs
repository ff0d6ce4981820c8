use super::*;

#[test]
fn notes_fit_into_a_header_whatever_a_client_calls_its_parameters() {
    let notes = [
        Note::Moved("temperature".to_owned()),
        Note::Omitted("ключ\r\nset-cookie: x".to_owned()),
    ];

    let text = in_header(&notes);

    assert_eq!(text, "moved:temperature, omitted:??????set-cookie: x");
    assert!(HeaderValue::from_str(&text).is_ok());
}

#[test]
fn many_notes_are_cut() {
    let notes = vec![Note::Omitted("x".repeat(100)); 100];

    assert_eq!(in_header(&notes).len(), NOTES_BYTES + 3);
}
