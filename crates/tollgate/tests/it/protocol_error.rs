//! The errors of Anthropic, Gemini and the Responses in the gate's form, in one table each.

use serde_json::json;
use tollgate_testkit::provider::{answers_with, complains};

use crate::{
    provider_error::assert_become,
    secrecy::assert_no_secrets,
    stage::{SPEAKERS, question_to, stage_of, with},
};

#[tokio::test]
async fn anthropics_errors() {
    let table = r#"
400 {"type":"error","error":{"type":"invalid_request_error","message":"tools.0.custom: Invalid schema"}} => 400 invalid_request_error
400 {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 215003 tokens > 200000 maximum"}} => 400 context_length_exceeded
400 {"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000, decrease input length or `max_tokens` and try again"}} => 400 context_length_exceeded
400 {"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}} => 502 provider_unavailable
401 {"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"},"request_id":"req_1"} => 502 provider_unavailable
402 {"type":"error","error":{"type":"billing_error","message":"pay"}} => 502 provider_unavailable
403 {"type":"error","error":{"type":"permission_error","message":"no"}} => 502 provider_unavailable
404 {"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}} => 502 provider_unavailable
429 {"type":"error","error":{"type":"rate_limit_error","message":"slow down"}} => 429 rate_limit_exceeded
500 {"type":"error","error":{"type":"api_error","message":"Internal server error"}} => 502 provider_error
529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}} => 503 provider_overloaded
503 <html>proxy</html> => 503 provider_overloaded
"#;
    assert_become("anthropic", "claude-sonnet-4-6", table).await;
}

#[tokio::test]
async fn geminis_errors() {
    let table = r#"
400 {"error":{"code":400,"message":"Invalid value at 'generation_config.top_k'","status":"INVALID_ARGUMENT"}} => 400 INVALID_ARGUMENT
400 {"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}} => 400 context_length_exceeded
400 {"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}} => 502 provider_unavailable
401 {"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}} => 502 provider_unavailable
403 {"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}} => 502 provider_unavailable
404 {"error":{"code":404,"message":"models/x is not found for API version v1beta","status":"NOT_FOUND"}} => 502 provider_unavailable
429 {"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}} => 429 rate_limit_exceeded
500 {"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}} => 502 provider_error
503 {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}} => 503 provider_overloaded
429 [{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}] => 429 rate_limit_exceeded
502 <html>proxy</html> => 502 provider_error
"#;
    assert_become("gemini", "gemini-3-flash-preview", table).await;
}

#[tokio::test]
async fn the_errors_of_responses() {
    let table = r#"
400 {"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}} => 400 context_length_exceeded
400 {"error":{"message":"The requested model 'x' does not exist.","type":"invalid_request_error","param":"model","code":"model_not_found"}} => 502 provider_unavailable
400 {"error":{"message":"Invalid schema","type":"invalid_request_error","param":"tools[0].parameters","code":"invalid_function_parameters"}} => 400 invalid_function_parameters
400 {"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}} => 502 provider_unavailable
401 {"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}} => 502 provider_unavailable
429 {"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}} => 429 rate_limit_exceeded
429 {"error":{"message":"no","type":"insufficient_quota","param":null,"code":"insufficient_quota"}} => 502 provider_unavailable
500 {"error":{"message":"sorry","type":"server_error","param":null,"code":null}} => 502 provider_error
503 {"error":{"message":"busy","type":"server_error","param":null,"code":null}} => 503 provider_overloaded
200 {"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"sorry"},"output":[],"usage":null} => 502 provider_error
200 {"id":"resp_1","object":"response","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"},"output":[],"usage":null} => 429 rate_limit_exceeded
"#;
    assert_become("openai", "gpt-5-3-codex", table).await;
}

#[tokio::test]
async fn a_refused_parameter_has_the_name_that_the_client_gave_it() {
    let openai = r#"{"error":{"message":"No.","type":"invalid_request_error","param":"max_output_tokens","code":"integer_below_min_value"}}"#;
    let anthropic = r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: no"}}"#;
    let google = r#"{"error":{"code":400,"message":"Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32)","status":"INVALID_ARGUMENT"}}"#;
    let refusals = [anthropic, google, openai];
    for ((preset, model), refusal) in SPEAKERS.into_iter().zip(refusals) {
        let (provider, gate) = stage_of(preset, model).await;
        provider.always(answers_with(
            400,
            &[("content-type", "application/json")],
            refusal,
        ));
        for name in ["max_tokens", "max_completion_tokens"] {
            let request = with(question_to(model), json!({name: 100, "stream": true}));

            let answer = gate.stream(&request).await;

            let param = answer.error().and_then(|error| error.param.as_deref());
            assert_eq!(param, Some(name), "{preset}");
        }
    }
}

#[tokio::test]
async fn geminis_delay_is_passed_on() {
    let (provider, gate) = stage_of("gemini", "gemini-3-flash-preview").await;
    let error = json!({"error": {
        "code": 429, "message": "You exceeded your current rate", "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "22.5s"}]
    }});
    let headers = [("content-type", "application/json")];
    provider.always(answers_with(429, &headers, error.to_string()));

    let answer = gate.post(&question_to("gemini-3-flash-preview")).await;

    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after-ms"), Some("22500"));
}

#[tokio::test]
async fn trouble_with_a_credential_leaks_nothing_in_any_protocol() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let host = provider.address().to_string();
        let message = format!(
            "Incorrect API key provided: sk-live-0123456789abcdef. Organization org-Secret123456 at {host}, pay at https://pay.example.com"
        );
        for (status, kind) in [
            (401, "authentication_error"),
            (403, "PERMISSION_DENIED"),
            (402, "billing_error"),
            (404, "not_found_error"),
        ] {
            provider.always(complains(status, kind, &message));

            let answer = gate.post(&question_to(model)).await;

            assert_eq!(
                (answer.status, answer.error_code().as_deref()),
                (502, Some("provider_unavailable")),
                "{preset}: {status} {kind}"
            );
            assert_no_secrets(&answer, &host);
        }
    }
}
