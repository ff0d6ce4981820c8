//! Whoever changes a thing by the admin API can say which state of it they have seen.

use serde_json::{Value, json};
use tollgate_testkit::gate::{Answer, Gate};

use crate::{
    operator::{Operator, refusal},
    stage::setup,
};

const KEY: &str = "c2VhbGVkIHdpdGggdGhpcyBrZXkgb2YgMzIgYnl0ZXM=";

/// Where a thing is, a change to it, and another one.
type Thing = (String, Value, Value);

/// One of each kind that can be changed.
async fn things(admin: &Operator<'_>) -> Vec<Thing> {
    let account = json!({"name": "team"});
    admin.done("POST", "/accounts", account).await;
    admin.done("POST", "/keys", json!({"name": "app"})).await;
    let channel = json!({
        "name": "made",
        "provider": "openai-compatible",
        "base_url": "http://127.0.0.1:9/v1",
        "api_key": "sk-provider-secret",
        "models": ["gpt-4o"],
    });
    admin.done("POST", "/channels", channel).await;
    let price = json!({"model": "gpt-4o", "rates": {"input": "1", "output": "2"}});
    let price = admin.done("POST", "/price-overrides", price).await;
    let limits = |count: u32| json!({"limits": {"concurrency": count}});
    vec![
        ("/accounts/team".to_owned(), limits(1), limits(2)),
        ("/keys/app".to_owned(), limits(1), limits(2)),
        (
            "/channels/made".to_owned(),
            json!({"weight": 2}),
            json!({"api_key": "sk-another-secret"}),
        ),
        (
            format!("/price-overrides/{}", price["id"]),
            json!({"from": "2027-01-01"}),
            json!({"rates": {"input": "3", "output": "4"}}),
        ),
    ]
}

async fn gate() -> Gate {
    setup().env("TOLLGATE_SEALING_KEY", KEY).start().await
}

fn tag(answer: &Answer) -> String {
    let tag = answer.header("etag").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    tag.to_owned()
}

#[tokio::test]
async fn a_change_to_what_was_changed_meanwhile_is_refused_and_changes_nothing() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    for (path, change, other) in things(&admin).await {
        let seen = tag(&admin.get(&path).await);
        let with = async |method: &str, tag: &str, body: &Value| {
            let header = Some(("if-match", tag));
            admin.ask_with(method, &path, header, Some(body)).await
        };

        let changed = with("PATCH", &seen, &change).await;
        assert_eq!(changed.status, 200, "{path}: {changed:?}");
        assert_ne!(tag(&changed), seen, "{path}");
        let refused = with("PATCH", &seen, &other).await;
        let kept = path == "/accounts/team" || with("DELETE", &seen, &json!({})).await.status == 412;

        assert_eq!(
            refusal(&refused),
            (412, "changed_meanwhile".to_owned()),
            "{path}: {refused:?}"
        );
        assert!(kept, "{path}");
        let now = admin.get(&path).await;
        assert_eq!(now.json(), changed.json(), "{path}");
        assert_eq!(tag(&now), tag(&changed), "{path}");
        // Whoever has seen it may, and so may who does not say what they have seen.
        let again = with("PATCH", &tag(&now), &other).await;
        assert_eq!(again.status, 200, "{path}: {again:?}");
        assert_ne!(tag(&again), tag(&now), "{path}");
        admin.done("PATCH", &path, change).await;
        if path != "/accounts/team" {
            let now = tag(&admin.get(&path).await);
            assert_eq!(with("DELETE", &now, &json!({})).await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_known_as_it_is_is_not_sent_again() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    for (path, change, _) in things(&admin).await {
        // Running gates take a channel within a second, and then it has health.
        let mut seen = admin.get(&path).await;
        let unless = async |tag: &str| {
            let header = Some(("if-none-match", tag));
            admin.ask_with("GET", &path, header, None).await
        };
        let mut known = unless(&tag(&seen)).await;
        for _ in 0..100 {
            if known.status == 304 {
                break;
            }
            assert_ne!(known.json(), seen.json(), "{path}: it is new");
            seen = known;
            known = unless(&tag(&seen)).await;
        }

        assert_eq!((known.status, known.body.len()), (304, 0), "{path}: {known:?}");
        assert_eq!(tag(&known), tag(&seen));
        admin.done("PATCH", &path, change).await;
        let new = unless(&tag(&seen)).await;
        assert_eq!(new.status, 200, "{path}: {new:?}");
    }
}

#[tokio::test]
async fn a_balance_that_moves_is_new_and_keeps_nobody_from_a_change() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    admin.done("POST", "/accounts", json!({"name": "team"})).await;
    let seen = tag(&admin.get("/accounts/team").await);

    let credit = json!({"amount": "25.00"});
    admin.done("POST", "/accounts/team/credit", credit).await;

    let header = Some(("if-none-match", seen.as_str()));
    let known = admin.ask_with("GET", "/accounts/team", header, None).await;
    assert_eq!((known.status, &known.json()["balance"]), (200, &json!("25.00")));
    let change = json!({"price_multiplier": "1.15"});
    let header = Some(("if-match", seen.as_str()));
    let changed = admin
        .ask_with("PATCH", "/accounts/team", header, Some(&change))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
}

#[tokio::test]
async fn another_password_is_a_change_of_an_operator_and_so_is_another_operator() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    let ben = json!({"name": "ben", "role": "viewer"});
    let set = async |tag: &str, password: &str| {
        let header = Some(("if-match", tag));
        let body = json!({"password": password});
        admin
            .ask_with("PATCH", "/operators/ben", header, Some(&body))
            .await
    };
    let first = tag(&admin.post("/operators", ben.clone()).await);
    let second = set(&first, "correct horse battery").await;
    assert_eq!(second.status, 200, "{second:?}");
    let second = tag(&second);

    let third = set(&second, "another horse battery").await;
    let stale = set(&second, "a third horse battery").await;
    let known = Some(("if-none-match", second.as_str()));
    let told = admin.ask_with("GET", "/operators/ben", known, None).await;

    assert_eq!(third.status, 200, "{third:?}");
    assert_eq!(refusal(&stale), (412, "changed_meanwhile".to_owned()));
    assert_eq!(told.status, 200, "it is new: {told:?}");
    assert_eq!(tag(&told), tag(&third));
    // The next one of that name is as the first was, and not the one that was seen.
    admin.delete("/operators/ben").await;
    admin.done("POST", "/operators", ben).await;
    let refused = set(&first, "a fourth horse battery").await;
    assert_eq!(refusal(&refused), (412, "changed_meanwhile".to_owned()));
}

#[tokio::test]
async fn of_two_that_change_what_both_have_seen_one_succeeds() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;
    admin.done("POST", "/keys", json!({"name": "app"})).await;
    let seen = tag(&admin.get("/keys/app").await);
    let change = async |count: u32| {
        let body = json!({"limits": {"concurrency": count}});
        let header = Some(("if-match", seen.as_str()));
        admin
            .ask_with("PATCH", "/keys/app", header, Some(&body))
            .await
            .status
    };

    let mut statuses: Vec<u16> = futures_util::future::join_all((1..=8).map(change)).await;
    statuses.sort_unstable();

    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}
