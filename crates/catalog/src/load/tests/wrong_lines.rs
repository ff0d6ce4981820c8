//! What an operator reads when a file is wrong.

use super::*;

fn errors(text: &str) -> String {
    from_layers(&[source(text)], &[])
        .expect_err("the file is wrong")
        .to_string()
}

#[test]
fn each_wrong_line_is_named_with_its_field_and_all_at_once() {
    insta::assert_snapshot!(errors(r#"
[[provider]]
name = "acme"
dialect = "smoke-signals"
base = "https://acme.example"
base_url = "acme.example"

[[provider]]
title = "Nameless"

[provider.quirks]
stop_maximum = 4
n_max = "many"

[[model]]
id = "acme-1"
owner = ""
contract = 7
context = -5
max_output = 0
reads = ["text", "smell"]
colour = "red"

[[model.serving]]
provider = "acme"
retires = "2027-01-31"
price = [
    { input = "1" },
    { input = "-1", output = "2" },
    { input = 1.5, output = "2", weekdays = [0] },
    { input = "1", output = "2", hours_utc = ["22:00-02:00"] },
    { input = "1e3", output = "2", from = 2026-02-01, until = 2026-01-01, discount = "10%" },
]

[[model.serving]]
upstream_id = "without a provider"

[models]
"#), @r#"
    own.toml:4: provider.acme.dialect: unknown variant `smoke-signals`, expected one of `openai-chat`, `openai-responses`, `anthropic-messages`, `gemini`
    own.toml:5: provider.acme.base: is not a known field
    own.toml:6: provider.acme.base_url: is not an http or https URL
    own.toml:8: provider[1].name: is missing
    own.toml:12: provider[1].quirks.stop_maximum: is not a known column
    own.toml:13: provider[1].quirks.n_max: invalid type: string "many", expected a whole number from 0 on
    own.toml:17: model.acme-1.owner: is empty
    own.toml:18: model.acme-1.contract: invalid type: integer `7`, expected a string
    own.toml:19: model.acme-1.context: is -5, and has to be at least 1
    own.toml:20: model.acme-1.max_output: is 0, and has to be at least 1
    own.toml:21: model.acme-1.reads: unknown variant `smell`, expected one of `text`, `image`, `video`, `audio`, `file`
    own.toml:22: model.acme-1.colour: is not a known field
    own.toml:26: model.acme-1.serving.acme.retires: invalid type: string "2027-01-31", expected a TOML datetime
    own.toml:28: model.acme-1.serving.acme.price[0].output: is missing
    own.toml:29: model.acme-1.serving.acme.price[1].input: `-1` is negative, which no price can be
    own.toml:30: model.acme-1.serving.acme.price[2].weekdays: has to hold days from 1 (Monday) to 7 (Sunday)
    own.toml:30: model.acme-1.serving.acme.price[2].input: invalid type: floating point `1.5`, expected an amount in dollars as a string, such as "0.25"
    own.toml:31: model.acme-1.serving.acme.price[3].hours_utc: `22:00-02:00` is not a span of the day; write it like "04:00-06:00", one over midnight as two
    own.toml:32: model.acme-1.serving.acme.price[4]: ends on 2026-01-01, before it begins on 2026-02-01
    own.toml:32: model.acme-1.serving.acme.price[4].input: `1e3` is not an amount in dollars
    own.toml:32: model.acme-1.serving.acme.price[4].discount: is not a known field
    own.toml:35: model.acme-1.serving[1].provider: is missing
    own.toml:38: models: is not a known field; did you mean `model`?
"#);
}

#[test]
fn what_only_the_whole_can_tell_is_named_too() {
    insta::assert_snapshot!(errors(r#"
[[provider]]
name = "acme"
dialect = "openai-chat"

[[provider]]
name = "mute"
quirks.temperature = { min = 1.0, max = 0.5 }

[[model]]
id = "acme-1"
owner = "acme"
contract = "generel"
context = 4000
max_output = 8000

[[model.serving]]
provider = "acne"

[[model.serving]]
provider = "acme"
quirk_set = "thinker"
quirks.efforts = ["low"]
quirks.default_effort = "high"
quirks.n_max = 0

[[model]]
id = "acme-2"
"#), @r#"
    own.toml:7: provider.mute.dialect: is missing
    own.toml:8: provider.mute.quirks.temperature: no number lies in this range
    own.toml:13: model.acme-1.contract: there is no contract `generel`; did you mean `general`?
    own.toml:15: model.acme-1.max_output: is 8000, more than the context of 4000
    own.toml:18: model.acme-1.serving.acne.provider: there is no provider `acne`; did you mean `acme`?
    own.toml:22: model.acme-1.serving.acme.quirk_set: there is no quirk set `thinker`
    own.toml:24: model.acme-1.serving.acme.quirks.default_effort: level `high` is not among `efforts`
    own.toml:25: model.acme-1.serving.acme.quirks.n_max: at least one choice has to be possible
    own.toml:28: model.acme-2.owner: is missing
    own.toml:28: model.acme-2.contract: is missing
"#);
}

#[test]
fn nothing_is_given_twice() {
    insta::assert_snapshot!(errors(r#"
[[provider]]
name = "acme"
dialect = "openai-chat"

[[provider]]
name = "acme"
dialect = "gemini"

[[model]]
id = "acme-1"

[[model]]
id = "acme-1"

[[model.serving]]
provider = "acme"

[[model]]
id = "acme-2"

[[model.serving]]
provider = "acme"
price = [{ input = "1", output = "2" }, { input = "2", output = "3" }]

[[model.serving]]
provider = "acme"
"#), @r#"
    own.toml:7: provider.acme: is already given at own.toml:3
    own.toml:14: model.acme-1: is already given at own.toml:11
    own.toml:24: model.acme-2.serving.acme.price[1]: has the same conditions as a row above it, which can never hold
    own.toml:27: model.acme-2.serving.acme: is already given for this model
"#);
}

#[test]
fn an_id_is_not_empty() {
    insta::assert_snapshot!(errors("[[model]]\nid = \"\"\nowner = \"acme\"\n\n[[provider]]\nname = \" \"\n"), @r#"
    own.toml:2: model[0].id: must not be empty
    own.toml:6: provider[0].name: must not be empty
    "#);
}

#[test]
fn a_file_that_is_not_toml_is_named_with_the_line() {
    insta::assert_snapshot!(errors("[[model]]\nid = \"acme-1\"\ncontext = 8 000\nowner = acme\n"), @r#"
    own.toml:3: string values must be quoted, expected literal string
    own.toml:4: string values must be quoted, expected literal string
"#);
}

#[test]
fn an_operators_mistake_is_found_in_the_operators_file() {
    let over = "[[model]]\nid = \"acme-1\"\n\n[[model.serving]]\nprovider = \"acme\"\nquirks.top_p = { min = 0.9, max = 0.1 }\n";
    let errors = from_layers(
        &[source(SMALL)],
        &[Source {
            file: "over.toml",
            text: over,
        }],
    );
    assert_eq!(
        errors.expect_err("the range holds no value").to_string(),
        "over.toml:6: model.acme-1.serving.acme.quirks.top_p: no number lies in this range"
    );
}

#[test]
fn names_that_are_not_there_are_told_beside_values_that_are_wrong() {
    insta::assert_snapshot!(errors(r#"
[[provider]]
name = "acme"
dialect = "openai-chat"

[[model]]
id = "acme-1"
owner = "acme"
contract = "generel"
colour = "red"

[[model.serving]]
provider = "acne"
quirk_set = "thinker"
"#), @r#"
    own.toml:9: model.acme-1.contract: there is no contract `generel`; did you mean `general`?
    own.toml:10: model.acme-1.colour: is not a known field
    own.toml:13: model.acme-1.serving.acne.provider: there is no provider `acne`; did you mean `acme`?
    own.toml:14: model.acme-1.serving.acne.quirk_set: there is no quirk set `thinker`
"#);
}
