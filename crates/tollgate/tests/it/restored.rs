//! A database that was restored gives numbers again. What the spool still has of accounts and keys that had them before
//! is nobody's.

use http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tollgate_ledger::{AccountId, KeyId, Made, UsageRecord};
use tollgate_store::{
    Spool,
    spool::{Limits, OnDamage},
};
use tollgate_testkit::gate::{Gate, Signal};

use crate::{
    credit::{balance, eventually, key_with_credit, run},
    old_records::days_ago,
    operator::{Operator, refusal},
    stage::setup,
};

/// What the log says of requests whose account is not there.
pub const OWED: &str = "charged to nobody: its account is not in this database";

/// How many requests a key is told that it made.
pub async fn requests_of(gate: &Gate, key: &str) -> u64 {
    let own = Request::get("/v1/usage?by=")
        .header("authorization", format!("Bearer {key}"))
        .body(String::new())
        .unwrap();
    let own = gate.send(own).await.json();
    let rows = own["data"].as_array().expect("rows");
    rows.iter().map(|row| row["requests"].as_u64().unwrap()).sum()
}

/// How many requests `tollgate usage` has of an account, be it one without a name.
pub async fn used_by(gate: &Gate, account: &str) -> u64 {
    let rows: Value =
        serde_json::from_str(&run(gate, &["usage", "--by", "account", "--json"]).await).unwrap();
    let mut rows = rows.as_array().unwrap().iter();
    let row = rows.find(|row| row["account"] == account);
    row.map_or(0, |row| row["requests"].as_u64().unwrap())
}

/// A gate with the account `team` (number 2, with $10) and its key (number 2), which finds in its spool what an earlier
/// run wrote of whoever had these numbers, and was made then.
async fn gate_after(made: impl Fn(Timestamp) -> Option<Made>) -> (Gate, String, UsageRecord<'static>) {
    let mut gate = setup().start().await;
    gate.signal(Signal::Terminate);
    assert_eq!(gate.ended().await, Some(0));
    let key = key_with_credit(&gate, "10").await;
    let record = UsageRecord {
        account: AccountId::new(2),
        key: KeyId::new(2),
        made: made(Timestamp::now() - SignedDuration::from_hours(1)),
        ..days_ago(0, 1)
    };
    let dir = gate.data_dir().join("spool");
    let (spool, _) = Spool::open(&dir, Limits::of_mb(32), OnDamage::Refuse).unwrap();
    spool.reserve().unwrap().append(&record);
    spool.close();
    gate.start_again().await;
    (gate, key, record)
}

#[tokio::test]
async fn what_another_did_who_had_the_numbers_before_is_nobodys() {
    let both = |before| {
        Some(Made {
            account: before,
            key: before,
        })
    };
    let (gate, key, record) = gate_after(both).await;

    gate.logged(OWED).await;

    eventually(1, async || used_by(&gate, "(not in this database: 2)").await).await;
    assert_eq!(balance(&gate).await, "10.00");
    assert_eq!(requests_of(&gate, &key).await, 0);
    let verified = gate.command(&["ledger", "verify"]).await;
    assert!(verified.success(), "{verified:?}");
    let note = "Note: 1 request is charged to nobody, for $0.002. The account had the number 2";
    assert!(verified.stderr.contains(note), "{verified:?}");
    let explained = run(&gate, &["explain", &record.request.to_string()]).await;
    assert!(
        explained.contains("account (not in this database: 2)"),
        "{explained}"
    );
    assert!(explained.contains("charged to nobody"), "{explained}");

    // The operator decides who pays, as the note says; the gate that runs knows of it.
    let assign = ["ledger", "assign", "--lost", "2", "--account", "team"];
    let assigned = gate.command(&assign).await;
    assert!(
        assigned
            .stderr
            .contains("`team` is charged $0.002 for 1 request,"),
        "{assigned:?}"
    );
    let verified = gate.command(&["ledger", "verify"]).await;
    assert!(
        verified.success() && !verified.stderr.contains("Note"),
        "{verified:?}"
    );
    assert_eq!(balance(&gate).await, "9.998");
    let explained = run(&gate, &["explain", &record.request.to_string()]).await;
    assert!(
        explained.contains("charged to team by entry 2 of the ledger"),
        "{explained}"
    );
    let again = gate.command(&assign).await;
    assert!(!again.success(), "it would be paid for twice: {again:?}");
    assert_eq!(balance(&gate).await, "9.998");
}

#[tokio::test]
async fn requests_of_a_lost_account_are_charged_once_by_the_admin_api() {
    let both = |before| {
        Some(Made {
            account: before,
            key: before,
        })
    };
    let (gate, _key, record) = gate_after(both).await;
    gate.logged(OWED).await;
    let admin = Operator::admin(&gate).await;
    let to_team = "/accounts/team/lost-requests";

    let assigned = admin.post(to_team, json!({"lost": 2, "note": "as agreed"})).await;

    assert_eq!(assigned.status, 201, "{assigned:?}");
    let told = assigned.json();
    assert_eq!(
        (&told["requests"], &told["charge"], &told["balance"]),
        (&json!(1), &json!("0.002"), &json!("9.998"))
    );
    assert_eq!(
        (&told["entry"]["kind"], &told["entry"]["note"]),
        (&json!("correction"), &json!("as agreed"))
    );
    let seen = admin.seen(&format!("/requests/{}", record.request)).await;
    assert_eq!(seen["record"]["settled_entry"], told["entry"]["id"]);
    let again = admin.post(to_team, json!({"lost": 2})).await;
    assert_eq!(refusal(&again), (400, "invalid_value".to_owned()));
    assert_eq!(again.json()["error"]["param"], "lost");
    let to_nobody = admin
        .post("/accounts/nobody/lost-requests", json!({"lost": 2}))
        .await;
    assert_eq!(
        to_nobody.status, 400,
        "there is nothing left of it: {to_nobody:?}"
    );
    let log = admin
        .seen("/audit?resource=account&name=team&action=correction")
        .await;
    assert_eq!(log["data"][0]["operator"], "anna");
}

#[tokio::test]
async fn what_an_earlier_version_wrote_is_charged_by_its_numbers() {
    let (gate, key, _) = gate_after(|_| None).await;

    eventually("9.998".to_owned(), async || balance(&gate).await).await;
    assert_eq!(requests_of(&gate, &key).await, 1);
    let verified = gate.command(&["ledger", "verify"]).await;
    assert!(
        verified.success() && !verified.stderr.contains("Note"),
        "{verified:?}"
    );
}
