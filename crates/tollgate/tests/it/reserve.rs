//! What is held of a budget before a request is sent: with `--reserve full` the most that it can cost.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, says},
};

use crate::{
    credit::run,
    stage::{question_to, setup, with},
};

/// A key that holds the most of what its requests can cost, with so much credit.
async fn full_key(gate: &Gate, dollars: &str) -> String {
    full_key_with(gate, dollars, &[]).await
}

async fn full_key_with(gate: &Gate, dollars: &str, settings: &[&str]) -> String {
    run(gate, &["accounts", "create", "--name", "team"]).await;
    let credit = ["accounts", "credit", "--name", "team", "--amount", dollars];
    run(gate, &credit).await;
    let mut key = vec!["--name", "app", "--account", "team", "--reserve", "full"];
    key.extend(settings);
    gate.create_key(&key).await
}

/// Whether the key's money covers it: the status of its answer, and what is said instead of one.
fn outcome(answer: &Answer) -> (u16, Option<String>) {
    (answer.status, answer.error_code())
}

fn served() -> (u16, Option<String>) {
    (200, None)
}

fn not_covered() -> (u16, Option<String>) {
    (402, Some("account_credit_exceeded".to_owned()))
}

#[tokio::test]
async fn where_max_tokens_is_about_the_answer_alone_thoughts_are_held_for_beside_it() {
    for (provider, model, members, expected) in [
        // $8.40 a million thoughts, of which it may have 131,072.
        (
            "dashscope",
            "qwen3-32b",
            json!({"enable_thinking": true}),
            not_covered(),
        ),
        ("dashscope", "qwen3-32b", json!({}), not_covered()),
        (
            "dashscope",
            "qwen3-32b",
            json!({"enable_thinking": false}),
            served(),
        ),
        (
            "dashscope",
            "qwen3-32b",
            json!({"thinking_budget": 1_000}),
            served(),
        ),
        (
            "dashscope",
            "qwen3-32b",
            json!({"thinking_budget": 100_000}),
            not_covered(),
        ),
        // $7 a million, of which it may have 256,000. It has no place for a budget.
        ("ark", "doubao-seed-2.0-code", json!({}), not_covered()),
        (
            "ark",
            "doubao-seed-2.0-code",
            json!({"thinking_budget": 1_000}),
            not_covered(),
        ),
        (
            "ark",
            "doubao-seed-2.0-code",
            json!({"thinking": {"type": "disabled"}}),
            served(),
        ),
        // Here the limit is one on both.
        (
            "deepseek",
            "deepseek-v4-flash",
            json!({"thinking": {"type": "enabled"}}),
            served(),
        ),
    ] {
        let fake = FakeProvider::start_with(says("Hello")).await;
        let gate = setup()
            .channel(Channel::of(provider, &fake).models([model]))
            .start()
            .await;
        let key = full_key(&gate, "0.05").await;
        let asked = with(
            with(question_to(model), json!({"max_tokens": 100})),
            members.clone(),
        );

        let answer = gate.post_with(&key, &asked).await;

        assert_eq!(outcome(&answer), expected, "{model} {members}");
        assert_eq!(
            fake.requests().is_empty(),
            expected == not_covered(),
            "{model} {members}"
        );
    }
}
