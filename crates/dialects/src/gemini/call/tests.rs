use super::*;

fn in_pieces(parts: &[&str]) -> Result<Call, Fault> {
    let mut open = None;
    for part in parts {
        let part = CallPart::read(part)?;
        match &mut open {
            None => match part.begin()? {
                Ok(call) => return Ok(call),
                Err(begun) => open = Some(begun),
            },
            Some(begun) => {
                if begun.go_on(&part)? {
                    break;
                }
            }
        }
    }
    Ok(open.expect("a call was begun").end())
}

#[test]
fn a_call_in_pieces_becomes_one_object_in_the_order_of_its_pieces() {
    let call = in_pieces(&[
        r#"{"name":"order","willContinue":true}"#,
        r#"{"partialArgs":[{"jsonPath":"$.items[0].name","stringValue":"red ","willContinue":true}],"willContinue":true}"#,
        r#"{"partialArgs":[{"jsonPath":"$.items[0].name","stringValue":"apple"}],"willContinue":true}"#,
        r#"{"partialArgs":[{"jsonPath":"$.items[0].price","numberValue":0.50},{"jsonPath":"$.items[1].name","stringValue":"pear"}],"willContinue":true}"#,
        r#"{"partialArgs":[{"jsonPath":"$['note']","nullValue":null},{"jsonPath":"$.gift","boolValue":false}],"willContinue":true}"#,
        "{}",
    ])
    .expect("they fit together");
    assert_eq!(
        call.arguments,
        r#"{"items":[{"name":"red apple","price":0.50},{"name":"pear"}],"note":null,"gift":false}"#
    );
}

#[test]
fn a_call_that_broke_off_keeps_what_came_and_is_not_closed() {
    let part = CallPart::read(
        r#"{"name":"order","partialArgs":[{"jsonPath":"$.items[0].name","stringValue":"app","willContinue":true}],"willContinue":true}"#,
    );
    let open = part
        .and_then(CallPart::begin)
        .expect("it is well formed")
        .expect_err("more is to come");
    assert_eq!(open.break_off().arguments, r#"{"items":[{"name":"app"#);
}

#[test]
fn pieces_that_do_not_fit_together_are_a_fault_and_no_guess() {
    for pieces in [
        r#"[{"jsonPath":"$.a","stringValue":"x"},{"jsonPath":"$.a.b","stringValue":"y"}]"#,
        r#"[{"jsonPath":"$.a[7]","stringValue":"x"}]"#,
        r#"[{"jsonPath":"a","stringValue":"x"}]"#,
        r#"[{"stringValue":"x"}]"#,
        r#"["x"]"#,
    ] {
        let json = format!(r#"{{"name":"f","partialArgs":{pieces}}}"#);
        let outcome = CallPart::read(&json).and_then(CallPart::begin);
        assert!(outcome.is_err(), "{pieces}");
    }
}

#[test]
fn arguments_lose_their_white_space_and_keep_every_other_byte() {
    let call = CallPart::read("{\"name\":\"f\",\"args\":{\n  \"a b\": \"c \\\" d\",\n  \"n\": 1.50\n}}");
    let call = call
        .and_then(CallPart::begin)
        .expect("it is well formed")
        .expect("it is whole");
    assert_eq!(call.arguments, r#"{"a b":"c \" d","n":1.50}"#);
}

#[test]
fn a_made_up_id_is_the_same_for_the_same_place_and_no_longer_than_the_sdks_allow() {
    let id = |answer| made_up_id(answer, 0, 0);
    assert_eq!(id("_vr4aYiWEJnYodAPkujX0QM"), "call_vr4aYiWEJnYodAPkujX0QM_0");
    let longest = made_up_id(&"x".repeat(300), 127, 1023);
    assert!(
        longest.len() <= 40,
        "{longest}: OpenAI takes at most 40 characters"
    );
}
