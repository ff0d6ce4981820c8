//! Errors: with a status, as an event, and inside a response that failed.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_chat::event::EventKind;
use tollgate_dialects::FaultKind::{
    self, BadRequest, ContentFilter, ContextLength, Credential, ModelUnknown, Overloaded, Quota, RateLimited,
    Server,
};

use super::fixtures::{DIALECT, decode_answer, decode_stream, stream_of};

/// A code, a message, and what they mean wherever they come.
const TABLE: &[(&str, &str, FaultKind)] = &[
    (
        "context_length_exceeded",
        "Your input exceeds the context window of this model.",
        ContextLength,
    ),
    (
        "model_not_found",
        "The requested model 'x' does not exist.",
        ModelUnknown,
    ),
    ("insufficient_quota", "You exceeded your current quota.", Quota),
    ("invalid_api_key", "Incorrect API key provided: sk-1.", Credential),
    (
        "rate_limit_exceeded",
        "Rate limit reached for requests.",
        RateLimited,
    ),
    (
        "invalid_prompt",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
        ContentFilter,
    ),
    (
        "invalid_prompt",
        "Invalid prompt: messages must not be empty.",
        BadRequest,
    ),
    ("bio_policy", "This request cannot be served.", ContentFilter),
    (
        "image_content_policy_violation",
        "The image was rejected.",
        ContentFilter,
    ),
    (
        "invalid_image_url",
        "The image could not be downloaded.",
        BadRequest,
    ),
    ("failed_to_download_image", "Timed out.", BadRequest),
    ("image_too_large", "Too large.", BadRequest),
    ("unsupported_file", "Please try again with a pdf.", BadRequest),
    ("data_residency_mismatch", "Use the other host.", Credential),
    (
        "unsupported_value",
        "Your organization must be verified to stream this model.",
        Credential,
    ),
    ("server_error", "The server had an error.", Server),
    (
        "server_is_overloaded",
        "The model is currently overloaded.",
        Overloaded,
    ),
    ("vector_store_timeout", "Timed out.", Server),
    ("something_new", "Nobody knows.", Server),
];

#[test]
fn a_code_means_the_same_in_an_event_in_a_failed_response_and_in_a_whole_answer() {
    for (code, message, expected) in TABLE {
        let error = json!({"code": code, "message": message});
        let flat =
            json!({"type": "error", "code": code, "message": message, "param": null, "sequence_number": 2});
        let inner = json!({"type": "error", "error": {"type": "x", "code": code, "message": message}});
        let failed = json!({"status": "failed", "error": error, "output": []});
        let in_event = json!({"type": "response.failed", "response": failed});
        for event in [flat, inner, in_event] {
            let (_, _, outcome) = decode_stream([stream_of(std::slice::from_ref(&event))]);
            let fault = outcome.unwrap_err();
            assert_eq!(fault.kind, *expected, "{event}");
            assert_eq!(fault.message, *message);
            assert_eq!(fault.code.as_deref(), Some(*code));
        }
        let fault = decode_answer(&Bytes::from(failed.to_string())).unwrap_err();
        assert_eq!(fault.kind, *expected, "{failed}");
    }
}

#[test]
fn an_error_with_a_status_is_told_by_its_code_first() {
    for (status, code, message, expected) in [
        (
            400,
            "model_not_found",
            "The requested model 'x' does not exist.",
            ModelUnknown,
        ),
        (400, "context_length_exceeded", "Too long.", ContextLength),
        (429, "insufficient_quota", "No money.", Quota),
        (429, "rate_limit_exceeded", "Slow down.", RateLimited),
        (
            400,
            "invalid_prompt",
            "It violates our usage policies.",
            ContentFilter,
        ),
        (400, "invalid_function_parameters", "Invalid schema.", BadRequest),
        (
            400,
            "unsupported_value",
            "Your organization must be verified to stream this model.",
            Credential,
        ),
        (500, "server_error", "Oops.", Server),
        (503, "", "Overloaded.", Overloaded),
    ] {
        let body = json!({"error": {"message": message, "type": "x", "param": "input", "code": code}});
        let fault = DIALECT.fault(status, body.to_string().as_bytes());
        assert_eq!(fault.kind, expected, "{status} {code}");
        assert_eq!(fault.param.as_deref(), Some("input"));
    }
}

#[test]
fn a_failed_answer_still_tells_what_it_used() {
    let failed = json!({"type": "response.failed", "response": {
        "status": "failed",
        "error": {"code": "server_error", "message": "Oops"},
        "output": [],
        "usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
    }});
    let (events, _, outcome) = decode_stream([stream_of(&[failed])]);
    assert_eq!(outcome.unwrap_err().kind, Server);
    assert!(matches!(events.last(), Some(EventKind::Usage(usage)) if usage.total() == 13));
    assert!(!events.iter().any(|event| matches!(event, EventKind::Finish(_))));
}

#[test]
fn a_failure_without_a_reason_is_the_providers() {
    for status in ["failed", "cancelled", "expired"] {
        let event =
            json!({"type": format!("response.{status}"), "response": {"status": status, "output": []}});
        let body = event["response"].to_string();
        assert_eq!(
            decode_answer(&Bytes::from(body)).unwrap_err().kind,
            Server,
            "{status}"
        );
    }
    let (_, _, outcome) = decode_stream([stream_of(&[json!({"type": "error"})])]);
    assert_eq!(outcome.unwrap_err().kind, Server);
}

#[test]
fn a_body_that_is_no_finished_response_is_malformed() {
    let bodies: [Value; 5] = [
        json!({}),
        json!([]),
        json!({"status": "queued", "output": []}),
        json!({"status": "in_progress", "output": []}),
        json!({"status": "completed"}),
    ];
    for body in bodies {
        let fault = decode_answer(&Bytes::from(body.to_string())).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Malformed, "{body}");
    }
    for bytes in [&b"<html>"[..], b"\xff\xfe", b""] {
        let fault = decode_answer(&Bytes::copy_from_slice(bytes)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Malformed);
    }
}

#[test]
fn the_param_of_an_error_event_is_kept() {
    let event = json!({"type": "error", "code": "invalid_value", "message": "No.", "param": "input[0]"});
    let (_, _, outcome) = decode_stream([stream_of(&[event])]);
    assert_eq!(outcome.unwrap_err().param.as_deref(), Some("input[0]"));
}

/// Then the same may work without these items.
#[test]
fn an_item_of_an_earlier_turn_that_is_not_taken_back_is_told_apart() {
    for (code, message) in [
        (
            Some("invalid_encrypted_content"),
            "The encrypted content gAAA...Rg== could not be verified.",
        ),
        (
            None,
            "The encrypted content for item rs_1 could not be verified. Reason: it could not be parsed.",
        ),
        (
            None,
            "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        ),
        (
            None,
            "Item 'msg_1' of type 'message' was provided without its required 'reasoning' item: 'rs_1'.",
        ),
        (
            None,
            "Item 'fc_1' was provided without its required 'reasoning' item: 'rs_1'.",
        ),
        (
            None,
            "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.",
        ),
        (
            None,
            "Duplicate item found with id rs_1. Remove duplicate items from your input and try again.",
        ),
    ] {
        let error = json!({"error": {"message": message, "type": "invalid_request_error", "code": code}});
        let fault = DIALECT.fault(400, error.to_string().as_bytes());
        assert_eq!(fault.kind, FaultKind::StateRefused, "{message}");
    }
    let error =
        json!({"error": {"message": "Item 3 is wrong.", "type": "invalid_request_error", "code": null}});
    assert_eq!(DIALECT.fault(400, error.to_string().as_bytes()).kind, BadRequest);
}
