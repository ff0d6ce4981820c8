//! What the command line promises to people and scripts.

use serde_json::Value;

use crate::command::{Folder, Output};

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn help_tells_what_there_is() {
    let folder = Folder::new();
    for command in [
        "",
        "serve",
        "check",
        "keys",
        "keys create",
        "keys show",
        "keys list",
        "keys update",
        "keys disable",
        "keys enable",
        "keys rotate",
        "keys revoke",
        "keys import",
        "accounts",
        "accounts create",
        "accounts show",
        "accounts list",
        "accounts update",
        "accounts credit",
        "operators",
        "operators create",
        "operators list",
        "operators token",
        "operators password",
        "operators remove",
        "ledger assign",
        "ledger verify",
        "backup",
        "channels list",
        "channels reseal",
        "channels test",
        "health",
        "explain",
        "models list",
        "models pull",
    ] {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let output = folder.run(&args);
        assert_eq!(output.code, Some(0), "{output:?}");
        insta::assert_snapshot!(
            format!("help {command}").trim_end().replace(' ', "_"),
            output.stdout
        );
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_was_wrong() {
    let folder = Folder::new();

    for args in [
        &["srve"][..],
        &["keys", "create"],
        &["keys", "create", "--name", "a", "--expires-in", "soon"],
        &["keys", "create", "--name", "a", "--requests-per-minute", "0"],
        &["keys", "create", "--name", "a", "--tokens-per-minute", "many"],
        &["keys", "create", "--name", "a", "--budget", "-1"],
        &["keys", "create", "--name", "a", "--budget", "0.0000000001"],
        &[
            "keys",
            "create",
            "--name",
            "a",
            "--budget",
            "1",
            "--budget-per",
            "week",
        ],
        &["keys", "create", "--name", "a", "--allow-ip", "localhost"],
        &["keys", "create", "--name", "a", "--models", "a, b"],
        &["keys", "create", "--name", "a", "--reserve", "some"],
        &["keys", "create", "--name", "a", "--spend", "1"],
        &["keys", "rotate", "--name", "a"],
        &["keys", "rotate", "--name", "a", "--overlap", "-1h"],
        &["accounts", "credit", "--name", "a", "--amount", "1e3"],
        &["accounts", "credit", "--name", "a", "--amount", "0"],
    ] {
        let output = folder.run(args);
        assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
        assert!(
            output.stdout.is_empty() && output.stderr.starts_with("error:"),
            "{output:?}"
        );
    }
}

#[test]
fn what_only_looks_makes_no_database_and_names_the_one_that_is_not_there() {
    let folder = Folder::new();

    for args in [
        &["ledger", "verify"][..],
        &["ledger", "export"],
        &["ledger", "assign", "--lost", "7", "--account", "default"],
        &["usage"],
        &["usage", "--csv"],
        &["backup", "copies"],
        &["keys", "list"],
        &["keys", "show", "--name", "app"],
        &["keys", "revoke", "--name", "app"],
        &["keys", "rotate", "--name", "app", "--overlap", "0s"],
        &["accounts", "list"],
        &["accounts", "show", "--name", "default"],
        &["operators", "list"],
        &["channels", "reseal"],
    ] {
        let output = folder.run_with(args, &[("TOLLGATE__SERVER__ADMIN_LISTEN", "127.0.0.1:1")]);
        assert_eq!(output.code, Some(1), "{args:?}: {output:?}");
        for told in ["there is no database at data/tollgate.db", "server.data_dir"] {
            assert!(output.stderr.contains(told), "{args:?}: {output:?}");
        }
        assert_eq!(output.stdout, "", "{args:?}");
    }
    let missing = folder.run(&["keys", "import", "missing.csv"]);
    let explain = folder.run_with(
        &["explain", "req_1"],
        &[("TOLLGATE__SERVER__ADMIN_LISTEN", "127.0.0.1:1")],
    );

    assert!(
        explain.stderr.contains("no gate answers on 127.0.0.1:1"),
        "{explain:?}"
    );
    assert!(
        missing.stderr.contains("missing.csv cannot be read"),
        "{missing:?}"
    );
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_new_key_stands_alone_on_standard_output() {
    let output = Folder::new().run(&["keys", "create", "--name", "app"]);

    assert_eq!(output.code, Some(0), "{output:?}");
    let key = output.stdout.strip_suffix('\n').expect("a line");
    assert_eq!(key.len(), 51);
    assert!(
        key.starts_with("sk-") && key[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{key}"
    );
    assert!(!output.stderr.contains(key), "the key is shown once");
}

#[test]
fn keys_are_listed_with_their_state_and_never_with_their_text() {
    let folder = Folder::new();
    let key = folder
        .run(&[
            "keys",
            "create",
            "--name",
            "app",
            "--expires-in",
            "30d",
            "--concurrency",
            "4",
        ])
        .stdout;
    folder.run(&["keys", "create", "--name", "old"]);
    let revoked = folder.run(&["keys", "revoke", "--name", "old"]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");

    let list = folder.run(&["keys", "list", "--json"]);
    let table = folder.run(&["keys", "list"]);

    let keys = json(&list);
    assert_eq!(keys[0]["name"], "app");
    assert_eq!(keys[0]["state"], "active");
    assert_eq!(keys[0]["concurrency"], 4);
    assert!(keys[0]["expires"].is_string());
    assert_eq!(keys[1]["state"], "revoked");
    assert_eq!(keys[1]["expires"], Value::Null);
    assert!(key.starts_with(keys[0]["prefix"].as_str().unwrap()));
    assert!(
        table.stdout.contains("app") && table.stdout.contains("revoked"),
        "{table:?}"
    );
    for output in [&list, &table] {
        assert!(
            !output.stdout.contains(key.trim()),
            "the text of a key is not kept"
        );
    }
}

#[test]
fn a_name_that_is_taken_and_one_that_is_unknown_are_failures() {
    let folder = Folder::new();
    folder.run(&["keys", "create", "--name", "app"]);

    let taken = folder.run(&["keys", "create", "--name", "app"]);
    let unknown = folder.run(&["keys", "revoke", "--name", "other"]);

    assert_eq!((taken.code, taken.stdout.as_str()), (Some(1), ""));
    assert!(
        taken.stderr.contains("there is a key named `app` already"),
        "{taken:?}"
    );
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("no key named `other`"), "{unknown:?}");
}

#[test]
fn the_configuration_is_named_before_or_after_the_command() {
    let folder = Folder::new();
    folder.write("my.toml", "[server]\ndata_dir = \"mine\"\n");

    let before = folder.run(&["--config", "my.toml", "keys", "create", "--name", "a"]);
    let after = folder.run(&["keys", "create", "--name", "b", "--config", "my.toml"]);

    assert_eq!(
        (before.code, after.code),
        (Some(0), Some(0)),
        "{before:?} {after:?}"
    );
    assert!(folder.path().join("mine/tollgate.db").exists());
    assert!(!folder.path().join("data").exists());
}

#[test]
fn without_a_file_everything_has_its_default() {
    let output = Folder::new().run(&["check"]);

    assert_eq!(output.code, Some(0), "{output:?}");
    insta::assert_snapshot!(output.stdout);
}

#[test]
fn check_shows_channels_models_and_what_to_look_at() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        r#"
[[channels]]
name = "deepseek"
provider = "deepseek"
api_key = "secret-credential"
models = ["deepseek-v4-flash"]

[[channels]]
name = "own"
provider = "openai-compatible"
base_url = "http://127.0.0.1:9001/v1"
models = ["deepseek-v4-flesh", "my-own"]
weight = 3

[[channels]]
name = "spare"
provider = "openai-compatible"
base_url = "http://127.0.0.1:9002/v1"
models = ["my-own"]
enabled = false
"#,
    );

    let output = folder.run(&["check"]);

    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.stdout.contains("secret-credential"));
    insta::assert_snapshot!(output.stdout);
}

#[test]
fn check_warns_of_models_to_fall_back_on_that_nobody_serves() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        "[routing]\nfallbacks = { \"m\" = [\"other\"] }\n[[channels]]\nname = \"c\"\nprovider = \"local\"\nbase_url = \"http://127.0.0.1:9001/v1\"\nmodels = [\"m\"]\n",
    );

    let check = folder.run(&["check"]);

    let warnings: Vec<&str> = check
        .stdout
        .lines()
        .filter(|line| line.contains("fallbacks"))
        .collect();
    assert_eq!(
        warnings,
        ["WARNING: routing.fallbacks: no channel serves other"],
        "{check:?}"
    );
}

#[test]
fn check_warns_loudly_of_models_that_end() {
    let folder = Folder::new();
    folder.write(
        "own.toml",
        "[[model]]\nid = \"deepseek-v4-flash\"\n[[model.serving]]\nprovider = \"deepseek\"\nretires = 2020-01-01\n",
    );
    folder.write(
        "tollgate.toml",
        "[catalog]\nfiles = [\"own.toml\"]\n[[channels]]\nname = \"d\"\nprovider = \"deepseek\"\napi_key = \"k\"\nmodels = [\"deepseek-v4-flash\"]\n",
    );

    let check = folder.run(&["check"]);
    let list = folder.run(&["models", "list"]);

    let warning = "WARNING: channel d: deepseek-v4-flash RETIRED on 2020-01-01";
    assert!(check.stdout.contains(warning), "{check:?}");
    assert!(list.stdout.contains("ENDED 2020-01-01 (deepseek)"), "{list:?}");
}

#[test]
fn channels_are_listed_in_the_order_in_which_they_are_tried() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        r#"
[[channels]]
name = "second"
provider = "openai-compatible"
base_url = "http://127.0.0.1:9001/v1"
api_key = "secret-credential"
models = ["m"]
priority = 1

[[channels]]
name = "first"
provider = "openai-compatible"
base_url = "http://127.0.0.1:9002/v1"
models = ["m"]
"#,
    );

    let list = folder.run(&["channels", "list", "--json"]);
    let table = folder.run(&["channels", "list"]);

    let channels = json(&list);
    assert_eq!(channels[0]["name"], "first");
    assert_eq!(channels[1]["name"], "second");
    assert_eq!(channels[1]["models"][0], "m");
    insta::assert_snapshot!(table.stdout);
    assert!(!list.stdout.contains("secret-credential") && !table.stdout.contains("secret-credential"));
}

#[test]
fn a_damaged_file_of_the_embedded_model_is_named_as_such() {
    let folder = Folder::new();
    let file = "data/models/smollm2-135m-instruct.q8_0.gguf";
    std::fs::create_dir_all(folder.path().join("data/models")).unwrap();
    folder.write(file, "not a model");

    let table = folder.run(&["models", "list"]);
    let list = json(&folder.run(&["models", "list", "--json"]));

    let told = table.stdout.lines().next().unwrap_or_default();
    assert!(
        told.starts_with(&format!("embedded model: damaged: {file}")),
        "{table:?}"
    );
    assert!(
        told.ends_with("get it again with: tollgate models pull"),
        "{table:?}"
    );
    assert_eq!(list["embedded_model"]["present"], false, "{list:#}");
}

#[test]
fn models_are_listed_with_the_embedded_one_first() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        "[[channels]]\nname = \"own\"\nprovider = \"openai-compatible\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodels = [\"my-own\"]\n",
    );

    let table = folder.run(&["models", "list"]);
    let list = json(&folder.run(&["models", "list", "--json"]));

    assert!(
        table
            .stdout
            .starts_with("embedded model: missing; get it with: tollgate models pull\n"),
        "{table:?}"
    );
    assert_eq!(list["embedded_model"]["present"], false);
    let models = list["models"].as_array().unwrap();
    let own = models.iter().find(|model| model["id"] == "my-own").unwrap();
    assert_eq!(own["contract"], "general");
    assert_eq!(own["channels"][0], "own");
    let qwen = models
        .iter()
        .find(|model| model["id"] == "qwen3.6-flash")
        .unwrap();
    assert_eq!(qwen["contract"], "qwen3.6-flash");
}

#[test]
fn a_model_file_that_is_not_the_right_one_is_refused() {
    let folder = Folder::new();
    folder.write("wrong.gguf", "GGUF but not ours");

    let output = folder.run(&["models", "pull", "--file", "wrong.gguf"]);

    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("wrong.gguf"), "{output:?}");
}

#[test]
fn a_database_folder_that_cannot_be_made_is_a_clear_failure() {
    let folder = Folder::new();
    folder.write("data", "a file where the folder should be");

    let output = folder.run(&["keys", "create", "--name", "app"]);

    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output
            .stderr
            .contains("the database's folder data cannot be made"),
        "{output:?}"
    );
}
