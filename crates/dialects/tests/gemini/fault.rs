//! Google's errors, whose trouble each is, and what may help.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_dialects::{Fault, FaultKind};

use super::fixtures::{DIALECT, stream};

fn fault(status: u16, error: Value) -> Fault {
    DIALECT.fault(status, json!({ "error": error }).to_string().as_bytes())
}

fn kind(status: u16, word: &str, message: &str) -> FaultKind {
    fault(
        status,
        json!({"code": status, "status": word, "message": message}),
    )
    .kind
}

fn quota(details: Value) -> Fault {
    fault(
        429,
        json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota, please \
               check your plan and billing details.", "details": details}),
    )
}

#[test]
fn trouble_with_the_key_is_the_operators_whatever_its_status() {
    let bad_key = fault(
        400,
        json!({"code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid.", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
        ]}),
    );
    assert_eq!(bad_key.kind, FaultKind::Credential);
    assert_eq!(bad_key.code.as_deref(), Some("API_KEY_INVALID"));
    for (status, word, message) in [
        (
            400,
            "INVALID_ARGUMENT",
            "API key expired. Please renew the API key.",
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "This API method requires billing to be enabled. Please enable billing on the project.",
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "Gemini API free tier is not available in your country. Please enable billing on your project.",
        ),
        (400, "FAILED_PRECONDITION", "The Billing account is closed."),
        (
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials.",
        ),
        (
            403,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers.",
        ),
    ] {
        assert_eq!(kind(status, word, message), FaultKind::Credential, "{message}");
    }
    let no_billing = fault(
        403,
        json!({"status": "PERMISSION_DENIED", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "BILLING_DISABLED"},
        ]}),
    );
    assert_eq!(no_billing.kind, FaultKind::Quota);
}

#[test]
fn a_word_of_the_clients_is_no_trouble_with_billing() {
    let message = "Function `billing_lookup` is declared twice; billing";
    assert_eq!(kind(400, "INVALID_ARGUMENT", message), FaultKind::BadRequest);
}

#[test]
fn a_rate_passes_by_itself_and_a_days_quota_does_not() {
    let violation = |id: &str, value: &str| {
        json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure",
               "violations": [{"quotaId": id, "quotaValue": value}]})
    };
    let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"});
    let minute = quota(json!([
        violation("GenerateRequestsPerMinutePerProjectPerModel", "15"),
        retry
    ]));
    assert_eq!(minute.kind, FaultKind::RateLimited);
    assert_eq!(minute.retry_after, Some(Duration::from_secs_f64(34.4)));
    let day = quota(json!([
        violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "250"),
        retry
    ]));
    assert_eq!(day.kind, FaultKind::Quota);
    let none_at_all = quota(json!([violation(
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
        "0"
    )]));
    assert_eq!(
        none_at_all.kind,
        FaultKind::Quota,
        "a quota of zero never lets anything pass"
    );
    assert_eq!(quota(json!([])).kind, FaultKind::RateLimited);
    assert_eq!(
        kind(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
        FaultKind::Quota
    );
}

#[test]
fn a_delay_that_cannot_be_meant_is_not_believed() {
    let retry = |delay: &str| {
        quota(json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}])).retry_after
    };
    assert_eq!(retry("0.5s"), Some(Duration::from_millis(500)));
    assert_eq!(retry("1e300s"), None);
    assert_eq!(retry("-3s"), None);
    assert_eq!(retry("soon"), None);
    assert_eq!(retry("99999999s"), Some(Duration::from_secs(86_400)));
}

#[test]
fn what_the_client_did_wrong_stays_the_clients() {
    use FaultKind::{BadRequest, ContextLength};
    for (message, expected) in [
        (
            "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).",
            ContextLength,
        ),
        (
            "Unable to submit request because the input token count is 1250074 but model only supports up to \
             1048576. Reduce the input token count and try again.",
            ContextLength,
        ),
        (
            "Function calling with a response mime type is unsupported",
            BadRequest,
        ),
        ("Invalid value: \"API key not valid\" at contents[0]", BadRequest),
    ] {
        assert_eq!(kind(400, "INVALID_ARGUMENT", message), expected, "{message}");
    }
    let file = "You do not have permission to access the File abc or it may not exist.";
    assert_eq!(kind(403, "PERMISSION_DENIED", file), BadRequest);
}

#[test]
fn googles_own_trouble_is_told_apart_by_what_may_help() {
    use FaultKind::{ModelUnknown, Overloaded, Server};
    for (status, word, expected) in [
        (404, "NOT_FOUND", ModelUnknown),
        (500, "INTERNAL", Server),
        (503, "UNAVAILABLE", Overloaded),
        (504, "DEADLINE_EXCEEDED", Server),
        (499, "CANCELLED", Server),
        (418, "A_NEW_WORD", FaultKind::BadRequest),
    ] {
        assert_eq!(kind(status, word, "something"), expected, "{word}");
    }
}

#[test]
fn an_error_is_read_in_an_array_and_as_any_text() {
    let in_array = br#"[{"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}]"#;
    assert_eq!(DIALECT.fault(503, in_array).kind, FaultKind::Overloaded);
    let page = DIALECT.fault(502, b"<html>\n<h1>Bad gateway</h1></html>");
    assert_eq!(page.kind, FaultKind::Server);
    assert!(!page.message.contains('\n'), "it goes into a log");
    let long = DIALECT.fault(500, "é".repeat(5_000).as_bytes());
    assert!(long.message.len() <= 2_000);
    assert_eq!(DIALECT.fault(429, b"\xff\xfe").kind, FaultKind::RateLimited);
    let odd = fault(500, json!({"status": "a code\nof the client's", "message": "x"}));
    assert_eq!(odd.code, None, "what is no code is not kept as one");
}

#[test]
fn an_error_in_a_stream_is_the_fault_that_it_would_have_been() {
    let said = json!({"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]});
    let error =
        json!({"error": {"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}});
    let streamed = stream(&[said, error]);
    assert_eq!(streamed.end.unwrap_err().kind, FaultKind::Overloaded);
    assert_eq!(
        streamed.events.len(),
        2,
        "what was said before it came through: {:?}",
        streamed.events
    );
}

/// Then the same may work without signatures.
#[test]
fn a_signature_that_is_not_taken_back_is_told_apart() {
    for message in [
        "Corrupted thought signature.",
        "Invalid thought signature.",
        "Unable to submit request because Thought signature is not valid..",
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
         correctly, and missing thought_signature may lead to degraded model performance. Additional data, function \
         call `default_api:f`, position 2.",
        "Invalid value at 'contents[1].parts[0].thought_signature' (TYPE_BYTES), Base64 decoding failed for \"not it!\"",
    ] {
        assert_eq!(
            kind(400, "INVALID_ARGUMENT", message),
            FaultKind::StateRefused,
            "{message}"
        );
    }
}
