#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{
    money::Money,
    price::Spent,
    quirks::{MediaSource, Quirks, ToolChoiceForm},
    serving::Serving,
};

mod built_in;
mod quirks_in;
mod wrong_lines;

/// A provider and a model, both complete.
const SMALL: &str = r#"
[[provider]]
name = "acme"
dialect = "openai-chat"
quirks.stop_max = 4
quirks.n_max = 1

[quirk_set.thinker]
n_max = 2
thinks_by_default = true

[[model]]
id = "acme-1"
owner = "acme"
contract = "general"
context = 8000
max_output = 4000

[[model.serving]]
provider = "acme"
quirk_set = "thinker"
quirks.thinks_by_default = false
price = [{ input = "1", output = "2" }]
retires = 2027-01-31
"#;

fn source(text: &str) -> Source<'_> {
    Source {
        file: "own.toml",
        text,
    }
}

fn over_small(text: &str) -> Catalog {
    from_layers(
        &[source(SMALL)],
        &[Source {
            file: "over.toml",
            text,
        }],
    )
    .unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn what_tools_cost_beyond_their_text_is_the_models_own_figure_else_its_owners() {
    let figures = |text: &str| {
        let catalog = over_small(text);
        let figures = catalog.model("acme-1").unwrap().tool_tokens;
        (figures.offered, figures.forced)
    };
    let owner = "[[owner]]\nname = \"acme\"\ntool_tokens = 100\nforced_tool_tokens = 200\n";
    let model = "[[model]]\nid = \"acme-1\"\ntool_tokens = 7\n";

    assert_eq!(figures(""), (0, 0));
    assert_eq!(figures(owner), (100, 200));
    assert_eq!(
        figures(model),
        (7, 7),
        "a forced call costs no more where nobody says so"
    );
    assert_eq!(figures(&format!("{owner}{model}")), (7, 7));
    assert_eq!(
        figures(&format!("{owner}{model}forced_tool_tokens = 9\n")),
        (7, 9)
    );
}

fn serving(catalog: &Catalog, model: &str) -> Serving {
    (*catalog.model(model).expect("the model is there").servings[0]).clone()
}

#[test]
fn a_models_quirks_count_before_its_quirk_set_and_that_before_the_providers() {
    let quirks = serving(&over_small(""), "acme-1").quirks;
    assert_eq!(quirks.stop_max, 4, "the provider's");
    assert_eq!(quirks.n_max, 2, "the quirk set's");
    assert!(!quirks.thinks_by_default, "the model's own");
    assert_eq!(
        quirks.token_limit_field,
        Quirks::default().token_limit_field,
        "nobody's"
    );
}

#[test]
fn an_operators_file_changes_one_value_and_leaves_the_others() {
    let catalog = over_small(
        r#"
        [[model]]
        id = "acme-1"
        max_output = 2000

        [[model.serving]]
        provider = "acme"
        quirks.n_max = 8
        price = [{ input = "3", output = "4" }]
        "#,
    );
    let model = catalog.model("acme-1").unwrap();
    assert_eq!((model.context, model.max_output), (Some(8000), Some(2000)));
    let serving = &model.servings[0];
    assert_eq!((serving.quirks.n_max, serving.quirks.stop_max), (8, 4));
    assert_eq!(serving.retires, Some(jiff::civil::date(2027, 1, 31)));
    let charge = serving
        .price
        .as_ref()
        .unwrap()
        .cost(&one_token(), jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(charge, Ok(Money::from_nanos(3000)));
}

#[test]
fn an_operators_file_adds_models_and_providers() {
    let catalog = over_small(
        r#"
        [[provider]]
        name = "second"
        dialect = "gemini"

        [[model]]
        id = "acme-1"
        [[model.serving]]
        provider = "second"

        [[model]]
        id = "acme-2"
        owner = "acme"
        contract = "gemini"
        [[model.serving]]
        provider = "second"
        upstream_id = "two"
        "#,
    );
    let providers: Vec<_> = catalog
        .model("acme-1")
        .unwrap()
        .servings
        .iter()
        .map(|s| &*s.provider)
        .collect();
    assert_eq!(
        providers,
        ["acme", "second"],
        "what was there stays the preferred one"
    );
    assert_eq!(&*serving(&catalog, "acme-2").upstream_id, "two");
}

#[test]
fn an_operators_quirk_set_changes_every_model_that_has_it() {
    let quirks = serving(&over_small("[quirk_set.thinker]\nn_max = 9"), "acme-1").quirks;
    assert_eq!(quirks.n_max, 9);
}

#[test]
fn a_provider_that_serves_the_catalogue_serves_a_model_that_does_not_name_it() {
    let catalog =
        over_small("[[provider]]\nname = \"hub\"\ndialect = \"openai-chat\"\nserves_catalogue = true");
    let served: Vec<_> = catalog
        .served_by("hub")
        .map(|(model, serving)| (model.id.as_str(), &*serving.upstream_id))
        .collect();
    assert_eq!(served, [("acme-1", "acme-1")]);
}

fn one_token() -> Spent<'static> {
    Spent {
        usage: tollgate_chat::usage::Usage {
            prompt: 1,
            ..Default::default()
        },
        ..Spent::default()
    }
}

/// Text that looks like the catalogue, wrong in the ways of people: cut, repeated, out of order.
fn catalogue_like() -> impl Strategy<Value = String> {
    let pieces: Vec<&'static str> = SMALL.split_inclusive(['\n', '=', ' ', '{', '"']).collect();
    let piece = prop_oneof![
        8 => proptest::sample::select(pieces),
        1 => Just("[[model]]\nid = \"acme-1\"\n"),
        1 => Just("9999999999999999999"),
        1 => Just("nan"),
        1 => Just("0001-01-01"),
        1 => Just("\u{feff}é\r"),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// The small catalogue with one value replaced.
fn one_wrong_value() -> impl Strategy<Value = String> {
    let lines: Vec<&'static str> = SMALL.lines().filter(|line| line.contains(" = ")).collect();
    let value = prop_oneof![
        Just("inf".to_owned()),
        Just("-1".to_owned()),
        Just("[[[]]]".to_owned()),
        Just("{ a = { b = 1 } }".to_owned()),
        Just("9999-12-31T23:59:60Z".to_owned()),
        "\"\\PC{0,12}\"",
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
    ];
    (proptest::sample::select(lines), value).prop_map(|(line, value)| {
        let key = line.split(" = ").next().unwrap();
        SMALL.replace(line, &format!("{key} = {value}"))
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in prop_oneof![".{0,200}", catalogue_like(), one_wrong_value()]) {
        let loaded = from_layers(&[source(&text)], &[source(SMALL), source(&text)]);
        if let Err(errors) = loaded {
            let last_line = text.lines().count().max(SMALL.lines().count()) + 1;
            prop_assert!(!errors.problems.is_empty());
            for problem in errors.problems {
                prop_assert!((1..=last_line).contains(&problem.line), "{problem}");
            }
        }
    }
}
