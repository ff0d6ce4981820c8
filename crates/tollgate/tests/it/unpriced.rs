//! Which models have no price, and what to do about it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::command::Folder;

const CHANNELS: &str = r#"
[[channels]]
name = "priced"
provider = "openai"
api_key = "secret"
models = ["gpt-4o"]

[[channels]]
name = "own"
provider = "local"
base_url = "http://127.0.0.1:9001/v1"
models = ["gpt-4o", "my-own", "my-other"]
prices = { "my-other" = { input = "1", output = "2" } }

[[channels]]
name = "free"
provider = "local"
base_url = "http://127.0.0.1:9002/v1"
models = ["my-own"]
allow_unpriced = true
"#;

/// What both commands say at their end.
const TOLD: &str = "\
without price  2: not for keys and accounts whose money is counted. Add to [[channels]], in dollars per million tokens:
  own: prices = { \"gpt-4o\" = { input = \"?\", output = \"?\" }, \"my-own\" = { input = \"?\", output = \"?\" } }
";

fn models(folder: &Folder) -> Vec<Value> {
    let listed = folder.run(&["models", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    listed["models"].as_array().unwrap().clone()
}

#[test]
fn check_and_models_list_name_them_and_the_line_to_add() {
    let folder = Folder::new();
    folder.write("tollgate.toml", CHANNELS);

    let (check, list) = (folder.run(&["check"]), folder.run(&["models", "list"]));

    assert!(check.stdout.contains(TOLD), "{check:?}");
    assert!(list.stdout.ends_with(TOLD), "{list:?}");
    let rows = models(&folder);
    let at = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap()["without_price_at"].clone();
    assert_eq!((at("gpt-4o"), at("my-own")), (json!(["own"]), json!(["own"])));
    assert_eq!((at("my-other"), at("gpt-5-4")), (json!([]), json!([])));
}

#[test]
fn the_line_does_not_load_before_it_has_figures_and_then_nothing_is_missing() {
    let folder = Folder::new();
    let line = TOLD
        .lines()
        .last()
        .unwrap()
        .trim_start()
        .trim_start_matches("own: ");
    let added = CHANNELS.replace(
        r#"prices = { "my-other" = { input = "1", output = "2" } }"#,
        &line.replace(
            " }, \"my-own\"",
            " }, \"my-other\" = { input = \"1\", output = \"2\" }, \"my-own\"",
        ),
    );

    let unfilled = folder.write("tollgate.toml", &added).run(&["check"]);
    let filled = folder
        .write("tollgate.toml", &added.replace('?', "0.50"))
        .run(&["check"]);

    assert_eq!(unfilled.code, Some(1), "{unfilled:?}");
    assert!(
        unfilled.stderr.contains("is not an amount in dollars"),
        "{unfilled:?}"
    );
    assert_eq!(filled.code, Some(0), "{filled:?}");
    assert!(!filled.stdout.contains("without price"), "{filled:?}");
}

#[test]
fn the_readme_names_the_models_that_nobody_has_a_price_of() {
    let catalog = tollgate_catalog::load::builtin().unwrap();
    let unpriced: BTreeSet<&str> = catalog
        .models()
        .iter()
        .filter(|model| model.servings.iter().all(|serving| serving.price.is_none()))
        .map(|model| model.id.as_str())
        .collect();

    let readme = include_str!("../../../../README.md");
    let (_, after) = readme
        .split_once("have no known price (")
        .expect("README says which have none");
    let (named, _) = after.split_once(')').unwrap();
    let named: BTreeSet<&str> = named.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, unpriced);
    assert_eq!(named.len(), 10, "README says ten");
}
