//! Errors of hosts, told apart: whose trouble each is, and what of it may be kept.

use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_dialects::{
    Fault,
    FaultKind::{
        self, BadRequest, ContentFilter, ContextLength, Credential, ModelUnknown, Overloaded, Quota,
        RateLimited, Server,
    },
};

use super::fixtures::{DIALECT, decode_answer};

fn of_status(status: u16, body: &Value) -> Fault {
    DIALECT.fault(status, body.to_string().as_bytes())
}

/// The fault in an answer with status 200.
fn of_answer(body: &Value) -> Fault {
    decode_answer(&body.to_string(), &Quirks::default()).unwrap_err()
}

fn openai(message: &str, kind: Value, code: Value) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

#[test]
fn a_code_decides_before_the_words_of_a_message() {
    let schema = "Invalid schema for function 'billing_lookup': context length of the overloaded rate limit";
    let pace = "Rate limit reached for gpt-4o in organization org-1. Visit https://platform.openai.com/account/billing \
                to check your plan and billing details";
    for (status, message, kind, code, expected) in [
        (
            400,
            schema,
            json!("invalid_request_error"),
            json!("invalid_function_parameters"),
            BadRequest,
        ),
        (
            400,
            schema,
            json!("invalid_request_error"),
            json!("unsupported_value"),
            BadRequest,
        ),
        (
            429,
            pace,
            json!("requests"),
            json!("rate_limit_exceeded"),
            RateLimited,
        ),
        (
            429,
            "You exceeded your current quota",
            json!("insufficient_quota"),
            json!("insufficient_quota"),
            Quota,
        ),
        (
            401,
            "no more context length",
            json!("invalid_request_error"),
            Value::Null,
            Credential,
        ),
        (402, "rate limit", Value::Null, Value::Null, Quota),
        (
            429,
            "The engine has a rate limit",
            json!("engine_overloaded_error"),
            Value::Null,
            Overloaded,
        ),
        (
            401,
            "Your api key is invalid",
            json!("authentication_error"),
            json!("invalid_request_error"),
            Credential,
        ),
        (
            403,
            "Country not supported",
            json!("request_forbidden"),
            json!("unsupported_country_region_territory"),
            Credential,
        ),
    ] {
        let body = openai(message, kind, code);
        assert_eq!(of_status(status, &body).kind, expected, "{body}");
    }
}

#[test]
fn what_the_operators_account_may_not_do_is_the_operators() {
    let stream = "Your organization must be verified to stream this model. Please go to: \
                  https://platform.openai.com/settings/organization/general and click on Verify Organization.";
    let model = "Your organization must be verified to use the model `o3`.";
    let place = "User location is not supported for the API use.";
    for (status, message, code) in [
        (400, stream, json!("unsupported_value")),
        (400, model, json!("unsupported_value")),
        (403, model, Value::Null),
        (400, place, json!(400)),
    ] {
        let mut body = openai(message, json!("invalid_request_error"), code);
        body["error"]["param"] = json!("stream");
        assert_eq!(of_status(status, &body).kind, Credential, "{status} {message}");
    }
    let quoted = "Invalid 'tools[0].function.name': 'Your organization must be verified to stream'";
    let body = openai(quoted, json!("invalid_request_error"), json!("invalid_value"));
    assert_eq!(of_status(400, &body).kind, BadRequest);
}

#[test]
fn a_message_without_a_telling_code_is_read() {
    let too_long = "This model's maximum context length is 8192 tokens. However, your messages have 9000";
    for (status, message, kind, code, expected) in [
        (
            400,
            too_long,
            json!("invalid_request_error"),
            Value::Null,
            ContextLength,
        ),
        (400, too_long, json!("BadRequestError"), json!(400), ContextLength),
        (
            400,
            "Range of input length should be [1, 6000]",
            Value::Null,
            json!("invalid_parameter_error"),
            ContextLength,
        ),
        (
            400,
            "Your request exceeded model token limit: 8192",
            json!("invalid_request_error"),
            Value::Null,
            ContextLength,
        ),
        (
            400,
            "Model Not Exist",
            json!("invalid_request_error"),
            json!("invalid_request_error"),
            ModelUnknown,
        ),
        (
            429,
            "You exceeded your current quota, please check your plan and billing details",
            Value::Null,
            json!(429),
            Quota,
        ),
        (
            429,
            "The engine is currently overloaded",
            Value::Null,
            Value::Null,
            Overloaded,
        ),
        (500, "rate limit", Value::Null, Value::Null, RateLimited),
        (
            400,
            "Function `billing_lookup` has no parameters",
            json!("invalid_request_error"),
            Value::Null,
            BadRequest,
        ),
        (
            400,
            "`overloaded` is no operator, see rate limit",
            json!("invalid_request_error"),
            Value::Null,
            BadRequest,
        ),
    ] {
        let body = openai(message, kind, code);
        assert_eq!(of_status(status, &body).kind, expected, "{body}");
    }
}

#[test]
fn a_model_that_the_host_does_not_know_is_the_operators_whatever_the_status() {
    for body in [
        json!({"code": "1500", "message": "Invalid model: m", "object": "error", "type": "invalid_model"}),
        openai(
            "The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed m.",
            json!("invalid_request_error"),
            json!("invalid_request_error"),
        ),
        json!({"error": {"code": "1211", "message": "no such model"}}),
    ] {
        assert_eq!(of_status(400, &body).kind, ModelUnknown, "{body}");
    }
}

#[test]
fn a_status_of_a_timeout_or_of_a_host_in_front_is_not_the_clients_mistake() {
    for status in [
        407, 408, 409, 410, 412, 414, 421, 423, 424, 425, 426, 428, 431, 499,
    ] {
        assert_eq!(of_status(status, &json!({})).kind, Server, "{status}");
    }
    for status in [400, 413, 415, 422] {
        assert_eq!(of_status(status, &json!({})).kind, BadRequest, "{status}");
    }
}

#[test]
fn a_number_as_code_stands_in_for_the_status_of_an_answer_with_200() {
    for (code, expected) in [
        (json!(400), BadRequest),
        (json!("401"), Credential),
        (json!(402), Quota),
        (json!(404), ModelUnknown),
        (json!(429), RateLimited),
        (json!(502), Server),
        (json!(503), Overloaded),
        (json!(200), Server),
        (json!(7), Server),
    ] {
        let body = json!({"error": {"message": "Provider returned error", "code": code}});
        assert_eq!(of_answer(&body).kind, expected, "{body}");
    }
    let body = json!({"error": {"message": "no", "code": 401}});
    assert_eq!(
        of_status(500, &body).kind,
        Server,
        "a status that says something counts"
    );
}

#[test]
fn a_refused_request_is_told_by_its_words_where_the_status_says_nothing() {
    for (kind, code) in [
        (json!("invalid_request_error"), Value::Null),
        (json!("BadRequestError"), Value::Null),
        (json!("BadRequest"), json!("InvalidParameter")),
        (Value::Null, json!("InvalidParameter.Range")),
        (Value::Null, json!("invalid_parameter_error")),
        (Value::Null, json!("invalid-argument")),
    ] {
        let body = openai("no", kind, code);
        assert_eq!(of_answer(&body).kind, BadRequest, "{body}");
    }
}

#[test]
fn numbers_mean_what_their_host_means_by_them() {
    let minimax = |code: u32| json!({"base_resp": {"status_code": code, "status_msg": "no"}});
    for (code, expected) in [
        (1000, Server),
        (1001, Server),
        (1002, RateLimited),
        (1004, Credential),
        (1008, Quota),
        (1013, Server),
        (1026, ContentFilter),
        (1027, ContentFilter),
        (1039, ContextLength),
        (2013, BadRequest),
        (4711, Server),
    ] {
        assert_eq!(of_answer(&minimax(code)).kind, expected, "MiniMax {code}");
    }
    let zhipu = |code: &str| json!({"error": {"code": code, "message": "no"}});
    for (code, expected) in [
        ("1001", Credential),
        ("1113", Quota),
        ("1210", BadRequest),
        ("1211", ModelUnknown),
        ("1214", BadRequest),
        ("1301", ContentFilter),
        ("1302", RateLimited),
        ("1305", Overloaded),
    ] {
        assert_eq!(of_answer(&zhipu(code)).kind, expected, "Zhipu {code}");
    }
}

#[test]
fn a_blocked_prompt_is_the_clients_whatever_its_medium() {
    for code in [
        "SensitiveContentDetected.SevereViolation",
        "InputTextSensitiveContentDetected",
        "InputImageSensitiveContentDetected",
        "InputVideoSensitiveContentDetected",
        "OutputAudioSensitiveContentDetected",
    ] {
        assert_eq!(
            of_status(400, &openai("no", json!("BadRequest"), json!(code))).kind,
            ContentFilter,
            "{code}"
        );
    }
}

#[test]
fn an_empty_purse_is_the_operators_in_every_wording() {
    let xai = "Your team has either used all available credits or reached its monthly spending limit.";
    for (status, body) in [
        (
            429,
            json!({"code": "Some resource has been exhausted", "error": xai}),
        ),
        (
            403,
            json!({"code": "The caller does not have permission", "error": xai}),
        ),
        (
            402,
            openai(
                "Insufficient Balance",
                json!("unknown_error"),
                json!("invalid_request_error"),
            ),
        ),
        (
            403,
            openai("no", json!("Forbidden"), json!("AccountOverdueError")),
        ),
    ] {
        assert_eq!(of_status(status, &body).kind, FaultKind::Quota, "{body}");
    }
}

#[test]
fn a_code_or_parameter_is_kept_only_where_it_looks_like_one() {
    let fault = |code: &str, param: &str| {
        of_status(
            400,
            &json!({"error": {"message": "no", "code": code, "param": param}}),
        )
    };
    let kept = fault(
        "RateLimitExceeded.EndpointRPMExceeded",
        r#"messages[0]["content"]"#,
    );
    assert_eq!(
        kept.code.as_deref(),
        Some("RateLimitExceeded.EndpointRPMExceeded")
    );
    assert_eq!(kept.param.as_deref(), Some(r#"messages[0]["content"]"#));
    for bad in [
        "the prompt said: hello",
        "line\nbreak",
        "schlüssel",
        "<b>",
        &"x".repeat(200),
    ] {
        let fault = fault(bad, bad);
        assert_eq!((fault.code, fault.param), (None, None), "{bad:?}");
    }
}

#[test]
fn a_message_is_bounded_and_of_one_line() {
    let long = format!("a\u{1b}[31m\r\n{}", "é".repeat(5_000));
    for body in [
        openai(&long, Value::Null, Value::Null),
        json!({"error": long}),
        json!({"message": long}),
        json!({"base_resp": {"status_code": 1, "status_msg": long}}),
        json!({"error": {"message": long, "type": long, "code": long}}),
    ] {
        let fault = of_status(400, &body);
        assert!(fault.message.len() <= 2_000, "{}", fault.message.len());
        assert!(
            fault.message.starts_with('a') && !fault.message.contains(char::is_control),
            "{fault}"
        );
    }
}

#[test]
fn a_prompt_that_is_blocked_or_too_long_is_so_under_any_status_and_code() {
    let usage =
        "Content violates usage guidelines. Team: t-1, API key ID: k-1, Failed check: SAFETY_CHECK_TYPE_BIO";
    let flagged = "Your chosen model requires moderation and your input was flagged for \"violence\"";
    let long = "Request 210000 input tokens exceeds the model's maximum context length 202752";
    for (status, body, expected) in [
        (
            403,
            json!({"code": "permission-denied", "error": usage}),
            ContentFilter,
        ),
        (
            403,
            json!({"code": "The caller does not have permission to execute it", "error": usage}),
            ContentFilter,
        ),
        (
            403,
            json!({"error": {"code": 403, "message": flagged}}),
            ContentFilter,
        ),
        (
            400,
            openai(
                "Invalid prompt: your prompt was flagged",
                json!("invalid_request_error"),
                json!("invalid_prompt"),
            ),
            ContentFilter,
        ),
        (
            400,
            json!({"error": {"code": "1261", "message": "Prompt exceeds max length"}}),
            ContextLength,
        ),
        (
            400,
            json!({"error": {"code": "1210", "message": long}}),
            ContextLength,
        ),
        (
            400,
            json!({"error": {"code": "1210", "message": "wrong parameter"}}),
            BadRequest,
        ),
        (
            400,
            json!({"error": {"code": 400, "type": "exceed_context_size_error", "message": "request (4390 tokens)"}}),
            ContextLength,
        ),
        (
            500,
            json!({"error": {"code": 500, "message": "Context size has been exceeded."}}),
            ContextLength,
        ),
        (
            400,
            openai(
                "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
                json!("invalid_request_error"),
                Value::Null,
            ),
            ContextLength,
        ),
        (
            403,
            json!({"code": "permission-denied", "error": "no access to this team"}),
            Credential,
        ),
    ] {
        assert_eq!(of_status(status, &body).kind, expected, "{body}");
    }
}
