//! Who may use the admin API, and what is written down of what they do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{gate::Gate, postgres::Postgres};

use crate::{
    operator::{Operator, refusal},
    stage::{get_from_admin, setup},
};

/// Every route that looks, and those that change something.
const READS: [&str; 8] = [
    "/accounts",
    "/accounts/default",
    "/accounts/default/ledger",
    "/keys",
    "/keys/test",
    "/ledger",
    "/audit",
    "/operators",
];

fn writes() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("POST", "/accounts", json!({"name": "team"})),
        ("PATCH", "/accounts/default", json!({"unlimited": false})),
        ("POST", "/accounts/default/credit", json!({"amount": "1.00"})),
        ("POST", "/accounts/default/lost-requests", json!({"lost": 7})),
        ("POST", "/keys", json!({"name": "app"})),
        ("PATCH", "/keys/test", json!({"enabled": false})),
        ("POST", "/keys/test/rotate", json!({"overlap_seconds": 0})),
        ("DELETE", "/keys/test", json!({})),
    ]
}

/// Gives the operator `anna` this password.
async fn set_password(gate: &Gate, password: &str) {
    let args = ["operators", "password", "--name", "anna"];
    let output = gate.command_with_input(&args, password).await;
    assert!(output.success(), "{output:?}");
}

async fn gate() -> Gate {
    setup().start().await
}

#[tokio::test]
async fn without_any_operator_every_route_says_how_to_make_one() {
    let gate = gate().await;
    let stranger = Operator::with(&gate, "tgo_unknown");
    let nobody = Operator::nobody(&gate);

    for who in [&stranger, &nobody] {
        for path in READS.into_iter().chain(["/openapi.json", "/sessions/current"]) {
            let answer = who.get(path).await;
            assert_eq!(
                refusal(&answer),
                (401, "no_operator".to_owned()),
                "{path}: {answer:?}"
            );
            let message = answer.error_message().unwrap();
            assert!(message.contains("tollgate operators create"), "{message}");
        }
        for (method, path, body) in writes() {
            let answer = who.ask(method, path, Some(&body)).await;
            assert_eq!(
                refusal(&answer),
                (401, "no_operator".to_owned()),
                "{path}: {answer:?}"
            );
        }
    }
    let signing_in = json!({"name": "anna", "password": "correct horse battery"});
    let answer = nobody.post("/sessions", signing_in).await;
    assert_eq!(refusal(&answer), (401, "no_operator".to_owned()));
}

#[tokio::test]
async fn a_viewer_sees_everything_and_changes_nothing() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let viewer = Operator::of(&gate, "ben", "viewer").await;
    let before = admin.seen("/audit").await;

    for path in READS {
        assert_eq!(viewer.get(path).await.status, 200, "{path}");
    }
    for (method, path, body) in writes() {
        let answer = viewer.ask(method, path, Some(&body)).await;
        assert_eq!(
            refusal(&answer),
            (403, "role_not_sufficient".to_owned()),
            "{path}"
        );
    }

    assert_eq!(admin.seen("/audit").await, before);
    assert_eq!(viewer.seen("/keys/test").await["state"], "active");
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let api_key = gate.key().to_owned();

    for (token, code) in [
        ("", "invalid_token"),
        ("tgo_x", "invalid_token"),
        (api_key.as_str(), "invalid_token"),
    ] {
        let answer = Operator::with(&gate, token).get("/accounts").await;
        assert_eq!(refusal(&answer), (401, code.to_owned()), "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let answer = Operator::nobody(&gate).get("/accounts").await;
    assert_eq!(refusal(&answer), (401, "missing_token".to_owned()));

    let prefix = admin.seen("/operators").await["data"][0]["tokens"][0]["prefix"].clone();
    let args = [
        "operators",
        "token",
        "--name",
        "anna",
        "--revoke",
        prefix.as_str().unwrap(),
    ];
    assert!(gate.command(&args).await.success());
    let answer = admin.get("/accounts").await;
    assert_eq!(refusal(&answer), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn whoever_is_removed_is_out_at_once() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    Operator::of(&gate, "ben", "admin").await;
    assert_eq!(admin.get("/accounts").await.status, 200);

    let removed = gate.command(&["operators", "remove", "--name", "anna"]).await;

    assert!(removed.success(), "{removed:?}");
    let answer = admin.get("/accounts").await;
    assert_eq!(refusal(&answer), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn every_change_is_in_the_log_with_who_and_what() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    admin.done("POST", "/accounts", json!({"name": "team"})).await;
    let changed = admin
        .patch("/accounts/team", json!({"limits": {"concurrency": 4}}))
        .await;
    let made = admin
        .done("POST", "/keys", json!({"name": "app", "account": "team"}))
        .await;
    admin.delete("/keys/app").await;
    let output = gate
        .command(&["accounts", "create", "--name", "by-command"])
        .await;
    assert!(output.success());

    let log = admin.seen("/audit").await;

    let told: Vec<Vec<&str>> = log["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            ["operator", "resource", "name", "action"]
                .iter()
                .map(|member| entry[member].as_str().unwrap())
                .collect()
        })
        .collect();
    assert_eq!(
        told[..5],
        [
            ["command line", "account", "by-command", "create"],
            ["anna", "key", "app", "revoke"],
            ["anna", "key", "app", "create"],
            ["anna", "account", "team", "update"],
            ["anna", "account", "team", "create"],
        ]
    );
    let update = &log["data"][3];
    assert_eq!(update["before"]["limits"]["concurrency"], Value::Null);
    assert_eq!(update["after"]["limits"]["concurrency"], 4);
    assert_eq!(
        update["request_id"].as_str(),
        changed.header("x-tollgate-request-id")
    );
    let text = log.to_string();
    for secret in [admin.token(), made["secret"].as_str().unwrap()] {
        assert!(!text.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn the_log_is_filtered_and_read_in_pages() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    for name in ["a", "b", "c"] {
        admin.done("POST", "/accounts", json!({ "name": name })).await;
    }

    let mut names = Vec::new();
    let mut path = "/audit?operator=anna&action=create&limit=2".to_owned();
    loop {
        let page = admin.seen(&path).await;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        names.extend(data.iter().map(|entry| entry["name"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/audit?operator=anna&action=create&limit=2&after={next}");
    }

    assert_eq!(names, ["c", "b", "a"]);
    let keys = admin.seen("/audit?resource=key&name=test").await;
    assert_eq!(keys["data"].as_array().unwrap().len(), 1);
    let later = admin.seen("/audit?from=2100-01-01T00:00:00Z").await;
    assert_eq!(later["data"], json!([]));
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=9999", "limit"),
        ("after=x", "after"),
        ("resource=moon", "resource"),
        ("from=yesterday", "from"),
        ("wrong=1", "wrong"),
        ("limit=1&limit=2", "limit"),
    ] {
        let answer = admin.get(&format!("/audit?{query}")).await;
        assert_eq!(
            (answer.status, crate::operator::param(&answer).as_str()),
            (400, param),
            "{query}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_password_opens_a_session_that_can_be_ended() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let password = "correct horse battery";
    set_password(&gate, password).await;

    let nobody = Operator::nobody(&gate);
    let session = nobody
        .done("POST", "/sessions", json!({"name": "anna", "password": password}))
        .await;
    let signed_in = Operator::with(&gate, session["token"].as_str().unwrap());

    assert_eq!(session["operator"], json!({"name": "anna", "role": "admin"}));
    assert_eq!(
        signed_in.seen("/sessions/current").await,
        json!({"name": "anna", "role": "admin"})
    );
    signed_in.done("POST", "/accounts", json!({"name": "team"})).await;
    signed_in.delete("/sessions/current").await;
    assert_eq!(
        refusal(&signed_in.get("/accounts").await),
        (401, "invalid_token".to_owned())
    );
    assert_eq!(
        admin.get("/accounts").await.status,
        200,
        "a token outlasts sessions"
    );
    let log = admin.seen("/audit").await.to_string();
    assert!(!log.contains(password) && !log.contains("argon2"), "{log}");
    assert!(!gate.logs().contains(password));
}

#[tokio::test]
async fn sign_ins_that_fail_are_bounded() {
    let gate = gate().await;
    Operator::admin(&gate).await;
    set_password(&gate, "correct horse battery").await;
    let nobody = Operator::nobody(&gate);

    let mut answers = Vec::new();
    for (name, password) in [("anna", "wrong"), ("nobody", "correct horse battery")]
        .iter()
        .cycle()
        .take(10)
    {
        let body = json!({"name": name, "password": password});
        answers.push(refusal(&nobody.post("/sessions", body).await));
    }
    let right = json!({"name": "anna", "password": "correct horse battery"});
    let refused = nobody.post("/sessions", right).await;

    assert!(
        answers
            .iter()
            .all(|told| *told == (401, "wrong_password".to_owned())),
        "{answers:?}"
    );
    assert_eq!(refusal(&refused), (429, "too_many_attempts".to_owned()));
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn right_passwords_at_once_are_told_to_wait_a_moment_and_lock_nobody_out() {
    let gate = gate().await;
    Operator::admin(&gate).await;
    set_password(&gate, "correct horse battery").await;
    let nobody = Operator::nobody(&gate);
    let sign_in = async || {
        let body = json!({"name": "anna", "password": "correct horse battery"});
        nobody.post("/sessions", body).await
    };

    let answers = futures_util::future::join_all((0..40).map(|_| sign_in())).await;
    let next = sign_in().await;

    let (signed_in, waiting): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert!(!signed_in.is_empty() && !waiting.is_empty(), "{answers:?}");
    for answer in waiting {
        assert!([429, 503].contains(&answer.status), "{answer:?}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
    }
    assert_eq!(next.status, 201, "{next:?}");
}

#[tokio::test]
async fn sign_ins_that_nobody_could_judge_are_no_failures() {
    let Some(mut server) = Postgres::start("sign-ins without a database are not tried") else {
        return;
    };
    let url = server.url("postgres?sslmode=disable");
    let config = format!("[database]\nurl = \"{url}\"");
    let gate = setup().config(&config).start().await;
    Operator::admin(&gate).await;
    set_password(&gate, "correct horse battery").await;
    let nobody = Operator::nobody(&gate);
    let sign_in = async || {
        let body = json!({"name": "anna", "password": "correct horse battery"});
        nobody.post("/sessions", body).await
    };

    server.stop();
    let away = futures_util::future::join_all((0..10).map(|_| sign_in())).await;
    server.start_again();
    let began = Instant::now();
    let mut back = sign_in().await;
    while back.status >= 500 && began.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        back = sign_in().await;
    }

    assert!(away.iter().all(|answer| answer.status >= 500), "{away:?}");
    assert_eq!(back.status, 201, "{back:?}");
}

#[tokio::test]
async fn what_is_told_on_this_machine_without_a_credential_stays() {
    let gate = gate().await;

    for path in ["/metrics", "/healthz", "/admin/v1/channels"] {
        assert_eq!(get_from_admin(&gate, path).await.status, 200, "{path}");
    }
    // What comes by way of a proxy may come from anywhere.
    let forwarded = http::Request::get("/admin/v1/channels")
        .header("x-forwarded-for", "192.0.2.1")
        .body(String::new())
        .unwrap();
    assert_eq!(gate.send_to_admin(forwarded).await.status, 401);
}

#[tokio::test]
async fn the_api_describes_itself() {
    let gate = gate().await;
    let viewer = Operator::of(&gate, "ben", "viewer").await;

    let description = viewer.seen("/openapi.json").await;

    assert_eq!(description["openapi"], "3.1.0");
    for path in ["/admin/v1/accounts", "/admin/v1/keys/{name}", "/admin/v1/audit"] {
        assert!(description["paths"][path].is_object(), "{path}");
    }
    let unknown = viewer.get("/nothing").await;
    assert_eq!(refusal(&unknown), (404, "unknown_route".to_owned()));
    let wrong = viewer.ask("PUT", "/accounts", Some(&json!({}))).await;
    assert_eq!(refusal(&wrong), (405, "method_not_allowed".to_owned()));
    assert_eq!(wrong.header("allow"), Some("GET, POST"));
}
