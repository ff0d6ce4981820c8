//! Operators by the admin API: made, changed and removed by admins, and never without one.

use std::{future::Future, time::Duration};

use serde_json::{Value, json};
use tollgate_testkit::gate::Gate;

use crate::{
    operator::{Operator, param, refusal},
    stage::setup,
};

const PASSWORD: &str = "correct horse battery staple";

async fn gate() -> Gate {
    setup().start().await
}

/// Makes an operator with a token by another one.
async fn made<'g>(admin: &Operator<'g>, gate: &'g Gate, name: &str, role: &str) -> Operator<'g> {
    let body = json!({"name": name, "role": role});
    let answer = admin.post("/operators", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let path = format!("/operators/{name}/tokens");
    let token = admin.done("POST", &path, json!({"name": "ci"})).await;
    Operator::with(gate, token["secret"].as_str().unwrap())
}

async fn sign_in(gate: &Gate, name: &str, password: &str) -> (u16, Value) {
    let body = json!({"name": name, "password": password});
    let answer = Operator::nobody(gate).post("/sessions", body).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn an_operator_is_made_with_a_role_and_uses_what_they_are_given() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;

    let viewer = made(&admin, &gate, "ben", "viewer").await;

    assert_eq!(viewer.get("/accounts").await.status, 200);
    let refused = viewer.post("/accounts", json!({"name": "team"})).await;
    assert_eq!(refusal(&refused), (403, "role_not_sufficient".to_owned()));
    let shown = admin.seen("/operators/ben").await;
    assert_eq!(
        (&shown["role"], &shown["enabled"], &shown["has_password"]),
        (&json!("viewer"), &json!(true), &json!(false))
    );
    assert_eq!(shown["tokens"][0]["name"], "ci");
    assert_eq!(admin.seen("/operators/ben/tokens").await["data"], shown["tokens"]);

    // What they may do changes with the role, at once and with the same token.
    admin
        .done("PATCH", "/operators/ben", json!({"role": "admin"}))
        .await;
    viewer.done("POST", "/accounts", json!({"name": "team"})).await;
}

#[tokio::test]
async fn a_password_that_is_set_signs_in_and_ends_the_sessions_before_it() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let token = made(&admin, &gate, "ben", "viewer").await;
    admin
        .done("PATCH", "/operators/ben", json!({"password": PASSWORD}))
        .await;
    let (status, session) = sign_in(&gate, "ben", PASSWORD).await;
    assert_eq!(status, 201, "{session}");
    let session = Operator::with(&gate, session["token"].as_str().unwrap());
    assert_eq!(session.get("/accounts").await.status, 200);

    let other = "another horse battery staple";
    let changed = admin
        .done("PATCH", "/operators/ben", json!({"password": other}))
        .await;

    assert_eq!(changed["has_password"], true);
    assert_eq!(session.get("/accounts").await.status, 401);
    assert_eq!(token.get("/accounts").await.status, 200);
    assert_eq!(sign_in(&gate, "ben", PASSWORD).await.0, 401);
    assert_eq!(sign_in(&gate, "ben", other).await.0, 201);
    let audit = admin.seen("/audit?resource=operator&name=ben").await;
    assert!(
        !audit.to_string().contains("argon2") && !audit.to_string().contains(other),
        "{audit}"
    );
}

/// Sign-ins with the right password that are under way while something else is done, and whose sessions work afterwards.
async fn sign_ins_meanwhile(gate: &Gate, name: &str, meanwhile: impl Future<Output = ()>) -> Vec<Value> {
    let sign_ins = futures_util::future::join_all((0..6).map(|_| sign_in(gate, name, PASSWORD)));
    // As polled: what is done begins first, and its hash takes longer than the sign-ins take to be read.
    let ((), sign_ins) = tokio::join!(meanwhile, sign_ins);
    let mut work = Vec::new();
    for (status, session) in sign_ins {
        match status {
            201 => {
                let signed_in = Operator::with(gate, session["token"].as_str().unwrap());
                let answer = signed_in.get("/sessions/current").await;
                if answer.status == 200 {
                    work.push(answer.json());
                }
            }
            401 => assert_eq!(session["error"]["code"], "wrong_password"),
            _ => panic!("{status}: {session}"),
        }
    }
    work
}

#[tokio::test]
async fn a_sign_in_that_is_under_way_does_not_outlast_its_password() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    made(&admin, &gate, "ben", "admin").await;
    admin
        .done("PATCH", "/operators/ben", json!({"password": PASSWORD}))
        .await;

    let work = sign_ins_meanwhile(&gate, "ben", async {
        let change = json!({"password": "another horse battery staple"});
        admin.done("PATCH", "/operators/ben", change).await;
    })
    .await;

    assert_eq!(work, [Value::Null; 0], "sessions end with another password");
}

#[tokio::test]
async fn a_sign_in_that_is_under_way_is_not_of_whoever_has_the_name_next() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    made(&admin, &gate, "ben", "viewer").await;
    admin
        .done("PATCH", "/operators/ben", json!({"password": PASSWORD}))
        .await;

    let work = sign_ins_meanwhile(&gate, "ben", async {
        // So that they have been read when the operator goes; their comparisons take longer.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(admin.delete("/operators/ben").await.status, 200);
        let next = json!({"name": "ben", "role": "admin"});
        admin.done("POST", "/operators", next).await;
    })
    .await;

    assert_eq!(work, [Value::Null; 0], "they had the password of somebody else");
}

#[tokio::test]
async fn whoever_is_switched_off_can_do_nothing_until_they_are_switched_on() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let ben = made(&admin, &gate, "ben", "admin").await;
    admin
        .done("PATCH", "/operators/ben", json!({"password": PASSWORD}))
        .await;
    let (_, session) = sign_in(&gate, "ben", PASSWORD).await;
    let session = Operator::with(&gate, session["token"].as_str().unwrap());

    let off = admin
        .done("PATCH", "/operators/ben", json!({"enabled": false}))
        .await;

    assert_eq!(off["enabled"], false);
    for who in [&ben, &session] {
        let refused = who.get("/accounts").await;
        assert_eq!(refusal(&refused), (401, "invalid_token".to_owned()));
    }
    assert_eq!(sign_in(&gate, "ben", PASSWORD).await.0, 401);
    let listed = gate.command(&["operators", "list"]).await;
    assert!(listed.stdout.contains("admin, switched off"), "{listed:?}");
    admin
        .done("PATCH", "/operators/ben", json!({"enabled": true}))
        .await;
    assert_eq!(ben.get("/accounts").await.status, 200);
    assert_eq!(
        session.get("/accounts").await.status,
        401,
        "a session that ended stays so"
    );
}

#[tokio::test]
async fn a_token_is_told_once_ends_when_it_is_to_and_can_be_revoked() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    made(&admin, &gate, "ben", "viewer").await;
    let make = async |body: Value| admin.done("POST", "/operators/ben/tokens", body).await;

    let past = make(json!({"expires": "2020-01-01T00:00:00Z"})).await;
    let lasting = make(json!({"name": "dashboard", "expires": null})).await;

    let of = |token: &Value| Operator::with(&gate, token["secret"].as_str().unwrap());
    assert_eq!(of(&past).get("/accounts").await.status, 401);
    assert_eq!(of(&lasting).get("/accounts").await.status, 200);
    let listed = admin.seen("/operators/ben").await.to_string();
    assert!(!listed.contains(lasting["secret"].as_str().unwrap()), "{listed}");
    let prefix = lasting["token"]["prefix"].as_str().unwrap();
    let path = format!("/operators/ben/tokens/{prefix}");
    let shown = admin.done("DELETE", &path, json!({})).await;
    let tokens = shown["tokens"].as_array().unwrap();
    let revoked = tokens.iter().find(|token| token["prefix"] == prefix).unwrap();
    assert!(revoked["revoked"].is_string(), "{shown}");
    assert_eq!(of(&lasting).get("/accounts").await.status, 401);
    let again = admin.delete(&path).await;
    assert_eq!(refusal(&again), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn the_last_admin_in_use_is_neither_removed_nor_switched_off_nor_made_a_viewer() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    made(&admin, &gate, "ben", "admin").await;
    made(&admin, &gate, "carl", "viewer").await;
    admin
        .done("PATCH", "/operators/ben", json!({"enabled": false}))
        .await;

    for change in [json!({"role": "viewer"}), json!({"enabled": false})] {
        let refused = admin.patch("/operators/anna", change.clone()).await;
        assert_eq!(refusal(&refused), (409, "last_admin".to_owned()), "{change}");
    }
    let refused = admin.delete("/operators/anna").await;
    assert_eq!(refusal(&refused), (409, "last_admin".to_owned()));
    // Neither does a password go through with what is refused.
    let both = json!({"role": "viewer", "password": PASSWORD});
    assert_eq!(admin.patch("/operators/anna", both).await.status, 409);
    assert_eq!(admin.seen("/operators/anna").await["has_password"], false);
    assert_eq!(admin.get("/accounts").await.status, 200);

    admin
        .done("PATCH", "/operators/ben", json!({"enabled": true}))
        .await;
    assert_eq!(admin.delete("/operators/anna").await.status, 200);
    assert_eq!(admin.get("/accounts").await.status, 401);
}

#[tokio::test]
async fn of_two_admins_who_remove_each_other_one_stays() {
    let gate = gate().await;
    let anna = Operator::admin(&gate).await;
    let ben = made(&anna, &gate, "ben", "admin").await;

    let (of_ben, of_anna) = tokio::join!(anna.delete("/operators/ben"), ben.delete("/operators/anna"));

    let mut statuses = [of_ben.status, of_anna.status];
    statuses.sort_unstable();
    // Whoever comes second is gone already, or is the last.
    assert_eq!(statuses[0], 200);
    assert!([401, 409].contains(&statuses[1]), "{statuses:?}");
    let in_use = [anna.get("/accounts").await, ben.get("/accounts").await];
    assert_eq!(in_use.iter().filter(|answer| answer.status == 200).count(), 1);
}

#[tokio::test]
async fn admins_alone_change_operators_and_every_change_is_in_the_log() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let viewer = made(&admin, &gate, "ben", "viewer").await;
    for (method, path, body) in [
        ("POST", "/operators", json!({"name": "carl", "role": "admin"})),
        ("PATCH", "/operators/ben", json!({"role": "admin"})),
        ("POST", "/operators/anna/tokens", json!({})),
        ("DELETE", "/operators/anna/tokens/tgo_", json!({})),
        ("DELETE", "/operators/anna", json!({})),
    ] {
        let refused = viewer.ask(method, path, Some(&body)).await;
        assert_eq!(
            refusal(&refused),
            (403, "role_not_sufficient".to_owned()),
            "{method} {path}"
        );
    }
    admin
        .done(
            "PATCH",
            "/operators/ben",
            json!({"role": "admin", "enabled": false}),
        )
        .await;
    admin.done("DELETE", "/operators/ben", json!({})).await;

    let audit = admin.seen("/audit?resource=operator&name=ben").await;
    let entries: Vec<(&str, &str)> = audit["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["action"].as_str().unwrap(),
                entry["operator"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = ["remove", "update", "create_token", "create"];
    assert_eq!(entries, expected.map(|action| (action, "anna")));
    let update = &audit["data"][1];
    assert_eq!(
        (&update["before"]["role"], &update["after"]["role"]),
        (&json!("viewer"), &json!("admin"))
    );
    assert_eq!(
        (&update["before"]["enabled"], &update["after"]["enabled"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn what_cannot_be_of_an_operator_names_its_field() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;

    for (method, path, body, named) in [
        ("POST", "/operators", json!({"name": "ben"}), "role"),
        (
            "POST",
            "/operators",
            json!({"name": "ben", "role": "root"}),
            "role",
        ),
        (
            "POST",
            "/operators",
            json!({"name": " ", "role": "admin"}),
            "name",
        ),
        (
            "PATCH",
            "/operators/anna",
            json!({"password": "short"}),
            "password",
        ),
        ("PATCH", "/operators/anna", json!({"password": null}), "password"),
        ("PATCH", "/operators/anna", json!({"name": "ann"}), "name"),
        (
            "POST",
            "/operators/anna/tokens",
            json!({"expires": "soon"}),
            "expires",
        ),
    ] {
        let refused = admin.ask(method, path, Some(&body)).await;
        assert_eq!(
            (refused.status, param(&refused).as_str()),
            (400, named),
            "{body}: {refused:?}"
        );
    }
    let twice = json!({"name": "anna", "role": "viewer"});
    let refused = admin.post("/operators", twice).await;
    assert_eq!(refusal(&refused), (409, "name_taken".to_owned()));
    for path in ["/operators/nobody", "/operators/nobody/tokens"] {
        assert_eq!(admin.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_admin_who_cannot_come_in_does_not_stand_in_for_the_last_one() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let ghost = json!({"name": "ghost", "role": "admin"});
    admin.done("POST", "/operators", ghost).await;
    // Another had a token once.
    made(&admin, &gate, "ben", "admin").await;
    let tokens = admin.seen("/operators/ben/tokens").await;
    let prefix = tokens["data"][0]["prefix"].as_str().unwrap().to_owned();
    let revoked = admin.delete(&format!("/operators/ben/tokens/{prefix}")).await;
    assert_eq!(revoked.status, 200, "one of two may go");

    let own = admin.seen("/operators/anna/tokens").await;
    let own = own["data"][0]["prefix"].as_str().unwrap().to_owned();
    let own = format!("/operators/anna/tokens/{own}");
    for path in ["/operators/anna", own.as_str()] {
        let refused = admin.delete(path).await;
        assert_eq!(refusal(&refused), (409, "last_admin".to_owned()), "{path}");
    }
    for change in [json!({"role": "viewer"}), json!({"enabled": false})] {
        let refused = admin.patch("/operators/anna", change.clone()).await;
        assert_eq!(refusal(&refused), (409, "last_admin".to_owned()), "{change}");
    }

    // With a password ben can come in, and all of it may go.
    admin
        .done("PATCH", "/operators/ben", json!({"password": PASSWORD}))
        .await;
    assert_eq!(admin.delete(&own).await.status, 200);
    assert_eq!(sign_in(&gate, "ben", PASSWORD).await.0, 201);
}

#[tokio::test]
async fn the_command_line_revokes_the_last_token_too() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let own = admin.seen("/operators/anna/tokens").await;
    let prefix = own["data"][0]["prefix"].as_str().unwrap();

    let revoked = gate
        .command(&["operators", "token", "--name", "anna", "--revoke", prefix])
        .await;

    assert!(revoked.success(), "{revoked:?}");
    assert_eq!(admin.get("/accounts").await.status, 401);
}
