//! What a key may do, and from where; changed while the gate runs.

use std::time::{Duration, Instant};

use http::Request;
use serde_json::json;
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, fails, says},
};

use crate::stage::{MODEL, question, question_to, setup, stage, with};

const OTHER: &str = "gpt-4o-mini";

async fn two_models() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let channel = Channel::to(&provider).models([MODEL, OTHER]);
    (provider, setup().channel(channel).start().await)
}

async fn change(gate: &Gate, args: &[&str]) {
    let output = gate.command(args).await;
    assert!(output.success(), "{args:?}: {output:?}");
}

/// Asks until the answer has this status, a second at most: the promise to operators.
async fn within_a_second(gate: &Gate, key: &str, status: u16) -> Answer {
    let changed = Instant::now();
    loop {
        let answer = gate.post_with(key, &question()).await;
        if answer.status == status {
            return answer;
        }
        assert!(
            changed.elapsed() < Duration::from_secs(1),
            "no {status}: {answer:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn get(key: &str, path: &str) -> Request<String> {
    let request = Request::get(path).header("authorization", format!("Bearer {key}"));
    request.body(String::new()).unwrap()
}

fn assert_forbidden(answer: &Answer, code: &str, told: &str) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.error_type().as_deref(), Some("permission_error"));
    assert_eq!(answer.error_code().as_deref(), Some(code));
    let message = answer.error_message().unwrap();
    assert!(message.contains(told), "{message}");
}

#[tokio::test]
async fn a_key_is_switched_off_and_on_within_a_second() {
    let (_provider, gate) = stage(says("Hello")).await;
    let key = gate.create_key(&["--name", "app"]).await;
    assert_eq!(gate.post_with(&key, &question()).await.status, 200);

    change(&gate, &["keys", "disable", "--name", "app"]).await;
    let off = within_a_second(&gate, &key, 401).await;
    change(&gate, &["keys", "enable", "--name", "app"]).await;
    within_a_second(&gate, &key, 200).await;

    assert_eq!(off.error_code().as_deref(), Some("api_key_disabled"));
    assert_eq!(off.error_type().as_deref(), Some("authentication_error"));
}

/// A gate whose channels `a`, `b` and `c` serve the model, in this order, and `d` another one that falls back on it.
async fn three_channels() -> (Vec<FakeProvider>, Gate) {
    let (mut providers, mut setup) = (Vec::new(), setup());
    for (name, priority) in [("a", "0"), ("b", "1"), ("c", "2")] {
        let provider = FakeProvider::start_with(says(name)).await;
        let channel = Channel::to(&provider).named(name).models([MODEL]);
        setup = setup.channel(channel.set("priority", priority));
        providers.push(provider);
    }
    let pins = "[routing]\nallow_pin = true\nfallbacks = { \"gpt-4o-mini\" = [\"gpt-4o\"] }\n";
    let other = Channel::to(&providers[0]).named("d").models([OTHER]);
    (providers, setup.config(pins).channel(other).start().await)
}

#[tokio::test]
async fn a_keys_requests_go_to_the_channels_that_the_operator_names() {
    let (providers, gate) = three_channels().await;
    let only = gate.create_key(&["--name", "only", "--channels", "b,c"]).await;
    let but = gate.create_key(&["--name", "but", "--not-channels", "a"]).await;
    let both = ["--name", "both", "--channels", "a,b", "--not-channels", "a"];
    let both = gate.create_key(&both).await;

    for key in [&only, &but, &both] {
        assert_eq!(gate.post_with(key, &question()).await.text(), "b");
    }
    providers[1].always(fails(500, "", "boom"));
    assert_eq!(gate.post_with(&only, &question()).await.text(), "c");
    assert_eq!(gate.post_with(&both, &question()).await.status, 502);
    assert!(providers[0].requests().is_empty());

    change(
        &gate,
        &["keys", "update", "--name", "both", "--not-channels", "none"],
    )
    .await;
    let answer = within_a_second(&gate, &both, 200).await;
    assert_eq!(answer.text(), "a");
}

#[tokio::test]
async fn a_keys_channels_hold_for_pins_and_for_models_to_fall_back_on() {
    let (providers, gate) = three_channels().await;
    let key = gate.create_key(&["--name", "narrow", "--channels", "b,d"]).await;

    let pinned = |channel: &'static str| {
        let (mut head, body) = gate.chat_request(&key, question().to_string()).into_parts();
        head.headers
            .insert("x-tollgate-channel", channel.parse().unwrap());
        gate.send(Request::from_parts(head, body))
    };
    assert_eq!(pinned("b").await.text(), "b");
    assert_eq!(
        pinned("c").await.error_code().as_deref(),
        Some("channel_not_found")
    );

    providers[0].for_model(OTHER, fails(500, "", "boom"));
    let answer = gate.post_with(&key, &question_to(OTHER)).await;
    assert_eq!(
        (answer.text().as_str(), answer.header("x-tollgate-channel")),
        ("b", Some("b"))
    );
}

#[tokio::test]
async fn the_sandbox_is_a_channel_that_keys_and_requests_may_name() {
    let provider = FakeProvider::start_with(says("a")).await;
    let gate = setup()
        .channel(Channel::to(&provider).named("a").models([OTHER]))
        .config("[sandbox]\nenabled = true\n[routing]\nallow_pin = true\n")
        .start()
        .await;
    let narrow = gate.create_key(&["--name", "narrow", "--channels", "a"]).await;
    let wide = gate
        .create_key(&["--name", "wide", "--channels", "a,sandbox"])
        .await;
    let asked = |key: &str, header: &'static str, channel: &'static str| {
        let (mut head, body) = gate.chat_request(key, question().to_string()).into_parts();
        head.headers.insert(header, channel.parse().unwrap());
        gate.send(Request::from_parts(head, body))
    };

    assert_forbidden(
        &gate.post_with(&narrow, &question()).await,
        "channel_not_allowed",
        MODEL,
    );
    let one = gate.send(get(&narrow, &format!("/v1/models/{MODEL}"))).await;
    assert_forbidden(&one, "channel_not_allowed", MODEL);
    // The model itself is not there.
    let missing = Some("embedded_model_missing".to_owned());
    let pinned = Some("channel_not_found".to_owned());
    assert_eq!(gate.post_with(&wide, &question()).await.error_code(), missing);
    assert_eq!(
        asked(&wide, "x-tollgate-channel", "sandbox").await.error_code(),
        missing
    );
    assert_eq!(asked(&wide, "x-tollgate-channel", "a").await.error_code(), pinned);
    assert_eq!(
        asked(&wide, "x-tollgate-exclude", "sandbox").await.error_code(),
        pinned
    );
}

#[tokio::test]
async fn a_model_that_no_channel_of_the_key_serves_is_not_for_it() {
    let (_providers, gate) = three_channels().await;
    let key = gate.create_key(&["--name", "narrow", "--channels", "d"]).await;

    let refused = gate.post_with(&key, &question()).await;
    let list = gate.send(get(&key, "/v1/models")).await;
    let one = gate.send(get(&key, &format!("/v1/models/{MODEL}"))).await;

    assert_forbidden(&refused, "channel_not_allowed", MODEL);
    assert_forbidden(&one, "channel_not_allowed", MODEL);
    let listed = list.json()["data"].as_array().unwrap().len();
    assert_eq!(listed, 1, "{:?}", list.json());
}

#[tokio::test]
async fn a_channel_that_does_not_exist_yet_is_taken_with_a_warning() {
    let (_providers, gate) = three_channels().await;
    let create = ["keys", "create", "--name", "early", "--channels", "a,later"];

    let made = gate.command(&create).await;
    let shown = gate.command(&["keys", "show", "--name", "early"]).await;

    assert!(made.success(), "{made:?}");
    assert!(made.stderr.contains("no channel is called `later`"), "{made:?}");
    assert!(!made.stderr.contains("`a`"), "{made:?}");
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["channels"], json!(["a", "later"]));
    assert_eq!(shown["not_channels"], json!([]));
}

#[tokio::test]
async fn a_key_calls_and_lists_only_the_models_that_it_is_allowed() {
    let (provider, gate) = two_models().await;
    let key = gate.create_key(&["--name", "narrow", "--models", MODEL]).await;

    let allowed = gate.post_with(&key, &question()).await;
    let asked = provider.requests().len();
    let refused = gate.post_with(&key, &question_to(OTHER)).await;
    let list = gate.send(get(&key, "/v1/models")).await;
    let one = gate.send(get(&key, &format!("/v1/models/{MODEL}"))).await;
    let other = gate.send(get(&key, &format!("/v1/models/{OTHER}"))).await;

    assert_eq!(allowed.status, 200);
    assert_forbidden(&refused, "model_not_allowed", OTHER);
    assert_eq!(refused.json()["error"]["param"], "model");
    assert_eq!(
        provider.requests().len(),
        asked,
        "the provider hears nothing of it"
    );
    let listed = list.json()["data"].as_array().unwrap().clone();
    let listed: Vec<_> = listed.iter().map(|model| model["id"].clone()).collect();
    assert_eq!(listed, [MODEL]);
    assert_eq!(one.status, 200);
    assert_forbidden(&other, "model_not_allowed", OTHER);
}

#[tokio::test]
async fn a_model_that_is_unknown_is_unknown_to_a_narrow_key_too() {
    let (_provider, gate) = two_models().await;
    let key = gate.create_key(&["--name", "narrow", "--models", MODEL]).await;

    let answer = gate.post_with(&key, &question_to("gpt-99")).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (404, Some("model_not_found"))
    );
}

#[tokio::test]
async fn models_are_allowed_and_taken_away_within_a_second() {
    let (_provider, gate) = two_models().await;
    let key = gate.create_key(&["--name", "app", "--models", OTHER]).await;
    assert_eq!(gate.post_with(&key, &question()).await.status, 403);

    let both = format!("{MODEL},{OTHER}");
    change(&gate, &["keys", "update", "--name", "app", "--models", &both]).await;
    within_a_second(&gate, &key, 200).await;
    change(&gate, &["keys", "update", "--name", "app", "--models", OTHER]).await;
    within_a_second(&gate, &key, 403).await;
    change(&gate, &["keys", "update", "--name", "app", "--models", "all"]).await;
    within_a_second(&gate, &key, 200).await;
}

#[tokio::test]
async fn a_model_that_the_key_may_not_call_is_no_model_to_fall_back_on() {
    let provider = FakeProvider::start_with(fails(503, "", "busy")).await;
    provider.for_model(OTHER, says("other"));
    let channel = Channel::to(&provider).models([MODEL, OTHER]);
    let fallbacks = format!("[routing]\nfallbacks = {{ \"{MODEL}\" = [\"{OTHER}\"] }}\n");
    let gate = setup().channel(channel).config(&fallbacks).start().await;
    let key = gate.create_key(&["--name", "narrow", "--models", MODEL]).await;

    let narrow = gate.post_with(&key, &question()).await;
    let wide = gate.post(&question()).await;

    assert_eq!((narrow.status, wide.status), (503, 200), "{narrow:?}");
}

#[tokio::test]
async fn a_key_works_only_from_its_networks() {
    let (provider, gate) = stage(says("Hello")).await;
    let far = gate
        .create_key(&["--name", "far", "--allow-ip", "192.0.2.0/24"])
        .await;
    let near = gate
        .create_key(&[
            "--name",
            "near",
            "--allow-ip",
            "192.0.2.0/24",
            "--allow-ip",
            "127.0.0.1",
        ])
        .await;

    let refused = gate.post_with(&far, &question()).await;
    let list = gate.send(get(&far, "/v1/models")).await;
    let asked = provider.requests().len();
    let allowed = gate.post_with(&near, &question()).await;

    for answer in [refused, list] {
        assert_forbidden(&answer, "address_not_allowed", "127.0.0.1");
    }
    assert_eq!((asked, allowed.status), (0, 200));
}

#[tokio::test]
async fn a_client_behind_a_trusted_proxy_cannot_make_its_address_up() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let channel = Channel::to(&provider).models([MODEL]);
    let trusting = setup()
        .server("trusted_proxies = [\"127.0.0.1\"]")
        .channel(channel)
        .key(&["--allow-ip", "10.0.0.0/8"])
        .start()
        .await;
    for (forwarded, status) in [
        ("10.1.2.3", 200),
        ("203.0.113.9, 10.1.2.3", 200),
        ("10.1.2.3, 203.0.113.9", 403),
        ("10.1.2.3, nonsense", 403),
    ] {
        let mut request = trusting.chat_request(trusting.key(), question().to_string());
        request
            .headers_mut()
            .insert("x-forwarded-for", forwarded.parse().unwrap());
        assert_eq!(trusting.send(request).await.status, status, "{forwarded}");
    }

    let (_provider, open) = stage(says("Hello")).await;
    let key = open
        .create_key(&["--name", "far", "--allow-ip", "10.0.0.0/8"])
        .await;
    let mut request = open.chat_request(&key, question().to_string());
    request
        .headers_mut()
        .insert("x-forwarded-for", "10.1.2.3".parse().unwrap());
    assert_eq!(
        open.send(request).await.status,
        403,
        "nobody is trusted by default"
    );
}

#[tokio::test]
async fn a_rotated_key_works_with_both_texts_until_the_overlap_ends() {
    let (_provider, gate) = stage(says("Hello")).await;
    let first = gate.create_key(&["--name", "app"]).await;
    assert_eq!(gate.post_with(&first, &question()).await.status, 200);

    let rotated = gate
        .command(&["keys", "rotate", "--name", "app", "--overlap", "24h"])
        .await;
    let second = rotated.stdout.trim();
    assert_eq!(
        gate.post_with(second, &question()).await.status,
        200,
        "{rotated:?}"
    );
    assert_eq!(gate.post_with(&first, &question()).await.status, 200);

    let rotated = gate
        .command(&["keys", "rotate", "--name", "app", "--overlap", "0s"])
        .await;
    let leaked = within_a_second(&gate, second, 401).await;

    assert_eq!(leaked.error_code().as_deref(), Some("invalid_api_key"));
    let message = leaked.error_message().unwrap();
    assert!(message.contains("took this one's place"), "{message}");
    assert_eq!(
        gate.post_with(&first, &question()).await.status,
        401,
        "nor does the one before it work any longer"
    );
    let third = rotated.stdout.trim();
    assert_eq!(gate.post_with(third, &question()).await.status, 200);
}

/// A provider that moves the temperature, and then one that takes it.
async fn mover(spare: bool) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let moves = Channel::to(&provider)
        .named("moves")
        .provider("minimax")
        .models(["minimax-m2.5"]);
    let mut setup = setup().channel(moves).key(&["--strict-parameters"]);
    if spare {
        let takes = Channel::to(&provider)
            .named("takes")
            .models(["minimax-m2.5"])
            .set("priority", "1");
        setup = setup.channel(takes);
    }
    (provider, setup.start().await)
}

#[tokio::test]
async fn a_strict_key_gets_a_400_where_a_parameter_would_be_changed() {
    let (provider, gate) = mover(false).await;
    let warm = with(question_to("minimax-m2.5"), json!({"temperature": 1.6}));

    let strict = gate.post(&warm).await;
    let asked = provider.requests().len();
    let within = gate
        .post(&with(question_to("minimax-m2.5"), json!({"temperature": 0.6})))
        .await;
    let lenient = gate.create_key(&["--name", "lenient"]).await;
    let moved = gate.post_with(&lenient, &warm).await;

    assert_eq!(
        (strict.status, strict.error_code().as_deref()),
        (400, Some("unsupported_parameter"))
    );
    assert_eq!(strict.json()["error"]["param"], "temperature");
    assert_eq!(asked, 0, "the provider hears nothing of it");
    assert_eq!(within.status, 200, "what is taken as it is passes");
    assert_eq!(moved.header("x-tollgate-notes"), Some("moved:temperature"));
}

#[tokio::test]
async fn a_strict_key_is_answered_by_the_channel_that_takes_its_parameters() {
    let (_provider, gate) = mover(true).await;
    let warm = with(question_to("minimax-m2.5"), json!({"temperature": 1.6}));

    let answer = gate.post(&warm).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-tollgate-channel"), Some("takes"));
    assert_eq!(answer.header("x-tollgate-notes"), None);
}

#[tokio::test]
async fn a_strict_key_may_send_what_asks_for_nothing() {
    let model = "deepseek-v4-flash";
    let provider = FakeProvider::start_with(says("Hello")).await;
    let channel = Channel::to(&provider).provider("dashscope").models([model]);
    let gate = setup()
        .channel(channel)
        .key(&["--strict-parameters"])
        .start()
        .await;
    for nothing in [
        json!({"frequency_penalty": 0, "presence_penalty": 0.0, "temperature": 1, "top_p": 1}),
        // Its page says that they have no effect.
        json!({"frequency_penalty": 0.5, "presence_penalty": -0.5}),
    ] {
        let answer = gate.post(&with(question_to(model), nothing)).await;

        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-tollgate-notes"), None);
    }
}

#[tokio::test]
async fn networks_of_ipv4_written_as_ipv6_are_those_of_ipv4() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .server("trusted_proxies = [\"::ffff:127.0.0.1\"]")
        .channel(Channel::to(&provider).models([MODEL]))
        .key(&["--allow-ip", "::ffff:203.0.113.0/120"])
        .start()
        .await;
    for (client, status) in [
        ("203.0.113.5", 200),
        ("::ffff:203.0.113.5", 200),
        ("203.0.114.5", 403),
        ("2001:db8::1", 403),
    ] {
        let mut request = gate.chat_request(gate.key(), question().to_string());
        request
            .headers_mut()
            .insert("x-forwarded-for", client.parse().unwrap());
        assert_eq!(gate.send(request).await.status, status, "{client}");
    }

    let near = gate
        .create_key(&["--name", "near", "--allow-ip", "::ffff:127.0.0.1"])
        .await;
    assert_eq!(gate.post_with(&near, &question()).await.status, 200);
    let shown = gate.command(&["keys", "list", "--json"]).await;
    assert!(shown.stdout.contains("\"::ffff:203.0.113.0/120\""), "{shown:?}");
}
