//! What the command line says of keys and accounts is what was written.

use serde_json::{Value, json};

use crate::command::{Folder, Output};

fn json_of(output: &Output) -> Value {
    assert_eq!(output.code, Some(0), "{output:?}");
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn done(output: &Output) {
    assert_eq!(output.code, Some(0), "{output:?}");
}

/// These members of an object.
fn members(of: &Value, names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| ((*name).to_owned(), of[*name].clone()))
        .collect()
}

const LIMITS: [&str; 10] = [
    "--requests-per-minute",
    "60",
    "--tokens-per-minute",
    "200000",
    "--concurrency",
    "8",
    "--budget",
    "25.5",
    "--budget-per",
    "month",
];

fn limits() -> Value {
    json!({
        "requests_per_minute": 60,
        "tokens_per_minute": 200_000,
        "concurrency": 8,
        "budget": "25.50",
        "budget_per": "month",
    })
}

const LIMIT_NAMES: [&str; 5] = [
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency",
    "budget",
    "budget_per",
];

#[test]
fn what_is_set_at_a_key_is_read_back() {
    let folder = Folder::new();
    done(&folder.run(&["accounts", "create", "--name", "team"]));
    let mut args = vec!["keys", "create", "--name", "app", "--account", "team"];
    args.extend(["--models", "gpt-4o,claude-sonnet-4-6"]);
    args.extend(["--allow-ip", "10.0.0.0/8", "--allow-ip", "192.0.2.7"]);
    args.extend(["--channels", "a,b", "--not-channels", "c"]);
    args.extend(["--reserve", "full", "--strict-parameters"]);
    args.extend(LIMITS);
    done(&folder.run(&args));

    let shown = json_of(&folder.run(&["keys", "show", "--name", "app", "--json"]));
    let listed = json_of(&folder.run(&["keys", "list", "--json"]));

    assert_eq!(listed[0], shown);
    assert_eq!(members(&shown, &LIMIT_NAMES), limits());
    let rest = [
        "account",
        "models",
        "channels",
        "not_channels",
        "allow_ip",
        "reserve",
        "strict_parameters",
        "state",
    ];
    assert_eq!(
        members(&shown, &rest),
        json!({
            "account": "team",
            "models": ["gpt-4o", "claude-sonnet-4-6"],
            "channels": ["a", "b"],
            "not_channels": ["c"],
            "allow_ip": ["10.0.0.0/8", "192.0.2.7/32"],
            "reserve": "full",
            "strict_parameters": true,
            "state": "active",
        })
    );
}

#[test]
fn a_key_has_no_limit_but_those_that_were_set() {
    let folder = Folder::new();
    done(&folder.run(&["keys", "create", "--name", "app"]));

    let shown = json_of(&folder.run(&["keys", "show", "--name", "app"]));

    let mut names = LIMIT_NAMES.to_vec();
    names.extend(["models", "expires", "revoked", "replaced_until"]);
    for name in names {
        assert_eq!(shown[name], Value::Null, "{name}");
    }
    assert_eq!(shown["allow_ip"], json!([]));
    assert_eq!(
        (&shown["account"], &shown["reserve"]),
        (&json!("default"), &json!("expected"))
    );
    assert_eq!(shown["strict_parameters"], false);
}

#[test]
fn an_update_changes_what_it_names_and_lifts_what_it_says() {
    let folder = Folder::new();
    let mut args = vec!["keys", "create", "--name", "app", "--models", "gpt-4o"];
    args.extend([
        "--expires-in",
        "30d",
        "--allow-ip",
        "10.0.0.0/8",
        "--strict-parameters",
    ]);
    args.extend(LIMITS);
    done(&folder.run(&args));
    let update = |args: &[&str]| {
        let mut command = vec!["keys", "update", "--name", "app"];
        command.extend(args);
        done(&folder.run(&command));
        json_of(&folder.run(&["keys", "show", "--name", "app"]))
    };

    let first = update(&["--concurrency", "9", "--budget", "30"]);
    let mut expected = limits();
    expected["concurrency"] = json!(9);
    expected["budget"] = json!("30.00");
    assert_eq!(members(&first, &LIMIT_NAMES), expected, "the period stays");
    assert_eq!(first["models"], json!(["gpt-4o"]));

    let second = update(&["--budget-per", "day"]);
    assert_eq!(
        (&second["budget"], &second["budget_per"]),
        (&json!("30.00"), &json!("day"))
    );

    let mut lift = vec!["--models", "all", "--allow-ip", "any", "--expires-in", "never"];
    lift.push("--strict-parameters=false");
    for limit in [
        "--requests-per-minute",
        "--tokens-per-minute",
        "--concurrency",
        "--budget",
    ] {
        lift.extend([limit, "none"]);
    }
    let free = update(&lift);
    for name in LIMIT_NAMES.iter().chain(&["models", "expires"]) {
        assert_eq!(free[*name], Value::Null, "{name}");
    }
    assert_eq!(
        (&free["allow_ip"], &free["strict_parameters"]),
        (&json!([]), &json!(false))
    );
}

#[test]
fn a_refused_change_changes_nothing_and_says_why() {
    let folder = Folder::new();
    done(&folder.run(&["keys", "create", "--name", "app"]));
    let before = json_of(&folder.run(&["keys", "show", "--name", "app"]));

    for (args, told) in [
        (&[][..], "nothing to change"),
        (
            &["--models", "claude-sonet-4-6"],
            "did you mean `claude-sonnet-4-6`?",
        ),
        (&["--account", "nobody"], "no account named `nobody`"),
        (&["--concurrency", "4", "--budget-per", "day"], "no budget"),
        (&["--budget", "none", "--budget-per", "day"], "no budget"),
    ] {
        let mut command = vec!["keys", "update", "--name", "app"];
        command.extend(args);
        let refused = folder.run(&command);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(told), "{refused:?}");
    }

    assert_eq!(json_of(&folder.run(&["keys", "show", "--name", "app"])), before);
}

#[test]
fn a_model_that_a_channel_names_may_be_allowed() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        "[[channels]]\nname = \"own\"\nprovider = \"local\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodels = [\"my-own\"]\n",
    );

    done(&folder.run(&["keys", "create", "--name", "app", "--models", "my-own"]));
}

#[test]
fn a_rotated_key_shows_its_new_text_alone_and_until_when_the_one_before_works() {
    let folder = Folder::new();
    let first = folder.run(&["keys", "create", "--name", "app"]);

    let rotated = folder.run(&["keys", "rotate", "--name", "app", "--overlap", "24h"]);

    done(&rotated);
    let key = rotated.stdout.strip_suffix('\n').expect("a line");
    assert_eq!(key.len(), 51);
    assert_ne!(first.stdout, rotated.stdout);
    assert!(!rotated.stderr.contains(key), "the key is shown once");
    let shown = json_of(&folder.run(&["keys", "show", "--name", "app"]));
    assert!(key.starts_with(shown["prefix"].as_str().unwrap()));
    assert!(shown["replaced_until"].is_string());
}

#[test]
fn an_account_is_shown_as_it_was_made_with_its_balance_in_dollars() {
    let folder = Folder::new();
    let mut args = vec!["accounts", "create", "--name", "team"];
    args.extend(LIMITS);
    done(&folder.run(&args));
    done(&folder.run(&[
        "accounts",
        "credit",
        "--name",
        "team",
        "--amount",
        "25.00",
        "--note",
        "invoice 17",
    ]));
    done(&folder.run(&[
        "accounts",
        "credit",
        "--name",
        "team",
        "--amount",
        "-23.77",
        "--note",
        "a mistake",
    ]));

    let shown = json_of(&folder.run(&["accounts", "show", "--name", "team"]));
    let listed = json_of(&folder.run(&["accounts", "list", "--json"]));
    let verified = folder.run(&["ledger", "verify"]);

    assert_eq!(shown["balance"], "1.23");
    assert_eq!(shown["unlimited"], false);
    assert_eq!(members(&shown, &LIMIT_NAMES), limits());
    assert_eq!(listed[1], shown);
    assert_eq!(
        members(&listed[0], &["name", "unlimited", "balance", "created"]),
        json!({"name": "default", "unlimited": true, "balance": "0.00", "created": null})
    );
    done(&verified);
    assert_eq!(
        verified.stdout,
        "2 entries, 2 accounts: every balance is the sum of its entries, and every charge is its record's\n"
    );
}

#[test]
fn an_account_that_there_is_not_is_named() {
    let folder = Folder::new();
    done(&folder.run(&["keys", "create", "--name", "here"]));

    for args in [
        &["accounts", "show", "--name", "nobody"][..],
        &["accounts", "update", "--name", "nobody", "--unlimited"],
        &["accounts", "credit", "--name", "nobody", "--amount", "1"],
        &["keys", "create", "--name", "app", "--account", "nobody"],
    ] {
        let output = folder.run(args);
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
        assert!(output.stderr.contains("no account named `nobody`"), "{output:?}");
    }
    let twice = folder.run(&["accounts", "create", "--name", "default"]);
    assert_eq!(twice.code, Some(1));
    assert!(
        twice.stderr.contains("an account named `default` already"),
        "{twice:?}"
    );
}

#[test]
fn how_an_account_gets_its_first_credit_is_said() {
    let folder = Folder::new();

    let account = folder.run(&["accounts", "create", "--name", "team"]);
    let unlimited = folder.run(&["accounts", "create", "--name", "own", "--unlimited"]);

    assert!(account.stderr.contains("tollgate accounts credit"), "{account:?}");
    assert!(!unlimited.stderr.contains("credit"), "{unlimited:?}");
}

#[test]
fn a_multiplier_is_kept_as_it_was_written() {
    let folder = Folder::new();
    done(&folder.run(&[
        "accounts",
        "create",
        "--name",
        "team",
        "--price-multiplier",
        "1.15",
    ]));
    let shown = json_of(&folder.run(&["accounts", "show", "--name", "team"]));
    assert_eq!(shown["price_multiplier"], "1.15");

    let wrong = folder.run(&["accounts", "update", "--name", "team", "--price-multiplier=-1"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("expected a number from 0 to 1000"),
        "{wrong:?}"
    );
}
