//! What `--reserve full` holds for media, of whose tokens their bytes say nothing.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, Tokens, Turn, answer, answers, speaks},
};

use crate::{
    credit::run,
    stage::{MODEL, get_from_admin, question_to, setup, with},
};

const PNG: &str = "data:image/png;base64,iVBORw0KGgo=";

fn image() -> Value {
    json!({"type": "image_url", "image_url": {"url": PNG}})
}

fn file() -> Value {
    json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}})
}

/// A question to `model` with so many of these beside it.
fn question_with(model: &str, part: &Value, times: usize) -> Value {
    let mut parts = vec![json!({"type": "text", "text": "What is there?"})];
    parts.extend(vec![part.clone(); times]);
    let messages = json!([{"role": "user", "content": parts}]);
    with(
        question_to(model),
        json!({"max_tokens": 100, "messages": messages}),
    )
}

/// A provider that counts nothing, at $2.50 and $10 a million tokens.
async fn uncounted(model: &str) -> (FakeProvider, Gate) {
    let mut said = answer("Hello");
    said.as_object_mut().expect("an object").remove("usage");
    let provider = FakeProvider::start_with(answers(said)).await;
    let prices = format!(r#"{{ {model} = {{ input = "2.5", output = "10" }} }}"#);
    let channel = Channel::to(&provider).models([model]).set("prices", &prices);
    (provider, setup().channel(channel).start().await)
}

async fn key_with(gate: &Gate, name: &str, reserve: &str, dollars: &str) -> String {
    run(gate, &["accounts", "create", "--name", name]).await;
    run(gate, &["accounts", "credit", "--name", name, "--amount", dollars]).await;
    gate.create_key(&["--name", name, "--account", name, "--reserve", reserve])
        .await
}

async fn bill(gate: &Gate, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer
        .header("x-tollgate-request-id")
        .expect("every answer has an ID");
    let told = get_from_admin(gate, &format!("/admin/v1/requests/{id}")).await;
    told.json()["bill"].clone()
}

#[tokio::test]
async fn images_that_nobody_bounds_are_held_for_as_a_whole_context() {
    let (provider, gate) = uncounted(MODEL).await;
    let poor = key_with(&gate, "poor", "full", "0.08").await;
    let rich = key_with(&gate, "rich", "full", "1").await;
    let asked = question_with(MODEL, &image(), 60);

    let refused = gate.post_with(&poor, &asked).await;
    assert_eq!(
        refused.error_code().as_deref(),
        Some("account_credit_exceeded"),
        "{refused:?}"
    );
    assert!(provider.requests().is_empty());

    let bill = bill(&gate, &gate.post_with(&rich, &asked).await).await;
    // 128,000 at $2.50 and 100 at $10; the gate counts 60 × 1,334 and a few.
    assert_eq!(bill["held"], "0.321", "{bill}");
    assert!(
        bill["charge"]
            .as_str()
            .is_some_and(|charge| charge.starts_with("0.2001")),
        "{bill}"
    );
    assert_eq!(bill["overrun"], Value::Null, "{bill}");
}

#[tokio::test]
async fn files_are_held_for_as_a_whole_context() {
    let (_provider, gate) = uncounted(MODEL).await;
    let key = key_with(&gate, "app", "full", "1").await;

    let answer = gate.post_with(&key, &question_with(MODEL, &file(), 1)).await;

    assert_eq!(bill(&gate, &answer).await["held"], "0.321");
}

#[tokio::test]
async fn the_most_is_never_less_than_what_is_expected() {
    let (_provider, gate) = uncounted(MODEL).await;
    let full = key_with(&gate, "full", "full", "10").await;
    let expected = key_with(&gate, "expected", "expected", "10").await;
    // 110 × 1,334 are more than the context.
    let asked = question_with(MODEL, &image(), 110);

    let mut held = Vec::new();
    for key in [&full, &expected] {
        let bill = bill(&gate, &gate.post_with(key, &asked).await).await;
        assert_eq!(bill["overrun"], Value::Null, "{bill}");
        held.push(bill["held"].clone());
    }

    assert_eq!(held[0], held[1]);
}

#[tokio::test]
async fn images_that_their_provider_bounds_are_held_for_up_to_that() {
    let model = "claude-sonnet-4-6";
    let counted = Tokens {
        fresh: 20 * 1_590 + 20,
        answer: 100,
        ..Tokens::default()
    };
    let provider = FakeProvider::start_with(speaks(Turn::new().says(["Hello"]).took(counted))).await;
    let channel = Channel::of("anthropic", &provider).models([model]);
    let gate = setup().channel(channel).start().await;
    // A context of a million tokens would be $6.
    let key = key_with(&gate, "app", "full", "0.5").await;

    let answer = gate.post_with(&key, &question_with(model, &image(), 20)).await;

    let bill = bill(&gate, &answer).await;
    assert_eq!(bill["charge"], "0.09696", "{bill}");
    assert_eq!(bill["overrun"], Value::Null, "{bill}");
}

#[tokio::test]
async fn media_for_a_model_whose_context_nobody_knows_are_refused() {
    let (provider, gate) = uncounted("own-model").await;
    let key = key_with(&gate, "app", "full", "1000").await;

    let answer = gate
        .post_with(&key, &question_with("own-model", &image(), 1))
        .await;

    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.error_code().as_deref(), Some("unbounded_prompt"));
    assert!(provider.requests().is_empty());
}
