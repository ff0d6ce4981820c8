//! Keys that another gate made go on working.

use serde_json::{Value, json};
use tollgate_testkit::provider::says;

use crate::{
    command::{Folder, Output},
    stage::{question, question_with, stage},
};

/// As LiteLLM, OpenRouter and a self-made gate make them.
const SHORT: &str = "sk-Xk2_9fQh0aB7-LmN4pRsTu";
const LONG: &str = "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const HASHED: &str = "team:9b2f.4c/aa11+bb22=cc33~dd44";
/// `printf %s TEXT | sha256sum`
const SHA256: &str = "c92fd62d708af74f0473ecf26babd42029a1816b568ea9362417dd9da7d7479c";

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn they_work_in_a_running_gate_with_their_limits_and_credit() {
    let (_provider, gate) = stage(says("Hello")).await;
    let file = gate.data_dir().join("keys.csv");
    let csv = format!(
        "name,key,sha256,account,balance,models,requests_per_minute\n\
         short,{SHORT},,team,25.00,,\n\
         long,{LONG},,,,\"gpt-4o,gpt-5-4\",1\n\
         hashed,,{SHA256},,,claude-sonnet-4-6,\n"
    );
    std::fs::write(&file, csv).unwrap();
    for key in [SHORT, LONG, HASHED] {
        let refused = gate.post_with(key, &question()).await;
        assert_eq!(
            (refused.status, refused.error_code().as_deref()),
            (401, Some("invalid_api_key"))
        );
    }

    let done = gate.command(&["keys", "import", file.to_str().unwrap()]).await;

    assert!(done.success(), "{done:?}");
    let report: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(
        report,
        [
            "line 2: imported: key `short` (sk-Xk2…) of `team`, an account that is made for it",
            "line 3: imported: key `long` (sk-or-v1-…) of `default`",
            &format!(
                "line 4: imported: key `hashed` (sha256:{}…) of `default`",
                &SHA256[..8]
            ),
        ]
    );
    // An answer that was no is forgotten within a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    // The price of this channel's model is not known, which those with credit cannot pay.
    assert_eq!(
        gate.post_with(SHORT, &question()).await.error_code().as_deref(),
        Some("model_price_missing")
    );
    assert_eq!(gate.post_with(LONG, &question()).await.status, 200);
    assert_eq!(gate.post_with(LONG, &question()).await.status, 429);
    let refused = gate.post_with(HASHED, &question_with(json!({}))).await;
    assert_eq!(refused.error_code().as_deref(), Some("model_not_allowed"));
    let shown = gate.command(&["accounts", "show", "--name", "team"]).await;
    assert!(shown.stdout.contains("\"balance\": \"25.00\""), "{shown:?}");
    let verified = gate.command(&["ledger", "verify"]).await;
    assert!(verified.success(), "{verified:?}");
    for text in [&gate.logs(), &done.stderr, &done.stdout] {
        assert!(
            ![SHORT, LONG, HASHED].iter().any(|key| text.contains(key)),
            "{text}"
        );
    }
}

#[test]
fn one_wrong_line_keeps_all_out_and_every_line_has_its_report() {
    let folder = Folder::new();
    folder.run(&["keys", "create", "--name", "here"]);
    folder.write(
        "keys.jsonl",
        &[
            json!({"name": "fine", "key": SHORT}),
            json!({"name": "here", "key": LONG}),
            json!({"name": "weak", "key": "sk-1234"}),
            json!({"name": "both", "key": LONG, "sha256": SHA256, "bugdet": 25}),
            json!({"name": "none", "budget": "lots", "budget_per": "week", "models": ["gpt-4o", "gpt-5O"]}),
            json!({"key": format!("{LONG}x"), "enabled": false, "expires": "2030-01-01"}),
        ]
        .map(|line| line.to_string())
        .join("\n"),
    );

    let dry = folder.run(&["keys", "import", "keys.jsonl", "--dry-run"]);
    let done = folder.run(&["keys", "import", "keys.jsonl"]);

    assert_eq!((dry.code, done.code), (Some(1), Some(1)), "{done:?}");
    assert_eq!(dry.stdout, done.stdout);
    insta::assert_snapshot!("keys_import_reports_every_line", done.stdout);
    assert!(
        done.stderr.contains("5 lines are wrong, so nothing was imported"),
        "{done:?}"
    );
    let keys = json_of(&folder.run(&["keys", "list", "--json"]));
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    for secret in [SHORT, LONG, "sk-1234", SHA256] {
        assert!(!format!("{done:?}").contains(secret), "{done:?}");
    }
}

#[test]
fn a_dry_run_says_what_would_be_and_an_unknown_column_is_named() {
    let folder = Folder::new();
    folder.write(
        "right.csv",
        &format!("key,name,balance,account\n{SHORT},app,5,team\n"),
    );
    folder.write("wrong.csv", &format!("key,name,bugdet\n{SHORT},app,5\n"));
    folder.write("empty.csv", "key,name\n");

    let dry = folder.run(&["keys", "import", "right.csv", "--dry-run"]);
    let wrong = folder.run(&["keys", "import", "wrong.csv"]);
    let empty = folder.run(&["keys", "import", "empty.csv"]);
    let missing = folder.run(&["keys", "import", "missing.csv"]);

    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(dry.stdout.starts_with("line 2: right: key `app`"), "{dry:?}");
    assert!(dry.stderr.contains("1 keys would be imported"), "{dry:?}");
    let told: Vec<&str> = wrong.stdout.lines().collect();
    assert!(
        told[0].starts_with("line 1: WRONG: unknown field `bugdet`"),
        "{wrong:?}"
    );
    assert!(told[1].starts_with("line 2: right"), "{wrong:?}");
    for failed in [&wrong, &empty, &missing] {
        assert_eq!(failed.code, Some(1), "{failed:?}");
    }
    assert_eq!(json_of(&folder.run(&["keys", "list", "--json"])), json!([]));
    let accounts = json_of(&folder.run(&["accounts", "list", "--json"]));
    assert_eq!(accounts.as_array().unwrap().len(), 1, "{accounts}");
}

/// What lies in a folder, by name.
fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_dry_run_without_a_database_judges_as_by_an_empty_one_and_makes_none() {
    let folder = Folder::new();
    let twice = [
        json!({"name": "app", "key": SHORT, "account": "team", "balance": "5"}),
        json!({"name": "app", "key": LONG}),
        json!({"name": "poor", "key": HASHED, "account": "default", "balance": "5", "channels": ["gone"]}),
    ];
    folder.write("keys.jsonl", &twice.map(|line| line.to_string()).join("\n"));
    folder.write("right.csv", &format!("key,name\n{SHORT},app\n"));

    let dry = folder.run(&["keys", "import", "keys.jsonl", "--dry-run"]);
    let right = folder.run(&["keys", "import", "right.csv", "--dry-run"]);

    assert_eq!(names(&folder), ["keys.jsonl", "right.csv"]);
    assert_eq!((dry.code, right.code), (Some(1), Some(0)), "{dry:?}");
    let told: Vec<&str> = dry.stdout.lines().collect();
    assert_eq!(
        told,
        [
            "line 1: right: key `app` (sk-Xk2…) of `team`, an account that is made for it",
            "line 2: WRONG: there is a key of this name already",
            "line 3: WRONG: `balance` is for accounts that are made by this line, and `default` is there already",
        ]
    );
    assert!(dry.stderr.contains("no channel is called `gone`"), "{dry:?}");
    assert!(right.stderr.contains("1 keys would be imported"), "{right:?}");
    let note = "there is no database at data/tollgate.db";
    assert!(
        right.stderr.contains(note),
        "in a wrong folder all would seem well: {right:?}"
    );
    let done = folder.run(&["keys", "import", "keys.jsonl"]);
    assert_eq!(done.stdout, dry.stdout);
}

#[test]
fn a_dry_run_leaves_a_database_of_an_earlier_version_as_it_is() {
    const OLDER: &str = "import sqlite3\n\
        c = sqlite3.connect('data/tollgate.db')\n\
        c.executescript('ALTER TABLE api_keys DROP COLUMN created_at_us;' \\\n\
        'ALTER TABLE accounts DROP COLUMN created_at_us;' \\\n\
        'DELETE FROM _sqlx_migrations WHERE version >= 10')\n";
    const NEWEST: &str = "import sqlite3\n\
        c = sqlite3.connect('data/tollgate.db')\n\
        print(c.execute('SELECT max(version) FROM _sqlx_migrations').fetchone()[0])\n";
    let folder = Folder::new();
    folder.write("keys.csv", &format!("key,name\n{SHORT},app\n"));
    folder.run(&["keys", "create", "--name", "here"]);
    let python = |program: &str| {
        let mut command = std::process::Command::new("python3");
        let output = command.args(["-c", program]).current_dir(folder.path()).output();
        let output = output.expect("Python is needed to build this");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    python(OLDER);

    let dry = folder.run(&["keys", "import", "keys.csv", "--dry-run"]);

    assert_eq!(python(NEWEST).trim(), "9");
    assert_eq!(dry.code, Some(1), "{dry:?}");
    assert!(dry.stderr.contains("is of an earlier version"), "{dry:?}");
}
