//! A provider's errors in the gate's form: the client's mistakes are told, the operator's trouble is
//! not. What must never get out is in `secrecy`.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, Script, answers, answers_with, fails, says, streams_events},
};

use crate::stage::{MODEL, question, question_to, setup, stage, stage_of};

/// Status and code that the client sees.
type Seen = (u16, &'static str);
/// Credential, quota, balance or model name: the operator's trouble.
const OPERATORS: Seen = (502, "provider_unavailable");
const RATE: Seen = (429, "rate_limit_exceeded");
const OVERLOADED: Seen = (503, "provider_overloaded");
const FAILED: Seen = (502, "provider_error");
const FILTERED: Seen = (400, "content_filter");
const TOO_LONG: Seen = (400, "context_length_exceeded");

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

pub fn error(status: u16, body: Value) -> Script {
    answers_with(status, &JSON, body.to_string())
}

pub fn object(kind: &str, code: Value, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// Sends each error to a client that wants a whole answer and to one that wants a stream.
async fn assert_become(preset: &str, model: &'static str, cases: Vec<(Script, Seen)>) {
    let (provider, gate) = stage_of(preset, model).await;
    for (number, (script, (status, code))) in cases.into_iter().enumerate() {
        provider.always(script);

        let whole = gate.post(&question_to(model)).await;
        let stream = gate.stream(&question_to(model)).await;

        let expected = (status, Some(code));
        assert_eq!(
            (whole.status, whole.error_code().as_deref()),
            expected,
            "{preset}, case {number}: {whole:?}"
        );
        assert_eq!(
            (stream.status, stream.error_code()),
            expected,
            "{preset}, case {number}"
        );
    }
}

#[tokio::test]
async fn openais_errors() {
    let limit = "This model's maximum context length is 8192 tokens.";
    let cases = vec![
        (
            error(
                400,
                object("invalid_request_error", json!("context_length_exceeded"), limit),
            ),
            TOO_LONG,
        ),
        (
            error(
                400,
                object("invalid_request_error", json!("unsupported_value"), "no"),
            ),
            (400, "unsupported_value"),
        ),
        (
            error(
                400,
                object("invalid_request_error", json!("content_policy_violation"), "no"),
            ),
            FILTERED,
        ),
        (
            error(
                401,
                object(
                    "invalid_request_error",
                    json!("invalid_api_key"),
                    "Incorrect API key provided: sk-abc",
                ),
            ),
            OPERATORS,
        ),
        (
            error(
                404,
                object("invalid_request_error", json!("model_not_found"), "no such model"),
            ),
            OPERATORS,
        ),
        (
            error(429, object("requests", json!("rate_limit_exceeded"), "slow down")),
            RATE,
        ),
        (
            error(
                429,
                object(
                    "insufficient_quota",
                    json!("insufficient_quota"),
                    "You exceeded your current quota",
                ),
            ),
            OPERATORS,
        ),
        (error(500, object("server_error", json!(null), "sorry")), FAILED),
        (
            error(503, object("server_error", json!(null), "overloaded")),
            OVERLOADED,
        ),
    ];
    assert_become("openai", MODEL, cases).await;
}

#[tokio::test]
async fn deepseeks_errors() {
    let cases = vec![
        (
            error(
                400,
                object("invalid_request_error", json!("invalid_request_error"), "bad"),
            ),
            (400, "invalid_request_error"),
        ),
        (
            error(
                401,
                object(
                    "authentication_error",
                    json!("invalid_request_error"),
                    "Authentication Fails",
                ),
            ),
            OPERATORS,
        ),
        (
            error(
                402,
                object(
                    "unknown_error",
                    json!("invalid_request_error"),
                    "Insufficient Balance",
                ),
            ),
            OPERATORS,
        ),
        (
            error(
                422,
                object("invalid_request_error", json!("invalid_parameter"), "bad"),
            ),
            (400, "invalid_parameter"),
        ),
        (error(429, object("rate_limit", json!(null), "too fast")), RATE),
    ];
    assert_become("deepseek", "deepseek-v4-flash", cases).await;
}

#[tokio::test]
async fn dashscopes_errors() {
    let native = |code: &str, message: &str| json!({"code": code, "message": message, "request_id": "1"});
    let cases = vec![
        (
            error(
                400,
                object("invalid_request_error", json!("invalid_parameter_error"), "bad"),
            ),
            (400, "invalid_parameter_error"),
        ),
        (
            error(
                400,
                object("Arrearage", json!("Arrearage"), "Access denied, overdue payment"),
            ),
            OPERATORS,
        ),
        (
            error(
                400,
                object(
                    "data_inspection_failed",
                    json!("data_inspection_failed"),
                    "inappropriate",
                ),
            ),
            FILTERED,
        ),
        (
            error(400, native("DataInspectionFailed", "inappropriate")),
            FILTERED,
        ),
        (
            error(
                401,
                object("invalid_request_error", json!("invalid_api_key"), "no"),
            ),
            OPERATORS,
        ),
        (
            error(429, object("limit_requests", json!("limit_requests"), "slow")),
            RATE,
        ),
        (
            error(
                429,
                object("insufficient_quota", json!("insufficient_quota"), "no"),
            ),
            OPERATORS,
        ),
        (
            error(
                400,
                native("InvalidParameter", "Range of input length should be [1, 30720]"),
            ),
            TOO_LONG,
        ),
        (
            error(401, native("InvalidApiKey", "Invalid API-key provided.")),
            OPERATORS,
        ),
    ];
    assert_become("dashscope", "qwen3.6-flash", cases).await;
}

#[tokio::test]
async fn arks_errors() {
    let cases = vec![
        (
            error(400, object("BadRequest", json!("InvalidParameter"), "bad")),
            (400, "InvalidParameter"),
        ),
        (
            error(
                400,
                object("BadRequest", json!("SensitiveContentDetected.Violence"), "no"),
            ),
            FILTERED,
        ),
        (
            error(
                400,
                object("BadRequest", json!("InputImageSensitiveContentDetected"), "no"),
            ),
            FILTERED,
        ),
        (
            error(401, object("Unauthorized", json!("AuthenticationError"), "no")),
            OPERATORS,
        ),
        (
            error(403, object("Forbidden", json!("AccountOverdueError"), "pay")),
            OPERATORS,
        ),
        (
            error(
                404,
                object(
                    "NotFound",
                    json!("InvalidEndpointOrModel.ModelIDAccessDisabled"),
                    "no",
                ),
            ),
            OPERATORS,
        ),
        (
            error(404, object("NotFound", json!("ModelNotOpen"), "no")),
            OPERATORS,
        ),
        (
            error(
                429,
                object(
                    "TooManyRequests",
                    json!("RateLimitExceeded.EndpointRPMExceeded"),
                    "no",
                ),
            ),
            RATE,
        ),
        (
            error(
                429,
                object("TooManyRequests", json!("ModelAccountRpmRateLimitExceeded"), "no"),
            ),
            RATE,
        ),
        (
            error(429, object("TooManyRequests", json!("ServerOverloaded"), "no")),
            OVERLOADED,
        ),
        (
            error(
                500,
                object("InternalServerError", json!("InternalServiceError"), "no"),
            ),
            FAILED,
        ),
    ];
    assert_become("ark", "doubao-seed-1-6-vision-250815", cases).await;
}

#[tokio::test]
async fn moonshots_errors() {
    let of = |kind: &str, message: &str| json!({"error": {"message": message, "type": kind}});
    let cases = vec![
        (
            error(
                400,
                of(
                    "content_filter",
                    "The request was rejected because it was considered high risk",
                ),
            ),
            FILTERED,
        ),
        (
            error(
                400,
                of(
                    "invalid_request_error",
                    "Your request exceeded model token limit: 262144",
                ),
            ),
            TOO_LONG,
        ),
        (
            error(401, of("invalid_authentication_error", "Invalid Authentication")),
            OPERATORS,
        ),
        (error(403, of("permission_denied_error", "no")), OPERATORS),
        (
            error(429, of("exceeded_current_quota_error", "no money")),
            OPERATORS,
        ),
        (error(429, of("rate_limit_reached_error", "slow")), RATE),
        (
            error(
                429,
                of("engine_overloaded_error", "The engine is currently overloaded"),
            ),
            OVERLOADED,
        ),
    ];
    assert_become("moonshot", "glm-4-7-251222", cases).await;
}

#[tokio::test]
async fn minimaxs_errors_come_with_status_200() {
    let of =
        |code: u64| answers(json!({"base_resp": {"status_code": code, "status_msg": "no"}, "choices": null}));
    let cases = vec![
        (of(1002), RATE),
        (of(1004), OPERATORS),
        (of(1008), OPERATORS),
        (of(1026), FILTERED),
        (of(1027), FILTERED),
        (of(1039), TOO_LONG),
        (of(2013), (400, "2013")),
        (
            streams_events([
                json!({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
            ]),
            OPERATORS,
        ),
    ];
    let (provider, gate) = stage_of("minimax", "minimax-m2.5").await;
    for (script, (status, code)) in cases {
        provider.always(script);

        let stream = gate.stream(&question_to("minimax-m2.5")).await;

        assert_eq!((stream.status, stream.error_code()), (status, Some(code)));
    }
}

#[tokio::test]
async fn xais_errors() {
    let of = |code: &str, message: &str| json!({"code": code, "error": message});
    let cases = vec![
        (
            error(
                400,
                of(
                    "Client specified an invalid argument",
                    "Incorrect API key provided: xa***yz. You can obtain an API key from https://console.x.ai.",
                ),
            ),
            OPERATORS,
        ),
        (
            error(
                400,
                of("invalid-argument", "This model's maximum prompt length is 131072"),
            ),
            TOO_LONG,
        ),
        (
            error(429, of("Some resource has been exhausted", "Too many requests")),
            RATE,
        ),
        (
            error(403, of("The caller does not have permission", "no")),
            OPERATORS,
        ),
    ];
    assert_become("xai", "grok-3", cases).await;
}

#[tokio::test]
async fn zhipus_errors() {
    let of = |code: &str| json!({"error": {"code": code, "message": "no"}});
    let cases = vec![
        (error(401, of("1000")), OPERATORS),
        (error(401, of("1002")), OPERATORS),
        (error(429, of("1113")), OPERATORS),
        (error(400, of("1210")), (400, "1210")),
        (error(400, of("1301")), FILTERED),
        (error(429, of("1302")), RATE),
        (error(429, of("1305")), OVERLOADED),
        (error(434, of("1220")), (400, "1220")),
    ];
    assert_become("zhipu", "glm-4-7-251222", cases).await;
}

#[tokio::test]
async fn errors_in_no_known_form_go_by_their_status() {
    let page = |status: u16| answers_with(status, &[("content-type", "text/html")], "<html>nginx</html>");
    let cases = vec![
        (page(401), OPERATORS),
        (page(403), OPERATORS),
        (page(404), OPERATORS),
        (page(301), OPERATORS),
        (page(429), RATE),
        (page(500), FAILED),
        (page(502), FAILED),
        (page(503), OVERLOADED),
        (page(529), OVERLOADED),
        (answers_with(500, &JSON, ""), FAILED),
        (answers_with(204, &JSON, ""), FAILED),
        (
            error(
                400,
                json!([{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]),
            ),
            OPERATORS,
        ),
    ];
    assert_become("openai-compatible", MODEL, cases).await;
}

#[tokio::test]
async fn what_the_provider_says_of_the_clients_mistake_reaches_the_client() {
    let body = json!({"error": {"message": "temperature is odd", "type": "invalid_request_error", "param": "temperature", "code": "odd_value"}});
    let (_provider, gate) = stage(error(400, body)).await;

    let answer = gate.post(&question()).await;

    let error = answer.error().unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(error.message, "temperature is odd");
    assert_eq!(
        (error.param.as_deref(), error.code.as_deref()),
        (Some("temperature"), Some("odd_value"))
    );
    assert_eq!(error.kind, "invalid_request_error");
}

#[tokio::test]
async fn how_long_to_wait_is_passed_on() {
    let (provider, gate) = stage(says("unused")).await;
    for (headers, seconds, millis) in [
        (vec![("retry-after", "7")], "7", "7000"),
        (
            vec![("retry-after-ms", "1500"), ("retry-after", "9")],
            "2",
            "1500",
        ),
        (vec![], "5", "5000"),
    ] {
        let script = headers.into_iter().fold(
            fails(429, "rate_limit_exceeded", "slow down"),
            |script, (name, value)| script.header(name, value),
        );
        provider.always(script);

        let answer = gate.post(&question()).await;

        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("retry-after"), Some(seconds));
        assert_eq!(answer.header("retry-after-ms"), Some(millis));
        assert_eq!(answer.header("x-should-retry"), None, "the SDKs may try again");
    }
}

#[tokio::test]
async fn the_client_hears_what_waiting_mends_before_what_only_the_operator_can() {
    let first =
        FakeProvider::start_with(fails(429, "rate_limit_exceeded", "slow down").header("retry-after", "3"))
            .await;
    let second = FakeProvider::start_with(fails(401, "invalid_api_key", "no")).await;
    let gate = setup()
        .channel(Channel::to(&first).models([MODEL]))
        .channel(
            Channel::to(&second)
                .named("spare")
                .models([MODEL])
                .set("priority", "1"),
        )
        .start()
        .await;

    let answer = gate.post(&question()).await;

    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("3")));
}

#[tokio::test]
async fn a_retired_model_that_its_provider_forgot_is_a_404_with_the_date() {
    let (provider, gate) = stage_of("moonshot", "kimi-k2.5").await;
    provider.always(fails(404, "model_not_found", "Not found the model kimi-k2.5"));

    let answer = gate.post(&question_to("kimi-k2.5")).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (404, Some("model_not_found"))
    );
    assert!(
        answer.error_message().unwrap().contains("2026-08-31"),
        "{answer:?}"
    );
}
