use serde_json::{Value, json};

use super::ContentCall;
use crate::emulate::schema::Schema;

fn shown(schema: &Value, pieces: &[&str]) -> String {
    let mut call = ContentCall::new(Some(Schema::compile(&schema.to_string()).unwrap()));
    let mut shown: String = pieces.iter().map(|piece| call.take(piece)).collect();
    shown.push_str(&call.end());
    shown
}

fn person() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
}

#[test]
fn arguments_pass_as_they_come() {
    let mut call = ContentCall::new(None);
    assert_eq!(call.take("{"), "", "the first name is not known yet");
    assert_eq!(call.take("\"na"), "{\"na");
    assert_eq!(call.take("me\":1}"), "me\":1}");
    assert_eq!(call.end(), "");
}

#[test]
fn a_wrapper_that_the_schema_does_not_know_goes() {
    for pieces in [
        &[r#"{"values": {"name": "Ada"}}"#][..],
        &["{ ", "\"prop", "erties\"", ": {\"name\": ", "\"Ada\"}", "}"],
    ] {
        assert_eq!(shown(&person(), pieces), r#"{"name": "Ada"}"#, "{pieces:?}");
    }
}

#[test]
fn a_member_of_that_name_stays_where_it_may_be_the_clients() {
    let own = json!({"type": "object", "properties": {"values": {"type": "object"}}});
    let open = json!({"type": "object"});
    let free = json!({"type": "object", "properties": {"name": {}}});
    for schema in [own, open, free] {
        let said = r#"{"values":{"name":"Ada"}}"#;
        assert_eq!(shown(&schema, &[said]), said, "{schema}");
    }
    let beside = r#"{"values":{"name":"Ada"},"more":1}"#;
    assert_eq!(shown(&person(), &[beside]), beside, "it is not alone");
    let wrong = r#"{"values":{"name":1}}"#;
    assert_eq!(shown(&person(), &[wrong]), wrong, "what is inside is no better");
}

#[test]
fn a_call_without_arguments_says_an_empty_object() {
    assert_eq!(shown(&json!({"type": "object"}), &[" "]), "{}");
    assert_eq!(shown(&json!({"type": "object"}), &["{", "}"]), "{}");
}

#[test]
fn arguments_that_were_cut_off_are_shown_as_far_as_they_came() {
    assert_eq!(shown(&person(), &["{\"val"]), "{\"val");
    assert_eq!(shown(&person(), &["{\"values\":{\"na"]), "{\"values\":{\"na");
}
