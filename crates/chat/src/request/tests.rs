#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn parse(body: impl Into<Bytes>) -> Result<ChatRequest, BodyError> {
    ChatRequest::parse(body.into())
}

#[test]
fn members_are_slices_of_the_body_and_null_counts_as_absent() {
    let request = parse(" {\"model\" : \"a\", \"stop\":null,\"messages\": [ 1 ] } ").unwrap();
    assert_eq!(request.get("model"), Some("\"a\""));
    assert_eq!(request.get("stop"), None);
    assert_eq!(request.get("messages"), Some("[ 1 ]"));
    assert_eq!(request.members().count(), 3);
}

#[test]
fn what_is_not_one_json_object_says_what_it_is_instead() {
    assert!(matches!(parse(""), Err(BodyError::Empty)));
    assert!(matches!(parse("  \n"), Err(BodyError::Empty)));
    assert!(matches!(parse("[]"), Err(BodyError::NotAnObject)));
    assert!(matches!(parse("{\"a\":1"), Err(BodyError::Syntax(_))));
    assert!(matches!(parse("{} {}"), Err(BodyError::Syntax(_))));
    assert!(matches!(
        parse(&b"{\"a\":\"\xff\"}"[..]),
        Err(BodyError::NotUtf8 { offset: 6 })
    ));
}

#[test]
fn a_parameter_that_comes_twice_is_refused_since_readers_disagree_which_counts() {
    assert!(matches!(parse("{\"n\":1,\"\\u006e\":2}"), Err(BodyError::Repeated(name)) if name == "n"));
}

#[test]
fn a_body_of_very_many_parameters_is_refused_without_comparing_them_all() {
    let members: Vec<String> = (0..50_000).map(|index| format!("\"m{index}\":0")).collect();
    assert!(matches!(
        parse(format!("{{{}}}", members.join(","))),
        Err(BodyError::TooManyMembers)
    ));
}

#[test]
fn deep_nesting_is_an_error_or_a_slice_and_never_a_crash() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let _ = parse(deep);
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(bytes);
    }
}

#[test]
fn a_member_that_nobody_reads_may_be_nested_as_deeply_as_it_likes() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"{{"model":"m","unknown":{deep}}}"#);

    let request = ChatRequest::parse(body.into()).expect("it is an object");

    assert_eq!(request.get("unknown"), Some(&*deep));
}
