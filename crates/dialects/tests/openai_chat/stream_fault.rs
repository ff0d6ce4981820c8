//! What in a host's stream is a fault, and what only looks like one.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_dialects::FaultKind;

use super::{
    fixtures::stream_decoder,
    streamed::{chunk, fault_of, read, read_with, stop},
};

#[test]
fn a_finish_that_is_none_is_a_fault() {
    for (word, kind) in [
        ("insufficient_system_resource", FaultKind::Overloaded),
        ("network_error", FaultKind::Server),
        ("error", FaultKind::Server),
        ("MALFORMED_FUNCTION_CALL", FaultKind::Server),
        ("unexpected_tool_call", FaultKind::Server),
        ("malformed_response", FaultKind::Server),
    ] {
        let outcome = read_with(
            Quirks::default(),
            false,
            &[chunk(json!({"content": "a"}), json!(word))],
        );
        assert_eq!(outcome.err().unwrap().kind, kind);
    }
}

#[test]
fn errors_with_status_200_are_told_apart_in_a_stream_too() {
    for (event, kind) in [
        (
            json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
            FaultKind::RateLimited,
        ),
        (
            json!({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
            FaultKind::Quota,
        ),
        (
            json!({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}),
            FaultKind::RateLimited,
        ),
        (
            json!({"code": "DataInspectionFailed", "message": "inappropriate content"}),
            FaultKind::ContentFilter,
        ),
        (
            json!({"error": "Internal error", "code": "500"}),
            FaultKind::Server,
        ),
    ] {
        let outcome = read_with(Quirks::default(), false, std::slice::from_ref(&event));
        assert_eq!(outcome.err().unwrap().kind, kind, "{event}");
    }
}

#[test]
fn what_a_chunk_says_and_nobody_can_read_is_a_fault() {
    for delta in [
        json!({"content": 5}),
        json!({"content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
        json!({"content": [{"type": "text"}]}),
        json!({"reasoning_content": ["hm"]}),
        json!({"reasoning": {"text": "hm"}}),
        json!({"refusal": 1}),
        json!({"tool_calls": {"id": "a"}}),
        json!({"tool_calls": ["a"]}),
        json!({"tool_calls": [{"id": "a", "function": "f"}]}),
    ] {
        let event = chunk(delta, Value::Null).to_string();
        assert_eq!(fault_of(&event), Some(FaultKind::Malformed), "{event}");
    }
    for event in [
        r#"{"choices":{"index":0,"delta":{"content":"a"}}}"#,
        r#"{"choices":"a"}"#,
    ] {
        assert_eq!(fault_of(event), Some(FaultKind::Malformed), "{event}");
    }
}

#[test]
fn an_unreadable_event_after_the_finish_of_every_choice_is_passed_over() {
    let mut decoder = stream_decoder();
    let mut events = Vec::new();
    let body = format!(
        "data: {}\n\ndata: {}\n\ndata: {{\"usa\n\ndata: bye\n\n",
        chunk(json!({"content": "a"}), Value::Null),
        stop()
    );
    decoder.read(Bytes::from(body), &mut events).unwrap();
    decoder.end(&mut events).unwrap();
    let content = chunk(json!({"content": "a"}), Value::Null);
    for (lost, why) in [
        (
            format!("data: {content}\n\ndata: bye\n\n"),
            "before the finish it may have been content",
        ),
        (
            format!("data: {}\n\ndata: bye\n\ndata: {content}\n\n", stop()),
            "and so where content comes behind it",
        ),
    ] {
        let mut decoder = stream_decoder();
        let fault = decoder.read(Bytes::from(lost), &mut events).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Malformed, "{why}");
    }
}

#[test]
fn an_error_after_the_finish_is_still_an_error() {
    let error = json!({"error": {"message": "no", "code": 500}});
    let outcome = read_with(
        Quirks::default(),
        false,
        &[chunk(json!({"content": "a"}), json!("stop")), error],
    );
    assert_eq!(outcome.err().unwrap().kind, FaultKind::Server);
}

#[test]
fn more_choices_than_can_be_asked_for_are_a_fault() {
    let of = |index: u32| {
        let mut chunk = chunk(json!({"content": "a"}), json!("stop"));
        chunk["choices"][0]["index"] = json!(index);
        chunk
    };
    let most: Vec<Value> = (0..128).map(of).collect();
    assert_eq!(read(&most).chunks.len(), 128);
    let beyond: Vec<Value> = (0..129).map(of).collect();
    let outcome = read_with(Quirks::default(), false, &beyond);
    assert_eq!(outcome.err().unwrap().kind, FaultKind::Malformed);
}

#[test]
fn images_that_cannot_be_read_are_a_fault_and_none_is_none() {
    for lost in [json!("x"), json!([{"image_url": "x"}]), json!({"url": "x"})] {
        let event = chunk(json!({"images": lost}), Value::Null).to_string();
        assert_eq!(fault_of(&event), Some(FaultKind::Malformed), "{lost}");
    }
    for none in [Value::Null, json!([]), json!("")] {
        let read = read(&[
            chunk(json!({"content": "a", "images": none}), Value::Null),
            stop(),
        ]);
        assert!(
            read.chunks[0]["choices"][0]["delta"].get("images").is_none(),
            "{none}"
        );
    }
}

#[test]
fn an_error_that_is_null_is_none_and_not_shown() {
    let mut said = chunk(json!({"content": "a"}), Value::Null);
    said["error"] = Value::Null;
    let read = read(&[said, stop()]);
    assert!(read.chunks[0].get("error").is_none());
}
