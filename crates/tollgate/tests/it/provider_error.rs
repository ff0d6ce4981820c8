//! A provider's errors in the gate's form: the client's mistakes are told, the operator's trouble is
//! not. What must never get out is in `secrecy`.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, Script, answers_with, fails, hangs_up, says, streams_events},
};

use crate::stage::{MODEL, question, question_to, setup, spare_to, stage, stage_of};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

pub fn error(status: u16, body: Value) -> Script {
    answers_with(status, &JSON, body.to_string())
}

pub fn object(kind: &str, code: Value, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// Sends each error of a table to a client that wants a whole answer and to one that wants a stream. A
/// line has the provider's status and body, an arrow, and the status and code that the client sees.
pub async fn assert_become(preset: &str, model: &str, table: &str) {
    let (provider, gate) = stage_of(preset, model).await;
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (sent, seen) = line.split_once(" => ").unwrap();
        let (sent_status, body) = sent.trim().split_once(' ').unwrap();
        let (seen_status, code) = seen.split_once(' ').unwrap();
        let expected = (seen_status.parse().unwrap(), Some(code));
        provider.always(answers_with(sent_status.parse().unwrap(), &JSON, body.to_owned()));

        let whole = gate.post(&question_to(model)).await;
        let stream = gate.stream(&question_to(model)).await;

        assert_eq!((whole.status, whole.error_code().as_deref()), expected, "{line}");
        assert_eq!((stream.status, stream.error_code()), expected, "{line}");
    }
}

#[tokio::test]
async fn openais_errors() {
    let table = r#"
400 {"error":{"code":"context_length_exceeded","message":"This model's maximum context length is 8192"}} => 400 context_length_exceeded
400 {"error":{"type":"invalid_request_error","code":"unsupported_value","message":"no"}} => 400 unsupported_value
400 {"error":{"type":"invalid_request_error","code":"content_policy_violation","message":"no"}} => 400 content_filter
401 {"error":{"type":"invalid_request_error","code":"invalid_api_key","message":"Incorrect API key"}} => 502 provider_unavailable
404 {"error":{"type":"invalid_request_error","code":"model_not_found","message":"no such model"}} => 502 provider_unavailable
429 {"error":{"type":"requests","code":"rate_limit_exceeded","message":"slow down"}} => 429 rate_limit_exceeded
429 {"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"no"}} => 502 provider_unavailable
429 {"error":{"type":"tokens","code":null,"message":"You exceeded your current quota"}} => 502 provider_unavailable
500 {"error":{"type":"server_error","code":null,"message":"sorry"}} => 502 provider_error
503 {"error":{"type":"server_error","code":null,"message":"busy"}} => 503 provider_overloaded
"#;
    assert_become("openai", MODEL, table).await;
}

#[tokio::test]
async fn deepseeks_errors() {
    let table = r#"
400 {"error":{"type":"invalid_request_error","code":"invalid_request_error","message":"bad"}} => 400 invalid_request_error
401 {"error":{"type":"authentication_error","code":"invalid_request_error","message":"no"}} => 502 provider_unavailable
402 {"error":{"type":"unknown_error","code":"invalid_request_error","message":"Insufficient Balance"}} => 502 provider_unavailable
422 {"error":{"type":"invalid_request_error","code":"invalid_parameter","message":"bad"}} => 400 invalid_parameter
429 {"error":{"type":"rate_limit","code":null,"message":"too fast"}} => 429 rate_limit_exceeded
"#;
    assert_become("deepseek", "deepseek-v4-flash", table).await;
}

#[tokio::test]
async fn dashscopes_errors_in_both_of_its_forms() {
    let table = r#"
400 {"error":{"type":"invalid_request_error","code":"invalid_parameter_error","message":"bad"}} => 400 invalid_parameter_error
400 {"error":{"type":"Arrearage","code":"Arrearage","message":"Access denied"}} => 502 provider_unavailable
400 {"error":{"type":"data_inspection_failed","code":"data_inspection_failed","message":"no"}} => 400 content_filter
401 {"error":{"type":"invalid_request_error","code":"invalid_api_key","message":"no"}} => 502 provider_unavailable
429 {"error":{"type":"limit_requests","code":"limit_requests","message":"slow"}} => 429 rate_limit_exceeded
429 {"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"no"}} => 502 provider_unavailable
400 {"code":"DataInspectionFailed","message":"inappropriate","request_id":"1"} => 400 content_filter
400 {"code":"InvalidParameter","message":"Range of input length should be [1, 30720]"} => 400 context_length_exceeded
401 {"code":"InvalidApiKey","message":"Invalid API-key provided."} => 502 provider_unavailable
"#;
    assert_become("dashscope", "qwen3.6-flash", table).await;
}

#[tokio::test]
async fn arks_errors() {
    let table = r#"
400 {"error":{"type":"BadRequest","code":"InvalidParameter","message":"bad"}} => 400 InvalidParameter
400 {"error":{"type":"BadRequest","code":"SensitiveContentDetected.Violence","message":"no"}} => 400 content_filter
400 {"error":{"type":"BadRequest","code":"InputImageSensitiveContentDetected","message":"no"}} => 400 content_filter
401 {"error":{"type":"Unauthorized","code":"AuthenticationError","message":"no"}} => 502 provider_unavailable
403 {"error":{"type":"Forbidden","code":"AccountOverdueError","message":"pay"}} => 502 provider_unavailable
404 {"error":{"type":"NotFound","code":"InvalidEndpointOrModel.ModelIDAccessDisabled","message":"no"}} => 502 provider_unavailable
404 {"error":{"type":"NotFound","code":"ModelNotOpen","message":"no"}} => 502 provider_unavailable
429 {"error":{"type":"TooManyRequests","code":"RateLimitExceeded.EndpointRPMExceeded","message":"no"}} => 429 rate_limit_exceeded
429 {"error":{"type":"TooManyRequests","code":"ModelAccountRpmRateLimitExceeded","message":"no"}} => 429 rate_limit_exceeded
429 {"error":{"type":"TooManyRequests","code":"ServerOverloaded","message":"no"}} => 503 provider_overloaded
500 {"error":{"type":"InternalServerError","code":"InternalServiceError","message":"no"}} => 502 provider_error
"#;
    assert_become("ark", "doubao-seed-1-6-vision-250815", table).await;
}

#[tokio::test]
async fn moonshots_errors() {
    let table = r#"
400 {"error":{"type":"content_filter","message":"it was considered high risk"}} => 400 content_filter
400 {"error":{"type":"invalid_request_error","message":"Your request exceeded model token limit: 9"}} => 400 context_length_exceeded
401 {"error":{"type":"invalid_authentication_error","message":"Invalid Authentication"}} => 502 provider_unavailable
403 {"error":{"type":"permission_denied_error","message":"no"}} => 502 provider_unavailable
429 {"error":{"type":"exceeded_current_quota_error","message":"no"}} => 502 provider_unavailable
429 {"error":{"type":"rate_limit_reached_error","message":"slow"}} => 429 rate_limit_exceeded
429 {"error":{"type":"engine_overloaded_error","message":"busy"}} => 503 provider_overloaded
"#;
    assert_become("moonshot", "glm-4-7-251222", table).await;
}

#[tokio::test]
async fn minimaxs_errors_come_with_status_200() {
    let table = r#"
200 {"base_resp":{"status_code":1002,"status_msg":"no"},"choices":null} => 429 rate_limit_exceeded
200 {"base_resp":{"status_code":1004,"status_msg":"no"},"choices":null} => 502 provider_unavailable
200 {"base_resp":{"status_code":1008,"status_msg":"no"},"choices":null} => 502 provider_unavailable
200 {"base_resp":{"status_code":1026,"status_msg":"no"},"choices":null} => 400 content_filter
200 {"base_resp":{"status_code":1027,"status_msg":"no"},"choices":null} => 400 content_filter
200 {"base_resp":{"status_code":1039,"status_msg":"no"},"choices":null} => 400 context_length_exceeded
200 {"base_resp":{"status_code":2013,"status_msg":"no"},"choices":null} => 400 2013
"#;
    assert_become("minimax", "minimax-m2.5", table).await;
}

#[tokio::test]
async fn an_error_as_the_first_event_has_its_own_status() {
    let (provider, gate) = stage_of("minimax", "minimax-m2.5").await;
    let event = json!({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}});
    provider.always(streams_events([event]));

    let stream = gate.stream(&question_to("minimax-m2.5")).await;

    assert_eq!(
        (stream.status, stream.error_code()),
        (502, Some("provider_unavailable"))
    );
}

#[tokio::test]
async fn xais_errors() {
    let table = r#"
400 {"code":"invalid-argument","error":"Incorrect API key provided: xa***yz. See https://console.x.ai."} => 502 provider_unavailable
400 {"code":"invalid-argument","error":"This model's maximum prompt length is 131072"} => 400 context_length_exceeded
403 {"code":"The caller does not have permission","error":"no"} => 502 provider_unavailable
429 {"code":"Some resource has been exhausted","error":"Too many requests"} => 429 rate_limit_exceeded
"#;
    assert_become("xai", "grok-3", table).await;
}

#[tokio::test]
async fn zhipus_errors() {
    let table = r#"
401 {"error":{"code":"1000","message":"no"}} => 502 provider_unavailable
401 {"error":{"code":"1002","message":"no"}} => 502 provider_unavailable
429 {"error":{"code":"1113","message":"no"}} => 502 provider_unavailable
400 {"error":{"code":"1210","message":"no"}} => 400 1210
400 {"error":{"code":"1301","message":"no"}} => 400 content_filter
429 {"error":{"code":"1302","message":"no"}} => 429 rate_limit_exceeded
429 {"error":{"code":"1305","message":"no"}} => 503 provider_overloaded
434 {"error":{"code":"1220","message":"no"}} => 400 1220
"#;
    assert_become("zhipu", "glm-4-7-251222", table).await;
}

#[tokio::test]
async fn errors_in_no_known_form_go_by_their_status() {
    let table = r#"
401 <html>nginx</html> => 502 provider_unavailable
403 <html>nginx</html> => 502 provider_unavailable
404 <html>nginx</html> => 502 provider_unavailable
301 <html>nginx</html> => 502 provider_unavailable
429 <html>nginx</html> => 429 rate_limit_exceeded
500 <html>nginx</html> => 502 provider_error
502 not even JSON => 502 provider_error
503 {"ok":false} => 503 provider_overloaded
529 [] => 503 provider_overloaded
400 [{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}] => 502 provider_unavailable
"#;
    assert_become("openai-compatible", MODEL, table).await;
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
async fn how_long_a_failing_provider_asks_to_wait_is_passed_on() {
    let (provider, gate) = stage(says("unused")).await;
    for status in [500, 502, 504] {
        provider.always(fails(status, "", "boom").header("retry-after", "7"));

        let answer = gate.post(&question()).await;

        assert_eq!(
            (answer.status, answer.error_code().as_deref()),
            (502, Some("provider_error")),
            "{status}"
        );
        assert_eq!(answer.header("retry-after"), Some("7"), "{status}");
        assert_eq!(answer.header("retry-after-ms"), Some("7000"), "{status}");
    }
}

#[tokio::test]
async fn of_several_that_fail_the_shortest_wait_that_one_names_is_passed_on() {
    let failing = |wait| match wait {
        None => hangs_up(),
        Some(seconds) => fails(500, "", "boom").header("retry-after", seconds),
    };
    for (waits, told) in [
        ([Some("30"), Some("9")], Some("9")),
        ([Some("9"), None], Some("9")),
        ([None, None], None),
    ] {
        let mut providers = Vec::new();
        let mut setup = setup();
        for (wait, place) in waits.into_iter().zip(0..) {
            let provider = FakeProvider::start_with(failing(wait)).await;
            let channel = Channel::to(&provider).named(&format!("c{place}")).models([MODEL]);
            setup = setup.channel(channel.set("priority", &place.to_string()));
            providers.push(provider);
        }
        let gate = setup.start().await;

        let answer = gate.post(&question()).await;

        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (502, told),
            "{waits:?}"
        );
    }
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
        .channel(spare_to(&second))
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
