//! What a request has cost is told: to the operator, to the key's holder, and entry by entry.

use http::Request;
use serde_json::{Value, json};

use crate::{
    command::Folder,
    credit::{eventually, key_with_credit, run},
    money::{assert_refused, balance_becomes, priced, used},
    stage::{MODEL, get_from_admin, question, question_with, setup},
};

#[tokio::test]
async fn explain_tells_the_bill() {
    let (_provider, gate) = priced(used(1_000, 100)).await;
    let key = key_with_credit(&gate, "1").await;
    let answer = gate
        .post_with(&key, &question_with(json!({"max_tokens": 1_000})))
        .await;
    let id = answer
        .header("x-tollgate-request-id")
        .expect("every answer has one");

    let path = format!("/admin/v1/requests/{id}");
    eventually(200, async || get_from_admin(&gate, &path).await.status).await;
    let told = get_from_admin(&gate, &path).await.json();
    let bill = &told["bill"];
    assert_eq!(bill["charge"], "0.0045", "{told}");
    assert_eq!(bill["cost"], "0.0045");
    assert_eq!(bill["rates"], "in=3 out=15");
    assert_eq!(bill["estimated"], false);
    let held: f64 = bill["held"].as_str().expect("a hold").parse().expect("dollars");
    assert!((0.015..0.016).contains(&held), "{held}");
    let admin = gate.admin_address().to_string();
    let here = ("TOLLGATE__SERVER__ADMIN_LISTEN", admin.as_str());
    let text = Folder::new().run_with(&["explain", id], &[here]);
    assert!(text.stdout.contains("$0.0045 at in=3 out=15"), "{text:?}");
}

#[tokio::test]
async fn a_key_holder_names_days_in_one_way() {
    let gate = setup().start().await;
    let usage = async |query: String| {
        let request = Request::get(format!("/v1/usage?{query}"))
            .header("authorization", format!("Bearer {}", gate.key()))
            .body(String::new())
            .unwrap();
        gate.send(request).await
    };

    for param in ["from", "until"] {
        for text in [
            "2026-11-01T12:00:00",
            "20261101",
            "%2B002026-11-01",
            "2026-11-31",
            "",
        ] {
            let answer = usage(format!("{param}={text}")).await;
            assert_eq!(answer.status, 400, "{param}={text}: {answer:?}");
            let error = &answer.json()["error"];
            assert_eq!(
                (&error["param"], &error["code"]),
                (&json!(param), &json!("invalid_query"))
            );
        }
    }
    let told = usage("from=2026-11-01&until=2026-11-02".to_owned()).await.json();
    assert_eq!(
        (&told["from"], &told["until"]),
        (&json!("2026-11-01"), &json!("2026-11-02"))
    );
}

#[tokio::test]
async fn a_key_holder_sees_what_was_used_and_what_is_left() {
    let (_provider, gate) = priced(used(1_000, 100)).await;
    run(&gate, &["accounts", "create", "--name", "team"]).await;
    run(&gate, &["accounts", "credit", "--name", "team", "--amount", "1"]).await;
    let key = gate
        .create_key(&[
            "--name",
            "app",
            "--account",
            "team",
            "--budget",
            "0.5",
            "--budget-per",
            "month",
        ])
        .await;
    gate.post(&question()).await;
    gate.post_with(&key, &question()).await;
    let usage = async |query: &str| {
        let request = Request::get(format!("/v1/usage{query}"))
            .header("authorization", format!("Bearer {key}"))
            .body(String::new())
            .unwrap();
        gate.send(request).await
    };

    eventually(json!(1), async || {
        usage("?by=model").await.json()["data"][0]["requests"].clone()
    })
    .await;
    let told = usage("").await.json();

    assert_eq!(told["balance"], "0.9955", "{told}");
    assert_eq!(
        told["budget"],
        json!({"amount": "0.50", "per": "month", "spent": "0.0045", "held": "0.00", "left": "0.4955"})
    );
    assert_eq!(told["account_budget"], Value::Null);
    let row = &told["data"][0];
    assert_eq!((&row["model"], &row["charge"]), (&json!(MODEL), &json!("0.0045")));
    assert_eq!(
        (&row["prompt_tokens"], &row["completion_tokens"]),
        (&json!(1_000), &json!(100))
    );
    assert_eq!(
        told["data"].as_array().map(Vec::len),
        Some(1),
        "another key's is its own: {told}"
    );
    assert!(
        usage("?until=2020-01-01&from=2019-12-01").await.json()["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    for (query, param) in [
        ("?from=yesterday", "from"),
        ("?by=colour", "by"),
        ("?since=2026-01-01", "since"),
    ] {
        let refused = usage(query).await;
        assert_refused(&refused, 400, "invalid_request_error", "invalid_query");
        assert_eq!(refused.error_param().as_deref(), Some(param));
    }
}

#[tokio::test]
async fn the_ledger_is_written_out_entry_by_entry() {
    let (_provider, gate) = priced(used(1_000, 100)).await;
    let key = key_with_credit(&gate, "1").await;
    let answer = gate.post_with(&key, &question()).await;
    let id = answer
        .header("x-tollgate-request-id")
        .expect("every answer has one");
    balance_becomes(&gate, "0.9955").await;

    let csv = run(&gate, &["ledger", "export"]).await;
    let lines = run(&gate, &["ledger", "export", "--json"]).await;

    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.len(), 3, "{csv}");
    assert!(rows[1].contains(r#""team","top_up","1.00""#), "{csv}");
    assert!(
        rows[2].contains(&format!(r#""team","charge","-0.0045","{id}""#)),
        "{csv}"
    );
    let last: Value = serde_json::from_str(lines.lines().last().expect("two lines")).expect("JSON");
    assert_eq!(
        (&last["amount"], &last["request_id"]),
        (&json!("-0.0045"), &json!(id))
    );
}
