//! Limits that are set, raised or lowered while requests come and are under way.

use super::*;

#[tokio::test]
async fn limits_are_changed_within_a_second() {
    let (_provider, gate, key) = key_with(&[]).await;
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);

    for (limit, status) in [("1", 429), ("none", 200), ("1", 429), ("100000", 200)] {
        let args = ["keys", "update", "--name", "app", "--requests-per-minute", limit];
        let output = gate.command(&args).await;
        assert!(output.success(), "{output:?}");
        let changed = Instant::now();
        while gate.post_with(&key, &question()).await.status != status {
            assert!(
                changed.elapsed() < Duration::from_secs(1),
                "{limit} does not hold"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Sets a limit of the key.
async fn set(gate: &Gate, limit: &str, count: &str) {
    run(gate, &["keys", "update", "--name", "app", limit, count]).await;
}

#[tokio::test]
async fn tokens_that_were_used_are_as_many_of_a_limit_that_is_raised() {
    let (provider, gate, key) = key_with(&["--tokens-per-minute", "1000"]).await;
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 50_000, "total_tokens": 50_010});
    provider.always(answers(counted));
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);
    let refused = gate.post_with(&key, &question()).await;
    assert_limited(&refused, "tokens_per_minute_exceeded", "1000 tokens a minute");
    assert!(wait(&refused) > 40 * 60_000, "fifty minutes' worth are used");

    set(&gate, "--tokens-per-minute", "10000000").await;

    // They are 0.3 s of the new limit's worth.
    let changed = Instant::now();
    while gate.post_with(&key, &question()).await.status != 200 {
        assert!(
            changed.elapsed() < Duration::from_secs(2),
            "what was used is still counted as time of the old limit"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn requests_that_were_sent_are_as_many_of_a_limit_that_is_raised_or_lowered() {
    let (_provider, gate, key) = key_with(&["--requests-per-minute", "10"]).await;
    for _ in 0..10 {
        assert_eq!(gate.post_with(&key, &question()).await.status, 200);
    }
    let mut wrong = question();
    wrong["temperature"] = json!("warm");
    let told_of = async |limit: u64| {
        let began = Instant::now();
        loop {
            // A request that is never sent is told, and takes none.
            match told(&gate.post_with(&key, &wrong).await, "requests") {
                (told, left) if told == limit => return left,
                _ => assert!(began.elapsed() < Duration::from_secs(2), "{limit} does not hold"),
            }
        }
    };

    set(&gate, "--requests-per-minute", "1000").await;
    let left = told_of(1_000).await;
    assert!(
        (985..1_000).contains(&left),
        "ten of a thousand, and {left} are left"
    );

    set(&gate, "--requests-per-minute", "20").await;
    let left = told_of(20).await;
    assert!(
        (8..=19).contains(&left),
        "at most ten of twenty, and {left} are left"
    );
}

#[tokio::test]
async fn a_limit_on_requests_at_once_counts_what_was_under_way_before_there_was_one() {
    let (_provider, gate) = stage(streams(["Hel"]).then_stalls()).await;
    account(&gate, &["--name", "team"]).await;
    let mut keys = Vec::new();
    for name in ["a", "b"] {
        keys.push(gate.create_key(&["--name", name, "--account", "team"]).await);
    }
    let _open = [
        opened(&gate, &keys[0], &question()).await,
        opened(&gate, &keys[0], &question()).await,
    ];

    run(
        &gate,
        &["accounts", "update", "--name", "team", "--concurrency", "2"],
    )
    .await;

    let began = Instant::now();
    loop {
        let asked = question();
        let asking = gate.post_with(&keys[1], &asked);
        // One that is let in says nothing.
        if let Ok(refused) = tokio::time::timeout(Duration::from_millis(300), asking).await {
            let limit = "this API key's account may have 2 requests under way at once";
            return assert_limited(&refused, "account_concurrency_limit_exceeded", limit);
        }
        assert!(began.elapsed() < Duration::from_secs(3), "they are not counted");
    }
}
