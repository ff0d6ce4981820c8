//! Reports of usage that are longer than one page of them: a bill is whole, or says that it is not.

use std::process::Command;

use http::Request;
use serde_json::Value;
use tollgate_testkit::gate::Gate;

use crate::{operator::Operator, stage::setup};

/// Days on which the first key spent one cent.
const DAYS: usize = 25_000;
const CENTS: i64 = 25_000;
/// What one page has.
const PAGE: usize = 10_000;

/// A gate whose first key was used on that many days.
async fn gate() -> Gate {
    const FILL: &str = "\
        names = [row[1] for row in c.execute('PRAGMA table_info(usage_days)')]\n\
        values = {'key_id': '1', 'account_id': '1', 'model': \"'gpt-4o'\", 'channel': \"'main'\", 'requests': '1', \
                  'day': \"date('1950-01-01', '+' || n || ' days')\", 'charge_nanos': '10000000'}\n\
        c.execute('WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ' + sys.argv[2] + ') '\n\
                  'INSERT INTO usage_days (' + ','.join(names) + ') SELECT '\n\
                  + ','.join(values.get(name, '0') for name in names) + ' FROM n')\n";
    let gate = setup().start().await;
    change(&gate, FILL, DAYS);
    gate
}

/// Changes the database `c` of the gate by these lines of Python.
fn change(gate: &Gate, lines: &str, number: usize) {
    let script =
        format!("import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=30)\n{lines}c.commit()\n");
    let changed = Command::new("python3")
        .args(["-c", &script])
        .arg(gate.data_dir().join("tollgate.db"))
        .arg(number.to_string())
        .status()
        .expect("Python is needed to build this");
    assert!(changed.success());
}

/// The sum of the column `charge` of a CSV, in cents, and how many rows there are.
fn cents_and_rows(csv: &str) -> (i64, usize) {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let charge = names.iter().position(|name| *name == "\"charge\"").unwrap();
    let charges = lines.map(|line| line.split(',').nth(charge).unwrap());
    let cents = charges.map(|charge| match charge {
        "\"0.01\"" => 1,
        other => panic!("{other} is no cent"),
    });
    (cents.clone().sum(), cents.count())
}

#[tokio::test]
async fn the_command_line_prints_every_row_for_machines_and_says_where_a_table_ends() {
    let gate = gate().await;

    let csv = gate.command(&["usage", "--by", "day", "--csv"]).await;
    let json = gate.command(&["usage", "--by", "day", "--json"]).await;
    let none = gate.command(&["usage", "--model", "none", "--json"]).await;
    let table = gate.command(&["usage", "--by", "day"]).await;

    assert!(csv.success() && json.success(), "{} {}", csv.stderr, json.stderr);
    assert_eq!(cents_and_rows(&csv.stdout), (CENTS, DAYS));
    let rows: Vec<Value> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(rows.len(), DAYS);
    let shown = serde_json::to_string_pretty(&rows[..1]).unwrap();
    assert!(
        json.stdout.starts_with("[\n  {\n    \"day\": \"1950-01-01\","),
        "{shown}"
    );
    assert_eq!(none.stdout, "[]\n");
    assert!(!table.success(), "a part of a bill is no success");
    assert_eq!(table.stdout.lines().count(), PAGE + 1);
    assert!(
        table.stderr.contains("more than these 10000 rows"),
        "{}",
        table.stderr
    );
}

#[tokio::test]
async fn operators_are_given_every_row_as_csv_and_are_told_where_json_ends() {
    let gate = gate().await;
    let admin = Operator::admin(&gate).await;

    let csv = admin.get("/usage?by=day&from=1950-01-01&format=csv").await;
    let json = admin.get("/usage?by=day&from=1950-01-01").await.json();

    let text = String::from_utf8(csv.body.to_vec()).unwrap();
    assert_eq!(csv.status, 200);
    assert_eq!(cents_and_rows(&text), (CENTS, DAYS));
    assert_eq!(text.matches("\"day\"").count(), 1, "names stand once");
    assert_eq!(json["data"].as_array().unwrap().len(), PAGE);
    assert_eq!(json["truncated"], true);
}

#[tokio::test]
async fn the_holder_of_a_key_is_told_where_usage_ends() {
    let gate = gate().await;
    let told = async |query: &str| {
        let request = Request::get(format!("/v1/usage{query}"))
            .header("authorization", format!("Bearer {}", gate.key()))
            .body(String::new())
            .unwrap();
        gate.send(request).await.json()
    };

    let all = told("?from=1950-01-01&by=day").await;
    let few = told("?from=1950-01-01&until=1950-01-31&by=day").await;

    assert_eq!(all["data"].as_array().unwrap().len(), PAGE);
    assert_eq!(all["truncated"], true);
    assert_eq!(few["data"].as_array().unwrap().len(), 31);
    assert_eq!(few["truncated"], false);
}

#[tokio::test]
async fn a_report_that_cannot_be_read_to_its_end_is_not_taken_for_a_whole_one() {
    // given a row of the second page whose day nobody can read
    const SPOIL: &str = "c.execute(\"UPDATE usage_days SET day = substr(day, 1, 8) || '99' WHERE day = \"\n\
                         \"date('1950-01-01', '+' || ? || ' days')\", [sys.argv[2]])\n";
    let gate = gate().await;
    change(&gate, SPOIL, PAGE + PAGE / 2);
    let admin = Operator::admin(&gate).await;

    for form in ["--csv", "--json"] {
        let told = gate.command(&["usage", "--by", "day", form]).await;
        assert!(!told.success(), "{form}: a part of a bill is no success");
    }
    let mut connection = gate.raw_to_admin().await;
    let path = "/admin/v1/usage?by=day&from=1950-01-01&format=csv";
    let token = admin.token();
    let asked = format!(
        "GET {path} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    connection.write(asked.as_bytes()).await;
    let told = String::from_utf8(connection.read_to_end().await).unwrap();

    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(body.matches("\"0.01\"").count(), PAGE, "the first page");
    assert!(!body.ends_with("0\r\n\r\n"), "a client takes it for whole");
}
