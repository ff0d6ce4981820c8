//! Other models and channels than the usual ones: those to fall back on, and those that a request names.

use http::Request;
use serde_json::json;
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, answers_with, fails, says},
};

use crate::stage::{MODEL, question, question_to, setup, with};

const OTHER: &str = "gpt-4o-mini";
const FALLBACKS: &str = "[routing]\nfallbacks = { \"gpt-4o\" = [\"nobody-serves-this\", \"gpt-4o-mini\"] }\n";

async fn stage() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("usual")).await;
    provider.for_model(OTHER, says("other"));
    let channel = Channel::to(&provider).models([MODEL, OTHER]);
    let gate = setup().channel(channel).config(FALLBACKS).start().await;
    (provider, gate)
}

#[tokio::test]
async fn a_model_that_nobody_answers_for_is_answered_for_by_the_one_to_fall_back_on() {
    let (provider, gate) = stage().await;
    provider.for_model(MODEL, fails(503, "", "busy"));

    let answer = gate.post(&question()).await;
    let stream = gate.stream(&question()).await;

    assert_eq!((answer.text().as_str(), stream.text()), ("other", "other"));
    assert_eq!(
        answer.json()["model"],
        MODEL,
        "the answer keeps the name that was asked for"
    );
    for header in [
        answer.header("x-tollgate-model"),
        stream.header("x-tollgate-model"),
    ] {
        assert_eq!(header, Some(OTHER));
    }
    assert_eq!(answer.header("x-tollgate-notes"), Some("moved:model"));
    gate.logged("served_model=gpt-4o-mini").await;
}

#[tokio::test]
async fn a_model_whose_channel_is_switched_off_is_answered_for_too() {
    let provider = FakeProvider::start_with(says("other")).await;
    let off = Channel::to(&provider)
        .named("off")
        .models([MODEL])
        .set("enabled", "false");
    let channel = Channel::to(&provider).models([OTHER]);
    let gate = setup()
        .channel(off)
        .channel(channel)
        .config(FALLBACKS)
        .start()
        .await;

    let answer = gate.post(&question()).await;

    assert_eq!((answer.status, answer.text().as_str()), (200, "other"));
    assert_eq!(answer.header("x-tollgate-model"), Some(OTHER));
    provider.always(fails(503, "", "busy"));
    let refused = gate.post(&question()).await;
    assert_eq!(refused.error_code().as_deref(), Some("no_channel"));
}

#[tokio::test]
async fn a_model_of_ones_own_is_answered_for_while_it_has_no_channel() {
    let provider = FakeProvider::start_with(says("other")).await;
    let off = Channel::to(&provider)
        .named("off")
        .models(["my-model"])
        .set("enabled", "false");
    let channel = Channel::to(&provider).models([OTHER]);
    let gate = setup()
        .channel(off)
        .channel(channel)
        .config("[routing]\nfallbacks = { \"my-model\" = [\"gpt-4o-mini\"], \"gone\" = [\"gpt-4o-mini\"] }\n")
        .start()
        .await;
    for model in ["my-model", "gone"] {
        let answer = gate.post(&question_to(model)).await;

        assert_eq!((answer.status, answer.text().as_str()), (200, "other"), "{model}");
        assert_eq!(answer.json()["model"], model);
        assert_eq!(answer.header("x-tollgate-model"), Some(OTHER), "{model}");
        let wrong = gate.post(&with(question_to(model), json!({"n": "two"}))).await;
        assert_eq!(wrong.status, 400, "{model}");
    }
    let unknown = gate.post(&question_to("nobodys-model")).await;
    assert_eq!(unknown.error_code().as_deref(), Some("model_not_found"));
}

#[tokio::test]
async fn while_the_model_answers_nothing_is_said_of_others() {
    let (_provider, gate) = stage().await;

    let answer = gate.post(&question()).await;

    assert_eq!(
        (answer.text().as_str(), answer.header("x-tollgate-model")),
        ("usual", None)
    );
}

#[tokio::test]
async fn what_the_client_did_wrong_is_wrong_for_every_model() {
    let (provider, gate) = stage().await;
    provider.for_model(MODEL, fails(400, "invalid_value", "odd"));

    let answer = gate.post(&question()).await;

    assert_eq!((answer.status, provider.requests().len()), (400, 1));
}

#[tokio::test]
async fn a_model_to_fall_back_on_whose_contract_does_not_allow_the_request_is_passed_over() {
    let provider = FakeProvider::start_with(says("other")).await;
    provider.for_model(MODEL, fails(503, "", "busy"));
    let other = "qwen3.6-flash";
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL, other]))
        .config(&format!(
            "[routing]\nfallbacks = {{ \"gpt-4o\" = [\"{other}\"] }}\n"
        ))
        .start()
        .await;
    let fits = gate.post(&question()).await;
    assert_eq!(fits.header("x-tollgate-model"), Some(other));

    // On that model's page `stop` is an array.
    let answer = gate.post(&with(question(), json!({"stop": "END"}))).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (503, Some("provider_overloaded"))
    );
}

#[tokio::test]
async fn the_model_that_was_asked_for_decides_what_the_client_hears() {
    let provider = FakeProvider::start().await;
    let channel = Channel::to(&provider).models([MODEL, OTHER]);
    let gate = setup().channel(channel).config(FALLBACKS).start().await;
    let busy = json!({"error": {"message": "busy"}}).to_string();
    let json = ("content-type", "application/json");
    provider.for_model(MODEL, answers_with(503, &[json, ("retry-after", "7")], busy));
    provider.for_model(OTHER, fails(400, "odd_field", "odd_field is not permitted"));

    let answer = gate.post(&question()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (503, Some("provider_overloaded"))
    );
    assert_eq!(answer.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn models_to_fall_back_on_are_asked_out_of_the_retries_of_the_gate() {
    let provider = FakeProvider::start_with(fails(500, "", "boom")).await;
    let models = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini"];
    let gate = setup()
        .channel(Channel::to(&provider).models(models))
        .config("[routing]\nfallbacks = { \"gpt-4o\" = [\"gpt-4o-mini\", \"gpt-4.1\", \"gpt-4.1-mini\"] }\n")
        .start()
        .await;

    let requests = 60;
    for _ in 0..requests {
        assert_eq!(gate.post(&question()).await.status, 502);
    }

    // One failover of each request is free; of the others there are ten at the start and a fifth of the requests.
    let further = provider.requests().len() - 2 * requests;
    assert!((20..=10 + requests / 5).contains(&further), "{further}");
}

/// Posts the question with these headers, and tells the channel that answered or the error's code.
async fn asked_with(gate: &Gate, headers: &[(&'static str, &str)]) -> String {
    let (mut parts, body) = gate
        .chat_request(gate.key(), question_to(MODEL).to_string())
        .into_parts();
    for (name, value) in headers {
        parts.headers.append(*name, value.parse().unwrap());
    }
    let answer = gate.send(Request::from_parts(parts, body)).await;
    match answer.status {
        200 => answer.header("x-tollgate-channel").unwrap().to_owned(),
        _ => answer.error_code().unwrap(),
    }
}

async fn two_channels(tables: &str) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start().await;
    let gate = setup()
        .channel(Channel::to(&provider).named("a").models([MODEL]))
        .channel(
            Channel::to(&provider)
                .named("b")
                .models([MODEL])
                .set("priority", "1"),
        )
        .config(tables)
        .start()
        .await;
    (provider, gate)
}

#[tokio::test]
async fn where_the_operator_allows_it_a_request_names_its_channel_or_those_it_does_not_want() {
    let (_provider, gate) = two_channels("[routing]\nallow_pin = true\n").await;

    for (headers, expected) in [
        (&[("x-tollgate-channel", "b")][..], "b"),
        (&[("x-tollgate-exclude", "a")], "b"),
        (&[("x-tollgate-exclude", "c, b")], "a"),
        (&[], "a"),
        (&[("x-tollgate-channel", "c")], "channel_not_found"),
        (&[("x-tollgate-exclude", "a,b")], "channel_not_found"),
        (
            &[("x-tollgate-exclude", "a"), ("x-tollgate-exclude", "b")],
            "channel_not_found",
        ),
        (
            &[("x-tollgate-channel", "a"), ("x-tollgate-channel", "b")],
            "channel_not_found",
        ),
    ] {
        assert_eq!(asked_with(&gate, headers).await, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn what_a_request_says_of_channels_holds_for_models_to_fall_back_on_too() {
    let provider = FakeProvider::start_with(says("usual")).await;
    provider.for_model(MODEL, fails(500, "", "boom"));
    let gate = setup()
        .channel(Channel::to(&provider).named("a").models([MODEL]))
        .channel(Channel::to(&provider).named("b").models([OTHER]))
        .config(&format!("{FALLBACKS}allow_pin = true\n"))
        .start()
        .await;

    for (headers, expected) in [
        (&[][..], "b"),
        (&[("x-tollgate-channel", "a")], "provider_error"),
        (&[("x-tollgate-exclude", "b")], "provider_error"),
    ] {
        assert_eq!(asked_with(&gate, headers).await, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn where_the_operator_does_not_allow_it_the_headers_are_nothing() {
    let (_provider, gate) = two_channels("").await;

    assert_eq!(asked_with(&gate, &[("x-tollgate-channel", "b")]).await, "a");
    assert_eq!(
        asked_with(&gate, &[("x-tollgate-channel", "nonsense")]).await,
        "a"
    );
}
