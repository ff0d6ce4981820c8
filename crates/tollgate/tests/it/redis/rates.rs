//! Rates that hold for all gates together, and each gate's part of them while Redis is away.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tollgate_testkit::{
    gate::Gate,
    provider::{FakeProvider, says},
};

use super::{all_find_it, servers};
use crate::{
    credit::eventually,
    postgres::{modest, provider},
    stage::{question, with},
};

/// Posts so many questions at each gate, all at once; how many were answered. Others hit a rate.
async fn burst(gates: &[Gate], key: &str, each: usize) -> usize {
    let asked = question();
    let posts = (0..each).flat_map(|_| gates.iter().map(|gate| gate.post_with(key, &asked)));
    let answers = join_all(posts).await;
    let mut passed = 0;
    for answer in answers {
        match (answer.status, answer.error_code().as_deref()) {
            (200, _) => passed += 1,
            (429, Some("requests_per_minute_exceeded")) => {
                assert!(answer.header("retry-after").is_some(), "{answer:?}");
            }
            _ => panic!("{answer:?}"),
        }
    }
    passed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gates_together_let_through_what_a_rate_says() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0]
        .create_key(&["--name", "app", "--requests-per-minute", "60"])
        .await;
    let began = Instant::now();

    let mut passed = burst(&gates, &key, 30).await;
    // What a gate had taken ahead and not used.
    passed += burst(&gates, &key, 30).await;

    let meanwhile = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!(
        (60 - 8..=60 + meanwhile).contains(&passed),
        "{passed} in {meanwhile} s"
    );
    assert_eq!(provider.requests().len(), passed);
    let refused = gates[1].post_with(&key, &question()).await;
    assert_eq!(refused.header("x-ratelimit-limit-requests"), Some("60"));
    let remaining: u32 = refused
        .header("x-ratelimit-remaining-requests")
        .unwrap()
        .parse()
        .unwrap();
    assert!(remaining < 10, "{remaining}");
}

#[tokio::test]
async fn tokens_that_were_used_at_one_gate_count_at_all() {
    let Some(servers) = servers() else { return };
    // 1,100 tokens an answer, of which few are held.
    let provider = provider().await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0]
        .create_key(&["--name", "app", "--tokens-per-minute", "5500"])
        .await;
    for turn in 0..5 {
        let answer = gates[turn % 3].post_with(&key, &modest()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    for gate in &gates {
        let code = async || gate.post_with(&key, &modest()).await.error_code();
        eventually(Some("tokens_per_minute_exceeded".to_owned()), code).await;
    }

    // The last ones may have come before the others were told.
    let served = provider.requests().len();
    assert!(served <= 8, "{served}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_each_gate_has_its_part_of_a_rate() {
    let Some(mut servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0]
        .create_key(&["--name", "app", "--requests-per-minute", "30"])
        .await;
    servers.redis.stop();
    all_find_it(&gates, false).await;
    let began = Instant::now();

    let at_one = burst(&gates[..1], &key, 30).await;
    let at_others = burst(&gates[1..], &key, 30).await;
    let meanwhile = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((10..=10 + meanwhile).contains(&at_one), "{at_one}");
    assert!((20..=20 + 2 * meanwhile).contains(&at_others), "{at_others}");

    servers.redis.start_again();
    all_find_it(&gates, true).await;
    // All is used up, of which Redis was told before rates are shared again.
    let again = burst(&gates, &key, 20).await;
    let meanwhile = usize::try_from(began.elapsed().as_secs()).unwrap() + 3;
    assert!(again <= meanwhile, "{again} after {meanwhile} s");
    let code = async || gates[2].post_with(&key, &question()).await.status;
    eventually(200, code).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_were_used_are_as_many_of_a_limit_that_is_raised_at_all_gates() {
    let Some(servers) = servers() else { return };
    // 1,100 tokens an answer.
    let provider = provider().await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0]
        .create_key(&["--name", "app", "--tokens-per-minute", "100"])
        .await;
    let short = with(modest(), json!({"max_tokens": 1}));
    assert_eq!(gates[0].post_with(&key, &short).await.status, 200);
    for gate in &gates {
        let code = async || gate.post_with(&key, &short).await.error_code();
        eventually(Some("tokens_per_minute_exceeded".to_owned()), code).await;
    }

    let raised = [
        "keys",
        "update",
        "--name",
        "app",
        "--tokens-per-minute",
        "1000000",
    ];
    assert!(gates[0].command(&raised).await.success());

    let changed = Instant::now();
    for gate in &gates {
        while gate.post_with(&key, &short).await.status != 200 {
            assert!(
                changed.elapsed() < Duration::from_secs(3),
                "eleven minutes of the old limit are still waited for"
            );
        }
    }
}
