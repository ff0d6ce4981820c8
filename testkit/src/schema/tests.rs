use serde_json::{Value, json};

use super::*;
use crate::provider::{answer, chunk, usage_chunk};

fn without(mut value: Value, pointer: &str, field: &str) -> Value {
    value
        .pointer_mut(pointer)
        .and_then(Value::as_object_mut)
        .expect("the pointer names an object")
        .remove(field)
        .expect("the field is there to be removed");
    value
}

#[test]
fn a_proper_answer_chunk_and_error_fit() {
    let error = json!({"error": {"message": "m", "type": "t", "param": null, "code": null}});
    assert_eq!(check_answer(&answer("Hi")), []);
    assert_eq!(check_chunk(&chunk(json!({"content": "Hi"}), None)), []);
    assert_eq!(check_chunk(&usage_chunk(1, 1)), []);
    assert_eq!(check_error(&error), []);
}

#[test]
fn an_answer_without_what_openai_always_sends_does_not_fit() {
    for (pointer, field) in [
        ("", "id"),
        ("", "usage"),
        ("/choices/0", "logprobs"),
        ("/choices/0", "finish_reason"),
        ("/choices/0/message", "refusal"),
        ("/choices/0/message", "content"),
    ] {
        let misfits = check_answer(&without(answer("Hi"), pointer, field));
        assert!(!misfits.is_empty(), "{pointer}/{field} may not be missing");
        assert!(misfits[0].message.contains(field), "{:?}", misfits[0]);
        assert_eq!(misfits[0].path, pointer, "it has to say where");
    }
}

#[test]
fn a_chunk_with_a_wrong_shape_does_not_fit() {
    let bare = without(chunk(json!({}), None), "/choices/0", "finish_reason");
    let empty_id = chunk(json!({"tool_calls": [{"index": 0, "id": ""}]}), None);
    let reason = chunk(json!({}), Some("eos"));
    for wrong in [bare, empty_id, reason, answer("Hi")] {
        assert!(!check_chunk(&wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn an_error_has_its_four_fields_and_nothing_beside_them() {
    let proper = json!({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}});
    let mut beside = proper.clone();
    beside["choices"] = json!([]);
    let mut inside = proper.clone();
    inside["error"]["provider"] = json!("secret");
    let mut empty = proper.clone();
    empty["error"]["message"] = json!("");
    for wrong in [
        beside,
        inside,
        empty,
        without(proper.clone(), "/error", "code"),
        json!({"error": "text"}),
    ] {
        assert!(!check_error(&wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn a_request_to_responses_is_judged_by_openais_schema() {
    if std::env::var_os(SCHEMAS).is_none() {
        return;
    }
    let proper = json!({"model": "m", "input": [{"role": "user", "content": "Hi"}], "store": false});
    let mut wrong = proper.clone();
    wrong["input"] = json!(7);
    assert_eq!(check_responses_request(&proper), []);
    assert!(!check_responses_request(&wrong).is_empty());
}
