//! Accounts and keys by the admin API: what is written is read back, and counts at the gate within a second.

use std::time::{Duration, Instant};

use http::Request;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Gate},
    provider::{FakeProvider, says},
};

use crate::{
    operator::{Operator, param, refusal},
    stage::{question, stage_with},
};

async fn start() -> (FakeProvider, Gate) {
    let prices = r#"{ gpt-4o = { input = "3", output = "15" } }"#;
    stage_with(says("Hello"), |channel| channel.set("prices", prices), "").await
}

/// Waits until a request with this key is answered like this. More than a second would break the promise; the rest is
/// for a machine that does something else.
async fn comes_to(gate: &Gate, key: &str, wanted: (u16, Option<&str>)) {
    let began = Instant::now();
    loop {
        let answer = gate.post_with(key, &question()).await;
        if (answer.status, answer.error_code().as_deref()) == wanted {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn all_limits() -> Value {
    json!({
        "requests_per_minute": 60,
        "tokens_per_minute": 200_000,
        "concurrency": 8,
        "budget": {"amount": "25.50", "per": "month"},
    })
}

#[tokio::test]
async fn what_is_set_at_an_account_is_read_back_and_changed_by_parts() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;

    let made = admin
        .done(
            "POST",
            "/accounts",
            json!({"name": "research/eu", "price_multiplier": "1.15", "limits": all_limits()}),
        )
        .await;

    let path = "/accounts/research%2Feu";
    assert_eq!(admin.seen(path).await, made);
    assert_eq!(
        (&made["name"], &made["price_multiplier"], &made["unlimited"]),
        (&json!("research/eu"), &json!("1.15"), &json!(false))
    );
    assert_eq!(
        (&made["limits"], &made["balance"]),
        (&all_limits(), &json!("0.00"))
    );
    let changed = admin
        .done(
            "PATCH",
            path,
            json!({"unlimited": true, "limits": {"concurrency": null, "budget": {"amount": "7"}}}),
        )
        .await;
    let mut limits = all_limits();
    limits["concurrency"] = Value::Null;
    limits["budget"]["amount"] = json!("7.00");
    assert_eq!(
        (&changed["limits"], &changed["unlimited"]),
        (&limits, &json!(true))
    );
    assert_eq!(admin.seen(path).await, changed);
    let untouched = admin.done("PATCH", path, json!({})).await;
    assert_eq!(untouched, changed);
}

#[tokio::test]
async fn what_is_wrong_with_a_write_names_its_field_and_changes_nothing() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    admin.done("POST", "/accounts", json!({"name": "team"})).await;
    let before = (admin.seen("/accounts").await, admin.seen("/keys").await);

    for (method, path, body, named) in [
        (
            "POST",
            "/accounts",
            json!({"name": "a", "unlimted": true}),
            "unlimted",
        ),
        ("POST", "/accounts", json!({}), "name"),
        ("POST", "/accounts", json!({"name": " a"}), "name"),
        (
            "POST",
            "/accounts",
            json!({"name": "a", "price_multiplier": "-1"}),
            "price_multiplier",
        ),
        (
            "PATCH",
            "/accounts/team",
            json!({"limits": {"concurency": 1}}),
            "limits.concurency",
        ),
        (
            "PATCH",
            "/accounts/team",
            json!({"limits": {"concurrency": 0}}),
            "limits.concurrency",
        ),
        (
            "PATCH",
            "/accounts/team",
            json!({"limits": {"concurrency": -1}}),
            "limits.concurrency",
        ),
        (
            "PATCH",
            "/accounts/team",
            json!({"limits": {"budget": {"amount": 25}}}),
            "limits.budget.amount",
        ),
        (
            "PATCH",
            "/accounts/team",
            json!({"limits": {"budget": {"amount": "0"}}}),
            "limits.budget.amount",
        ),
        (
            "PATCH",
            "/accounts/team",
            json!({"limits": {"budget": {"per": "day"}}}),
            "limits.budget.amount",
        ),
        (
            "PATCH",
            "/accounts/team",
            json!({"limits": {"budget": {"amount": "1", "per": "week"}}}),
            "limits.budget.per",
        ),
        ("PATCH", "/accounts/team", json!({"unlimited": null}), "unlimited"),
        (
            "POST",
            "/accounts/team/credit",
            json!({"amount": "lots"}),
            "amount",
        ),
        ("POST", "/accounts/team/credit", json!({"amount": "0"}), "amount"),
        ("POST", "/accounts/team/credit", json!({"amount": "-1"}), "note"),
        (
            "POST",
            "/accounts/team/credit",
            json!({"amount": "-1", "kind": "top_up"}),
            "kind",
        ),
        (
            "POST",
            "/keys",
            json!({"name": "k", "account": "nobody"}),
            "account",
        ),
        (
            "POST",
            "/keys",
            json!({"name": "k", "models": ["gpt-4o", "gpt-4oo"]}),
            "models[1]",
        ),
        ("POST", "/keys", json!({"name": "k", "models": []}), "models"),
        (
            "POST",
            "/keys",
            json!({"name": "k", "channels": ["a b"]}),
            "channels[0]",
        ),
        (
            "POST",
            "/keys",
            json!({"name": "k", "allow_ip": ["10.0.0.0/8", "here"]}),
            "allow_ip[1]",
        ),
        (
            "POST",
            "/keys",
            json!({"name": "k", "expires": "2030-01-01T00:00:00.5Z"}),
            "expires",
        ),
        (
            "POST",
            "/keys",
            json!({"name": "k", "reserve": "some"}),
            "reserve",
        ),
        (
            "POST",
            "/keys/test/rotate",
            json!({"overlap_seconds": 99_999_999}),
            "overlap_seconds",
        ),
    ] {
        let answer = admin.ask(method, path, Some(&body)).await;
        assert_eq!(
            (answer.status, param(&answer).as_str()),
            (400, named),
            "{body}: {answer:?}"
        );
    }
    let broken = Request::post("/admin/v1/accounts")
        .header("authorization", format!("Bearer {}", admin.token()))
        .body("{\"name\":".to_owned())
        .unwrap();
    assert_eq!(
        refusal(&gate.send_to_admin(broken).await),
        (400, "invalid_json".to_owned())
    );

    assert_eq!((admin.seen("/accounts").await, admin.seen("/keys").await), before);
}

#[tokio::test]
async fn a_nul_is_refused_where_it_stands_whatever_the_database_is() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let wrong = (400, "invalid_value".to_owned());
    for (path, field) in [
        ("/keys/%00", "name"),
        ("/accounts/a%00b", "name"),
        ("/accounts/%00/ledger", "name"),
        ("/requests/%00", "name"),
        ("/operators/%00", "name"),
        ("/channels/%00", "name"),
        ("/models/%00", "name"),
        ("/keys?account=%00", "account"),
        ("/usage?key=%00", "key"),
        ("/ledger?account=a%00", "account"),
        ("/audit?name=%00", "name"),
    ] {
        let refused = admin.get(path).await;
        assert_eq!(refusal(&refused), wrong, "{path}");
        assert_eq!(param(&refused), field, "{path}");
    }
    for (path, body, field) in [
        ("/keys", json!({"name": "k", "account": "a\0"}), "account"),
        (
            "/keys",
            json!({"name": "k", "channels": ["main", "a\0"]}),
            "channels[1]",
        ),
        (
            "/accounts/default/credit",
            json!({"amount": "1", "note": "x\0"}),
            "note",
        ),
    ] {
        let refused = admin.post(path, body).await;
        assert_eq!(refusal(&refused), wrong, "{path}");
        assert_eq!(param(&refused), field, "{path}");
    }
    let signs_in = json!({"name": "anna\0", "password": "correct horse battery"});
    let refused = Operator::nobody(&gate).post("/sessions", signs_in).await;
    assert_eq!(refusal(&refused), wrong);
    assert_eq!(param(&refused), "name");
}

#[tokio::test]
async fn what_is_no_object_is_told_what_to_write_instead() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;

    for (body, told) in [
        (json!([]), "the body is not an object: its fields stand in `{}`"),
        (
            json!({"limits": null}),
            "`limits`: null is none of its values; null at a limit takes that one away, such as {\"concurrency\": null}, \
             and without `limits` all stay",
        ),
        (
            json!({"limits": [600]}),
            "`limits`: invalid type: sequence, expected an object with its fields in `{}`",
        ),
        (
            json!({"limits": {"budget": "25.00"}}),
            "`limits.budget`: invalid type: string \"25.00\", expected an object with its fields in `{}`",
        ),
    ] {
        let answer = admin.ask("PATCH", "/keys/test", Some(&body)).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert_eq!(answer.error_message().as_deref(), Some(told), "{body}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_there_already_is_said() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let found = |answer: Answer| refusal(&answer);

    for path in ["/accounts/nobody", "/keys/nobody", "/accounts/nobody/ledger"] {
        assert_eq!(
            found(admin.get(path).await),
            (404, "not_found".to_owned()),
            "{path}"
        );
    }
    let nobody = admin.patch("/accounts/nobody", json!({})).await;
    assert_eq!(found(nobody), (404, "not_found".to_owned()));
    for (path, name) in [("/accounts", "default"), ("/keys", "test")] {
        let answer = admin.post(path, json!({ "name": name })).await;
        assert_eq!(found(answer), (409, "name_taken".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_key_works_at_once_and_what_becomes_of_it_within_a_second() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let made = admin.done("POST", "/keys", json!({"name": "app"})).await;
    let first = made["secret"].as_str().unwrap().to_owned();

    assert_eq!(gate.post_with(&first, &question()).await.status, 200);

    admin.done("PATCH", "/keys/app", json!({"enabled": false})).await;
    comes_to(&gate, &first, (401, Some("api_key_disabled"))).await;
    admin.done("PATCH", "/keys/app", json!({"enabled": true})).await;
    comes_to(&gate, &first, (200, None)).await;

    let rotated = admin
        .done("POST", "/keys/app/rotate", json!({"overlap_seconds": 3600}))
        .await;
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    comes_to(&gate, &second, (200, None)).await;
    comes_to(&gate, &first, (200, None)).await;

    let limit = json!({"models": ["claude-sonnet-4-6"]});
    admin.done("PATCH", "/keys/app", limit).await;
    comes_to(&gate, &second, (403, Some("model_not_allowed"))).await;

    assert_eq!(admin.delete("/keys/app").await.json()["state"], "revoked");
    comes_to(&gate, &second, (401, Some("invalid_api_key"))).await;
    assert_eq!(refusal(&admin.get("/keys/app").await).0, 404);
}

#[tokio::test]
async fn a_keys_text_is_told_once() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;

    let made = admin.done("POST", "/keys", json!({"name": "app"})).await;

    let secret = made["secret"].as_str().unwrap();
    for path in ["/keys", "/keys/app", "/audit", "/operators"] {
        let seen = admin.seen(path).await.to_string();
        assert!(!seen.contains(secret), "{path} shows the key");
        assert!(!seen.contains(admin.token()), "{path} shows the token");
    }
    assert!(!gate.logs().contains(secret));
}

#[tokio::test]
async fn what_is_set_at_a_key_is_read_back() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    let settings = json!({
        "name": "app",
        "account": "default",
        "enabled": true,
        "expires": "2099-12-31T00:00:00Z",
        "models": ["gpt-4o", "claude-sonnet-4-6"],
        "channels": ["a", "b"],
        "not_channels": ["c"],
        "allow_ip": ["10.0.0.0/8", "192.0.2.7/32"],
        "limits": all_limits(),
        "reserve": "full",
        "strict_parameters": true,
    });

    admin.done("POST", "/keys", settings.clone()).await;

    let shown = admin.seen("/keys/app").await;
    for (name, value) in settings.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    let nothing = json!({
        "expires": null,
        "models": null,
        "channels": null,
        "not_channels": null,
        "allow_ip": null,
        "limits": {
            "requests_per_minute": null,
            "tokens_per_minute": null,
            "concurrency": null,
            "budget": null,
        },
    });
    let changed = admin.done("PATCH", "/keys/app", nothing).await;
    for (name, value) in [
        ("expires", Value::Null),
        ("models", Value::Null),
        ("channels", Value::Null),
        ("not_channels", json!([])),
        ("allow_ip", json!([])),
        ("reserve", json!("full")),
    ] {
        assert_eq!(changed[name], value, "{name}");
    }
    assert!(
        changed["limits"]
            .as_object()
            .unwrap()
            .values()
            .all(Value::is_null)
    );
}

#[tokio::test]
async fn credit_counts_within_a_second_and_an_id_is_credited_once() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    admin.done("POST", "/accounts", json!({"name": "team"})).await;
    let made = admin
        .done("POST", "/keys", json!({"name": "app", "account": "team"}))
        .await;
    let key = made["secret"].as_str().unwrap();
    comes_to(&gate, key, (402, Some("account_credit_exceeded"))).await;

    let credit = json!({"amount": "25.00", "note": "invoice 17", "id": "invoice-17"});
    let first = admin.post("/accounts/team/credit", credit.clone()).await;
    let again = admin.post("/accounts/team/credit", credit).await;

    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json()["entry"], again.json()["entry"]);
    assert_eq!(
        (&again.json()["repeated"], &again.json()["balance"]),
        (&json!(true), &json!("25.00"))
    );
    comes_to(&gate, key, (200, None)).await;
    let other = json!({"amount": "26.00", "id": "invoice-17"});
    let taken = admin.post("/accounts/team/credit", other).await;
    assert_eq!(refusal(&taken), (409, "id_taken".to_owned()));
    let back = json!({"amount": "-5", "note": "a mistake"});
    let back = admin.done("POST", "/accounts/team/credit", back).await;
    assert_eq!(back["entry"]["kind"], "correction");
    let right = json!({"amount": "0.01", "kind": "correction", "note": "rounding"});
    let right = admin.done("POST", "/accounts/team/credit", right).await;
    assert_eq!(right["entry"]["kind"], "correction");

    let ledger = admin.seen("/ledger?account=team&limit=500").await;
    let amounts: Vec<&str> = ledger["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] != "charge")
        .map(|entry| entry["amount"].as_str().unwrap())
        .collect();
    assert_eq!(amounts, ["0.01", "-5.00", "25.00"]);
    let output = gate.command(&["ledger", "verify"]).await;
    assert!(output.success(), "{output:?}");
}

#[tokio::test]
async fn lists_come_in_pages_without_gaps() {
    let (_provider, gate) = start().await;
    let admin = Operator::admin(&gate).await;
    for number in 0..5 {
        let name = format!("k{number}");
        admin.done("POST", "/keys", json!({ "name": name })).await;
    }

    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let page = admin.seen(&format!("/keys?limit=2{after}")).await;
        let data = page["data"].as_array().unwrap();
        names.extend(data.iter().map(|key| key["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(data.len(), 2);
        after = format!("&after={next}");
    }

    assert_eq!(names, ["test", "k0", "k1", "k2", "k3", "k4"]);
    let of_nobody = admin.seen("/keys?account=nobody").await;
    assert_eq!(of_nobody["data"], json!([]));
}
