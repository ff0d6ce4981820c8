#![allow(clippy::unwrap_used)]

use super::*;

fn resolved(text: &str) -> Result<String, Mistake> {
    let environment = [
        ("KEY".to_owned(), "secret".to_owned()),
        ("TRAP".to_owned(), "${KEY}".to_owned()),
    ];
    resolve(text, &environment.into_iter().collect()).map(Cow::into_owned)
}

#[test]
fn a_variable_stands_anywhere_in_a_text() {
    assert_eq!(resolved("${KEY}").unwrap(), "secret");
    assert_eq!(resolved("a ${KEY} b${KEY}").unwrap(), "a secret bsecret");
}

#[test]
fn what_is_put_in_is_not_looked_through_again() {
    assert_eq!(resolved("${TRAP}").unwrap(), "${KEY}");
}

#[test]
fn a_plain_dollar_and_brace_can_be_written() {
    assert_eq!(resolved("$${KEY} costs $5 {}").unwrap(), "${KEY} costs $5 {}");
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    assert!(matches!(resolved("${NO}"), Err(Mistake::UnsetVariable { name }) if name == "NO"));
}

#[test]
fn a_reference_that_is_none_is_refused() {
    for text in ["${", "${}", "${KEY", "${A B}", "a${KEY-default}"] {
        assert!(matches!(resolved(text), Err(Mistake::Reference)), "{text}");
    }
}

#[test]
fn a_file_is_put_in_without_the_white_space_around_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    fs::write(&path, "\n secret\n").unwrap();

    assert_eq!(
        resolved(&format!("${{file:{}}}", path.display())).unwrap(),
        "secret"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = resolved("${file:/nonexistent/key}").unwrap_err();

    assert!(matches!(error, Mistake::ReferencedFile { path, .. } if path == Path::new("/nonexistent/key")));
}
