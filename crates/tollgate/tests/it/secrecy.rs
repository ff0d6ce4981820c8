//! Nothing of the operator's reaches a client or a log: no credential, no account, no host.

use serde_json::json;
use tollgate_testkit::{
    gate::{Answer, Channel},
    provider::{FakeProvider, Script, answers, chunk, says, streams_events},
};

use crate::{
    provider_error::{error, object},
    stage::{MODEL, question, question_to, setup, stage, stage_with},
};

#[tokio::test]
async fn trouble_with_a_credential_is_neutral_final_and_leaks_nothing() {
    const CREDENTIAL: &str = "sk-live-0123456789abcdef";
    let trace = "[log]\nlevel = \"trace\"\n";
    let (provider, gate) = stage_with(says("unused"), |channel| channel.api_key(CREDENTIAL), trace).await;
    let host = provider.address().to_string();
    let message = format!(
        "Incorrect API key provided: {CREDENTIAL}. Organization org-Secret123456 at {host}, project proj_Secret123, pay at https://pay.example.com"
    );
    for script in [
        error(
            401,
            object("invalid_request_error", json!("invalid_api_key"), &message),
        ),
        error(400, json!({"code": "invalid-argument", "error": message})),
        error(403, object("Forbidden", json!("AccessDenied"), &message)),
        error(402, object("billing", json!(null), &message)),
        error(
            429,
            object("insufficient_quota", json!("insufficient_quota"), &message),
        ),
        error(404, object("NotFound", json!("model_not_found"), &message)),
        answers(json!({"error": {"message": message, "code": "invalid_api_key"}})),
    ] {
        provider.always(script);

        let answer = gate.post(&question()).await;

        assert_eq!(
            (answer.status, answer.error_code().as_deref()),
            (502, Some("provider_unavailable"))
        );
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_no_secrets(&answer, &host);
    }
    let logs = gate.logs();
    assert!(logs.contains("attempt failed"), "the operator is told: {logs}");
    for secret in [CREDENTIAL, "org-Secret", "proj_Secret", gate.key()] {
        assert!(!logs.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_mistake_of_the_clients_is_told_without_what_is_private_in_the_providers_words() {
    let (provider, gate) = stage(says("unused")).await;
    let host = provider.address().to_string();
    for private in [
        "sk-live-0123456789abcdef",
        "'sk-live-0123456789abcdef'",
        "key=sk-live-0123456789abcdef,",
        "org-Secret123456",
        "(org-Secret123456)",
        "organization:org-Secret123456",
        "proj_Secret123",
        "https://internal.example.com/v1",
        host.as_str(),
        "api.internal.example.com",
        "ep-20250101-Secret",
        "line\norg-Secret123456\tend",
    ] {
        let message = format!("messages[0].content is too strange, see {private} for more.");
        provider.always(error(
            400,
            object("invalid_request_error", json!("strange"), &message),
        ));

        let answer = gate.post(&question()).await;

        assert_eq!(answer.status, 400);
        let told = answer.error_message().unwrap();
        assert!(told.starts_with("messages[0].content is too strange"), "{told}");
        assert_no_secrets(&answer, &host);
    }
}

#[tokio::test]
async fn a_channels_own_credential_host_and_headers_are_told_to_nobody_whatever_they_look_like() {
    // No pattern tells these from other words.
    const KEY: &str = "blue-Llama.rides.atDawn";
    const HEADER: &str = "green-llama-walks";
    let claude = "claude-sonnet-4-6";
    for (preset, model) in [("openai-compatible", MODEL), ("anthropic", claude)] {
        let provider = FakeProvider::start_with(says("unused")).await;
        let channel = match preset {
            "anthropic" => Channel::of(preset, &provider),
            _ => Channel::to(&provider),
        };
        let channel = channel
            .models([model])
            .api_key(KEY)
            .set("headers", &format!("{{ \"x-tenant\" = \"{HEADER}\" }}"));
        let trace = "[log]\nlevel = \"trace\"\n";
        let gate = setup().channel(channel).config(trace).start().await;
        let address = provider.address();
        let message = format!(
            "too strange: {KEY} of {HEADER} at {address}, key={KEY}&x, {}",
            KEY.to_uppercase()
        );
        for (param, code) in [
            (format!("messages.{KEY}"), KEY.to_owned()),
            (KEY.to_owned(), "x".repeat(65)),
        ] {
            let complaint = json!({
                "type": "invalid_request_error", "message": message, "param": param, "code": code
            });
            let event = json!({"type": "error", "error": complaint});
            let scripts: [Script; 3] = [
                error(400, event.clone()),
                answers(event.clone()),
                streams_events([chunk(json!({"role": "assistant", "content": "Hel"}), None), event]),
            ];
            for script in scripts {
                provider.always(script);

                let whole = gate.post(&question_to(model)).await;
                let stream = gate.stream(&question_to(model)).await;

                assert!(whole.status >= 400, "{preset}");
                let bodies = [
                    String::from_utf8_lossy(&whole.body),
                    String::from_utf8_lossy(&stream.body),
                ];
                let told = bodies.join(" ");
                let host = address.ip().to_string();
                assert!(!told.contains(&host), "{preset}: the host in {told}");
                for told in [told, gate.logs()] {
                    let lower = told.to_ascii_lowercase();
                    for secret in ["llama", "atdawn"] {
                        assert!(!lower.contains(secret), "{preset}: {secret} in {told}");
                    }
                }
            }
            provider.always(error(400, json!({"type": "error", "error": complaint})));
            let answer = gate.post(&question_to(model)).await;
            assert_eq!(answer.status, 400);
            assert!(
                answer
                    .error_message()
                    .unwrap()
                    .starts_with("too strange: […] of […] at […]")
            );
            assert_eq!(answer.error_param(), None);
        }
    }
}

pub fn assert_no_secrets(answer: &Answer, host: &str) {
    let everything = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    for secret in ["sk-live", "Secret", "example.com", host, "pay"] {
        assert!(
            !everything.contains(secret),
            "{secret} reached the client: {everything}"
        );
    }
}
