use std::borrow::Cow;

use super::{join, split};

fn parts(address: &str) -> Option<(String, String)> {
    let split = split(Cow::Borrowed(address)).ok()?;
    Some((split.0.into_owned(), split.1.into_owned()))
}

#[test]
fn type_and_data_are_taken_apart() {
    for (address, media_type) in [
        ("data:image/png;base64,AA==", "image/png"),
        ("DATA:image/png;BASE64,AA==", "image/png"),
        ("data:image/svg+xml;charset=utf-8;base64,AA==", "image/svg+xml"),
        ("data: image/png ; base64,AA==", "image/png"),
        ("data:;base64,AA==", ""),
    ] {
        let expected = Some((media_type.to_owned(), "AA==".to_owned()));
        assert_eq!(parts(address), expected, "{address}");
    }
}

#[test]
fn what_is_no_data_uri_in_base64_comes_back_whole() {
    for address in [
        "",
        "data",
        "data:",
        "data:image/png;base64",
        "data:text/plain,hello",
        "https://a.example/b.png",
        "ms://file",
        "dät:",
    ] {
        assert_eq!(split(Cow::Borrowed(address)), Err(Cow::Borrowed(address)));
        let owned = Cow::Owned(address.to_owned());
        assert_eq!(split(owned), Err(Cow::Borrowed(address)));
    }
}

#[test]
fn what_is_put_together_comes_apart_again() {
    let address = join("image/webp", "UklG");
    assert_eq!(
        parts(&address),
        Some(("image/webp".to_owned(), "UklG".to_owned()))
    );
}

#[test]
fn nothing_is_copied_of_an_address_that_is_only_borrowed() {
    let address = "data:image/png;base64,AA==";
    assert!(matches!(
        split(Cow::Borrowed(address)),
        Ok((Cow::Borrowed(_), Cow::Borrowed(_)))
    ));
}
