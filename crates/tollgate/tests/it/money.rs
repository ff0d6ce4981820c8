//! What a request costs, who pays, and who is refused for want of money.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_testkit::{
    gate::{Answer, Channel, Gate, Signal},
    provider::{FakeProvider, Script, answer, answers, chunk, fails, says, streams, streams_events},
};

use crate::{
    credit::{balance, eventually, key_with_credit, run},
    sandbox::{gate_with_model, short},
    stage::{MODEL, question, question_to, question_with, setup, stage_with, with},
};

/// $3 and $15 a million tokens.
pub const PRICES: &str = r#"{ gpt-4o = { input = "3", output = "15" } }"#;

/// A provider that follows `script`, at [`PRICES`], and a gate before it.
pub async fn priced(script: Script) -> (FakeProvider, Gate) {
    stage_with(script, |channel| channel.set("prices", PRICES), "").await
}

/// An answer of so many tokens: at [`PRICES`], 1,000 and 100 are $0.0045.
pub fn used(prompt: u64, completion: u64) -> Script {
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion});
    answers(counted)
}

/// The same, streamed with pauses.
pub fn streams_of(prompt: u64, completion: u64) -> Script {
    let mut last = chunk(json!({}), None);
    last["choices"] = json!([]);
    last["usage"] = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion});
    let words = ["Hel", "lo"].map(|word| chunk(json!({"content": word}), None));
    let [first, second] = words;
    streams_events([first, second, chunk(json!({}), Some("stop")), last]).pauses(Duration::from_millis(20))
}

pub async fn balance_becomes(gate: &Gate, dollars: &str) {
    eventually(dollars.to_owned(), async || balance(gate).await).await;
    run(gate, &["ledger", "verify"]).await;
}

pub fn assert_refused(answer: &Answer, status: u16, kind: &str, code: &str) {
    let told = (answer.status, answer.error_type(), answer.error_code());
    let wanted = (status, Some(kind.to_owned()), Some(code.to_owned()));
    assert_eq!(told, wanted, "{answer:?}");
}

#[tokio::test]
async fn an_answer_is_charged_to_the_nano_dollar() {
    let (_provider, gate) = priced(used(1_001, 101)).await;
    let key = key_with_credit(&gate, "1.00").await;

    let answer = gate.post_with(&key, &question()).await;

    assert_eq!(answer.status, 200);
    balance_becomes(&gate, "0.995482").await;
}

#[tokio::test]
async fn an_account_pays_so_many_times_the_price() {
    let (_provider, gate) = priced(used(1_000, 100)).await;
    let key = key_with_credit(&gate, "1.00").await;
    run(
        &gate,
        &[
            "accounts",
            "update",
            "--name",
            "team",
            "--price-multiplier",
            "1.2",
        ],
    )
    .await;
    // A running gate knows within a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;

    gate.post_with(&key, &question()).await;

    balance_becomes(&gate, "0.9946").await;
}

#[tokio::test]
async fn cached_tokens_and_thoughts_have_prices_of_their_own() {
    let prices = r#"{ gpt-4o = { input = "3", cached_input = "0.3", output = "15", reasoning = "20" } }"#;
    let mut counted = answer("Hello");
    counted["usage"] = json!({
        "prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100,
        "prompt_tokens_details": {"cached_tokens": 600},
        "completion_tokens_details": {"reasoning_tokens": 40},
    });
    let (_provider, gate) = stage_with(answers(counted), |channel| channel.set("prices", prices), "").await;
    let key = key_with_credit(&gate, "1.00").await;

    gate.post_with(&key, &question()).await;

    // 400 × 3 + 600 × 0.3 + 60 × 15 + 40 × 20 = 3,080 millionths.
    balance_becomes(&gate, "0.99692").await;
}

#[tokio::test]
async fn whose_credit_is_spent_is_told_so_and_sent_nowhere() {
    let (provider, gate) = priced(used(1_000, 100)).await;
    let key = key_with_credit(&gate, "0.0001").await;

    let refused = gate.post_with(&key, &question()).await;

    assert_refused(&refused, 402, "insufficient_quota", "account_credit_exceeded");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("retry-after"), None);
    let message = refused.error_message().expect("it says why");
    assert!(message.contains("credit of this API key's account"), "{message}");
    assert!(provider.requests().is_empty());

    run(&gate, &["accounts", "credit", "--name", "team", "--amount", "5"]).await;
    eventually(200, async || gate.post_with(&key, &question()).await.status).await;
}

#[tokio::test]
async fn what_an_overrun_leaves_can_be_spent() {
    let prices = r#"{ gpt-4o = { input = "0", output = "100" } }"#;
    let long = used(10, 12_000);
    let (provider, gate) = stage_with(long, |channel| channel.set("prices", prices), "").await;
    let key = key_with_credit(&gate, "1.50").await;
    // 4,096 tokens are held for an answer of which nothing is known.
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);
    balance_becomes(&gate, "0.30").await;

    provider.always(used(10, 100));
    let short = question_with(json!({"max_tokens": 100}));
    for _ in 0..5 {
        let answer = gate.post_with(&key, &short).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    balance_becomes(&gate, "0.25").await;
}

#[tokio::test]
async fn a_budget_bounds_one_key_alone() {
    let (_provider, gate) = priced(used(1_000, 100)).await;
    let small = gate
        .create_key(&["--name", "small", "--budget", "0.07", "--budget-per", "day"])
        .await;
    let modest = question_with(json!({"max_tokens": 4_000}));

    let first = gate.post_with(&small, &modest).await;
    let second = gate.post_with(&small, &modest).await;
    let refused = gate
        .post_with(&small, &question_with(json!({"max_tokens": 5_000})))
        .await;
    let other = gate.post(&modest).await;

    // $0.06 and a little are held for 4,000 tokens, and $0.0045 are paid for each answer.
    assert_eq!((first.status, second.status, other.status), (200, 200, 200));
    assert_eq!(refused.status, 402, "{refused:?}");
    assert_eq!(refused.error_code().as_deref(), Some("budget_exceeded"));
    let message = refused.error_message().expect("it says why");
    assert!(
        message.contains("budget of this day of this API key"),
        "{message}"
    );

    run(&gate, &["keys", "update", "--name", "small", "--budget", "1"]).await;
    eventually(200, async || gate.post_with(&small, &modest).await.status).await;
}

#[tokio::test]
async fn what_others_hold_is_refused_as_something_that_comes_back() {
    let (provider, gate) = priced(streams(["Hel"]).then_stalls()).await;
    let key = key_with_credit(&gate, "0.07").await;
    let long = question_with(json!({"max_tokens": 4_000}));
    let open = gate
        .open_stream_of(gate.chat_request(&key, with(long.clone(), json!({"stream": true})).to_string()))
        .await;
    provider.received(1).await;

    let refused = gate.post_with(&key, &long).await;

    assert_refused(&refused, 429, "rate_limit_error", "account_credit_held");
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(open);
    provider.cancelled().await;
    provider.always(used(10, 10));
    eventually(200, async || gate.post_with(&key, &long).await.status).await;
}

#[tokio::test]
async fn agents_that_allow_themselves_much_and_write_little_are_not_refused() {
    let (_provider, gate) = priced(used(2_000, 300)).await;
    let key = key_with_credit(&gate, "25.00").await;
    let greedy = question_with(json!({"max_tokens": 16_000}));

    let mut agents = JoinSet::new();
    let gate = Arc::new(gate);
    for _ in 0..20 {
        let (gate, key, greedy) = (Arc::clone(&gate), key.clone(), greedy.clone());
        agents.spawn(async move {
            for _ in 0..10 {
                assert_eq!(gate.post_with(&key, &greedy).await.status, 200);
            }
        });
    }
    while let Some(agent) = agents.join_next().await {
        agent.expect("no agent is refused");
    }

    // 200 answers at $0.0105.
    balance_becomes(&gate, "22.90").await;
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_to_those_whose_money_is_counted() {
    let (provider, gate) = stage_with(says("Hello"), |channel| channel, "").await;
    let key = key_with_credit(&gate, "5").await;

    let refused = gate.post_with(&key, &question()).await;

    assert_refused(&refused, 403, "permission_error", "model_price_missing");
    assert_eq!(refused.error_param().as_deref(), Some("model"));
    assert!(provider.requests().is_empty());
    assert_eq!(gate.post(&question()).await.status, 200, "others may call it");
}

#[tokio::test]
async fn an_operator_may_let_it_be_called_for_nothing() {
    let free = |channel: Channel| channel.set("allow_unpriced", "true");
    let (_provider, gate) = stage_with(used(1_000, 100), free, "").await;
    let key = key_with_credit(&gate, "5").await;

    assert_eq!(gate.post_with(&key, &question()).await.status, 200);

    balance_becomes(&gate, "5.00").await;
}

#[tokio::test]
async fn a_model_to_fall_back_on_without_a_price_is_not_asked_for_those_whose_money_is_counted() {
    const OTHER: &str = "gpt-4o-mini";
    let broken = FakeProvider::start_with(fails(500, "", "boom")).await;
    let free = FakeProvider::start_with(used(1_000, 100)).await;
    let gate = setup()
        .channel(
            Channel::to(&broken)
                .named("broken")
                .models([MODEL])
                .set("prices", PRICES),
        )
        .channel(Channel::to(&free).named("free").models([OTHER]))
        .config(&format!("[routing.fallbacks]\n{MODEL} = [\"{OTHER}\"]\n"))
        .start()
        .await;
    let key = key_with_credit(&gate, "5").await;

    let refused = gate.post_with(&key, &question()).await;

    assert_refused(&refused, 502, "server_error", "provider_error");
    assert!(free.requests().is_empty());
    assert_eq!(
        gate.post(&question()).await.status,
        200,
        "others may be answered by it"
    );
}

#[tokio::test]
async fn a_field_that_changes_the_price_is_refused_where_it_has_none() {
    let (provider, gate) = priced(used(1_000, 100)).await;
    let key = key_with_credit(&gate, "5").await;
    for (field, value) in [
        ("service_tier", json!("priority")),
        ("web_search_options", json!({"search_context_size": "low"})),
        // As empty as it is, it switches the search on.
        ("web_search_options", json!({})),
    ] {
        let refused = gate.post_with(&key, &question_with(json!({field: value}))).await;
        assert_refused(&refused, 403, "permission_error", "model_price_missing");
        assert_eq!(refused.error_param().as_deref(), Some(field));
    }
    assert!(provider.requests().is_empty());
    let usual = question_with(json!({"service_tier": "default"}));
    assert_eq!(gate.post_with(&key, &usual).await.status, 200);
}

#[tokio::test]
async fn a_server_that_nobody_knows_is_not_asked_for_what_costs_more_elsewhere() {
    let provider = FakeProvider::start_with(used(1_000, 100)).await;
    let channel = Channel::of("openai-compatible", &provider).models(["my-own"]);
    let prices = r#"{ my-own = { input = "3", output = "15" } }"#;
    let gate = setup().channel(channel.set("prices", prices)).start().await;
    let key = key_with_credit(&gate, "5").await;
    let asked = |member: Value| with(question_to("my-own"), member);
    for (field, value) in [
        ("enable_search", json!(true)),
        ("search_options", json!({"search_strategy": "pro"})),
        ("search_parameters", json!({"mode": "on"})),
        ("web_search_options", json!({})),
        ("modalities", json!(["text", "audio"])),
    ] {
        let refused = gate.post_with(&key, &asked(json!({field: value}))).await;
        assert_refused(&refused, 403, "permission_error", "model_price_missing");
        assert_eq!(refused.error_param().as_deref(), Some(field));
    }
    assert!(provider.requests().is_empty());
    for usual in [json!({"enable_search": false}), json!({"modalities": ["text"]})] {
        let answer = gate.post_with(&key, &asked(usual)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn spoken_output_without_a_price_is_asked_for_where_the_operator_lets_it_be() {
    let spoken = with(question_to("my-own"), json!({"modalities": ["text", "audio"]}));
    for (allow_unpriced, status) in [("false", 403), ("true", 200)] {
        let provider = FakeProvider::start_with(used(1_000, 100)).await;
        let prices = r#"{ my-own = { input = "3", output = "15", audio_input = "40" } }"#;
        let channel = Channel::of("openai", &provider).models(["my-own"]);
        let channel = channel
            .set("prices", prices)
            .set("allow_unpriced", allow_unpriced);
        let gate = setup().channel(channel).start().await;
        let key = key_with_credit(&gate, "5").await;

        let answer = gate.post_with(&key, &spoken).await;

        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn what_a_provider_breaks_off_costs_the_client_nothing() {
    let (provider, gate) = priced(fails(500, "server_error", "broken")).await;
    let key = key_with_credit(&gate, "1").await;
    assert_eq!(gate.post_with(&key, &question()).await.status, 502);

    provider.always(streams(["Hel", "lo"]).then_ends());
    let streamed = question_with(json!({"stream": true})).to_string();
    let broken = gate
        .open_stream_of(gate.chat_request(&key, streamed))
        .await
        .rest()
        .await;
    assert_eq!(broken.error_code(), Some("provider_stream_cut"));

    provider.always(used(1_000, 100));
    gate.post_with(&key, &question()).await;
    balance_becomes(&gate, "0.9955").await;
}

#[tokio::test]
async fn who_leaves_pays_for_what_was_produced_until_then() {
    let (provider, gate) = priced(streams(["four letters and more "]).then_stalls()).await;
    let key = key_with_credit(&gate, "1").await;
    let streamed = question_with(json!({"stream": true})).to_string();
    let mut open = gate.open_stream_of(gate.chat_request(&key, streamed)).await;
    open.next_event().await;

    drop(open);
    provider.cancelled().await;

    eventually(true, async || balance(&gate).await != "1.00").await;
    let usage = run(&gate, &["usage", "--account", "team", "--json"]).await;
    let usage: Value = serde_json::from_str(&usage).expect("JSON");
    assert_eq!(usage[0]["estimated"], 1, "the gate has counted: {usage}");
    assert_eq!(usage[0]["failed"], 1);
    run(&gate, &["ledger", "verify"]).await;
}

#[tokio::test]
async fn the_same_answer_twice_by_its_idempotency_key_is_paid_once() {
    let (provider, gate) = priced(used(1_000, 100)).await;
    let key = key_with_credit(&gate, "1").await;
    for _ in 0..3 {
        let mut request = gate.chat_request(&key, question().to_string());
        let name = "7".parse().expect("a header");
        request.headers_mut().insert("idempotency-key", name);
        assert_eq!(gate.send(request).await.status, 200);
    }

    assert_eq!(provider.requests().len(), 1);
    balance_becomes(&gate, "0.9955").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_at_once_as_many_are_served_as_the_credit_pays_for() {
    // Each holds and costs $0.003 and $0.0015: the prompt is known to the token, and so is the answer's limit.
    let asked = question_with(json!({"max_tokens": 100}));
    let prices = r#"{ gpt-4o = { input = "0", output = "15" } }"#;
    let (provider, gate) = stage_with(used(1_000, 100), |channel| channel.set("prices", prices), "").await;
    let key = key_with_credit(&gate, "0.15").await;
    let (gate, served) = (Arc::new(gate), Arc::new(AtomicUsize::new(0)));

    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let (gate, key, asked, served) = (Arc::clone(&gate), key.clone(), asked.clone(), Arc::clone(&served));
        clients.spawn(async move {
            for _ in 0..20 {
                loop {
                    let answer = gate.post_with(&key, &asked).await;
                    match answer.status {
                        200 => served.fetch_add(1, Ordering::Relaxed),
                        402 => break,
                        // What others hold may come back.
                        429 => {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            continue;
                        }
                        other => panic!("{other}: {answer:?}"),
                    };
                    break;
                }
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.expect("no client meets anything else");
    }

    assert_eq!(served.load(Ordering::Relaxed), 100);
    assert_eq!(provider.requests().len(), 100);
    balance_becomes(&gate, "0.00").await;
}

#[tokio::test]
async fn a_gate_that_is_killed_charges_what_its_clients_have_once() {
    let (provider, mut gate) = priced(used(1_000, 100)).await;
    let key = key_with_credit(&gate, "1").await;
    for round in 1..=5 {
        gate.post_with(&key, &question()).await;
        gate.signal(Signal::Kill);
        gate.ended().await;
        gate.start_again().await;
        assert_eq!(provider.requests().len(), round);
    }

    balance_becomes(&gate, "0.9775").await;
}

#[tokio::test]
async fn what_was_spent_before_a_restart_is_known_after_it() {
    let (_provider, mut gate) = priced(used(1_000, 100)).await;
    let key = gate.create_key(&["--name", "app", "--budget", "0.063"]).await;
    // $0.0615 and a little are held for each.
    let asked = question_with(json!({"max_tokens": 4_100}));
    assert_eq!(gate.post_with(&key, &asked).await.status, 200);

    gate.restart().await;

    assert_eq!(gate.post_with(&key, &asked).await.status, 402);
}

#[tokio::test]
async fn what_the_embedded_model_says_costs_nothing() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let key = key_with_credit(&gate, "0.000001").await;

    let answer = gate
        .post_with(&key, &short(MODEL, json!({"max_tokens": 3})))
        .await;

    assert_eq!(answer.status, 200);
    let used = async || {
        let usage = run(&gate, &["usage", "--key", "app", "--by", "channel", "--json"]).await;
        let usage: Value = serde_json::from_str(&usage).expect("JSON");
        (usage[0]["channel"].clone(), usage[0]["completion_tokens"].clone())
    };
    eventually((json!("sandbox"), json!(3)), used).await;
    balance_becomes(&gate, "0.000001").await;
}
