//! Commands that look at a configuration see the channels of its database too.

use std::fs;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Gate,
    provider::{FakeProvider, says},
};

use crate::{
    command::{Folder, Output},
    credit::eventually,
    operator::Operator,
    stage::setup,
};

const KEY: &str = "c2VhbGVkIHdpdGggdGhpcyBrZXkgb2YgMzIgYnl0ZXM=";
const OF_KEYS: &str = "name,key,models\n\
    right,sk-Xk2_9fQh0aB7-LmN4pRsTu,my-own\n\
    wrong,sk-Xk2_9fQh0aB7-LmN4pRsTv,my-0wn\n";

/// A gate with two stored channels that have sealed credentials: one in use, and one of a preset that is not.
async fn gate() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup().env("TOLLGATE_SEALING_KEY", KEY).start().await;
    let admin = Operator::admin(&gate).await;
    let made = json!({
        "name": "made",
        "provider": "openai-compatible",
        "base_url": "http://127.0.0.1:9001/v1",
        "api_key": "sk-provider-secret",
        "models": ["my-own", "my-priced"],
    });
    let spare = json!({
        "name": "spare",
        "provider": "openai",
        "api_key": "sk-provider-secret",
        "models": ["my-spare"],
        "enabled": false,
    });
    for channel in [made, spare] {
        admin.done("POST", "/channels", channel).await;
    }
    let price = json!({"model": "my-priced", "channel": "made", "rates": {"input": "1", "output": "2"}});
    // A running gate knows the channel's models within a second.
    eventually(201, async || {
        admin.post("/price-overrides", price.clone()).await.status
    })
    .await;
    (provider, gate)
}

/// A command on the gate's database, from where the sealing key is not known.
fn run(folder: &Folder, gate: &Gate, args: &[&str]) -> Output {
    let data_dir = gate.data_dir();
    let data_dir = data_dir.to_str().unwrap();
    let mut environment = vec![("TOLLGATE__SERVER__DATA_DIR", data_dir)];
    environment.extend(gate.database());
    folder.run_with(args, &environment)
}

fn models(listed: &Output) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap_or_else(|_| panic!("{listed:?}"));
    listed["models"].as_array().unwrap().clone()
}

#[tokio::test]
async fn check_and_models_list_show_them_without_the_key_that_sealed_them() {
    let (_provider, gate) = gate().await;
    let folder = Folder::new();

    let check = run(&folder, &gate, &["check"]);
    let list = run(&folder, &gate, &["models", "list"]);
    let rows = models(&run(&folder, &gate, &["models", "list", "--json"]));

    for line in [
        "channels       1\n",
        "  made: openai-compatible at http://127.0.0.1:9001/v1, 2 models, priority 0, weight 1, made by the admin API\n",
        "    my-own, my-priced\n",
        "  spare: openai at https://api.openai.com/v1, 1 model, priority 0, weight 1, made by the admin API, disabled\n",
        "sandbox        off, since there are channels\n",
        "WARNING: channel made: my-own is not in the catalogue",
    ] {
        assert!(check.stdout.contains(line), "{line}\n{check:?}");
    }
    let told = "\
without price  1: not for keys and accounts whose money is counted. Send to POST /admin/v1/price-overrides, in dollars \
per million tokens:
  {\"model\": \"my-own\", \"channel\": \"made\", \"rates\": {\"input\": \"?\", \"output\": \"?\"}}
";
    assert!(check.stdout.contains(told), "{check:?}");
    assert!(list.stdout.ends_with(told), "{list:?}");
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap().clone();
    assert_eq!(row("my-own")["channels"], json!(["made"]));
    assert_eq!(row("my-own")["without_price_at"], json!(["made"]));
    assert_eq!(row("my-priced")["without_price_at"], json!([]));
    assert!(!format!("{check:?}{list:?}").contains("sk-provider-secret"));
}

#[tokio::test]
async fn channels_list_shows_them_and_says_that_it_cannot_open_what_is_sealed() {
    let (_provider, gate) = gate().await;
    let folder = Folder::new();

    let list = run(&folder, &gate, &["channels", "list"]);
    let rows = run(&folder, &gate, &["channels", "list", "--json"]);

    assert!(!list.stdout.contains("cannot be used"), "{list:?}");
    assert!(list.stdout.contains("http://127.0.0.1:9001/v1"), "{list:?}");
    let told = "Not opened here, for want of TOLLGATE_SEALING_KEY, which the gate may have: the secrets of made, spare.";
    assert!(list.stderr.contains(told), "{list:?}");
    let rows: Value = serde_json::from_str(&rows.stdout).unwrap_or_else(|_| panic!("{rows:?}"));
    assert_eq!(rows[0]["name"], "made");
    assert_eq!(rows[0]["models"], json!(["my-own", "my-priced"]));
    assert_eq!(
        (&rows[0]["opened"], &rows[0]["problem"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(
        (&rows[1]["name"], &rows[1]["enabled"]),
        (&json!("spare"), &json!(false))
    );
}

#[tokio::test]
async fn channels_test_names_the_key_that_it_lacks() {
    let (_provider, gate) = gate().await;
    let folder = Folder::new();

    let named = run(&folder, &gate, &["channels", "test", "made"]);
    let all = run(&folder, &gate, &["channels", "test"]);
    let unknown = run(&folder, &gate, &["channels", "test", "nobody"]);

    for tested in [&named, &all] {
        assert_eq!(tested.code, Some(1), "{tested:?}");
        let told = "its secrets are sealed, and TOLLGATE_SEALING_KEY, which opens them, is not set here";
        assert!(tested.stdout.contains(told), "{tested:?}");
        assert!(!tested.stdout.contains("spare"), "it is not enabled: {tested:?}");
    }
    assert!(
        unknown.stderr.contains("no enabled channel is called `nobody`"),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn what_is_told_of_a_missing_price_can_be_sent_once_it_has_figures() {
    let (_provider, gate) = gate().await;
    let admin = Operator::with(&gate, Operator::of(&gate, "ben", "admin").await.token());
    let folder = Folder::new();
    let check = run(&folder, &gate, &["check"]);
    let body = check.stdout.lines().find(|line| line.starts_with("  {")).unwrap();

    let unfilled: Value = serde_json::from_str(body).unwrap();
    let filled: Value = serde_json::from_str(&body.replace('?', "0.50")).unwrap();
    let refused = admin.post("/price-overrides", unfilled).await;
    admin.done("POST", "/price-overrides", filled).await;

    assert_eq!(refused.status, 400, "{refused:?}");
    let check = run(&folder, &gate, &["check"]);
    assert!(!check.stdout.contains("without price"), "{check:?}");
}

#[tokio::test]
async fn a_price_whose_days_are_past_or_to_come_is_no_price_and_one_that_ends_soon_is_warned_of() {
    let (_provider, gate) = gate().await;
    let admin = Operator::with(&gate, Operator::of(&gate, "ben", "admin").await.token());
    let folder = Folder::new();
    let rates = json!({"input": "1", "output": "2"});
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let soon = today.saturating_add(5.days());
    for days in [
        json!({"model": "my-own", "rates": rates, "until": "2020-01-01"}),
        json!({"model": "my-own", "channel": "made", "rates": rates, "from": "2100-01-01"}),
    ] {
        admin.done("POST", "/price-overrides", days).await;
    }
    let ends = json!({"until": soon.to_string()});
    admin.done("PATCH", "/price-overrides/1", ends).await;

    let check = run(&folder, &gate, &["check"]);
    let rows = models(&run(&folder, &gate, &["models", "list", "--json"]));

    assert!(check.stdout.contains("without price  1:"), "{check:?}");
    assert!(
        check
            .stdout
            .contains("{\"model\": \"my-own\", \"channel\": \"made\""),
        "{check:?}"
    );
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap().clone();
    assert_eq!(row("my-own")["without_price_at"], json!(["made"]));
    assert_eq!(row("my-priced")["without_price_at"], json!([]));
    let warned = format!(
        "WARNING: channel made: my-priced has no price after {soon}; from then on it is not for keys"
    );
    assert!(check.stdout.contains(&warned), "{check:?}");

    let later = json!({"until": today.saturating_add(14.days()).to_string()});
    admin.done("PATCH", "/price-overrides/1", later).await;
    let check = run(&folder, &gate, &["check"]);
    assert!(!check.stdout.contains("has no price after"), "{check:?}");
}

#[tokio::test]
async fn a_channel_of_the_file_and_of_the_database_is_a_mistake_as_it_is_for_serve() {
    let (_provider, gate) = gate().await;
    let folder = Folder::new();
    let both = "[[channels]]\nname = \"made\"\nprovider = \"openai\"\napi_key = \"secret\"\n";
    folder.write("tollgate.toml", both);

    let check = run(&folder, &gate, &["check"]);

    let told = "the channel `made` stands in the configuration file and in the database";
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.stderr.contains(told), "{check:?}");
    assert!(!check.stdout.contains("in order"), "{check:?}");
}

#[tokio::test]
async fn keys_may_name_the_models_of_these_channels() {
    let (_provider, gate) = gate().await;
    let folder = Folder::new();
    folder.write("keys.csv", OF_KEYS);

    let import = run(&folder, &gate, &["keys", "import", "keys.csv", "--dry-run"]);
    let create = |models: &'static str| {
        let args = ["keys", "create", "--name", models, "--models", models];
        run(&folder, &gate, &args)
    };
    let (made, spare, unknown) = (create("my-own"), create("my-spare"), create("my-0wn"));

    let lines: Vec<&str> = import.stdout.lines().collect();
    assert!(lines[0].starts_with("line 2: right: key `right`"), "{import:?}");
    assert!(
        lines[1].starts_with("line 3: WRONG: number 1 of `models`"),
        "{import:?}"
    );
    assert_eq!((made.code, spare.code), (Some(0), Some(0)), "{made:?} {spare:?}");
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}

#[test]
fn a_database_that_cannot_be_asked_is_said_and_hinders_nothing() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        "[database]\nurl = \"postgres://tollgate@127.0.0.1:1/tollgate\"\n",
    );

    let (check, list) = (folder.run(&["check"]), folder.run(&["models", "list", "--json"]));

    let told = "channels and prices that were made by the admin API are not seen: the database server 127.0.0.1:1 cannot";
    assert!(check.stdout.contains(&format!("WARNING: {told}")), "{check:?}");
    assert!(
        check.stdout.ends_with("The configuration is in order.\n"),
        "{check:?}"
    );
    assert!(list.stderr.contains(&format!("warning: {told}")), "{list:?}");
    assert!(!models(&list).is_empty());
    assert_eq!((check.code, list.code), (Some(0), Some(0)));
}

#[test]
fn a_database_is_neither_made_nor_brought_up_to_date_by_looking() {
    let (fresh, earlier) = (Folder::new(), Folder::new());
    fs::create_dir(earlier.path().join("data")).unwrap();
    earlier.write("data/tollgate.db", "");

    for args in [&["check"][..], &["models", "list"], &["channels", "list"]] {
        let (of_fresh, of_earlier) = (fresh.run(args), earlier.run(args));

        assert_eq!(
            (of_fresh.code, of_earlier.code),
            (Some(0), Some(0)),
            "{of_earlier:?}"
        );
        assert!(!format!("{of_fresh:?}").contains("are not s"), "{of_fresh:?}");
        assert!(format!("{of_earlier:?}").contains("are not s"), "{of_earlier:?}");
    }
    assert!(!fresh.path().join("data").exists());
    let path = earlier.path().join("data/tollgate.db");
    assert_eq!(
        fs::metadata(path).unwrap().len(),
        0,
        "an earlier version may be using it"
    );
}
