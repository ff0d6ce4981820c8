//! Channels by the admin API: in use within a second, their credentials never told again, those of the file not touched.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    postgres::Postgres,
    provider::{FakeProvider, says},
};

use crate::{
    operator::{Operator, param, refusal},
    stage::{MODEL, get_from_admin, question, setup},
};

const KEY: &str = "c2VhbGVkIHdpdGggdGhpcyBrZXkgb2YgMzIgYnl0ZXM=";
const OTHER_KEY: &str = "YW5vdGhlciBrZXkgb2YgdGhpcnR5LXR3byBieXRlcyE=";
const SECRET: &str = "sk-provider-secret-0123456789";

async fn gate() -> Gate {
    setup().env("TOLLGATE_SEALING_KEY", KEY).start().await
}

fn channel_to(provider: &FakeProvider, name: &str) -> Value {
    json!({
        "name": name,
        "provider": "openai-compatible",
        "base_url": provider.base_url(),
        "api_key": SECRET,
        "models": [MODEL],
    })
}

/// Waits until a question is answered like this.
async fn comes_to(gate: &Gate, wanted: (u16, Option<&str>)) {
    let began = Instant::now();
    loop {
        let answer = gate.post(&question()).await;
        let channel = answer.header("x-tollgate-channel");
        if (answer.status, channel.or(answer.error_code().as_deref())) == wanted {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_channel_is_in_use_within_a_second_changed_and_removed_again() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .env("TOLLGATE_SEALING_KEY", KEY)
        .config("[sandbox]\nenabled = false")
        .start()
        .await;
    let admin = Operator::admin(&gate).await;

    let made = admin
        .done("POST", "/channels", channel_to(&provider, "main"))
        .await;
    comes_to(&gate, (200, Some("main"))).await;

    assert_eq!(
        (&made["managed_by"], &made["secrets"]["api_key"]),
        (&json!("api"), &json!("set"))
    );
    let sent = provider.requests();
    let authorization = sent[0].headers.get("authorization").unwrap();
    assert_eq!(authorization, &format!("Bearer {SECRET}"));
    let seen = admin.seen("/channels/main").await;
    assert_eq!(
        (&seen["in_use"], &seen["health"]["breaker"]),
        (&json!(true), &json!("closed"))
    );
    assert_eq!(seen["models"], json!([MODEL]));

    admin
        .done("PATCH", "/channels/main", json!({"enabled": false}))
        .await;
    comes_to(&gate, (503, Some("no_channel"))).await;
    admin
        .done("PATCH", "/channels/main", json!({"enabled": null, "weight": 3}))
        .await;
    comes_to(&gate, (200, Some("main"))).await;
    assert_eq!(admin.seen("/channels/main").await["weight"], 3);

    assert_eq!(admin.delete("/channels/main").await.status, 200);
    comes_to(&gate, (503, Some("no_channel"))).await;
    assert_eq!(
        refusal(&admin.get("/channels/main").await),
        (404, "not_found".to_owned())
    );
}

#[tokio::test]
async fn a_credential_is_never_told_again() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let mut channel = channel_to(&provider, "main");
    channel["headers"] = json!({"x-team": "hidden-header-value"});
    channel["proxy"] = json!("none");

    let made = admin.done("POST", "/channels", channel).await;
    let changed = admin
        .done("PATCH", "/channels/main", json!({"priority": 2}))
        .await;

    assert_eq!(
        changed["secrets"],
        json!({"api_key": "set", "proxy": "set", "headers": ["x-team"]})
    );
    let mut told = vec![made.to_string(), changed.to_string(), gate.logs()];
    for path in ["/channels", "/channels/main", "/audit", "/settings"] {
        told.push(admin.seen(path).await.to_string());
    }
    told.push(String::from_utf8(get_from_admin(&gate, "/admin/v1/channels").await.body.to_vec()).unwrap());
    let output = gate.command(&["channels", "list", "--json"]).await;
    assert!(
        output.success() && output.stdout.contains("\"main\""),
        "{output:?}"
    );
    told.push(output.stdout);
    for text in told {
        for secret in [SECRET, "hidden-header-value", KEY] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    // Nor does the database have it in plain.
    for entry in std::fs::read_dir(gate.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!has(SECRET) && !has("hidden-header-value"), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_channel_is_judged_by_the_files_rules_and_no_reference_is_followed() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let with = |name: &str, value: Value| {
        let mut channel = channel_to(&provider, "main");
        channel[name] = value;
        channel
    };

    for (body, named) in [
        (with("name", json!("a b")), "name"),
        (with("name", Value::Null), "name"),
        (with("name", json!("sandbox")), "name"),
        (with("provider", json!("opena")), "provider"),
        (with("provider", Value::Null), "provider"),
        (with("base_url", json!("ftp://host")), "base_url"),
        (with("base_url", Value::Null), "base_url"),
        (with("weight", json!(0)), "weight"),
        (with("priority", json!("high")), "priority"),
        (with("prioritty", json!(1)), "prioritty"),
        (with("models", json!([""])), "models"),
        (with("models", Value::Null), "models"),
        (with("models", json!([])), "models"),
        (with("api_key", json!("two\nlines")), "api_key"),
        (with("prices", json!({"gpt-4o": {"input": "x"}})), "prices"),
        (with("model_timeouts", json!({"other": {}})), "model_timeouts"),
    ] {
        let answer = admin.post("/channels", body.clone()).await;
        assert_eq!(
            (answer.status, param(&answer).as_str()),
            (400, named),
            "{body}: {answer:?}"
        );
    }
    // Sent as it is, and not read from the environment of the gate.
    admin
        .done(
            "POST",
            "/channels",
            with("api_key", json!("${TOLLGATE_SEALING_KEY}")),
        )
        .await;
    comes_to(&gate, (200, Some("main"))).await;
    let sent = provider.requests();
    let authorization = sent[0].headers.get("authorization").unwrap();
    assert_eq!(authorization, "Bearer ${TOLLGATE_SEALING_KEY}");
}

#[tokio::test]
async fn a_credential_does_not_follow_a_channel_to_another_address() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let elsewhere = FakeProvider::start_with(says("Hello")).await;
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let mut channel = channel_to(&provider, "main");
    channel["headers"] = json!({"x-team": "hidden-header-value"});
    admin.done("POST", "/channels", channel).await;

    let mut moved = json!({"base_url": elsewhere.base_url()});
    for (named, anew) in [("api_key", json!("sk-of-elsewhere")), ("headers", Value::Null)] {
        let refused = admin.patch("/channels/main", moved.clone()).await;
        assert_eq!(
            (refused.status, param(&refused).as_str()),
            (400, named),
            "{refused:?}"
        );
        moved[named] = anew;
    }
    admin.done("PATCH", "/channels/main", moved).await;

    let began = Instant::now();
    while elsewhere.requests().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "it stays where it was");
        gate.post(&question()).await;
    }
    let sent = elsewhere.requests();
    assert_eq!(sent[0].headers["authorization"], "Bearer sk-of-elsewhere");
    assert!(!sent[0].headers.contains_key("x-team"));
}

#[tokio::test]
async fn channels_of_the_file_are_shown_and_left_alone() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .env("TOLLGATE_SEALING_KEY", KEY)
        .channel(Channel::to(&provider).named("of-file").models([MODEL]))
        .start()
        .await;
    let admin = Operator::admin(&gate).await;
    admin
        .done("POST", "/channels", channel_to(&provider, "made"))
        .await;

    let listed = admin.seen("/channels").await;
    let told: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|channel| {
            (
                channel["name"].as_str().unwrap(),
                channel["managed_by"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("made", "api"), ("of-file", "file")]);
    let patched = admin.patch("/channels/of-file", json!({"weight": 2})).await;
    let deleted = admin.delete("/channels/of-file").await;
    for answer in [patched, deleted] {
        assert_eq!(refusal(&answer), (409, "managed_by_file".to_owned()));
    }
    let twice = admin.post("/channels", channel_to(&provider, "of-file")).await;
    assert_eq!(refusal(&twice), (409, "name_taken".to_owned()));
    let again = admin.post("/channels", channel_to(&provider, "made")).await;
    assert_eq!(refusal(&again), (409, "name_taken".to_owned()));
}

#[tokio::test]
async fn one_name_in_the_file_and_in_the_database_ends_the_start() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let mut gate = gate().await;
    let admin = Operator::admin(&gate).await;
    admin
        .done("POST", "/channels", channel_to(&provider, "main"))
        .await;

    let config = std::fs::read_to_string(gate.config_path()).unwrap();
    let table = format!(
        "[[channels]]\nname = \"main\"\nprovider = \"openai-compatible\"\nbase_url = \"{}\"\nmodels = [\"{MODEL}\"]\n",
        provider.base_url()
    );
    std::fs::write(gate.config_path(), format!("{config}\n{table}")).unwrap();
    gate.signal(tollgate_testkit::gate::Signal::Terminate);
    assert_eq!(gate.ended().await, Some(0));
    let output = gate.command(&["serve"]).await;

    assert!(!output.success());
    assert!(output.stderr.contains("`main`"), "{output:?}");
    assert!(
        output.stderr.contains("database") && output.stderr.contains("file"),
        "{output:?}"
    );
}

#[tokio::test]
async fn without_the_key_nothing_is_sealed_and_what_is_sealed_is_said_to_be_unusable() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup().start().await;
    let admin = Operator::admin(&gate).await;

    let refused = admin.post("/channels", channel_to(&provider, "main")).await;
    assert_eq!(
        refusal(&refused),
        (409, "sealing_key_missing".to_owned()),
        "{refused:?}"
    );
    let message = refused.error_message().unwrap();
    assert!(message.contains("TOLLGATE_SEALING_KEY"), "{message}");

    // What has no secret needs no key.
    let mut open = channel_to(&provider, "open");
    open["api_key"] = Value::Null;
    admin.done("POST", "/channels", open).await;
    comes_to(&gate, (200, Some("open"))).await;
}

#[tokio::test]
async fn an_older_key_still_opens_and_a_lost_one_is_said() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let Some(server) = Postgres::start("gates with other sealing keys on one database are not tried") else {
        return;
    };
    let url = server.url("postgres?sslmode=disable");
    let start = async |name: &str, variables: &[(&str, &str)]| {
        let mut setup = setup()
            .config(&format!(
                "[database]\nurl = \"{url}\"\n[sandbox]\nenabled = false"
            ))
            .key_named(name);
        for (variable, value) in variables {
            setup = setup.env(variable, value);
        }
        setup.start().await
    };
    let first = start("one", &[("TOLLGATE_SEALING_KEY", KEY)]).await;
    let admin = Operator::admin(&first).await;
    admin
        .done("POST", "/channels", channel_to(&provider, "main"))
        .await;
    comes_to(&first, (200, Some("main"))).await;

    let rotated = [
        ("TOLLGATE_SEALING_KEY", OTHER_KEY),
        ("TOLLGATE_SEALING_KEY_BEFORE", KEY),
    ];
    let second = start("two", &rotated).await;
    comes_to(&second, (200, Some("main"))).await;
    assert!(second.command(&["channels", "test", "main"]).await.success());

    let lost = start("three", &[("TOLLGATE_SEALING_KEY", OTHER_KEY)]).await;
    let there = Operator::with(&lost, admin.token());
    let shown = there.seen("/channels/main").await;
    assert_eq!(
        (&shown["in_use"], &shown["secrets"]["api_key"]),
        (&json!(false), &json!("unreadable"))
    );
    assert!(
        shown["problem"].as_str().unwrap().contains("another key"),
        "{shown}"
    );

    let resealed = lost.command(&["channels", "reseal"]).await;
    assert!(
        !resealed.success() && resealed.stderr.contains("`main`"),
        "{resealed:?}"
    );

    // Sealed by the new key, it is of use to those who have that.
    let resealed = second.command(&["channels", "reseal"]).await;
    assert!(resealed.success(), "{resealed:?}");
    comes_to(&lost, (200, Some("main"))).await;
    comes_to(&second, (200, Some("main"))).await;
}

#[tokio::test]
async fn what_no_key_opens_is_given_anew_as_a_whole_and_nothing_of_it_goes_silently() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let Some(server) = Postgres::start("a channel whose sealing key was lost is not tried") else {
        return;
    };
    let url = server.url("postgres?sslmode=disable");
    let config = format!("[database]\nurl = \"{url}\"\n[sandbox]\nenabled = false");
    let start = async |name: &str, key: &str| {
        let setup = setup().config(&config).key_named(name);
        setup.env("TOLLGATE_SEALING_KEY", key).start().await
    };
    let first = start("one", KEY).await;
    let admin = Operator::admin(&first).await;
    let mut channel = channel_to(&provider, "main");
    channel["headers"] = json!({"x-team": "red"});
    channel["proxy"] = json!("http://127.0.0.1:9");
    admin.done("POST", "/channels", channel).await;
    let lost = start("two", OTHER_KEY).await;
    let there = Operator::with(&lost, admin.token());

    let shown = there.seen("/channels/main").await;
    let other = there.patch("/channels/main", json!({"weight": 2})).await;
    let mut anew = json!({});
    for (given, value, still) in [
        ("api_key", json!("sk-another"), "headers"),
        ("headers", json!({}), "proxy"),
    ] {
        anew[given] = value;
        let refused = there.patch("/channels/main", anew.clone()).await;
        assert_eq!(
            (refused.status, param(&refused).as_str()),
            (400, still),
            "{refused:?}"
        );
        let message = refused.error_message().unwrap();
        for name in ["`api_key`", "`headers`", "`proxy`", "null"] {
            assert!(message.contains(name), "{message}");
        }
    }

    assert_eq!(
        shown["secrets"],
        json!({"api_key": "unreadable", "proxy": "unreadable", "headers": null})
    );
    assert_eq!(refusal(&other), (409, "secrets_unreadable".to_owned()));
    assert_eq!(there.seen("/channels/main").await, shown, "nothing has changed");
    anew["proxy"] = Value::Null;
    let mended = there.done("PATCH", "/channels/main", anew).await;
    assert_eq!(
        mended["secrets"],
        json!({"api_key": "set", "proxy": "none", "headers": []})
    );
    comes_to(&lost, (200, Some("main"))).await;
    let sent = provider.requests();
    assert_eq!(sent[0].headers["authorization"], "Bearer sk-another");
}

#[tokio::test]
async fn every_gate_on_a_database_takes_a_channel() {
    let Some(server) = Postgres::start("channels of several gates are not tried") else {
        return;
    };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let url = server.url("postgres?sslmode=disable");
    let start = async |name: &str| {
        setup()
            .config(&format!(
                "[database]\nurl = \"{url}\"\n[sandbox]\nenabled = false"
            ))
            .env("TOLLGATE_SEALING_KEY", KEY)
            .key_named(name)
            .start()
            .await
    };
    let (one, two) = (start("one").await, start("two").await);
    let admin = Operator::admin(&one).await;

    admin
        .done("POST", "/channels", channel_to(&provider, "main"))
        .await;
    for gate in [&one, &two] {
        comes_to(gate, (200, Some("main"))).await;
    }
    Operator::with(&two, admin.token()).delete("/channels/main").await;
    for gate in [&one, &two] {
        comes_to(gate, (503, Some("no_channel"))).await;
    }
}
