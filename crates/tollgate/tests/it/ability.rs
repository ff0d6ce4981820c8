//! A channel that cannot serve a request is not in its route.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, says},
};

use crate::stage::{MODEL, get_from_admin, question_to, question_with, setup, setup_with_models};

const IMAGE: &str = "data:image/png;base64,iVBORw0KGgo=";

/// A gate whose first channel can do less with the model than the second.
async fn stage(limits: &str) -> (FakeProvider, FakeProvider, Gate) {
    let small = FakeProvider::start_with(says("small")).await;
    let large = FakeProvider::start_with(says("large")).await;
    let gate = setup()
        .channel(
            Channel::to(&small)
                .named("small")
                .models([MODEL])
                .set("model_limits", &format!("{{ \"{MODEL}\" = {{ {limits} }} }}")),
        )
        .channel(
            Channel::to(&large)
                .named("large")
                .models([MODEL])
                .set("priority", "1"),
        )
        .start()
        .await;
    (small, large, gate)
}

fn with_image() -> Value {
    question_with(json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": IMAGE}},
    ]}]}))
}

fn with_tools() -> Value {
    question_with(
        json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {
            "type": "object", "properties": {},
        }}}]}),
    )
}

fn of_tokens(tokens: usize) -> Value {
    question_with(json!({"messages": [{"role": "user", "content": "abc ".repeat(tokens)}]}))
}

async fn route_of(gate: &Gate, id: Option<&str>) -> Value {
    let path = format!("/admin/v1/requests/{}", id.unwrap());
    let story = get_from_admin(gate, &path).await;
    serde_json::from_slice::<Value>(&story.body).unwrap()["route"].clone()
}

#[tokio::test]
async fn what_a_channel_does_not_take_goes_to_the_one_that_does() {
    let limits = "context = 1000, reads = [\"text\"], tools = false";
    let (small, _large, gate) = stage(limits).await;

    for (what, request, reason) in [
        ("an image", with_image(), "takes_no_images"),
        ("tools", with_tools(), "takes_no_tools"),
        ("a long prompt", of_tokens(2_000), "context_too_short"),
    ] {
        let answer = gate.post(&request).await;

        assert_eq!(answer.text(), "large", "{what}");
        let route = route_of(&gate, answer.header("x-tollgate-request-id")).await;
        let passed_over = &route[1];
        assert_eq!(
            (&passed_over["channel"], &passed_over["reason"]),
            (&json!("small"), &json!(reason)),
            "{route}"
        );
    }
    assert!(small.requests().is_empty());
}

#[tokio::test]
async fn what_may_fit_goes_where_it_would_go_anyway() {
    let (_small, _large, gate) = stage("context = 1000, tools = false").await;

    for request in [of_tokens(100), of_tokens(1_300), with_image()] {
        assert_eq!(gate.post(&request).await.text(), "small");
    }
}

#[tokio::test]
async fn where_no_channel_can_the_part_is_named() {
    let provider = FakeProvider::start_with(says("x")).await;
    let limits = format!("{{ \"{MODEL}\" = {{ reads = [\"text\"] }} }}");
    for channels in [1, 2] {
        let mut setup = setup();
        for number in 0..channels {
            let channel = Channel::to(&provider)
                .named(&format!("c{number}"))
                .models([MODEL]);
            setup = setup.channel(channel.set("model_limits", &limits));
        }
        let gate = setup.start().await;

        let answer = gate.post(&with_image()).await;

        assert_eq!(
            (answer.status, answer.error_code().as_deref()),
            (400, Some("unsupported_parameter"))
        );
        let message = answer.error_message().unwrap();
        assert!(message.contains("image"), "{message}");
        let route = route_of(&gate, answer.header("x-tollgate-request-id")).await;
        assert_eq!(route.as_array().map(Vec::len), Some(channels), "{route}");
    }
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn a_file_of_the_operators_says_it_for_one_provider() {
    let (setup, _own) = setup_with_models(
        r#"
[[model]]
id = "my-model"
owner = "own"
contract = "general"
reads = ["text", "image"]

[[model.serving]]
provider = "openai-compatible"
context = 1000
reads = ["text"]

[[model.serving]]
provider = "local"
"#,
    );
    let small = FakeProvider::start_with(says("small")).await;
    let large = FakeProvider::start_with(says("large")).await;
    let gate = setup
        .channel(Channel::to(&small).named("small").models(["my-model"]))
        .channel(
            Channel::to(&large)
                .named("large")
                .provider("local")
                .models(["my-model"])
                .set("priority", "1"),
        )
        .start()
        .await;
    let of_model = |mut request: Value| {
        request["model"] = json!("my-model");
        request
    };

    assert_eq!(gate.post(&question_to("my-model")).await.text(), "small");
    assert_eq!(gate.post(&of_model(with_image())).await.text(), "large");
    assert_eq!(gate.post(&of_model(of_tokens(2_000))).await.text(), "large");
}
