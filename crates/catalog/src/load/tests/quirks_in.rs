//! Quirks that differ by dialect, and the other dialect of a serving.

use super::*;
use crate::dialect_name::DialectName;

/// A provider that speaks chat, and Responses for tools beside thinking.
const TWO_DIALECTS: &str = r#"
[[provider]]
name = "acme"
dialect = "openai-chat"
quirks.images = "none"
quirks.temperature = "none"
quirks.n_max = 8

[provider.quirks_in.openai-responses]
images = "data"
file_urls = true

[[model]]
id = "both"
owner = "acme"
contract = "general"

[[model.serving]]
provider = "acme"
upstream_id = "both-1"
quirks.dialect_for_tools_while_thinking = "openai-responses"
quirks.tools = true
quirks_in.openai-responses = { tool_strict = false }

[[model]]
id = "responses-only"
owner = "acme"
contract = "general"

[[model.serving]]
provider = "acme"
dialect = "openai-responses"
quirks.images = "any"
"#;

fn catalog() -> Catalog {
    from_layers(&[source(TWO_DIALECTS)], &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_dialects_quirks_count_before_those_beside_them_and_only_there() {
    let both = serving(&catalog(), "both");
    assert_eq!(both.dialect, DialectName::OpenaiChat);
    assert_eq!(both.quirks.images, MediaSource::None);
    assert!(both.quirks.tool_strict && !both.quirks.file_urls);

    let other = both.in_other_dialect().unwrap();
    assert_eq!(other.dialect, DialectName::OpenaiResponses);
    assert_eq!(&*other.upstream_id, "both-1");
    assert_eq!(other.quirks.images, MediaSource::Data);
    assert!(!other.quirks.tool_strict && other.quirks.file_urls);
    assert_eq!(other.quirks.temperature, None, "what differs nowhere stays");
    assert_eq!(other.in_other_dialect().map(|serving| serving.dialect), None);
}

#[test]
fn a_models_quirks_count_before_the_providers_in_a_dialect() {
    let only = serving(&catalog(), "responses-only");
    assert_eq!(only.dialect, DialectName::OpenaiResponses);
    assert_eq!(only.quirks.images, MediaSource::Any);
    assert!(only.quirks.file_urls);
    assert_eq!(only.other, None);
}

#[test]
fn responses_has_one_choice_no_stop_strings_and_no_sound_whatever_is_written() {
    let quirks = serving(&catalog(), "responses-only").quirks;
    assert_eq!((quirks.n_max, quirks.stop_max), (1, 0));
    assert!(!quirks.audio && !quirks.legacy_functions);
    assert_eq!(serving(&catalog(), "both").quirks.n_max, 8);
}

#[test]
fn an_operators_file_changes_a_column_of_a_dialect() {
    let over = r#"
        [[provider]]
        name = "acme"
        quirks_in.openai-responses = { file_urls = false, reasoning_summary = "auto" }
        "#;
    let over = Source {
        file: "over.toml",
        text: over,
    };
    let catalog = from_layers(&[source(TWO_DIALECTS)], &[over]).unwrap_or_else(|errors| panic!("{errors}"));
    let quirks = serving(&catalog, "both").in_other_dialect().unwrap().quirks;
    assert!(!quirks.file_urls);
    assert_eq!(quirks.reasoning_summary.as_deref(), Some("auto"));
    assert_eq!(quirks.images, MediaSource::Data);
}

#[test]
fn a_dialect_that_nobody_speaks_is_named_with_its_line_and_what_is_near() {
    let text = "[[provider]]\nname = \"acme\"\ndialect = \"openai-chat\"\n\n\
                [provider.quirks_in.openai-response]\nfile_urls = true\n\n\
                [provider.quirks_in.gemini]\nfile_url = true\n";
    let errors = from_layers(&[source(text)], &[]).unwrap_err().to_string();
    insta::assert_snapshot!(errors, @r"
    own.toml:5: provider.acme.quirks_in.openai-response: is not a known dialect; did you mean `openai-responses`?
    own.toml:9: provider.acme.quirks_in.gemini.file_url: is not a known column; did you mean `file_urls`?
    ");
}
