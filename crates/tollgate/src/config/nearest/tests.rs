use super::*;

#[test]
fn a_slip_of_the_finger_finds_the_word_that_was_meant() {
    let known = ["listen", "admin_listen", "data_dir"];

    assert_eq!(nearest("lisen", known), Some("listen"));
    assert_eq!(nearest("datadir", known), Some("data_dir"));
}

#[test]
fn a_word_that_is_like_none_finds_none() {
    assert_eq!(nearest("password", ["listen", "data_dir"]), None);
}
