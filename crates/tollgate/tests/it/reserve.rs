//! What is held of a budget before a request is sent: with `--reserve full` the most that it can cost.

use http::Request;
use serde_json::json;
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, says},
};

use crate::{
    credit::{full_key, key_with_credit},
    stage::{MODEL, question, question_to, question_with, setup, with},
};

/// Of at most 128,000 tokens an answer, where [`MODEL`] gives 16,384.
const LONG: &str = "gpt-5-1";

/// A channel that serves `model` for so many dollars a million tokens of output.
fn at(provider: &FakeProvider, name: &str, model: &str, output: &str) -> Channel {
    Channel::to(provider).named(name).models([model]).set(
        "prices",
        &format!(r#"{{ {model} = {{ input = "1", output = "{output}" }} }}"#),
    )
}

/// A gate that falls back from `asked` on `other`.
async fn falling_back(asked: Channel, other: Channel, from: &str, on: &str) -> Gate {
    let tables = format!("[routing]\nallow_pin = true\nfallbacks = {{ {from} = [\"{on}\"] }}\n");
    setup()
        .channel(asked)
        .channel(other)
        .config(&tables)
        .start()
        .await
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

#[tokio::test]
async fn of_a_model_to_fall_back_on_its_own_longest_answer_is_held() {
    for (asked, other, dollars, expected) in [
        // 128,000 tokens at $10 a million.
        ((MODEL, "1"), (LONG, "10"), "1.00", not_covered()),
        ((MODEL, "1"), (LONG, "10"), "2.00", served()),
        // 16,384 at $20, and 128,000 at $1.
        ((LONG, "1"), (MODEL, "20"), "1.00", served()),
    ] {
        let fake = FakeProvider::start_with(says("Hello")).await;
        let gate = falling_back(
            at(&fake, "own", asked.0, asked.1),
            at(&fake, "other", other.0, other.1),
            asked.0,
            other.0,
        )
        .await;
        let key = full_key(&gate, dollars).await;

        let answer = gate.post_with(&key, &question_to(asked.0)).await;

        assert_eq!(
            outcome(&answer),
            expected,
            "{asked:?} and {other:?} with ${dollars}"
        );
    }
}

#[tokio::test]
async fn what_a_model_to_fall_back_on_will_say_is_not_known_from_the_other_ones_answers() {
    let fake = FakeProvider::start_with(says("Hello")).await;
    let other = at(&fake, "other", LONG, "100");
    let gate = falling_back(at(&fake, "own", MODEL, "1"), other, MODEL, LONG).await;
    let key = key_with_credit(&gate, "0.30").await;
    for _ in 0..20 {
        let short = question_with(json!({"max_tokens": 10}));
        assert_eq!(gate.post_with(&key, &short).await.status, 200);
    }

    // 4,096 tokens at $100 a million, and not the few that the first model says.
    assert_eq!(outcome(&gate.post_with(&key, &question()).await), not_covered());
}

#[tokio::test]
async fn nothing_is_held_for_a_fallback_that_the_key_or_the_request_leaves_out() {
    let fake = FakeProvider::start_with(says("Hello")).await;
    let other = at(&fake, "dear", LONG, "10000");
    let gate = falling_back(at(&fake, "own", MODEL, "1"), other, MODEL, LONG).await;
    let modest = question_with(json!({"max_tokens": 50}));
    let key = key_with_credit(&gate, "0.10").await;
    let settings = ["--name", "apart", "--account", "team", "--not-channels", "dear"];
    let apart = gate.create_key(&settings).await;
    let (mut pinned, body) = gate.chat_request(&key, modest.to_string()).into_parts();
    let own = "own".parse().expect("a header's value");
    pinned.headers.insert("x-tollgate-channel", own);

    // 50 tokens at $10,000 a million.
    assert_eq!(outcome(&gate.post_with(&key, &modest).await), not_covered());
    assert_eq!(outcome(&gate.post_with(&apart, &modest).await), served());
    let pinned = gate.send(Request::from_parts(pinned, body)).await;
    assert_eq!(outcome(&pinned), served());
}
