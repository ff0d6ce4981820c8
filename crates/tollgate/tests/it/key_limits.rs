//! How much a key and its account may do in a minute and at once, and how they are told.

use std::time::{Duration, Instant};

use http::Request;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, answer, answers, says, streams},
};

use crate::{
    credit::run,
    stage::{MODEL, question, question_to, question_with, setup, stage, with},
};

mod changed;

/// Whole numbers in the headers that tell of a limit on `what`: the limit, and what is left.
fn told(answer: &Answer, what: &str) -> (u64, u64) {
    let number = |kind: &str| -> u64 {
        let name = format!("x-ratelimit-{kind}-{what}");
        let value = answer.header(&name);
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("{name}: {answer:?}"))
    };
    (number("limit"), number("remaining"))
}

fn assert_limited(answer: &Answer, code: &str, message: &str) {
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.error_type().as_deref(), Some("rate_limit_error"));
    assert_eq!(answer.error_code().as_deref(), Some(code));
    let read = answer.error_message().unwrap();
    assert!(read.contains(message), "{read}");
}

/// Milliseconds after which to come back, by both headers.
fn wait(answer: &Answer) -> u64 {
    let number = |name| answer.header(name).unwrap().parse::<u64>().unwrap();
    let (seconds, millis) = (number("retry-after"), number("retry-after-ms"));
    assert_eq!(seconds, millis.div_ceil(1_000));
    millis
}

async fn get(gate: &Gate, key: &str, path: &str) -> Answer {
    let request = Request::get(path).header("authorization", format!("Bearer {key}"));
    gate.send(request.body(String::new()).unwrap()).await
}

async fn account(gate: &Gate, args: &[&str]) {
    let command: Vec<&str> = ["accounts", "create", "--unlimited"]
        .into_iter()
        .chain(args.iter().copied())
        .collect();
    let output = gate.command(&command).await;
    assert!(output.success(), "{output:?}");
}

async fn key_with(args: &[&str]) -> (FakeProvider, Gate, String) {
    let (provider, gate) = stage(says("Hello")).await;
    let args: Vec<&str> = ["--name", "app"]
        .into_iter()
        .chain(args.iter().copied())
        .collect();
    let key = gate.create_key(&args).await;
    (provider, gate, key)
}

#[tokio::test]
async fn a_key_sends_so_many_requests_a_minute_and_is_told_how_many_are_left() {
    let (provider, gate, key) = key_with(&["--requests-per-minute", "2"]).await;

    let first = gate.post_with(&key, &question()).await;
    let second = gate.post_with(&key, &question()).await;
    let third = gate.post_with(&key, &question()).await;
    let other = gate.post(&question()).await;

    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(told(&first, "requests"), (2, 1));
    assert_eq!(told(&second, "requests"), (2, 0));
    assert_limited(
        &third,
        "requests_per_minute_exceeded",
        "may send 2 requests a minute",
    );
    assert_eq!(told(&third, "requests"), (2, 0));
    let millis = wait(&third);
    assert!(
        (20_000..=30_000).contains(&millis),
        "one comes free every 30 s, not in {millis} ms"
    );
    assert_eq!(provider.requests().len(), 3, "a refused one goes nowhere");
    assert_eq!(other.status, 200, "the limit is the key's own");
}

#[tokio::test]
async fn every_answer_of_a_limited_key_tells_and_no_answer_of_another() {
    let (_provider, gate, key) =
        key_with(&["--requests-per-minute", "100", "--tokens-per-minute", "100000"]).await;
    let mut wrong = question();
    wrong["temperature"] = json!("warm");

    let good = gate.post_with(&key, &question()).await;
    let bad = gate.post_with(&key, &wrong).await;
    let mut others = Vec::new();
    for path in [
        "/v1/models",
        "/v1/models/none-such",
        "/v1/usage",
        "/v1/usage?from=x",
    ] {
        others.push(get(&gate, &key, path).await);
    }
    let unlimited = gate.post(&question()).await;

    assert_eq!((good.status, bad.status), (200, 400));
    let statuses: Vec<u16> = others.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 404, 200, 400]);
    for answer in [&good, &bad].into_iter().chain(&others) {
        assert_eq!(told(answer, "requests").0, 100);
        assert_eq!(told(answer, "tokens").0, 100_000);
        let reset = answer.header("x-ratelimit-reset-requests").unwrap();
        assert!(reset.ends_with('s'), "{reset}");
    }
    assert_eq!(
        told(&bad, "requests").1,
        99,
        "a request that was never sent costs none"
    );
    assert!(
        unlimited
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("x-ratelimit"))
    );
}

#[tokio::test]
async fn tokens_count_as_the_provider_counted_them() {
    let (provider, gate, key) = key_with(&["--tokens-per-minute", "1000"]).await;
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 700, "completion_tokens": 200, "total_tokens": 900});
    provider.always(answers(counted));

    let first = gate.post_with(&key, &question()).await;
    let second = gate
        .post_with(&key, &question_with(json!({"max_tokens": 200})))
        .await;

    assert_eq!(first.status, 200);
    let (limit, held) = told(&first, "tokens");
    assert_eq!(limit, 1_000);
    assert!(held <= 100, "900 are used, and {held} are left");
    assert_limited(
        &second,
        "tokens_per_minute_exceeded",
        "may use 1000 tokens a minute",
    );
    assert!(wait(&second) > 0);
}

#[tokio::test]
async fn tokens_are_held_until_it_is_known_how_many_they_were() {
    let (provider, gate, key) = key_with(&["--tokens-per-minute", "10000"]).await;
    provider.always(streams(["Hel"]).then_stalls());
    let open = open_stream(&gate, &key).await;

    let refused = gate.post_with(&key, &long_question()).await;
    drop(open);
    provider.cancelled().await;

    assert_limited(
        &refused,
        "tokens_per_minute_exceeded",
        "may use 10000 tokens a minute",
    );
    // Some 5,000 of prompt were used, and 1,000 more were held for the answer. By themselves they would take
    // six seconds to come back.
    let wrong = question_with(json!({"max_tokens": "many"}));
    let gone = Instant::now();
    loop {
        let (_, left) = told(&gate.post_with(&key, &wrong).await, "tokens");
        if left > 4_900 {
            break;
        }
        assert!(
            gone.elapsed() < Duration::from_secs(3),
            "what was held for a client that went does not come back: {left} are left"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// About 5,000 tokens.
fn long_question() -> Value {
    question_with(json!({"messages": [{"role": "user", "content": "word ".repeat(4_000)}]}))
}

/// A stream that has begun, with this key.
async fn open_stream(gate: &Gate, key: &str) -> tollgate_testkit::gate::RawConnection {
    let (raw, seen) = opened(gate, key, &long_question()).await;
    assert!(
        seen.contains("x-ratelimit-remaining-tokens: "),
        "a stream tells as well: {seen}"
    );
    raw
}

/// The stream that this request opens, and what came of it so far.
async fn opened(gate: &Gate, key: &str, asked: &Value) -> (tollgate_testkit::gate::RawConnection, String) {
    let body = with(asked.clone(), json!({"stream": true})).to_string();
    let mut raw = gate.raw().await;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    raw.write(request.as_bytes()).await;
    let seen = raw.read_until(b"Hel", Duration::from_secs(5)).await;
    (raw, String::from_utf8_lossy(&seen).into_owned())
}

#[tokio::test]
async fn thoughts_that_no_limit_of_the_request_bounds_are_expected_too() {
    let provider = FakeProvider::start_with(streams(["Hel"]).then_stalls()).await;
    let gate = setup()
        .channel(Channel::of("dashscope", &provider).models(["qwen3-32b"]))
        .start()
        .await;
    let mut left = Vec::new();

    for (name, members) in [
        ("thinks", json!({"enable_thinking": true})),
        ("hardly", json!({"thinking_budget": 200})),
        ("not", json!({"enable_thinking": false})),
    ] {
        let key = gate
            .create_key(&["--name", name, "--tokens-per-minute", "100000"])
            .await;
        let asked = with(with(question_to("qwen3-32b"), json!({"max_tokens": 10})), members);
        let (_open, seen) = opened(&gate, &key, &asked).await;
        let told = seen
            .lines()
            .find_map(|line| line.strip_prefix("x-ratelimit-remaining-tokens: "));
        left.push(
            told.and_then(|told| told.parse::<u32>().ok())
                .expect("it is told"),
        );
    }

    let [thinks, hardly, not] = left[..] else {
        panic!("{left:?}")
    };
    assert!(
        (99_950..100_000).contains(&not),
        "a short prompt and ten tokens: {left:?}"
    );
    assert!(
        (99_750..99_800).contains(&hardly),
        "200 more of thoughts: {left:?}"
    );
    assert!(thinks <= 99_000, "as much as answers have mostly: {left:?}");
}

#[tokio::test]
async fn images_count_as_soon_as_they_are_asked_about_and_make_no_request_too_large() {
    let (provider, gate, key) = key_with(&["--tokens-per-minute", "10000"]).await;
    provider.always(streams(["Hel"]).then_stalls());
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    let asked = |images: usize| {
        question_with(
            json!({"messages": [{"role": "user", "content": vec![&image; images]}], "max_tokens": 10}),
        )
    };

    let (_open, seen) = opened(&gate, &key, &asked(3)).await;

    // Of an image of a megapixel, what a provider says at most.
    let left = 10_000 - 3 * 1_334;
    let told = seen
        .lines()
        .find_map(|line| line.strip_prefix("x-ratelimit-remaining-tokens: "));
    let told: u32 = told.and_then(|told| told.parse().ok()).expect("it is told");
    assert!((left - 50..left + 50).contains(&told), "{told}");

    let few = ["--name", "few", "--tokens-per-minute", "1000"];
    let key = gate.create_key(&few).await;
    let (_open, seen) = opened(&gate, &key, &asked(2)).await;
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
}

#[tokio::test]
async fn an_agent_that_always_asks_for_the_longest_answer_is_not_refused_for_it() {
    let (_provider, gate, key) = key_with(&["--tokens-per-minute", "1000"]).await;
    let long = question_with(json!({"max_tokens": 16_000}));

    for _ in 0..10 {
        assert_eq!(gate.post_with(&key, &long).await.status, 200);
    }
}

#[tokio::test]
async fn a_prompt_that_never_fits_is_not_to_be_sent_again() {
    let (provider, gate, key) = key_with(&["--tokens-per-minute", "100"]).await;
    let prompt: Value = json!({"messages": [{"role": "user", "content": "word ".repeat(1_000)}]});

    let answer = gate.post_with(&key, &question_with(prompt)).await;

    assert_limited(&answer, "tokens_per_minute_exceeded", "the prompt alone");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(answer.header("retry-after"), None);
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn the_keys_of_an_account_share_its_limits() {
    let (_provider, gate) = stage(says("Hello")).await;
    account(&gate, &["--name", "team", "--requests-per-minute", "2"]).await;
    let mut keys = Vec::new();
    for name in ["a", "b"] {
        keys.push(gate.create_key(&["--name", name, "--account", "team"]).await);
    }

    let first = gate.post_with(&keys[0], &question()).await;
    let second = gate.post_with(&keys[1], &question()).await;
    let third = gate.post_with(&keys[0], &question()).await;

    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(told(&second, "requests"), (2, 0));
    assert_limited(
        &third,
        "account_requests_per_minute_exceeded",
        "this API key's account may send 2 requests a minute",
    );
}

#[tokio::test]
async fn an_account_has_its_number_of_requests_at_once() {
    let (_provider, gate) = stage(streams(["Hel"]).then_stalls()).await;
    account(
        &gate,
        &[
            "--name",
            "team",
            "--concurrency",
            "1",
            "--tokens-per-minute",
            "1000000",
        ],
    )
    .await;
    let first = gate.create_key(&["--name", "a", "--account", "team"]).await;
    let second = gate.create_key(&["--name", "b", "--account", "team"]).await;
    let _open = open_stream(&gate, &first).await;

    let refused = gate.post_with(&second, &question()).await;

    assert_limited(
        &refused,
        "account_concurrency_limit_exceeded",
        "this API key's account may have 1 requests under way at once",
    );
}

#[tokio::test]
async fn a_request_that_is_refused_for_money_takes_none_of_the_requests_a_minute() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let prices = r#"{ gpt-4o = { input = "3", output = "15" } }"#;
    let channel = Channel::to(&provider).models([MODEL]).set("prices", prices);
    let gate = setup().channel(channel).start().await;
    run(&gate, &["accounts", "create", "--name", "poor"]).await;
    let limited = [
        "--account",
        "poor",
        "--requests-per-minute",
        "2",
        "--tokens-per-minute",
        "9000",
    ];
    let key = gate
        .create_key(&[&["--name", "app"][..], &limited].concat())
        .await;

    for _ in 0..5 {
        let refused = gate.post_with(&key, &question()).await;

        assert_eq!(
            refused.error_code().as_deref(),
            Some("account_credit_exceeded"),
            "it is money that lacks: {refused:?}"
        );
        assert_eq!(refused.status, 402);
        assert_eq!(told(&refused, "requests"), (2, 2));
        assert_eq!(told(&refused, "tokens"), (9_000, 9_000));
    }
}
