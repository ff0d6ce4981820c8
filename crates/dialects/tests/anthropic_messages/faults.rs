//! What goes wrong at the provider, and whose trouble it is.

use serde_json::{Value, json};
use tollgate_chat::event::EventKind;
use tollgate_dialects::FaultKind;
use tollgate_testkit::recordings::recordings;

use super::fixtures::{DIALECT, answer, read, sse};

fn fault(status: u16, kind: &str, message: &str) -> (FaultKind, Option<String>) {
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"});
    let fault = DIALECT.fault(status, body.to_string().as_bytes());
    (fault.kind, fault.param)
}

#[test]
fn each_kind_of_error_is_somebodys() {
    use FaultKind::*;
    for (status, kind, expected) in [
        (400, "invalid_request_error", BadRequest),
        (401, "authentication_error", Credential),
        (402, "billing_error", Quota),
        (403, "permission_error", Credential),
        (404, "not_found_error", ModelUnknown),
        (413, "request_too_large", BadRequest),
        (429, "rate_limit_error", RateLimited),
        (500, "api_error", Server),
        (504, "timeout_error", Server),
        (529, "overloaded_error", Overloaded),
        // New words, by the status.
        (400, "new_error", BadRequest),
        (503, "new_error", Overloaded),
        (418, "new_error", BadRequest),
        (599, "new_error", Server),
    ] {
        assert_eq!(fault(status, kind, "words").0, expected, "{status} {kind}");
    }
}

/// Then the same may work without these thoughts.
#[test]
fn a_thought_that_is_not_taken_back_is_told_apart() {
    for message in [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.5.content.2: Invalid `data` in `redacted_thinking` block",
        "messages.1.content.0.thinking.signature: Field required",
        "messages.1.content.0.thinking: each thinking block must contain thinking",
        "messages.3.content.1: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be \
         modified. These blocks must remain as they were in the original response.",
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
    ] {
        let kind = fault(400, "invalid_request_error", message).0;
        assert_eq!(kind, FaultKind::StateRefused, "{message}");
    }
    for message in [
        "Thinking may not be enabled when tool_choice forces tool use.",
        "messages.1.content.0.text: Input should be a valid string",
    ] {
        let kind = fault(400, "invalid_request_error", message).0;
        assert_eq!(kind, FaultKind::BadRequest, "{message}");
    }
}

#[test]
fn the_words_tell_what_the_type_does_not() {
    use FaultKind::*;
    for (message, expected) in [
        (
            "prompt is too long: 212121 tokens > 200000 maximum",
            ContextLength,
        ),
        (
            "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
            ContextLength,
        ),
        (
            "Your credit balance is too low to access the Anthropic API.",
            Quota,
        ),
        ("You have reached your specified API usage limits.", Quota),
        ("This organization has been disabled.", Credential),
        ("Output blocked by content filtering policy", ContentFilter),
        ("messages.1: the text 'overloaded' is not allowed", BadRequest),
    ] {
        assert_eq!(
            fault(400, "invalid_request_error", message).0,
            expected,
            "{message}"
        );
    }
}

#[test]
fn hosts_in_between_are_understood_too() {
    let google = json!({"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}});
    assert_eq!(
        DIALECT.fault(429, google.to_string().as_bytes()).kind,
        FaultKind::RateLimited
    );
    assert_eq!(
        DIALECT.fault(502, b"<html>Bad gateway</html>").kind,
        FaultKind::Server
    );
    assert_eq!(DIALECT.fault(529, b"").kind, FaultKind::Overloaded);
    assert_eq!(DIALECT.fault(401, b"\xff").kind, FaultKind::Credential);
}

#[test]
fn an_error_with_status_200_is_no_answer() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert_eq!(answer(&error).unwrap_err().kind, FaultKind::Overloaded);
    for nothing in [json!({}), json!({"content": "text"}), json!({"content": [1]})] {
        assert_eq!(
            answer(&nothing).unwrap_err().kind,
            FaultKind::Malformed,
            "{nothing}"
        );
    }
}

#[test]
fn an_error_in_the_middle_of_a_stream_is_a_fault_after_what_was_said() {
    for (kind, expected) in [
        ("overloaded_error", FaultKind::Overloaded),
        ("api_error", FaultKind::Server),
        ("rate_limit_error", FaultKind::RateLimited),
        ("new_error", FaultKind::Server),
    ] {
        let stream = sse(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 3}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}),
            json!({"type": "error", "error": {"type": kind, "message": "words"}}),
        ]);
        let (events, _, outcome) = read([stream]);
        assert_eq!(outcome.unwrap_err().kind, expected, "{kind}");
        assert!(
            events
                .iter()
                .any(|event| matches!(event, EventKind::Text { text, .. } if text == "Hel"))
        );
    }
}

#[test]
fn recorded_errors_are_told_apart() {
    use FaultKind::*;
    let Some(recordings) = recordings("anthropic-messages") else {
        return;
    };
    let errors = recordings
        .iter()
        .filter(|recording| recording.response.status >= 400);
    let mut told: Vec<(u16, FaultKind, Option<String>)> = errors
        .map(|recording| {
            let fault = DIALECT.fault(recording.response.status, &recording.response.body);
            assert!(!fault.message.is_empty(), "{}", recording.id);
            (recording.response.status, fault.kind, fault.param)
        })
        .collect();
    told.sort_by_key(|(status, _, param)| (*status, param.clone()));
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        told,
        [
            (400, BadRequest, None),
            (400, BadRequest, None),
            (400, BadRequest, named("messages.0")),
            (400, BadRequest, named("temperature")),
            (400, BadRequest, named("tools.0.custom")),
            (401, Credential, None),
            (401, Credential, None),
            (401, Credential, None),
            (404, ModelUnknown, None),
        ]
    );
}

#[test]
fn nothing_that_a_host_sends_makes_a_panic() {
    for body in [
        "",
        "null",
        "[]",
        "{\"error\":1}",
        "{\"error\":{\"type\":[],\"message\":{}}}",
        "\u{feff}{}",
    ] {
        for status in [200, 400, 999] {
            let _ = DIALECT.fault(status, body.as_bytes());
        }
        let _: Result<Value, _> = answer(&json!(body)).map(|(answer, _)| answer);
    }
}
