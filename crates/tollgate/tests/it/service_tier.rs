//! An answer is priced at the tier of service that gave it.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, answer, answers},
};

use crate::{
    credit::{balance, eventually, key_with_credit},
    stage::{MODEL, get_from_admin, question, setup, with},
};

/// $3 and $15 a million tokens, and a third of it for those who wait.
const PRICES: &str = r#"
[[model]]
id = "gpt-4o"

[[model.serving]]
provider = "openai-compatible"
source = "a test"
price = [
    { input = "3", output = "15" },
    { service_tier = "flex", input = "1", output = "5" },
]
"#;

/// The folder holds the prices, which every command reads.
async fn stage() -> (FakeProvider, Gate, tempfile::TempDir) {
    let own = tempfile::tempdir().expect("a folder");
    let file = own.path().join("own.toml");
    std::fs::write(&file, PRICES).expect("a file in our own folder");
    let provider = FakeProvider::start().await;
    let channel = Channel::to(&provider).models([MODEL]);
    let config = format!("[catalog]\nfiles = [\"{}\"]\n", file.display());
    let gate = setup().channel(channel).config(&config).start().await;
    (provider, gate, own)
}

/// Asks once, of a provider that answers 1,000 and 100 tokens at this tier; gives the bill.
async fn billed(provider: &FakeProvider, gate: &Gate, key: &str, tier: &str) -> Value {
    let usage = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    let said = json!({"usage": usage, "service_tier": tier});
    provider.always(answers(with(answer("Hello"), said)));
    let answer = gate.post_with(key, &question()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.header("x-tollgate-request-id").expect("an ID").to_owned();
    let path = format!("/admin/v1/requests/{id}");
    get_from_admin(gate, &path).await.json()["bill"].clone()
}

#[tokio::test]
async fn the_tier_that_answered_decides_and_one_without_a_price_costs_the_standard_one() {
    let (provider, gate, _own) = stage().await;
    let key = key_with_credit(&gate, "1.00").await;

    let flex = billed(&provider, &gate, &key, "flex").await;
    eventually("0.9985".to_owned(), async || balance(&gate).await).await;
    let scale = billed(&provider, &gate, &key, "scale").await;
    eventually("0.994".to_owned(), async || balance(&gate).await).await;
    let standard = billed(&provider, &gate, &key, "default").await;
    eventually("0.9895".to_owned(), async || balance(&gate).await).await;

    let told = |bill: &Value| {
        ["charge", "rates", "service_tier", "at_standard_price"].map(|name| bill[name].clone())
    };
    let wanted = |charge, rates, tier: Option<&str>, standard| {
        [json!(charge), json!(rates), json!(tier), json!(standard)]
    };
    assert_eq!(told(&flex), wanted("0.0015", "in=1 out=5", Some("flex"), false));
    assert_eq!(told(&scale), wanted("0.0045", "in=3 out=15", Some("scale"), true));
    assert_eq!(told(&standard), wanted("0.0045", "in=3 out=15", None, false));
}
