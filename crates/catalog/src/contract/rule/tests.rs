#![allow(clippy::unwrap_used)]

use super::{Contract, Type};
use crate::contract::check::tests::gate::{PAGES, contract};

/// An operator's page, whose third line is the first of `rules`.
fn page(rules: &str) -> Result<Contract, String> {
    let text = format!("name = \"mine\"\ntitle = \"Mine\"\n{rules}\nsource = \"me\"\n[answer]\n");
    let text = match rules.contains('[') {
        false => text,
        true => format!("name = \"mine\"\ntitle = \"Mine\"\nsource = \"me\"\nanswer = {{}}\n{rules}\n"),
    };
    Contract::from_toml("mine.toml", &text).map_err(|error| error.to_string())
}

#[test]
fn every_page_documents_its_own_parameters_and_checks_those_of_the_others() {
    let general = [
        "max_tokens",
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "stream",
        "stop",
        "n",
        "response_format",
        "tools",
        "tool_choice",
        "user",
    ];
    let documented = |page: &str| -> Vec<String> {
        let contract = contract(page);
        let fields = contract.fields().iter().filter(|field| field.documented);
        fields.map(|field| field.name.to_string()).collect()
    };
    assert_eq!(documented("general"), general);
    assert_eq!(documented("gemini"), &general[..9]);
    assert_eq!(documented("doubao-vision"), &general[..7]);
    assert_eq!(
        documented("qwen3.6-flash"),
        [
            "max_completion_tokens",
            "temperature",
            "top_p",
            "frequency_penalty",
            "presence_penalty",
            "stream",
            "enable_thinking",
            "stop",
        ]
    );
    assert_eq!(
        documented("deepseek-v4-flash"),
        [
            "thinking",
            "max_tokens",
            "response_format",
            "stop",
            "stream",
            "stream_options",
            "temperature",
            "top_p",
            "tools",
            "tool_choice",
            "frequency_penalty",
            "presence_penalty",
            "user_id",
        ]
    );
    for page in PAGES {
        let contract = contract(page);
        for name in general {
            assert!(
                contract.field(name).is_some(),
                "{page} lets {name} pass unchecked"
            );
        }
        assert_eq!(contract.name.as_ref(), page);
        assert_eq!(contract.required().collect::<Vec<_>>(), ["model", "messages"]);
    }
}

#[test]
fn the_pages_defaults_are_known_and_some_are_sent() {
    let sent = |page: &str| -> Vec<(String, String)> {
        let contract = contract(page);
        let fields = contract.fields().iter().filter(|field| field.send_default);
        fields
            .map(|field| {
                (
                    field.name.to_string(),
                    field.default.as_ref().unwrap().to_string(),
                )
            })
            .collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        sent("qwen3.6-flash"),
        [
            pair("max_completion_tokens", "65536"),
            pair("enable_thinking", "false")
        ]
    );
    assert_eq!(sent("doubao-vision"), [pair("max_tokens", "8192")]);
    for page in ["general", "gemini", "deepseek-v4-flash"] {
        assert_eq!(sent(page), []);
    }
    for page in PAGES {
        let contract = contract(page);
        let default = |name: &str| contract.default_of(name).and_then(serde_json::Value::as_f64);
        assert_eq!(default("temperature"), Some(1.0));
        assert_eq!(default("presence_penalty"), Some(0.0));
        assert_eq!(default("top_p"), (page == "deepseek-v4-flash").then_some(1.0));
    }
}

#[test]
fn what_a_page_shows_in_answers_is_known() {
    let details = |page: &str| {
        let shape = contract(page).answer;
        let prompt: Vec<_> = shape
            .usage
            .prompt_details
            .iter()
            .map(|detail| detail.as_str())
            .collect();
        let completion: Vec<_> = shape
            .usage
            .completion_details
            .iter()
            .map(|detail| detail.as_str())
            .collect();
        (prompt, completion)
    };
    let none = (Vec::new(), Vec::new());
    assert_eq!(details("general"), none);
    assert_eq!(
        details("qwen3.6-flash"),
        (
            vec!["cached_tokens", "text_tokens", "image_tokens", "video_tokens"],
            vec![]
        )
    );
    assert_eq!(
        details("deepseek-v4-flash"),
        (
            vec!["cached_tokens", "audio_tokens", "text_tokens"],
            vec![
                "reasoning_tokens",
                "accepted_prediction_tokens",
                "rejected_prediction_tokens"
            ]
        )
    );
    let deepseek = contract("deepseek-v4-flash");
    assert!(deepseek.answer.system_fingerprint && deepseek.answer.matched_stop && deepseek.shows_reasoning);
    assert!(contract("qwen3.6-flash").shows_reasoning && !contract("general").shows_reasoning);
}

#[test]
fn an_operators_page_starts_from_the_shared_shapes() {
    let mine = page("[fields.stop]\nmax_items = 1\n[fields.budget]\ntype = \"integer\"\nmin = 5").unwrap();
    let stop = &mine.field("stop").unwrap().rule;
    assert_eq!(
        (stop.max_items, stop.types.as_slice()),
        (Some(1), [Type::String, Type::Array].as_slice())
    );
    assert_eq!(
        stop.items.as_ref().unwrap().min_length,
        Some(1),
        "what the page does not say stays"
    );
    assert!(mine.field("budget").unwrap().documented);
    assert!(!mine.field("temperature").unwrap().documented);
}

#[test]
fn a_name_that_cannot_stand_in_the_openapi_document_is_refused() {
    for name in ["", "my page", "ä"] {
        let text = format!("title = \"x\"\nname = \"{name}\"\nsource = \"x\"\nanswer = {{}}");
        let error = Contract::from_toml("mine.toml", &text).unwrap_err().to_string();
        assert!(
            error.starts_with("mine.toml:2: name: must be of letters"),
            "{error}"
        );
    }
}

#[test]
fn two_names_of_one_limit_have_one_range() {
    let mine = page("[fields.max_completion_tokens]\nmin = 2\nmax = 10\ndefault = 10").unwrap();
    let twin = mine.field("max_tokens").unwrap();
    assert_eq!((twin.rule.min, twin.rule.max), (Some(2.0), Some(10.0)));
    assert_eq!(twin.default, None, "one of the two is enough");
}

#[test]
fn a_page_that_makes_no_sense_is_refused_with_file_line_and_field() {
    let refused = [
        (
            "[fields.temperature]\nmaximum = 2",
            "mine.toml:6: unknown field `maximum`",
        ),
        ("[fields.temperature]\nmax = \"two\"", "mine.toml:6: invalid type"),
        ("colour = 1", "mine.toml:3: unknown field `colour`"),
        (
            "[fields.temperature]\nmin = 2\nmax = 1",
            "mine.toml:5: fields.temperature: `min` is above `max`",
        ),
        (
            "[fields.stop]\nmin_items = 20",
            "mine.toml:5: fields.stop: `min_items` is above `max_items`",
        ),
        (
            "[fields.user_id]\npattern = \"(\"",
            "mine.toml:5: fields.user_id: `pattern` is not a regular expression",
        ),
        (
            "[fields.user_id]\nmax = 1",
            "mine.toml:5: fields.user_id: `max` needs type integer or number",
        ),
        (
            "[fields.stop]\nitems = { min = 1 }",
            "mine.toml:5: fields.stop.items: `min` needs type integer or number",
        ),
        (
            "[fields.stop]\nitems = { default = \"x\" }",
            "mine.toml:5: fields.stop.items: only a parameter of the body can have `default`",
        ),
        (
            "[fields.top_p]\nmax = 1\ndefault = 2",
            "mine.toml:5: fields.top_p: `default` does not keep the rule: `default` must be at most 1",
        ),
        (
            "[fields.top_p]\nsend_default = true",
            "mine.toml:5: fields.top_p: `send_default` needs a `default`",
        ),
        (
            "[fields.top_p]\nrequires = { streem = true }",
            "mine.toml:5: fields.top_p: names `streem`, which is not known here",
        ),
        (
            "[fields.thinking]\nrequired = [\"typ\"]",
            "mine.toml:5: fields.thinking: names `typ`, which is not known here",
        ),
        (
            "required = [\"colour\"]\n[fields]",
            "mine.toml:1: required: names `colour`, which is not known here",
        ),
        (
            "[[examples]]\nname = \"x\"\nsummary = \"x\"\nrequest = \"{\"",
            "mine.toml:5: examples.x: `request` is not JSON",
        ),
        ("name = \"again\"", "mine.toml:3: duplicate key"),
    ];
    for (rules, start) in refused {
        let error = page(rules).unwrap_err();
        assert!(
            error.starts_with(start),
            "{rules}\n  says  {error}\n  wants {start}"
        );
    }
}
